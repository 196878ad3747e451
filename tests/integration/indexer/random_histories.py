"""Random years of a phone with several kinds of things, and everything that tables say of them."""

from __future__ import annotations

import random
from typing import Any

from staged import artifact, day, index_staged

from services.indexer.staging import StagedArtifact, StagedAttachment

KINDS = ("message", "note", "photo", "contact")
#: What a revision holds of a kind; a kind that is left out was absent or could not be read.
Contents = dict[tuple[int, str], list[StagedArtifact]]

#: All that readers see; numbers of rows only by their order.
_TABLES = """
select a.kind, a.key, a.digest, (select t.key from thread t where t.id = a.thread_id), a.text,
    a.occurred_at, a.payload::text, a.attachments::text, a.added_at, a.removed_at
from artifact a where a.device = $1 order by a.kind, a.key, a.added_at;
select kind, key, title, artifact_count, removed_count, first_at, last_at, last_text, sort_at
from thread where device = $1 order by kind, key;
select kind, artifact_count, removed_count from kind_total where device = $1 order by kind;
select kind, taken_at, state, added, removed, rules, oldest_at from kind_index
where device = $1 order by kind, taken_at;
select kind, key, removed_at, cause, doubt from removal where device = $1 order by 1, 2, 3
"""


def random_contents(chance: random.Random, *, moments: int = 6, keys: int = 14) -> Contents:
    """Return contents in which things come, change, lose their file, go and come back."""
    contents: Contents = {}
    states: dict[tuple[str, int], dict[str, Any]] = {}
    for moment in range(moments):
        for kind in KINDS:
            for n in range(keys):
                place = (kind, n)
                if place not in states and chance.random() < 0.5:
                    states[place] = {"text": "x", "here": True, "thread_key": f"t{n % 3}"}
                elif place in states and chance.random() < 0.2:
                    del states[place]
                elif place in states and chance.random() < 0.3:
                    states[place]["text"] = chance.choice("xyz")
                    states[place]["here"] = chance.random() < 0.5
            if chance.random() < 0.9:
                contents[moment, kind] = [
                    _thing(kind, n, **state)
                    for (of, n), state in sorted(states.items())
                    if of == kind
                ]
    return contents


def _thing(kind: str, n: int, *, text: str, here: bool, thread_key: str) -> StagedArtifact:
    file = StagedAttachment(
        name="file", media_type="image/heic", size_bytes=1, domain="D", relative_path=f"{n}",
        file_id="0" * 40, present=here, reason=None if here else "gone",
    )  # fmt: skip
    return artifact(
        n,
        f"{kind}-{n}",
        text,
        occurred_at_us=None if kind == "contact" else int(day(n).timestamp()) * 1_000_000,
        thread_key=None if kind == "contact" else thread_key,
        attachments=(file,) if kind in ("message", "photo") else (),
    )


async def index_all(connection: Any, device: str, contents: Contents, order: list[Any]) -> None:
    """Index what *order* names, one after the other."""
    for moment, kind in order:
        await index_staged(
            connection, device=device, moment=moment, kind=kind, artifacts=contents[moment, kind]
        )


async def everything_of(connection: Any, device: str) -> list[list[tuple[Any, ...]]]:
    """Return what the tables say of a device."""
    return [
        [tuple(row) for row in await connection.fetch(statement, device)]
        for statement in _TABLES.split(";")
    ]

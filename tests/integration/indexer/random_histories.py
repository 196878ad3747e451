"""Random years of a phone with several kinds of things, and everything that tables say of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from staged import artifact, day, index_staged

from services.indexer.kinds.photo.payload import Album, PhotoPayload
from services.indexer.staging import StagedArtifact, StagedAttachment, StagedThread

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
select t.kind, t.key, n.position, a.key from thread_anchor n join thread t on t.id = n.thread_id
join artifact a on a.id = n.artifact_id where t.device = $1 order by 1, 2, 3;
select t.key, a.key, a.added_at from thread_member m join thread t on t.id = m.thread_id
join artifact a on a.id = m.artifact_id where m.device = $1 order by 1, 2, 3;
select kind, artifact_count, removed_count from kind_total where device = $1 order by kind;
select kind, taken_at, state, added, removed, rules, oldest_at from kind_index
where device = $1 order by kind, taken_at;
select kind, key, removed_at, cause, doubt from removal where device = $1 order by 1, 2, 3
"""


_ALBUMS = [
    StagedThread(
        key=key, title=key, is_group=False, participants=[], services=["album"], raw_keys=[key]
    )
    for key in "ABCD"
]


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
                    states[place]["albums"] = chance.sample("ABCD", chance.randrange(4))
            if chance.random() < 0.9:
                contents[moment, kind] = [
                    _thing(kind, n, **state)
                    for (of, n), state in sorted(states.items())
                    if of == kind
                ]
    return contents


def _thing(
    kind: str, n: int, *, text: str, here: bool, thread_key: str, albums: Sequence[str] = ()
) -> StagedArtifact:
    file = StagedAttachment(
        name="file", media_type="image/heic", size_bytes=1, domain="D", relative_path=f"{n}",
        file_id="0" * 40, present=here, reason=None if here else "gone",
    )  # fmt: skip
    return artifact(
        n,
        f"{kind}-{n}",
        text,
        occurred_at_us=None if kind == "contact" else int(day(n).timestamp()) * 1_000_000,
        **_threads(kind, thread_key, albums),
        attachments=(file,) if kind in ("message", "photo") else (),
    )


def _threads(kind: str, thread_key: str, albums: Sequence[str]) -> dict[str, Any]:
    if kind == "contact":
        return {}
    if kind != "photo":
        return {"thread_key": thread_key}
    held = tuple(Album(key=key, title=key) for key in albums)
    return {
        "payload": PhotoPayload(media="photo", albums=held),
        "thread_key": albums[0] if albums else None,
    }


async def index_all(connection: Any, device: str, contents: Contents, order: list[Any]) -> None:
    """Index what *order* names, one after the other."""
    for moment, kind in order:
        await index_staged(
            connection, device=device, moment=moment, kind=kind, artifacts=contents[moment, kind],
            threads=_ALBUMS if kind == "photo" else (),
        )  # fmt: skip


async def everything_of(connection: Any, device: str) -> list[list[tuple[Any, ...]]]:
    """Return what the tables say of a device."""
    return [
        [tuple(row) for row in await connection.fetch(statement, device)]
        for statement in _TABLES.split(";")
    ]

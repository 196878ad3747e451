"""What is in a large archive: listed, searched and read over HTTP.

An archive of a hundred gigabytes in half a million files is made of its rows in the database, as a
run writes them; the file that is read lies in a real store.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import io
import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from deploy.local.layout import Layout
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.process import Nursery
from services.archiver.sources.tree import Found
from services.archiver.storage.trees import merge_tree
from services.archiver.store.seen import Seen
from shared import postgres
from shared.contracts.topology import SERVICES
from tests.bench.archive_vaults import vault
from tests.bench.figures import Figure, percentile
from tests.running_stack import RunningStack

_WHOLE_BYTES = 100 * 10**9
_PAGE = 100
_WORDS = (
    *("summer", "winter", "lake", "harbour", "garden", "birthday", "lighthouse", "invoice"),
    *("letter", "holiday", "garage", "bicycle", "concert", "wedding", "recipe", "contract"),
    *("piano", "mountain", "river", "station"),
)
_RARE = "antediluvian"
#: The file that is read: a blob in a pack, and one of two blobs of its own.
_SMALL, _LARGE = ("real/small.jpg", 300_000), ("real/large.mov", 30_000_000)
_AT_NS = 1_600_000_000 * 10**9


def measure(folder: Path, entries: int) -> list[Figure]:
    """Make an archive of *entries* more entries than it really has, and ask for what is in it."""
    place = folder / "contents"
    store, hidden, tree = place / "store", place / "encrypted", place / "tree"
    for inner in (store, hidden, tree / "real"):
        inner.mkdir(parents=True)
    place.chmod(0o711)
    for path, size_bytes in (_SMALL, _LARGE):
        (tree / path).write_bytes(random.Random(size_bytes).randbytes(size_bytes))
    with vault(place, tree, store) as opened:
        made = [one.archive()[1]["report"]["archive_id"] for one in (opened, opened.to(hidden))]
    seconds = asyncio.run(_fill(place / "data", UUID(made[0]), entries))
    with vault(place, tree, store, is_new=False) as opened:
        return [
            Figure(
                path=f"tree of {entries:,} entries written into the catalogue",
                value=seconds,
                unit="s",
            ),
            *_questions(opened.stack, made[0], entries),
            *_files(opened.stack, made[0], tree, "out of an archive of 100 GB"),
            *_files(opened.stack, made[1], tree, "out of an encrypted one beside it"),
        ]


async def _fill(data: Path, archive: UUID, entries: int) -> float:
    """Give an archive so many more entries; return the seconds that their merging took."""
    layout = Layout(data)
    server = EmbeddedPostgres(layout, nursery=Nursery())
    await server.start()
    try:
        credentials = (await postgres.provision(server.admin(), SERVICES))["archiver"]
        pool = await postgres.create_pool(credentials, schema="archiver")
        try:
            row = await pool.fetchrow("select * from archive where id = $1", archive)
            assert row is not None
            kept = await pool.fetch("select * from tree_entry order by id")
            seen = io.BytesIO()
            for one in itertools.chain(map(_seen_again, kept), _entries(entries)):
                line = msgspec.msgpack.encode(one)
                seen.write(len(line).to_bytes(4, "big") + line)
            seen.seek(0)
            started = time.perf_counter()
            async with pool.acquire() as connection, connection.transaction():
                await merge_tree(
                    connection,
                    seen,
                    source_id=row["source_id"],
                    destination_id=row["destination_id"],
                    number=row["number"],
                )
            return time.perf_counter() - started
        finally:
            await pool.close()
    finally:
        await server.stop()


def _seen_again(row: Any) -> Seen:
    blobs = row["blobs"]
    return Seen(
        Found(
            path=row["path"], type=row["type"], mode=row["mode"], mtime_ns=row["mtime_ns"],
            ctime_ns=0, inode=0, size_bytes=row["size_bytes"], target=row["target"],
        ),
        tuple(blobs[at : at + 32].hex() for at in range(0, len(blobs), 32)),
        row["size_bytes"],
        row["is_torn"],
    )  # fmt: skip


def _entries(count: int) -> Iterator[Seen]:
    """Yield files of a photo library, whose blobs are nowhere."""
    dice = random.Random(7)
    for number in range(count):
        words = " ".join(dice.choices(_WORDS, k=2))
        if number % (count // 50 or 1) == 0:
            words += f" {_RARE}"
        day = dt.date(2015, 1, 1) + dt.timedelta(days=number * 4000 // count)
        path = f"library/{day:%Y/%m-%d} {words}/IMG_{number:07d}.JPG"
        size_bytes = _WHOLE_BYTES // count
        yield Seen(
            Found(
                path=path.encode(), type="file", mode=0o644, mtime_ns=_AT_NS + number,
                ctime_ns=0, inode=number, size_bytes=size_bytes,
            ),
            (hashlib.sha256(path.encode()).hexdigest(),),
            size_bytes,
        )  # fmt: skip


def _questions(stack: RunningStack, archive: str, entries: int) -> list[Figure]:
    files = f"/api/archives/{archive}/files"
    cursors: list[str] = []
    cursor = None
    listed = 0
    while True:
        page = _ask(stack, files, limit=1000, **({"cursor": cursor} if cursor else {}))
        listed += len(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            break
        cursors.append(cursor)
    # With the two that are real, and their folder.
    assert listed == entries + 3
    dice = random.Random(3)

    def timed(path: str, questions: Iterator[dict[str, Any]]) -> float:
        times = []
        for question in questions:
            started = time.perf_counter()
            page = _ask(stack, path, limit=_PAGE, **question)
            times.append(time.perf_counter() - started)
            assert page["items"], question
        return percentile(times, 0.95)

    every = "/api/archives/files"
    anywhere = ({"cursor": dice.choice(cursors)} for _ in range(100))
    years = ({"path_like": f"library/{2015 + n % 10}/%"} for n in range(20))
    middles = ({"path_like": f"%{dice.randrange(entries):07d}.JPG"} for _ in range(20))
    pairs = ({"q": " ".join(dice.sample(_WORDS, 2))} for _ in range(50))
    rare = ({"q": _RARE[:9]} for _ in range(50))
    common = ({"q": "jpg"} for _ in range(10))
    figures = [
        ("any page of 100", timed(files, anywhere), "<=25"),
        ("a folder by the beginning of its path", timed(files, years), ""),
        ("one file by what its path ends with", timed(files, middles), ""),
        ("two words in all archives", timed(every, pairs), ""),
        ("the beginning of a rare word", timed(every, rare), "<=25"),
        ("a word that every path has", timed(every, common), ""),
    ]
    return [
        Figure(path=f"{entries:,} entries: {name}, p95", value=1000 * seconds, unit="ms", goal=goal)
        for name, seconds, goal in figures
    ]


def _files(stack: RunningStack, archive: str, tree: Path, what: str) -> list[Figure]:
    figures = []
    for path, size_bytes in (_SMALL, _LARGE):
        started = time.perf_counter()
        files = f"/api/archives/{archive}/files"
        (found,) = _ask(stack, files, path_like=path, limit=2)["items"]
        answer = stack.client.get(f"{files}/{found['n']}/content")
        seconds = time.perf_counter() - started
        assert answer.content == (tree / path).read_bytes()
        figures.append(
            Figure(
                path=f"a file of {size_bytes / 1e6:g} MB {what}",
                value=seconds,
                unit="s",
                goal="<=1",
                note="found by its path, fetched, held against its hash; the first read of all",
            )
        )
    return figures


def _ask(stack: RunningStack, path: str, **parameters: Any) -> dict[str, Any]:
    answer = stack.client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found

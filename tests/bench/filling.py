"""Fills a vault with artifacts of which the words are as frequent as words are.

They take the way that a first run takes, from rows on: of a large kind tables are loaded, indexed
and attached, a small one is staged and merged. Only the phones and their parsers are left out,
which would be half of the time.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import multiprocessing
import random
from collections.abc import AsyncIterator, Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import asyncpg

from deploy.local.layout import Layout
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.process import Nursery
from services.indexer.history.storage_dated import (
    build_dated_index,
    build_paired_index,
    find_without_dated,
    find_without_paired,
)
from services.indexer.history.storage_merge import count_first, fill_stage, merge_stage, open_stage
from services.indexer.history.storage_shards import (
    SMALL_BYTES,
    Pieces,
    ShardLoader,
    attach_shards,
)
from services.indexer.history.storage_substrings import (
    build_substring_index,
    find_without_substring,
)
from services.indexer.history.storage_timeline import Moment, record_revision
from services.indexer.history.storage_words import find_without_words, list_words
from services.indexer.kinds.message.payload import MessagePayload
from services.indexer.people.storage_seen import read_everything
from services.indexer.staging import (
    StagedArtifact,
    StagedAttachment,
    StagedThread,
    Threads,
    encode_row,
)
from shared import postgres
from shared.contracts.indexer import KindReport
from shared.contracts.topology import SERVICES
from shared.credentials import PostgresCredentials
from tests.bench import mixture

#: Messages only, or everything that phones hold.
Mix = Literal["messages", "mixed"]

#: Words that questions name, the most frequent first; they take every third rank.
_NAMED = (
    "the you and later river today quiet lemon coffee garden train bicycle window evening"
    " morning photo station Größe naïve birthday"
)
_SYLLABLES = "ba co di fu ga he jo ka li mo nu pe qui ra so ta ve wo ya zi bran stel morn"
_EXTRAS = ("😀", "👍🏽", "東京駅で会いましょう", "Привет", "https://example.org/a/b?c=1", "สวัสดี")
_FIRST_US = 1_451_606_400_000_000  # 2016
SPAN_US = 300_000_000_000_000
_TAKEN_AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_THREADS = 3_000
_PIECE_BYTES = 256 << 10
_PROCESSES = 2


def _vocabulary() -> tuple[list[str], list[float]]:
    """Return 40,000 words and their cumulated weights: each half as frequent at twice its rank."""
    made = (
        "".join(parts)
        for n in (2, 3, 4)
        for parts in itertools.product(_SYLLABLES.split(), repeat=n)
    )
    named = iter(_NAMED.split())
    words = [
        next(named, None) or next(made) if rank % 3 == 0 else next(made) for rank in range(40_000)
    ]
    weights = itertools.accumulate(1 / (rank + 2.7) for rank in range(len(words)))
    return words, list(weights)


def device_name(number: int) -> str:
    """Return the UDID of a device."""
    return f"{number:040x}"


def _artifacts(device: int, count: int) -> Iterator[StagedArtifact]:
    """Yield messages in the order of time. All of device 0 are in one conversation."""
    chance = random.Random(device)
    words, weights = _vocabulary()
    threads = [f"+1555{number:07d}" for number in range(1 if device == 0 else _THREADS)]
    popular = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(len(threads))))
    payloads = [_payload(is_me=is_me) for is_me in (False, True)]
    picture = StagedAttachment(
        name="IMG_0001.jpg", media_type="image/jpeg", size_bytes=12_345, domain="MediaDomain",
        relative_path="Library/SMS/Attachments/00/0/IMG_0001.jpg", file_id="0" * 40, present=True,
    )  # fmt: skip
    for number in range(count):
        text = " ".join(chance.choices(words, cum_weights=weights, k=chance.randint(1, 18)))
        if number % 9 == 0:
            text = f"{text} {chance.choice(_EXTRAS)}"
        if number < count // 100 and number % 2:
            text = f"{text} antediluvian"
        if number < 50:
            text = f"{text} forgotten"
        own = chance.random() < 0.45
        thread = chance.choices(threads, cum_weights=popular)[0]
        yield StagedArtifact(
            key=f"{device:08X}-0000-4000-8000-{number:012X}",
            payload=payloads[own],
            thread_key=thread,
            occurred_at_us=_FIRST_US + number * SPAN_US // count,
            text=text,
            sender_handle=None if own else thread,
            is_me=own,
            attachments=[picture] if number % 33 == 0 else (),
            has_link=text.endswith("c=1"),
        )


def _payload(*, is_me: bool) -> MessagePayload:
    return MessagePayload(
        service="iMessage", direction="outgoing" if is_me else "incoming", edits=(), unsent=False,
        reply_to=None, reactions=(), effect=None, event=None, status="delivered", deleted_at=None,
    )  # fmt: skip


async def _rows(artifacts: Iterable[StagedArtifact], threads: Threads) -> AsyncIterator[bytes]:
    piece = bytearray()
    for artifact in artifacts:
        piece += encode_row(artifact, threads)
        if len(piece) >= _PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
            await asyncio.sleep(0)
    yield bytes(piece)


async def _fill_device(credentials: PostgresCredentials, device: int, count: int, mix: Mix) -> None:
    connection = await postgres.connect(credentials, schema="indexer")
    at = Moment(device=device_name(device), taken_at=_TAKEN_AT)
    async with connection.transaction():
        await record_revision(
            connection, device=at.device, digest=f"{device:040x}", taken_at=at.taken_at,
            backup_id=f"00000000-0000-4000-8000-{device:012x}",
        )  # fmt: skip
    if mix == "messages":
        await _fill_kind(credentials, connection, at, "message", _artifacts(device, count), [])
    else:
        words, weights = _vocabulary()
        for kind, number in mixture.counts(count).items():
            if kind == "message":
                found, described = _artifacts(device, number), []
            else:
                patterns = mixture.read_patterns(kind)
                described = mixture.threads_of(patterns)
                found = mixture.artifacts(
                    kind, patterns.artifacts, device=device, count=number, words=words,
                    weights=weights, first_us=_FIRST_US, span_us=SPAN_US,
                )  # fmt: skip
            await _fill_kind(credentials, connection, at, kind, found, described)
    await connection.close()


async def _fill_kind(
    credentials: PostgresCredentials,
    connection: asyncpg.Connection[Any],
    at: Moment,
    kind: str,
    artifacts: Iterator[StagedArtifact],
    described: list[StagedThread],
) -> None:
    """Put *artifacts* into the vault as the indexer would; threads not *described* are guessed."""

    async def connect() -> asyncpg.Connection[Any]:
        return await postgres.connect(credentials, schema="indexer")

    kept = 0

    def counted() -> Iterator[StagedArtifact]:
        nonlocal kept
        for artifact in artifacts:
            kept += 1
            yield artifact

    named = Threads(device=at.device, kind=kind)
    pieces = Pieces(_rows(counted(), named))
    is_large = await pieces.look_ahead(SMALL_BYTES)
    if is_large:
        numbers = await ShardLoader(connect, at=at, kind=kind).load(pieces)
    async with connection.transaction():
        if is_large:
            await attach_shards(connection, numbers)
        else:
            await open_stage(connection)
            await fill_stage(connection, pieces.portion())
        await (count_first if is_large else merge_stage)(
            connection,
            at=at,
            threads=described or [_conversation(key) for key in named.keys],
            report=KindReport(kind=kind, state="indexed", kept=kept),
            parser_version=1,
            job_id=None,
        )


def _conversation(key: str) -> StagedThread:
    return StagedThread(
        key=key, title=None, is_group=False, participants=[key], services=["iMessage"], raw_keys=[]
    )


async def _fill_devices(
    credentials: PostgresCredentials, devices: range, count: int, mix: Mix
) -> None:
    for device in devices:
        await _fill_device(credentials, device, count, mix)


async def _index_parts(credentials: PostgresCredentials) -> None:
    connection = await postgres.connect(credentials, schema="indexer")
    while (number := await find_without_substring(connection)) is not None:
        if not await build_substring_index(connection, number):
            break
    while (number := await find_without_words(connection)) is not None:
        await list_words(connection, number)
    while (number := await find_without_dated(connection)) is not None:
        await build_dated_index(connection, number)
    while (number := await find_without_paired(connection)) is not None:
        await build_paired_index(connection, number)
    await connection.close()


async def _read_people(credentials: PostgresCredentials) -> None:
    """Note who is in it, as index runs do; else the first start would, beside whoever searches."""
    pool = await postgres.create_pool(credentials, schema="indexer", max_size=1)
    await read_everything(pool)
    await pool.close()


async def _fill(data: Path, rows: int, mix: Mix) -> None:
    layout = Layout(data)
    layout.create()
    server = EmbeddedPostgres(layout, nursery=Nursery())
    await server.start()
    try:
        credentials = (await postgres.provision(server.admin(), SERVICES))["indexer"]
        await postgres.migrate(
            credentials,
            schema="indexer",
            folders={
                "bus": files("shared.bus").joinpath("migrations"),
                "indexer": files("services.indexer").joinpath("migrations"),
            },
        )
        devices = max(_PROCESSES, rows // 1_000_000)
        context = multiprocessing.get_context("fork")

        def fill(number: int) -> None:
            share = range(number, devices, _PROCESSES)
            asyncio.run(_fill_devices(credentials, share, rows // devices, mix))

        started = [context.Process(target=fill, args=(number,)) for number in range(_PROCESSES)]
        for process in started:
            process.start()
        for process in started:
            await asyncio.to_thread(process.join)
            if process.exitcode:
                raise RuntimeError("a part of the vault was not filled")
        await _index_parts(credentials)
        await _read_people(credentials)
    finally:
        await server.stop()


def fill(data: Path, rows: int, mix: Mix = "messages") -> None:
    """Make a vault in *data* that holds *rows* artifacts of several phones."""
    asyncio.run(_fill(data, rows, mix))

"""Fills a vault with artifacts of which the words are as frequent as words are.

They take the way that a large first run takes, from rows on: tables loaded, indexed and attached.
Only the phones are left out, which would be half of the time.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import multiprocessing
import random
from collections.abc import AsyncIterator, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg

from deploy.local.layout import Layout
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.process import Nursery
from services.indexer.kinds.message.payload import MessagePayload
from services.indexer.search_words import find_without_words, list_words
from services.indexer.staging import (
    StagedArtifact,
    StagedAttachment,
    StagedThread,
    Threads,
    encode_row,
)
from services.indexer.storage_merge import count_first
from services.indexer.storage_shards import (
    Pieces,
    ShardLoader,
    attach_shards,
    build_substring_index,
    find_without_substring,
)
from services.indexer.storage_timeline import Moment, record_revision
from shared import postgres
from shared.contracts.indexer import KindReport
from shared.contracts.topology import SERVICES
from shared.credentials import PostgresCredentials

#: Words that questions name, the most frequent first; they take every third rank.
_NAMED = (
    "the you and later river today quiet lemon coffee garden train bicycle window evening"
    " morning photo station Größe naïve birthday"
)
_SYLLABLES = "ba co di fu ga he jo ka li mo nu pe qui ra so ta ve wo ya zi bran stel morn"
_EXTRAS = ("😀", "👍🏽", "東京駅で会いましょう", "Привет", "https://example.org/a/b?c=1", "สวัสดี")
_FIRST_US = 1_451_606_400_000_000  # 2016
_SPAN_US = 300_000_000_000_000
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
            occurred_at_us=_FIRST_US + number * _SPAN_US // count,
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


async def _rows(device: int, count: int, threads: Threads) -> AsyncIterator[bytes]:
    piece = bytearray()
    for artifact in _artifacts(device, count):
        piece += encode_row(artifact, threads)
        if len(piece) >= _PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
            await asyncio.sleep(0)
    yield bytes(piece)


async def _fill_device(credentials: PostgresCredentials, device: int, count: int) -> None:
    async def connect() -> asyncpg.Connection[Any]:
        return await postgres.connect(credentials, schema="indexer")

    named = Threads(device=device_name(device), kind="message")
    at = Moment(device=device_name(device), taken_at=_TAKEN_AT)
    loader = ShardLoader(connect, at=at, kind="message")
    numbers = await loader.load(Pieces(_rows(device, count, named)))
    connection = await connect()
    async with connection.transaction():
        await record_revision(
            connection, device=at.device, digest=f"{device:040x}", taken_at=at.taken_at,
            backup_id=f"00000000-0000-4000-8000-{device:012x}",
        )  # fmt: skip
        await attach_shards(connection, numbers)
        await count_first(
            connection,
            at=at,
            threads=[
                StagedThread(
                    key=key, title=None, is_group=False, participants=[key],
                    services=["iMessage"], raw_keys=[],
                )
                for key in named.keys
            ],
            report=KindReport(kind="message", state="indexed", kept=count),
            parser_version=1,
            job_id=None,
        )  # fmt: skip
    await connection.close()


async def _fill_devices(credentials: PostgresCredentials, devices: range, count: int) -> None:
    for device in devices:
        await _fill_device(credentials, device, count)


async def _index_parts(credentials: PostgresCredentials) -> None:
    connection = await postgres.connect(credentials, schema="indexer")
    while (number := await find_without_substring(connection)) is not None:
        if not await build_substring_index(connection, number):
            break
    while (number := await find_without_words(connection)) is not None:
        await list_words(connection, number)
    await connection.close()


async def _fill(data: Path, rows: int) -> None:
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
            asyncio.run(_fill_devices(credentials, share, rows // devices))

        started = [context.Process(target=fill, args=(number,)) for number in range(_PROCESSES)]
        for process in started:
            process.start()
        for process in started:
            await asyncio.to_thread(process.join)
            if process.exitcode:
                raise RuntimeError("a part of the vault was not filled")
        await _index_parts(credentials)
    finally:
        await server.stop()


def fill(data: Path, rows: int) -> None:
    """Make a vault in *data* that holds *rows* messages of several phones."""
    asyncio.run(_fill(data, rows))

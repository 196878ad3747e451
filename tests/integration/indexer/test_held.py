"""Runs that bring only what the history does not hold, against runs that bring everything."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from everything_changing import EverythingChanging
from kind_runs import Runs, assert_same, tables
from staged import day

from services.indexer.errors import WorkerError
from services.indexer.history.storage_held import MOST_HELD
from services.indexer.history.storage_merge import forget_moment
from services.indexer.history.storage_timeline import Moment
from services.indexer.kinds import OURS
from services.indexer.parsing.isolation import WORKER_COMMAND
from shared.contracts.indexer import KindReport
from tests.stack import Stack


@pytest.fixture
async def runs(stack: Stack, pool: Any, connect: Any, tmp_path: Path) -> AsyncIterator[Runs]:
    async with stack.bus("indexer") as bus:
        yield Runs(stack, pool, connect, bus, tmp_path)


async def be_whole(connection: Any) -> None:
    """Have the second device compare everything."""
    await connection.execute("update kind_index set inputs = null where device = 'whole'")
    await connection.execute("delete from memory where device = 'whole'")


SEEDS = range(int(os.environ.get("KEEPSAKE_HELD_SEEDS", "1")))
STEPS = 3 if len(SEEDS) == 2 else 6


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_happens_to_a_kind_its_history_is_that_of_runs_that_bring_everything(
    runs: Runs, connection: Any, tmp_path: Path, seed: int
) -> None:
    """A sixth of the kinds each; of the second device everything is compared every time."""
    ways: set[str] = set()
    for kind in [*OURS][seed % 6 :: 6]:
        chance = random.Random(f"{kind} {seed}")
        phone = EverythingChanging(tmp_path, chance.randrange(1000))
        moment = 0
        for step in range(STEPS):
            happened = phone.change(OURS[kind], chance.choice([0, 1, 2, 5])) if step else []
            at = moment = moment + 2
            if step > 1 and chance.random() < 0.4:
                at = chance.choice([moment - 3, moment - 2])  # between others, or once again
            region = chance.choice(["DE", "DE", "CH"])
            await be_whole(connection)
            reports = []
            for device, most_held in (("held", MOST_HELD), ("whole", 0)):
                reports.append(
                    await runs.index(
                        kind, phone, device=device, moment=at, region=region, most_held=most_held
                    )
                )
            assert reports[0] == reports[1], (kind, happened)
            await assert_same(connection, (kind, happened))
        ways |= set(runs.ways[::2])
        assert set(runs.ways[1::2]) <= {"merged", "loaded"}
        runs.ways.clear()
    assert "held" in ways


async def written(connection: Any) -> dict[int, str]:
    rows = await connection.fetch("select id, xmin::text as x from artifact")
    return {row["id"]: row["x"] for row in rows}


async def test_what_is_there_already_is_neither_sent_nor_written(
    runs: Runs, connection: Any, tmp_path: Path
) -> None:
    phone = EverythingChanging(tmp_path, 1)
    await runs.index("note", phone, device="d", moment=1)
    before = await written(connection)
    name = next(name for name in phone.files if name[1] == "NoteStore.sqlite")
    phone.come_to_be_later(name)
    while phone.files[name] == phone._states[0][name].content:
        phone.come_to_be_later(name)
    report = await runs.index("note", phone, device="d", moment=2)
    after = await written(connection)
    assert isinstance(report, KindReport)
    assert runs.ways == ["merged", "held"]
    changed = {number for number, xmin in after.items() if before.get(number) != xmin}
    assert len(changed) == report.added + report.removed
    assert 0 < len(changed) < report.kept


async def test_the_same_files_are_not_read_again_and_take_their_place_on_the_timeline(
    runs: Runs, connection: Any, tmp_path: Path
) -> None:
    phone = EverythingChanging(tmp_path, 1)
    kinds = ["contact", "message", "note", "photo", "whatsapp", "installed_app"]
    for kind in kinds:
        first = await runs.index(kind, phone, device="held", moment=1)
        whole = await runs.index(kind, phone, device="whole", moment=1)
        assert first == whole
    runs.command = (sys.executable, "-c", "raise SystemExit(1)")
    runs.ways.clear()
    again = [await runs.index(kind, phone, device="held", moment=2) for kind in kinds]
    assert set(runs.ways) == {"unchanged"}
    assert {one.added for one in again if isinstance(one, KindReport)} == {0}
    runs.command = WORKER_COMMAND
    await be_whole(connection)
    for kind, report in zip(kinds, again, strict=True):
        assert report == await runs.index(kind, phone, device="whole", moment=2, most_held=0)
    await assert_same(connection, "nothing")
    # Of messages it is still known what was read.
    phone.change(OURS["message"], 0)
    name = ("HomeDomain", "Library/SMS/sms.db")
    phone.get_another_value(name)
    phone.lose_rows(name)
    runs.ways.clear()
    await runs.index("message", phone, device="held", moment=3)
    assert runs.ways[0] in ("difference", "held")


@pytest.mark.parametrize(
    "doubt", ["byte", "region", "version", "newer", "forgotten", "again", "unsaid", "missing"]
)
async def test_whatever_may_have_led_to_another_result_has_the_kind_read(
    runs: Runs,
    connection: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    doubt: str,
) -> None:
    phone = EverythingChanging(tmp_path, 1)
    await runs.index("call", phone, device="d", moment=1)
    moment, region = 3, "DE"
    if doubt == "byte":
        name = next(name for name in phone.files if name[1].endswith("CallHistory.storedata"))
        content = bytearray(phone.files[name])
        content[60] ^= 1  # the user version, which says nothing
        phone.files[name] = bytes(content)
    elif doubt == "region":
        region = "CH"
    elif doubt == "version":
        monkeypatch.setattr(type(OURS["call"]), "version", OURS["call"].version + 1)
    elif doubt == "newer":
        await runs.index("call", phone, device="d", moment=4, region="CH")
    elif doubt == "forgotten":
        await runs.index("call", phone, device="d", moment=5, region="CH")
        async with connection.transaction():
            await forget_moment(connection, Moment(device="d", taken_at=day(5)))
    elif doubt == "again":
        moment = 1
    elif doubt in ("unsaid", "missing"):
        folder = tmp_path / "copies"
        folder.mkdir()
        fetched = phone.fetched(OURS["call"], folder)
        assert fetched is not None
        if doubt == "unsaid":
            fetched.contents.clear()
        fetched.missing = int(doubt == "missing")
        await runs.read("call", fetched, folder, device="d", moment=moment)
        assert runs.ways[-1] == "held"
        return
    await runs.index("call", phone, device="d", moment=moment, region=region)
    assert runs.ways[-1] == "held"
    if doubt in ("byte", "region", "version"):
        await runs.index("call", phone, device="d", moment=moment + 1, region=region)
        assert runs.ways[-1] == "unchanged"


async def test_what_is_said_to_be_held_wrongly_is_found_out_and_everything_is_compared(
    runs: Runs, connection: Any, tmp_path: Path
) -> None:
    """A key that comes twice, once as it was and once with other words."""
    phone = EverythingChanging(tmp_path, 1)
    first = await runs.index("call", phone, device="d", moment=1)
    assert isinstance(first, KindReport)
    # A row of the history that no run gives with this digest.
    await connection.execute(
        "update artifact set digest = $1 where id = (select min(id) from artifact)", bytes(16)
    )
    await connection.execute("update kind_index set inputs = null")
    again = await runs.index("call", phone, device="d", moment=2)
    assert isinstance(again, KindReport)
    assert runs.ways == ["merged", "held"]
    assert (again.added, again.removed, again.kept) == (1, 1, first.kept)


@pytest.mark.parametrize(
    "lie",
    [
        "lambda held: left(held) * 2",  # each number twice
        "lambda held: left(held) + other",  # what is of another kind
        "lambda held: left(held) + bytes(8)",  # what is not there
        "lambda held: b''",  # nothing is gone, though something else came in its place
    ],
)
async def test_a_parser_that_tells_wrongly_what_is_gone_is_not_believed(
    runs: Runs, connection: Any, tmp_path: Path, lie: str
) -> None:
    phone = EverythingChanging(tmp_path, 3)
    for kind in ("call", "contact"):
        await runs.index(kind, phone, device="d", moment=1)
    other = await connection.fetchval("select min(id) from artifact where kind = 'contact'")
    name = next(name for name in phone.files if name[1].endswith("CallHistory.storedata"))
    with closing(sqlite3.connect(tmp_path / "calls.db")) as database:
        database.deserialize(phone.files[name])
        database.execute("update zcallrecord set zduration = zduration + 1")
        database.commit()
        phone.files[name] = database.serialize()
    runs.command = (
        sys.executable,
        "-c",
        (
            "from services.indexer.parsing import parse_worker\n"
            "from services.indexer.held import Held\n"
            f"left, other = Held.left, ({other}).to_bytes(8, 'big')\n"
            f"Held.left = {lie}\n"
            "parse_worker.main()\n"
        ),
    )
    report = await runs.index("call", phone, device="d", moment=2)
    assert isinstance(report, KindReport)
    assert runs.ways[-1] == "merged"
    assert report.added == report.removed > 0
    kinds = "select count(*) from artifact where kind = 'contact' and removed_at is not null"
    assert await connection.fetchval(kinds) == 0


@pytest.mark.parametrize("dies", ["the parser", "the connection", "the run"])
async def test_a_run_that_dies_in_the_midst_leaves_everything_as_it_was(
    runs: Runs, connection: Any, tmp_path: Path, dies: str
) -> None:
    phone = EverythingChanging(tmp_path, 3)
    for device in ("held", "whole"):
        await runs.index("photo", phone, device=device, moment=1)
    before = await tables(connection, "held")
    phone.files = {name: one.content for name, one in phone._states[1].items()}
    halts = tmp_path / "halts"
    halts.mkdir()
    # The worker as it is, which stands still before it says that it has done.
    code = (
        "import os, pathlib, sys, time\n"
        "from services.indexer.parsing import parse_worker\n"
        "from services.indexer.parsing.parse_worker import FrameSink\n"
        "finish = FrameSink.finish\n"
        "def halt(sink, kind, state, note):\n"
        "    sink._flush_rows()\n"
        "    sink._output.flush()\n"
        f"    pathlib.Path({str(halts)!r}, str(os.getpid())).touch()\n"
        f"    while not pathlib.Path({str(halts)!r}, 'go').exists():\n"
        "        time.sleep(0.02)\n"
        "    finish(sink, kind, state, note)\n"
        "FrameSink.finish = halt\n"
        "parse_worker.main()\n"
    )
    runs.command = (sys.executable, "-c", code)
    running = asyncio.create_task(runs.index("photo", phone, device="held", moment=2))
    async with asyncio.timeout(60):
        while not (parsers := list(halts.iterdir())):  # noqa: ASYNC110 -- it is another process
            await asyncio.sleep(0.02)
    if dies == "the parser":
        os.kill(int(parsers[0].name), signal.SIGKILL)
        with pytest.raises(WorkerError):
            await running
    elif dies == "the run":
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    else:
        ended = (
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where query like 'COPY%stage%' and state = 'active' and pid <> pg_backend_pid()"
        )
        async with asyncio.timeout(60):
            while not await connection.fetchval(ended):  # noqa: ASYNC110 -- another one begins it
                await asyncio.sleep(0.02)
        (halts / "go").touch()
        with pytest.raises(Exception, match=r"connection|terminat"):
            await running
    runs.command = WORKER_COMMAND
    assert await tables(connection, "held") == before
    await be_whole(connection)
    assert await runs.index("photo", phone, device="held", moment=2) == await runs.index(
        "photo", phone, device="whole", moment=2, most_held=0
    )
    assert runs.ways[-2:] == ["held", "merged"]
    await assert_same(connection, dies)


def test_every_copy_counts_in_what_a_run_was_read_from() -> None:
    from services.indexer.parsing.frames import WorkerRequest
    from services.indexer.runs.kind_inputs import digest_of

    request = WorkerRequest(kind="call", device="d", files={"D/a": "/x/a"}, region="DE")
    contents = {("D/a", ""): b"1", ("D/a", "-wal"): b"2"}
    said = digest_of(request, contents=contents, version=1)
    assert said is not None
    assert said == digest_of(
        msgspec.structs.replace(request, files={"D/a": "/y/b"}, held="/y/held"),
        contents=dict(reversed(contents.items())),
        version=1,
    )
    others = [
        digest_of(request, contents=contents, version=2),
        digest_of(request, contents={**contents, ("D/a", "-wal"): b"3"}, version=1),
        digest_of(request, contents={("D/a", ""): b"1"}, version=1),
        digest_of(request, contents={("D/a", ""): b"1", ("D/a", "-shm"): b"2"}, version=1),
        *(
            digest_of(msgspec.structs.replace(request, **change), contents=contents, version=1)
            for change in (
                {"device": "e"}, {"kind": "note"}, {"region": None}, {"missing": 1},
                {"left_out": 1}, {"memory_bytes": 1}, {"cpu_seconds": 1},
            )
        ),
    ]  # fmt: skip
    assert len({said, *others}) == len(others) + 1
    assert digest_of(request, contents={("D/a", "-wal"): b"2"}, version=1) is None
    listed = msgspec.structs.replace(request, listing="/x/listing.jsonl")
    assert digest_of(listed, contents=contents, version=1) is None

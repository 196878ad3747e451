from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from shared.bus import RequestContext, Serialized, beats
from shared.bus.flushing import flush_in_order
from shared.bus.serving import MAX_CONCURRENT_REQUESTS
from shared.contracts.discovery import GetBackup, ListBackups, LocateBackup, Location
from shared.contracts.problems import ProblemError, not_found
from shared.contracts.requests import Done, Page
from shared.contracts.unlock import CloseSession, ReadFile, session_subject
from tests.integration.bus.conftest import eventually

if TYPE_CHECKING:
    from tests.integration.bus.conftest import Room

LOCATION = Location(
    backup_id="b1",
    path="/backups/b1",
    udid=None,
    state="complete",
    encrypted=False,
    format="manifest_db",
    revision=None,
    taken_at=dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
)


async def test_a_reply_comes_back_as_its_struct(room: Room) -> None:
    async def locate(request: LocateBackup, context: RequestContext) -> Location:
        assert request.backup_id == "b1"
        assert context.headers["Keepsake-Backup"] == "b1"
        assert context.traceparent is not None
        return LOCATION

    discovery, gateway = await room.bus("discovery"), await room.bus("gateway")
    await discovery.serve(LocateBackup, locate)
    found = await gateway.request(LocateBackup(backup_id="b1"), headers={"Keepsake-Backup": "b1"})
    assert found == LOCATION


async def test_bytes_and_encoded_replies_travel_as_they_are(room: Room) -> None:
    async def read(request: ReadFile, _: RequestContext) -> bytes:
        return b"\x00\xff" * request.length

    async def backups(_: ListBackups, __: RequestContext) -> Serialized:
        return Serialized(body=b'{"items":[]}', headers={"Keepsake-Etag": "e1"})

    unlock, gateway = await room.bus("unlock"), await room.bus("gateway")
    discovery = await room.bus("discovery")
    subject = session_subject("s1", "read")
    await unlock.serve(ReadFile, read, subject=subject)
    await discovery.serve(ListBackups, backups)
    content = await gateway.request(ReadFile(file_id="f", length=3), subject=subject)
    assert content == b"\x00\xff" * 3
    raw = await gateway.request_bytes(ListBackups())
    assert (raw.body, raw.headers["Keepsake-Etag"]) == (b'{"items":[]}', "e1")
    assert await gateway.request(ListBackups()) == Page(items=[])


async def test_a_problem_crosses_the_bus_as_data(room: Room) -> None:
    async def locate(_: LocateBackup, __: RequestContext) -> Location:
        raise not_found("backup")

    discovery, gateway = await room.bus("discovery"), await room.bus("gateway")
    await discovery.serve(LocateBackup, locate)
    with pytest.raises(ProblemError) as caught:
        await gateway.request(LocateBackup(backup_id="b1"))
    assert caught.value.problem == not_found("backup").problem


async def test_a_bug_is_a_500_that_tells_nothing(room: Room) -> None:
    async def locate(_: LocateBackup, __: RequestContext) -> Location:
        raise RuntimeError("the passphrase is hunter2")

    discovery, gateway = await room.bus("discovery"), await room.bus("gateway")
    await discovery.serve(LocateBackup, locate)
    with pytest.raises(ProblemError) as caught:
        await gateway.request(LocateBackup(backup_id="b1"))
    assert (caught.value.problem.status, caught.value.problem.type) == (500, "/problems/internal")
    assert "hunter2" not in repr(caught.value.problem)


async def test_an_undecodable_request_is_a_400(room: Room) -> None:
    async def backup(_: GetBackup, __: RequestContext) -> Any:
        raise AssertionError

    discovery, gateway = await room.bus("discovery"), await room.bus("gateway")
    await discovery.serve(GetBackup, backup)
    for body in (b"{", b"[]", b'{"backup_id":"b1","unknown":1}'):
        reply = await gateway.client.request(GetBackup.subject, body, timeout=5)
        assert reply.headers is not None
        assert reply.headers["Keepsake-Status"] == "400"


async def test_a_reply_over_the_servers_limit_is_a_413(room: Room) -> None:
    async def read(_: ReadFile, __: RequestContext) -> bytes:
        return bytes(unlock.max_payload_bytes)

    unlock, gateway = await room.bus("unlock"), await room.bus("gateway")
    subject = session_subject("s1", "read")
    await unlock.serve(ReadFile, read, subject=subject)
    with pytest.raises(ProblemError) as caught:
        await gateway.request(ReadFile(file_id="f"), subject=subject)
    assert caught.value.problem.type == "/problems/reply-too-large"


async def test_nobody_there_means_locked_for_a_session_and_unavailable_for_a_service(
    room: Room,
) -> None:
    gateway = await room.bus("gateway")
    with pytest.raises(ProblemError) as caught:
        await gateway.request(CloseSession(), subject=session_subject("s1", "close"))
    assert caught.value.problem.status == 423
    with pytest.raises(ProblemError) as caught:
        await gateway.request(LocateBackup(backup_id="b1"))
    assert caught.value.problem.status == 503
    assert caught.value.problem.fields == {"service": "discovery"}


async def test_an_answer_that_takes_too_long_is_a_504(room: Room) -> None:
    async def locate(_: LocateBackup, __: RequestContext) -> Location:
        await asyncio.Event().wait()
        return LOCATION

    discovery, gateway = await room.bus("discovery"), await room.bus("gateway")
    serving = await discovery.serve(LocateBackup, locate)
    with pytest.raises(ProblemError) as caught:
        await gateway.request(LocateBackup(backup_id="b1"), timeout_seconds=0.1)
    assert caught.value.problem.status == 504
    await serving.stop(grace_seconds=0.1)


async def test_a_slow_request_does_not_hold_up_the_next_one(room: Room) -> None:
    slow = asyncio.Event()

    async def close(_: CloseSession, context: RequestContext) -> Done:
        if "Slow" in context.headers:
            await slow.wait()
        return Done()

    unlock, gateway = await room.bus("unlock"), await room.bus("gateway")
    subject = session_subject("s1", "close")
    await unlock.serve(CloseSession, close, subject=subject)
    first = asyncio.create_task(
        gateway.request(CloseSession(), subject=subject, headers={"Slow": "1"})
    )
    assert await gateway.request(CloseSession(), subject=subject) == Done()
    slow.set()
    assert await first == Done()


async def test_stopping_lets_running_requests_finish_and_turns_later_ones_away(
    room: Room,
) -> None:
    entered, finish = asyncio.Event(), asyncio.Event()

    async def close(_: CloseSession, __: RequestContext) -> Done:
        entered.set()
        await finish.wait()
        return Done(changed=False)

    unlock, gateway = await room.bus("unlock"), await room.bus("gateway")
    subject = session_subject("s1", "close")
    serving = await unlock.serve(CloseSession, close, subject=subject)
    running = asyncio.create_task(gateway.request(CloseSession(), subject=subject))
    await entered.wait()
    stopping = asyncio.create_task(serving.stop())

    async def is_locked() -> bool:
        with pytest.raises(ProblemError) as caught:
            await gateway.request(CloseSession(), subject=subject, timeout_seconds=0.2)
        return caught.value.problem.status == 423

    await eventually(is_locked)
    finish.set()
    assert await running == Done(changed=False)
    await stopping


async def test_a_request_that_outlives_the_grace_is_answered_that_nobody_is_there(
    room: Room,
) -> None:
    begun = asyncio.Event()

    async def hang(_: LocateBackup, __: RequestContext) -> Location:
        begun.set()
        await asyncio.Event().wait()
        return LOCATION

    discovery, gateway = await room.bus("discovery"), await room.bus("gateway")
    serving = await discovery.serve(LocateBackup, hang)
    asking = asyncio.create_task(gateway.request(LocateBackup(backup_id="b1"), timeout_seconds=60))
    await asyncio.wait_for(begun.wait(), 10)
    await serving.stop(grace_seconds=0.1)
    with pytest.raises(ProblemError) as gone:
        await asyncio.wait_for(asking, 10)
    assert gone.value.problem.status == 503


async def test_a_session_that_ends_while_the_server_is_away_does_not_come_back(
    room: Room,
) -> None:
    async def close(_: CloseSession, __: RequestContext) -> Done:
        return Done()

    unlock, gateway = await room.bus("unlock"), await room.bus("gateway")
    subject = session_subject("s1", "close")
    serving = await unlock.serve(CloseSession, close, subject=subject)
    back = [unlock.next_reconnect(), gateway.next_reconnect()]
    room.server.kill()
    await serving.stop(grace_seconds=0.5)
    room.server.start()
    for event in back:
        await asyncio.wait_for(event.wait(), 20)
    with pytest.raises(ProblemError) as caught:
        await gateway.request(CloseSession(), subject=subject)
    assert caught.value.problem.status == 423


async def test_replicas_share_requests_unless_every_one_is_asked(room: Room) -> None:
    asked: list[str] = []

    def answer(name: str) -> Any:
        async def close(_: CloseSession, __: RequestContext) -> Done:
            asked.append(name)
            return Done()

        return close

    gateway = await room.bus("gateway")
    for name in ("one", "two"):
        unlock = await room.bus("unlock")
        await unlock.serve(CloseSession, answer(name), subject="unlock.session.a.close")
        await unlock.serve(CloseSession, answer(name), subject="unlock.session.b.close", queue=None)
    await gateway.request(CloseSession(), subject="unlock.session.a.close")
    assert len(asked) == 1
    asked.clear()
    await gateway.request(CloseSession(), subject="unlock.session.b.close")
    await flush_in_order(gateway.client)

    async def both() -> bool:
        return len(asked) == 2

    await eventually(both)
    assert sorted(asked) == ["one", "two"]


async def test_nobody_waits_for_a_service_that_died_with_the_request(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = asyncio.Event()

    async def locate(_: LocateBackup, __: RequestContext) -> Location:
        taken.set()
        await asyncio.Event().wait()
        return LOCATION

    monkeypatch.setattr(beats, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(beats, "BEAT_SECONDS", 0.1)
    discovery, gateway = await room.bus("discovery"), await room.bus("gateway")
    await discovery.serve(LocateBackup, locate)
    asking = asyncio.create_task(
        gateway.request(LocateBackup(backup_id="b1"), timeout_seconds=3600)
    )
    await taken.wait()
    await discovery.client.close()
    with pytest.raises(ProblemError) as caught:
        await asking
    assert caught.value.problem.status == 503
    assert caught.value.problem.retry_after_seconds is not None
    assert caught.value.problem.fields == {"service": "discovery"}


async def test_a_service_that_is_still_at_it_is_waited_for(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def locate(_: LocateBackup, __: RequestContext) -> Location:
        await asyncio.sleep(2 * beats.SILENCE_SECONDS)
        return LOCATION

    monkeypatch.setattr(beats, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(beats, "BEAT_SECONDS", 0.1)
    discovery, gateway = await room.bus("discovery"), await room.bus("gateway")
    await discovery.serve(LocateBackup, locate)
    asked = [
        gateway.request(LocateBackup(backup_id="b1"), timeout_seconds=3600)
        # More than are worked on at once: those that wait their turn are not given up either.
        for _ in range(MAX_CONCURRENT_REQUESTS + 1)
    ]
    assert await asyncio.gather(*asked) == [LOCATION] * len(asked)


async def test_a_request_cannot_name_another_subject_for_its_beats(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def locate(_: LocateBackup, __: RequestContext) -> Location:
        await asyncio.sleep(0.3)
        return LOCATION

    monkeypatch.setattr(beats, "BEAT_SECONDS", 0.05)
    discovery, gateway = await room.bus("discovery"), await room.bus("gateway")
    await discovery.serve(LocateBackup, locate)
    for address in ("", ">", "gateway.>", "gateway.a b.1", "gateway.a.1\r\nx", "a.b.c.1"):
        reply = await gateway.client.request(
            LocateBackup.subject,
            b'{"backup_id":"b1"}',
            headers={"Keepsake-Beat": address},
            timeout=5,
        )
        assert reply.headers is not None
        assert reply.headers["Keepsake-Status"] == "200"
    assert discovery.client.last_error is None


async def test_a_database_without_room_is_a_507_that_says_what_to_do(room: Room) -> None:
    async def locate(_: LocateBackup, __: RequestContext) -> Location:
        raise asyncpg.DiskFullError("could not extend file")

    discovery, gateway = await room.bus("discovery"), await room.bus("gateway")
    await discovery.serve(LocateBackup, locate)
    with pytest.raises(ProblemError) as caught:
        await gateway.request(LocateBackup(backup_id="b1"))
    assert (caught.value.problem.status, caught.value.problem.type) == (507, "/problems/no-space")
    assert "Make room" in caught.value.problem.detail

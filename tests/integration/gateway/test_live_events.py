"""Server-sent events: nothing is missed, nobody waits for a slow page, a stop ends them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec

from deploy.demo.container import PhoneFile, mint_backup
from gateway.live_events import LiveEvents
from shared.bus import Bus
from shared.contracts.identifiers import JobId
from shared.contracts.jobs import JobProgress, Progress
from tests.integration.gateway.conftest import House, free_port, open_house
from tests.stack import Stack


async def read_events(answer: httpx.Response) -> AsyncIterator[dict[str, str]]:
    event: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if not line and "data" in event:
            yield event
            event = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value


async def next_named(events: AsyncIterator[dict[str, str]], name: str) -> dict[str, str]:
    async with asyncio.timeout(20):
        async for event in events:
            if event["event"] == name:
                return event
    raise AssertionError(f"the stream ended without {name}")


async def open_and_close(house: House, backup_id: str) -> None:
    token = await house.unlock(backup_id)
    await house.client.post(f"/api/backups/{backup_id}/lock", headers={"X-Backup-Session": token})


async def test_events_arrive_and_missed_ones_come_first_after_a_return(house: House) -> None:
    backup_id = await house.backup_id("Locked")
    async with house.client.stream("GET", "/api/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = read_events(answer)
        await open_and_close(house, backup_id)
        opened = await next_named(events, "session.opened")
        closed = await next_named(events, "session.closed")
    data = msgspec.json.decode(opened["data"])
    assert data["type"] == "session.opened"
    assert data["data"]["backup_id"] == backup_id
    assert int(opened["id"]) < int(closed["id"])

    await open_and_close(house, backup_id)
    seen = []
    async with house.client.stream(
        "GET", "/api/events", headers={"Last-Event-ID": closed["id"]}
    ) as answer:
        events = read_events(answer)
        seen += [await next_named(events, "session.opened")]
        seen += [await next_named(events, "session.closed")]
    assert all(int(one["id"]) > int(closed["id"]) for one in seen)


async def test_a_gateway_that_was_away_replays_from_the_stream(house: House) -> None:
    """Memory does not reach back; the client gets a follower of its own until it is level."""
    port = free_port()
    async with house.stack.service("gateway", {"KEEPSAKE_HTTP__PORT": str(port)}):
        url = f"http://127.0.0.1:{port}"
        async with (
            httpx.AsyncClient(
                base_url=url, headers={"X-API-Token": "test-token"}, trust_env=False
            ) as client,
            client.stream("GET", "/api/events", headers={"Last-Event-ID": "0"}) as answer,
        ):
            events = read_events(answer)
            first = await next_named(events, "backup.discovered")
            await next_named(events, "backup.discovered")
            # And it goes on live, without a repetition.
            await open_and_close(house, await house.backup_id("Locked"))
            opened = await next_named(events, "session.opened")
            assert int(opened["id"]) > int(first["id"])


async def test_progress_is_fanned_out_and_its_last_value_told_to_those_who_come_later(
    gateway: House,
) -> None:
    progress = JobProgress(
        job_id=JobId("c1b2a3d4-0000-4000-8000-9f8e7d6c5b4a"),
        state="running",
        progress=Progress(step="message", done=3, total=9),
    )
    async with gateway.stack.bus("indexer") as bus:
        async with gateway.client.stream("GET", "/api/events") as answer:
            events = read_events(answer)
            await bus.send_progress(progress)
            told = await next_named(events, "progress")
            assert msgspec.json.decode(told["data"], type=JobProgress) == progress
            assert "id" not in told
        async with gateway.client.stream("GET", "/api/events") as answer:
            again = await next_named(read_events(answer), "progress")
            assert again == told


async def test_a_slow_client_is_let_go_and_others_are_not_disturbed(stack: Stack) -> None:
    async with stack.bus("gateway") as bus, stack.bus("indexer") as sender:
        await _drop_a_slow_client(bus, sender)


async def _drop_a_slow_client(bus: Bus, sender: Bus) -> None:
    live = LiveEvents(bus)
    async with asyncio.TaskGroup() as tasks:
        before = set(asyncio.all_tasks())
        await live.start(tasks)
        with live.client() as slow, live.client() as quick:
            received = 0

            async def read(client: Any) -> None:
                nonlocal received
                while (taken := await client.take()) is not None:
                    received += len(taken)

            reader = tasks.create_task(read(quick))
            progress = JobProgress(
                job_id=JobId("one"), state="running", progress=Progress(step="x")
            )
            async with asyncio.timeout(20):
                while received == 0:  # the subscription is on its way to the server
                    await sender.send_progress(progress)
                    await asyncio.sleep(0.01)
                for _ in range(600):
                    await sender.send_progress(progress)
                while received < 600:  # noqa: ASYNC110 -- the bus decides
                    await asyncio.sleep(0.01)
            assert slow.reason == "too-slow"
            assert await slow.take() is None
            live.close()
            await reader
            assert quick.reason == "stopping"
        for task in set(asyncio.all_tasks()) - before:
            task.cancel()


async def test_a_stop_ends_streams_and_downloads_that_nobody_takes(stack: Stack) -> None:
    backups = stack.folder / "backups"
    backups.mkdir(exist_ok=True)
    # More than all socket buffers on the way can hold.
    film = PhoneFile("MediaDomain", "film.mov", bytes(48 << 20))
    mint_backup(backups, files=[film], device_name="Plain")
    ended: list[dict[str, str]] = []

    async def follow(house: House, connected: asyncio.Event) -> None:
        # A client of its own: the house closes its client before it stops the gateway.
        async with (
            httpx.AsyncClient(headers={"X-API-Token": "test-token"}, trust_env=False) as client,
            client.stream("GET", f"{house.url}/api/events", timeout=20) as answer,
        ):
            connected.set()
            ended.extend([event async for event in read_events(answer)])

    # Such a download would end by itself after a minute.
    async with asyncio.timeout(50), asyncio.TaskGroup() as tasks:
        async with contextlib.AsyncExitStack() as running:
            house = await running.enter_async_context(open_house(stack, "discovery", "unlock"))
            (await house.client.post("/api/backups/refresh")).raise_for_status()
            backup_id = await house.backup_id("Plain")
            file_id = await house.file_id(backup_id, "film.mov")
            connected = asyncio.Event()
            follower = tasks.create_task(follow(house, connected))
            await connected.wait()
            # A download whose reader never reads.
            _, writer = await asyncio.open_connection(
                "127.0.0.1", int(house.url.rpartition(":")[2]), limit=1024
            )
            writer.write(
                f"GET /api/backups/{backup_id}/files/{file_id}/content HTTP/1.1\r\n"
                "Host: localhost\r\nX-API-Token: test-token\r\n\r\n".encode()
            )
            await writer.drain()
        await follower
        writer.close()
    assert ended[-1]["event"] == "closed"
    assert msgspec.json.decode(ended[-1]["data"]) == {"reason": "stopping"}


async def test_a_stream_ends_within_seconds_of_its_token(gateway: House) -> None:
    revoked, expiring = [
        (await gateway.client.post("/api/tokens", json={"name": "page", "ttl_seconds": seconds}))
        .raise_for_status()
        .json()
        for seconds in (600, 3)
    ]

    async def follow(token: str, connected: asyncio.Event) -> list[dict[str, str]]:
        async with (
            httpx.AsyncClient(headers={"X-API-Token": token}, trust_env=False) as client,
            client.stream("GET", f"{gateway.url}/api/events", timeout=20) as answer,
        ):
            connected.set()
            return [event async for event in read_events(answer)]

    ready = [asyncio.Event(), asyncio.Event()]
    async with asyncio.timeout(20), gateway.client.stream("GET", "/api/events") as other:
        following = [
            asyncio.create_task(follow(one["token"], event))
            for one, event in zip((revoked, expiring), ready, strict=True)
        ]
        for event in ready:
            await event.wait()
        await gateway.client.delete(f"/api/tokens/{revoked['id']}")
        for task in following:
            told = await task
            assert told[-1]["event"] == "closed"
            assert msgspec.json.decode(told[-1]["data"]) == {"reason": "token-ended"}
        # Nobody else's stream ended with it.
        progress = JobProgress(job_id=JobId("two"), state="running", progress=Progress(step="x"))
        async with gateway.stack.bus("indexer") as bus:
            await bus.send_progress(progress)
        await next_named(read_events(other), "progress")

"""Marks and stitched threads against the pure algebra, whatever happens in which order."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import defaultdict
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from lineages import told_nothing
from staged import artifact, day, index_staged, load_staged

from services.indexer.browsing.storage_artifacts import list_artifacts
from services.indexer.history.algebra import Row, forget, observe
from services.indexer.history.storage_merge import forget_moment
from services.indexer.history.storage_revisions import fetch_kind_totals
from services.indexer.history.storage_timeline import Moment
from services.indexer.lineage.algebra import Link, Shown, closes_circle, lineages, shown, superseded
from services.indexer.lineage.evidence import Evidence
from services.indexer.lineage.storage_arranging import arrange
from services.indexer.lineage.storage_links import (
    confirm_lineage,
    undo_lineage,
)
from shared.contracts.indexer import ArtifactPage, ListArtifacts
from shared.contracts.lineage import ConfirmLineage, UndoLineage

ROOM = 1 << 20
DEVICES = ("a", "b", "c")
DAYS = {day(number): number for number in range(30)}


def thread(key: str) -> str:
    """Where a key lies."""
    return f"t{'klmnop'.index(key) % 3}"


class BrokenOffError(Exception):
    """Whoever arranges lineages is killed."""


class Vault:
    """A vault of three devices, and what the algebra says of it."""

    def __init__(self, connection: Any, connect: Any, seed: int) -> None:
        self.connection = connection
        self.connect = connect
        self.chance = random.Random(seed)
        self.names = {one: f"{seed}{one}" for one in DEVICES}
        self.rows: dict[str, frozenset[Row]] = {}
        self.timelines: defaultdict[str, set[int]] = defaultdict(set)
        self.links: set[Link] = set()

    async def run(self, device: str) -> None:
        """Index something, of any day."""
        moment = self.chance.randrange(8)
        content = {key: self.chance.choice("xyz") for key in "klmnop" if self.chance.random() < 0.6}
        artifacts = [
            artifact(
                n, key, content[key], occurred_at_us=n // 2 * 1_000_000, thread_key=thread(key)
            )
            for n, key in enumerate("klmnop")
            if key in content
        ]
        if not self.timelines[device] and not self.rows.get(device) and self.chance.random() < 0.3:
            await load_staged(
                self.connection,
                self.connect,
                device=device,
                moment=moment,
                artifacts=artifacts,
            )
        else:
            await index_staged(self.connection, device=device, moment=moment, artifacts=artifacts)
        self.rows[device] = observe(
            self.rows.get(device, ()), self.timelines[device], moment, content.items()
        )
        self.timelines[device].add(moment)

    async def forget(self, device: str) -> None:
        """Forget a revision, perhaps the last of the device."""
        if not self.timelines[device]:
            return
        moment = self.chance.choice(sorted(self.timelines[device]))
        async with self.connection.transaction():
            await forget_moment(self.connection, Moment(device=device, taken_at=day(moment)))
        self.rows[device] = forget(self.rows[device], self.timelines[device], moment)
        self.timelines[device].discard(moment)

    async def decide(self) -> None:
        """Confirm two devices, or take that back."""
        link = Link(*self.chance.sample(sorted(self.names.values()), 2))
        known = await self.connection.fetchrow(
            "select id::text, state from lineage_link"
            " where least(earlier, later) = $1 and greatest(earlier, later) = $2",
            *sorted(link),
        )
        if known is not None and known["state"] == "confirmed":
            await undo_lineage(self.connection, UndoLineage(link_id=known["id"]))
            self.links -= {link, Link(link.later, link.earlier)}
            await self.arrange()
            return
        if closes_circle(self.links, link):
            return
        link_id = uuid4()
        if known is None:
            # Whether it would be offered does not matter here.
            await self.connection.execute(
                "insert into lineage_link (id, earlier, later, state, is_directed, evidence)"
                " values ($1, $2, $3, 'offered', false, $4)",
                link_id,
                *link,
                msgspec.to_builtins(Evidence(shares=[], why="")),
            )
        await confirm_lineage(
            self.connection,
            ConfirmLineage(link_id=str(link_id) if known is None else known["id"], earlier=link[0]),
        )
        self.links.add(link)
        await self.arrange()

    async def arrange(self) -> None:
        """Carry out what was decided, or begin to: the rest is left for later, among runs."""
        patience = self.chance.choice((0, 1, 2, 99))

        async def tell(_done: int, _total: int) -> None:
            nonlocal patience
            patience -= 1
            if patience < 0:
                raise BrokenOffError

        with contextlib.suppress(BrokenOffError):
            await arrange(self.connection, tell)

    async def check(self) -> None:
        """Hold every table, and what is listed, against the algebra."""
        await arrange(self.connection, told_nothing)
        assert await self.connection.fetchval("select count(*) from lineage_left") == 0
        stored = await self.connection.fetch(
            "select a.device, a.key, a.text, a.added_at, a.removed_at, s.since"
            " from superseded s left join artifact a on a.id = s.artifact_id"
            " where a.device = any($1) or a.id is null",
            list(self.names.values()),
        )
        marks = {
            Shown(
                row["device"],
                Row(row["key"], row["text"], DAYS[row["added_at"]], DAYS.get(row["removed_at"])),
            ): DAYS[row["since"]]
            for row in stored
        }
        found = lineages(self.links)
        expected: dict[Shown, int] = {}
        for devices in found:
            expected |= superseded(devices, self.rows)
        assert marks == expected
        rows = await self.connection.fetch(
            "select device, lineage, place from lineage_device where device = any($1)",
            list(self.names.values()),
        )
        assert {(row["device"], row["lineage"], row["place"]) for row in rows} == {
            (device, devices[0], place) for devices in found for place, device in enumerate(devices)
        }
        for devices in found or [[next(iter(self.names.values()))]]:
            for at in (None, self.chance.randrange(9)):
                device = self.chance.choice(devices)
                body = await list_artifacts(
                    self.connection,
                    ListArtifacts(
                        device=device, lineage=True, as_of=None if at is None else day(at)
                    ),
                    most_bytes=ROOM,
                )
                items = msgspec.json.decode(body, type=ArtifactPage).items
                assert sorted((one.device, one.key, one.text) for one in items) == sorted(
                    (one.device, one.row.key, one.row.digest)
                    for one in shown(devices, self.rows, at)
                )
            await self.check_threads(devices)
            totals = await fetch_kind_totals(self.connection, devices, lineage=True)
            there = {one.row.key for one in shown(devices, self.rows)}
            ever = {row.key for device in devices for row in self.rows.get(device, ())}
            assert totals.get("message", (0, 0)) == (len(there), len(ever - there))

    async def check_threads(self, devices: list[str]) -> None:
        """Every thread is there once, with its figures and positions."""
        if len(devices) == 1:
            return
        rows = await self.connection.fetch(
            "select * from stitched_thread where lineage = $1 and artifact_count > 0", devices[0]
        )
        by_key: defaultdict[str, set[str]] = defaultdict(set)
        for one in shown(devices, self.rows):
            by_key[thread(one.row.key)].add(one.row.key)
        assert {row["key"]: row["artifact_count"] for row in rows} == {
            key: len(own) for key, own in by_key.items()
        }
        newest = {
            row["key"]: row["id"]
            for row in await self.connection.fetch(
                "select t.key, (array_agg(t.id order by m.place desc))[1] as id from thread t"
                " join lineage_device m on m.device = t.device where m.lineage = $1 group by t.key",
                devices[0],
            )
        }
        assert all(newest[row["key"]] == row["id"] for row in rows)


@pytest.mark.parametrize("seed", range(5))
async def test_marks_are_those_of_the_algebra_after_any_runs_forgets_and_decisions(
    connection: Any, connect: Any, seed: int
) -> None:
    vault = Vault(connection, connect, seed)
    for _ in range(25):
        device = vault.names[vault.chance.choice(DEVICES)]
        match vault.chance.choice(("run", "run", "run", "forget", "decide", "decide")):
            case "run":
                await vault.run(device)
            case "forget":
                await vault.forget(device)
            case _:
                await vault.decide()
        if vault.chance.random() < 0.6:  # else things go on while lineages are half arranged
            await vault.check()
    await vault.check()


async def test_runs_of_all_devices_at_once_and_decisions_between_them_lose_no_mark(
    pool: Any, connect: Any
) -> None:
    async with AsyncExitStack() as opened:
        vaults = [
            Vault(await opened.enter_async_context(pool.acquire()), connect, 7) for _ in range(4)
        ]
        whole = vaults[0]
        for one in vaults[1:]:
            one.rows, one.timelines, one.links = whole.rows, whole.timelines, whole.links

        async def keep_running(vault: Vault, device: str) -> None:
            for _ in range(12):
                await vault.run(vault.names[device])

        async def keep_deciding(vault: Vault) -> None:
            for _ in range(12):
                await vault.decide()

        async with asyncio.TaskGroup() as group:
            for vault, device in zip(vaults, DEVICES, strict=False):
                group.create_task(keep_running(vault, device))
            group.create_task(keep_deciding(vaults[3]))
        await whole.check()

"""Tables of rules: the rules, the backups to be held against them, and when all of those are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from shared.contracts.identifiers import BackupId, Udid
from shared.contracts.index_rules import IndexRule
from shared.contracts.jobs import JobOrigin

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any] | asyncpg.Pool[Any]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that is to be held against the rules now."""

    backup_id: BackupId
    origin: JobOrigin
    turn: int


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """When all backups are to be checked. ``asked_turn`` is null unless the rules were changed."""

    asked_turn: int | None
    nightly_at: dt.datetime | None


async def fetch_rules(connection: Connection) -> list[IndexRule]:
    """Return all rules, oldest first."""
    return [
        _to_rule(row)
        for row in await connection.fetch("select * from index_rule order by created_at, id")
    ]


async def find_rule(connection: Connection, rule_id: UUID) -> IndexRule | None:
    """Return one rule, locked until the transaction ends, or None."""
    row = await connection.fetchrow("select * from index_rule where id = $1 for update", rule_id)
    return None if row is None else _to_rule(row)


async def record_rule(connection: Connection, rule: IndexRule) -> None:
    """Write a rule, new or changed."""
    await connection.execute(
        "insert into index_rule (id, device, kinds, enabled, created_at)"
        " values ($1, $2, $3, $4, $5) on conflict (id) do update"
        " set device = excluded.device, kinds = excluded.kinds, enabled = excluded.enabled",
        UUID(rule.id),
        rule.device,
        rule.kinds,
        rule.enabled,
        rule.created_at,
    )


async def remove_rule(connection: Connection, rule_id: UUID) -> bool:
    """Remove a rule; False when there was none."""
    found = await connection.fetchval("delete from index_rule where id = $1 returning id", rule_id)
    return found is not None


async def ask_round(connection: Connection) -> None:
    """Have every backup checked soon, because the rules are others now."""
    await connection.execute("update rule_round set asked_turn = nextval('rule_check_turn')")


async def fetch_round(connection: Connection) -> Round:
    """Return when all backups are to be checked."""
    row = await connection.fetchrow("select asked_turn, nightly_at from rule_round")
    assert row is not None
    return Round(asked_turn=row["asked_turn"], nightly_at=row["nightly_at"])


async def finish_round(connection: Connection, asked_turn: int) -> None:
    """Forget that a round was asked for, unless another one was meanwhile."""
    await connection.execute(
        "update rule_round set asked_turn = null where asked_turn = $1", asked_turn
    )


async def record_nightly(connection: Connection, at: dt.datetime | None) -> None:
    """Write down when the next night's round is due; None for never."""
    await connection.execute(
        "update rule_round set nightly_at = $1 where nightly_at is distinct from $1", at
    )


async def ask_checks(
    connection: Connection, backup_ids: Collection[str], *, origin: JobOrigin
) -> None:
    """Have backups held against the rules soon; asking twice is asking once."""
    await connection.execute(
        "insert into rule_check (backup_id, origin) select unnest($1::uuid[]), $2"
        " on conflict (backup_id) do update set turn = nextval('rule_check_turn'),"
        # What a rule wants at once does not become the night's.
        " origin = greatest(rule_check.origin, excluded.origin)",
        # A page of backups may repeat what the one before held.
        [UUID(backup_id) for backup_id in set(backup_ids)],
        origin,
    )


async def fetch_due_checks(connection: Connection, *, limit: int) -> list[Check]:
    """Return checks that are due, those that waited longest first."""
    return [
        Check(backup_id=BackupId(str(row["backup_id"])), origin=row["origin"], turn=row["turn"])
        for row in await connection.fetch(
            "select backup_id, origin, turn from rule_check where due_at <= clock_timestamp()"
            " order by due_at, turn limit $1",
            limit,
        )
    ]


async def finish_check(connection: Connection, check: Check) -> None:
    """Forget a check, unless it was asked for again meanwhile."""
    await connection.execute(
        "delete from rule_check where backup_id = $1 and turn = $2",
        UUID(check.backup_id),
        check.turn,
    )


async def postpone_check(connection: Connection, check: Check, *, seconds: float) -> None:
    """Look again later."""
    await connection.execute(
        "update rule_check set due_at = clock_timestamp() + $2::interval where backup_id = $1",
        UUID(check.backup_id),
        dt.timedelta(seconds=seconds),
    )


async def count_unasked_jobs(connection: Connection) -> int:
    """Return how many jobs are under way that no person asked for."""
    found = await connection.fetchval(
        "select count(*) from job where state in ('pending', 'running') and origin <> 'person'"
    )
    return int(found)


async def fetch_readings(
    connection: Connection, *, backup_id: str, device: str, digest: str
) -> dict[str, int]:
    """Return which parsers' versions read the kinds of a revision, whatever came of it.

    Empty as well while the history does not know that this backup holds the revision.
    """
    rows = await connection.fetch(
        "select k.kind, k.parser_version from revision r"
        " join revision_backup b on b.device = r.device and b.taken_at = r.taken_at"
        " join kind_index k on k.device = r.device and k.taken_at = r.taken_at"
        " where r.device = $1 and r.digest = $2 and b.backup_id = $3",
        device,
        digest,
        UUID(backup_id),
    )
    return {row["kind"]: row["parser_version"] for row in rows}


def _to_rule(row: Any) -> IndexRule:
    return IndexRule(
        id=str(row["id"]),
        device=None if row["device"] is None else Udid(row["device"]),
        kinds=row["kinds"],
        enabled=row["enabled"],
        created_at=row["created_at"],
    )

"""All SQL of unlock: sessions as the other replicas see them, and passphrases that were tried.

A session's row follows its keys: written before the token is handed out, closed once and by
whoever is first; whoever closes it announces it in the same transaction. A replica whose rows
were closed by somebody else locks those sessions (see ``replica``).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Collection
from typing import Any, Literal, TypeAlias

import asyncpg
import msgspec

from services.unlock.throttle import WINDOW, Tally
from shared.bus import publish
from shared.contracts.events import SessionClosed, SessionOpened
from shared.contracts.identifiers import BackupId, SessionId, Udid
from shared.contracts.unlock import Session

CloseReason = Literal["locked", "expired", "crashed", "stopped"]
# Quoted: asyncpg's classes take no parameters at run time.
Connection: TypeAlias = "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]"
Pool: TypeAlias = "asyncpg.Pool[Any]"

#: Told to every replica when rows were closed; each looks up which of its own are meant. With a
#: payload it names an opening that is given up.
CLOSED_CHANNEL = "unlock_session_closed"

_SERVICE = "unlock"
_KEEP_CLOSED = dt.timedelta(days=30)


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a session."""

    session: Session
    token_digest: bytes
    replica_id: str
    unattended: bool = False

    def __repr__(self) -> str:
        """Leave the digest out of logs and tracebacks."""
        return f"SessionRow(session_id={self.session.session_id!r})"


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """The tallies before an attempt; ``attempt_id`` is null when it was not let through."""

    attempt_id: int | None
    keybag: Tally
    caller: Tally
    now: dt.datetime


def replica_lock_name(replica_id: str) -> str:
    """Return the name of the advisory lock that a living replica holds."""
    return f"unlock.replica.{replica_id}"


async def record_opened(pool: Pool, row: SessionRow) -> None:
    """Write a session down and announce it."""
    session = row.session
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            """
            insert into session (session_id, backup_id, udid, encrypted, token_digest, replica_id,
                                 opened_at, expires_at, last_used_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $7)
            """,
            uuid.UUID(session.session_id),
            uuid.UUID(session.backup_id),
            session.udid,
            session.encrypted,
            row.token_digest,
            uuid.UUID(row.replica_id),
            session.opened_at,
            session.expires_at,
        )
        await publish(
            connection,
            SessionOpened(
                session_id=session.session_id,
                backup_id=session.backup_id,
                udid=session.udid,
                expires_at=session.expires_at,
                unattended=row.unattended,
            ),
            service=_SERVICE,
        )


async def record_closed(
    pool: Pool, session_ids: Collection[SessionId], *, reason: CloseReason
) -> None:
    """Close sessions and announce each that was open; those closed already stay as they are."""
    if not session_ids:
        return
    async with pool.acquire() as connection, connection.transaction():
        await _close(
            connection,
            "session_id = any($2::uuid[])",
            [uuid.UUID(session_id) for session_id in session_ids],
            reason=reason,
        )


async def announce_abandoned(pool: Pool, name: str) -> None:
    """Tell every replica that an opening is given up."""
    await pool.execute("select pg_notify($1, $2)", CLOSED_CHANNEL, name)


async def record_backup_locked(connection: Connection, backup_id: BackupId) -> list[SessionId]:
    """Close every session of a backup, whichever replica holds it, in the caller's transaction."""
    return await _close(connection, "backup_id = $2", uuid.UUID(backup_id), reason="locked")


async def record_crashed(pool: Pool, *, own_replica_id: str) -> int:
    """Close the rows of replicas that live no more; return how many sessions that were.

    Two replicas may do it at once: only the one that gets the dead one's lock closes its rows.
    """
    others = await pool.fetch(
        "select distinct replica_id from session where closed_at is null and replica_id <> $1",
        uuid.UUID(own_replica_id),
    )
    closed = 0
    for other in others:
        replica_id = other["replica_id"]
        async with pool.acquire() as connection, connection.transaction():
            is_dead = await connection.fetchval(
                "select pg_try_advisory_xact_lock(hashtextextended($1, 0))",
                replica_lock_name(str(replica_id)),
            )
            if is_dead:
                closed += len(
                    await _close(connection, "replica_id = $2", replica_id, reason="crashed")
                )
    return closed


async def record_used(pool: Pool, used_at: dict[SessionId, dt.datetime]) -> None:
    """Note when sessions were last used."""
    if not used_at:
        return
    await pool.executemany(
        "update session set last_used_at = $2 where session_id = $1 and closed_at is null",
        [(uuid.UUID(session_id), moment) for session_id, moment in used_at.items()],
    )


async def fetch_open(pool: Pool) -> list[Session]:
    """Every open session of every replica, newest first."""
    rows = await pool.fetch(
        """
        select session_id, backup_id, udid, encrypted, opened_at, expires_at, last_used_at
        from session
        where closed_at is null and expires_at > now()
        order by opened_at desc, session_id
        """
    )
    return [
        Session(
            session_id=SessionId(str(row["session_id"])),
            backup_id=BackupId(str(row["backup_id"])),
            udid=None if row["udid"] is None else Udid(row["udid"]),
            encrypted=row["encrypted"],
            opened_at=row["opened_at"],
            expires_at=row["expires_at"],
            last_used_at=row["last_used_at"],
        )
        for row in rows
    ]


async def fetch_open_ids(pool: Pool, *, replica_id: str) -> set[SessionId]:
    """Sessions of one replica that are open as far as the others know."""
    rows = await pool.fetch(
        "select session_id from session where replica_id = $1 and closed_at is null",
        uuid.UUID(replica_id),
    )
    return {SessionId(str(row["session_id"])) for row in rows}


async def forget_long_closed(pool: Pool) -> None:
    """Remove rows that nobody asks for any more."""
    await pool.execute("delete from session where closed_at < now() - $1::interval", _KEEP_CLOSED)


class Guess(msgspec.Struct, frozen=True, kw_only=True):
    """Whose passphrase is tried, and by whom. No part of it tells the passphrase."""

    backup_id: BackupId
    #: SHA-256 of what the keybag derives keys from, in hex.
    keybag: str
    #: SHA-256 of whoever asks; None when nobody said.
    caller_digest: bytes | None


async def reserve_attempt(
    pool: Pool, guess: Guess, *, is_allowed: Callable[[Reservation], bool]
) -> Reservation:
    """Count an attempt before it is made, unless ``is_allowed(reservation)`` says that it waits.

    One at a time over all replicas, so that guesses sent at once are each counted.
    """
    keybag, backup_id = bytes.fromhex(guess.keybag), uuid.UUID(guess.backup_id)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "select pg_advisory_xact_lock(hashtextextended('unlock.attempt', 0))"
        )
        now = await connection.fetchval("select clock_timestamp()")
        await connection.execute("delete from attempt where attempted_at < $1", now - WINDOW)
        # The time of day was set back: nobody is to wait until it is later again.
        await connection.execute(
            "update attempt set attempted_at = $1 where attempted_at > $1", now
        )
        of_keybag = await connection.fetchrow(
            "select count(*), max(attempted_at) from attempt"
            " where keybag = $1 or (keybag is null and backup_id = $2)",
            keybag,
            backup_id,
        )
        of_caller = await connection.fetchrow(
            "select count(*), max(attempted_at) from attempt where caller_digest = $1",
            guess.caller_digest,
        )
        assert of_keybag is not None
        assert of_caller is not None
        reservation = Reservation(
            attempt_id=None,
            keybag=Tally(attempts=of_keybag[0], last_at=of_keybag[1]),
            caller=Tally(attempts=of_caller[0], last_at=of_caller[1]),
            now=now,
        )
        if not is_allowed(reservation):
            return reservation
        attempt_id = await connection.fetchval(
            "insert into attempt (backup_id, keybag, caller_digest) values ($1, $2, $3)"
            " returning attempt_id",
            backup_id,
            keybag,
            guess.caller_digest,
        )
        return msgspec.structs.replace(reservation, attempt_id=attempt_id)


async def record_wrong_passphrase(pool: Pool, attempt_id: int) -> None:
    """Let the wait begin when the answer is given, not when the derivation began."""
    await pool.execute(
        "update attempt set attempted_at = clock_timestamp() where attempt_id = $1", attempt_id
    )


async def record_right_passphrase(pool: Pool, attempt_id: int, guess: Guess) -> None:
    """Forget this caller's mistakes with this keybag; those of others still count."""
    await pool.execute(
        """
        delete from attempt
        where attempt_id = $1
           or (
               attempt_id < $1 and caller_digest is not distinct from $4
               and (keybag = $2 or (keybag is null and backup_id = $3))
           )
        """,
        attempt_id,
        bytes.fromhex(guess.keybag),
        uuid.UUID(guess.backup_id),
        guess.caller_digest,
    )


async def forget_attempt(pool: Pool, attempt_id: int) -> None:
    """Take back an attempt in which the passphrase was not tried after all."""
    await pool.execute("delete from attempt where attempt_id = $1", attempt_id)


async def _close(
    connection: Connection, condition: str, value: object, *, reason: CloseReason
) -> list[SessionId]:
    # The condition is one of the constants above, never anything from outside.
    rows = await connection.fetch(
        f"""
        update session set closed_at = now(), close_reason = $1, token_digest = null
        where closed_at is null and {condition}
        returning session_id, backup_id
        """,  # noqa: S608
        reason,
        value,
    )
    for row in rows:
        await publish(
            connection,
            SessionClosed(
                session_id=SessionId(str(row["session_id"])),
                backup_id=BackupId(str(row["backup_id"])),
                reason=reason,
            ),
            service=_SERVICE,
        )
    if rows:
        await connection.execute(f"notify {CLOSED_CHANNEL}")
    return [SessionId(str(row["session_id"])) for row in rows]

"""What persons follow from: the cards of devices, and the handles that were seen in them.

But for ``read_everything``, this runs inside the transaction that changed the history, on the
connection that holds the device's lock.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from services.indexer.folding import fold
from services.indexer.history.storage_shards import table_name
from services.indexer.kinds.handles import normalise_handle
from services.indexer.people.storage import mark_stale, refresh_people
from services.indexer.sql import statement

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    import asyncpg

    from services.indexer.history.storage_rows import Connection

#: What was read by other rules than these is read again.
_READ_VERSION = 1
#: As long as the index of handles takes them, and as anybody is called.
_LONGEST_HANDLE_BYTES = 500
_LONGEST_NAME = 300
#: Of one card: more handles than anybody has, and enough of its other cards to be one with all.
_MOST_HANDLES = 500
_MOST_UNIFIED = 100
#: Who is looked for one by one in a table of a hundred thousand rows.
_MOST_SENDERS = 3000
#: The kinds whose chats say how their members are called.
_WITH_CHATS = frozenset({"whatsapp"})
#: Groups, lists and channels; the statement that looks for senders knows them too.
_NOBODY = ("@g.us", "@broadcast", "@newsletter")
#: A number stands where a card has no name.
_NO_NAME = re.compile(r"[0-9 +()./\u00a0\u2010-\u2014-]*\Z")


class _Member(msgspec.Struct):
    handle: str | None = None
    name: str | None = None


class _Chat(msgspec.Struct):
    handle: str | None = None
    name: str | None = None
    members: list[_Member] = []


class _Payload(msgspec.Struct):
    chat: _Chat | None = None


_payload = msgspec.json.Decoder(_Payload).decode
_texts = msgspec.json.Decoder(list[str]).decode


async def read_everything(pool: asyncpg.Pool[Any]) -> bool:
    """Note the cards and handles of a history that was indexed before persons were known.

    Returns whether there was anything to do.
    """
    async with pool.acquire() as connection:
        async with connection.transaction():
            # Nobody waits for this, and people are searching meanwhile.
            await connection.execute("set local max_parallel_workers_per_gather = 0")
            version: int = await connection.fetchval("select version from people_state for update")
            is_new = version < _READ_VERSION
            if is_new:
                await mark_stale(connection)
                rows = await connection.fetch("select distinct device from kind_index")
                for row in rows:
                    await read_cards(connection, row["device"])
                    await reread_seen(connection, row["device"])
                await connection.execute("update people_state set version = $1", _READ_VERSION)
        await refresh_people(connection)
    return is_new


async def read_cards(connection: Connection, device: str) -> None:
    """Take the device's cards anew from its contacts; idempotent."""
    await mark_stale(connection)
    rows = await connection.fetch(statement("people", "cards"), device)
    await connection.execute("delete from contact_card where device = $1", device)
    cards = []
    for row in rows:
        handles = [one for one in _list(row["handles"]) if _is_usable(one)][:_MOST_HANDLES]
        name = row["name"][:_LONGEST_NAME].strip()
        if _NO_NAME.match(name) or normalise_handle(name) in handles:
            name = ""
        unified = sorted(_list(row["unified_with"]))[:_MOST_UNIFIED]
        cards.append(
            (device, row["key"], name, handles, unified, row["is_me"], row["is_preferred"])
        )
    await connection.executemany(
        "insert into contact_card (device, key, name, handles, unified_with, is_me, is_preferred)"
        " values ($1, $2, $3, $4, $5, $6, $7)",
        cards,
    )


async def note_seen(
    connection: Connection,
    device: str,
    kind: str,
    added_at: dt.datetime | None,
    *,
    shards: Sequence[int] = (),
) -> None:
    """Note who sent or takes part in what was added at a moment; null for all that there is.

    *shards* are the tables that hold all that was added and nothing else, if there are such.
    """
    senders = await _senders(connection, shards) if shards else None
    rows = await connection.fetch(statement("people", "unseen"), device, kind, added_at, senders)
    names = await _names(connection, device, kind, added_at) if kind in _WITH_CHATS else {}
    if not rows and not names:
        return
    await mark_stale(connection)
    if rows:
        handles = [row["handle"] for row in rows]
        await connection.execute(statement("people", "see"), device, kind, handles)
    if names:
        await connection.execute(
            statement("people", "call"),
            device,
            kind,
            list(names),
            list(names.values()),
            [fold(name) for name in names.values()],
        )


async def _senders(connection: Connection, shards: Sequence[int]) -> list[str] | None:
    """Return who sent anything in some tables; None where there are too many to look for each."""
    found: set[str] = set()
    for number in shards:
        # In order, each is the next one; a plan that sorts would do so once for each.
        rows = await connection.fetch(
            statement("people", "senders").format(table=table_name(number), most=_MOST_SENDERS)
        )
        if len(rows) == _MOST_SENDERS:
            return None
        found.update(row["sender_handle"] for row in rows)
    return list(found)


async def reread_seen(connection: Connection, device: str) -> None:
    """Note anew whom there is on a device, after something was taken out of its history."""
    await mark_stale(connection)
    await connection.execute("delete from seen_handle where device = $1", device)
    kinds = await connection.fetch("select distinct kind from kind_index where device = $1", device)
    for row in kinds:
        await note_seen(connection, device, row["kind"], None)


async def _names(
    connection: Connection, device: str, kind: str, added_at: dt.datetime | None
) -> dict[str, str]:
    """Return the names that chats know and the table does not."""
    names: dict[str, str] = {}
    async for row in connection.cursor(statement("people", "chats"), device, kind, added_at):
        try:
            chat = _payload(row["payload"]).chat
        except msgspec.MsgspecError:
            continue
        if chat is None:
            continue
        members: list[_Chat | _Member] = [chat, *chat.members]
        for one in members:
            if one.handle and one.name and _is_usable(one.handle):
                names[_storable(one.handle)] = _storable(one.name)[:_LONGEST_NAME]
    known = await connection.fetch(
        "select handle, name from seen_handle where device = $1 and kind = $2 and name is not null",
        device,
        kind,
    )
    for row in known:
        if names.get(row["handle"]) == row["name"]:
            del names[row["handle"]]
    return names


def _list(text: str | None) -> list[str]:
    try:
        return [] if text is None else [_storable(one) for one in _texts(text)]
    except msgspec.MsgspecError:
        return []


def _storable(text: str) -> str:
    return text.replace("\0", "")


def _is_usable(handle: str) -> bool:
    return (
        not handle.endswith(_NOBODY)
        and 0 < len(handle.encode("utf-8", "replace")) <= _LONGEST_HANDLE_BYTES
    )

"""Artifact rows as the API shows them, with who is meant by their handles.

Names are looked up when something is shown, never stored with a message: a contact that is renamed
renames its messages. A name that was given by hand comes first, then that of the device's own
contacts, then what other devices and apps call the person.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec

from services.indexer.history.reasons import causes_of, to_removal
from services.indexer.sql import statement
from services.indexer.staging import StagedAttachment
from shared.contracts.identifiers import ArtifactId, ThreadId, Udid
from shared.contracts.indexer import Artifact, Attachment, Participant, Sender, Thread
from shared.contracts.removals import Reason

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]
    Row = Mapping[str, Any]


class Known(NamedTuple):
    """Who has a handle, as a device shows it."""

    name: str | None = None
    person_id: str | None = None


#: By device and handle; an empty handle is the owner of the device.
Names = Mapping[tuple[str, str], Known]
_NOBODY = Known()

#: Columns of an artifact ``a``. The payload stays text: it goes out as it lies in the table.
ARTIFACT_COLUMNS = """
    a.id, a.device, a.kind, a.key, a.thread_id, a.occurred_at, a.sort_at, a.title, a.text,
    a.sender_handle, a.is_me, a.payload::text as payload, a.attachments::text as attachments,
    a.removed_at,
    (select r.digest from revision r where r.device = a.device and r.taken_at = a.added_at)
        as added_revision,
    (select r.digest from revision r where r.device = a.device and r.taken_at = a.removed_at)
        as removed_revision,
    case when a.removed_at is not null then (
        select array[g.cause, g.doubt] from removal g
        where g.device = a.device and g.kind = a.kind and g.key = a.key
          and g.removed_at = a.removed_at
    ) end as removal
"""

#: Columns of a thread ``t``.
THREAD_COLUMNS = """
    t.id, t.device, t.kind, t.key, t.title, t.is_group, t.participants, t.services,
    t.artifact_count, t.first_at, t.last_at, t.last_text, t.sort_at
"""

#: The artifact is in the newest revision; or it is the last version of one that is not.
CURRENT = "a.removed_at is null"
REMOVED = """(a.removed_at is not null and not exists (
    select 1 from artifact later
    where later.device = a.device and later.kind = a.kind and later.key = a.key
      and later.added_at >= a.removed_at))"""
#: The same as of a moment, with ``{at}`` for its parameter.
CURRENT_AT = "(a.added_at <= {at} and (a.removed_at is null or a.removed_at > {at}))"
REMOVED_AT = """(a.removed_at <= {at} and not exists (
    select 1 from artifact later
    where later.device = a.device and later.kind = a.kind and later.key = a.key
      and later.added_at >= a.removed_at and later.added_at <= {at}))"""

#: Where it stands why an artifact ``a`` went.
_REMOVAL = """from removal g where g.device = a.device and g.kind = a.kind and g.key = a.key
    and g.removed_at = a.removed_at"""
#: A file of it was there in an earlier version, and this one has not all of its files. By keys
#: first: otherwise all that is there is read to find that none of it was offloaded.
_OFFLOADED = """(a.key = any(array(select o.key from removal o where o.cause = 'offloaded'))
    and a.attachments::text like '%"present":false%' and exists (
        select 1 from removal g where g.device = a.device and g.kind = a.kind and g.key = a.key
          and g.removed_at <= a.added_at and g.cause = any({causes})))"""
_decode_attachments = msgspec.json.Decoder(list[StagedAttachment]).decode
_SHOWN_NAMES = 4
_LIKE_SPECIAL = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


def like_pattern(folded: str) -> str:
    """Return the LIKE pattern that finds *folded* anywhere."""
    return f"%{folded.translate(_LIKE_SPECIAL)}%"


class Conditions:
    """The ``where`` of a query, with numbered parameters in the order of their adding."""

    def __init__(self, parameters: list[object] | None = None) -> None:
        """Number parameters from the first, or go on with those of another part of the query."""
        self.parameters: list[object] = [] if parameters is None else parameters
        self._clauses: list[str] = []

    def parameter(self, value: object) -> str:
        """Return the placeholder of *value*."""
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    def add(self, clause: str, **values: object) -> None:
        """Require *clause*, in which ``{name}`` stands for a value."""
        placeholders = {name: self.parameter(value) for name, value in values.items()}
        self._clauses.append(clause.format(**placeholders) if placeholders else clause)

    def see(self, removed: str, as_of: dt.datetime | None = None) -> None:
        """Require what is visible: now or as of a moment, without, with or only removed ones."""
        current, gone = CURRENT, REMOVED
        if as_of is not None:
            at = self.parameter(as_of)
            current, gone = CURRENT_AT.format(at=at), REMOVED_AT.format(at=at)
        self._clauses.append(
            {"exclude": current, "only": gone, "include": f"({current} or {gone})"}[removed]
        )

    def went_for(self, reason: Reason) -> None:
        """Require the reason for which something went; or its file, where it is still there."""
        clause = f"exists (select 1 {_REMOVAL} and g.cause = any({{causes}}))"
        if reason == "offloaded":
            clause = _OFFLOADED
        elif reason == "unknown":  # or nobody has looked yet
            clause = f"({clause} or not exists (select 1 {_REMOVAL}))"
        self.add(clause, causes=causes_of(reason))

    def __str__(self) -> str:
        return " and ".join(self._clauses) if self._clauses else "true"


async def fetch_names(connection: Connection, pairs: Iterable[tuple[str, str | None]]) -> Names:
    """Return who is meant by (device, handle); nothing for handles that nobody is known by."""
    wanted = {(device, handle or "") for device, handle in pairs}
    if not wanted:
        return {}
    rows = await connection.fetch(
        statement("people", "meant"),
        [device for device, _ in wanted],
        [handle for _, handle in wanted],
    )
    return {(row["device"], row["handle"]): Known(row["name"], row["person_id"]) for row in rows}


async def to_artifacts(connection: Connection, rows: Sequence[Row]) -> list[Artifact]:
    """Return *rows* as the API shows them, in their order."""
    names = await fetch_names(connection, ((row["device"], row["sender_handle"]) for row in rows))
    return [to_artifact(row, names) for row in rows]


def to_artifact(row: Row, names: Names) -> Artifact:
    """Return one row; its payload is passed on without decoding."""
    handle, is_me = row["sender_handle"], row["is_me"]
    sender = None
    if handle or is_me:
        known = names.get((row["device"], handle or ""), _NOBODY)
        sender = Sender(handle=handle, name=known.name, person_id=known.person_id, is_me=is_me)
    return Artifact(
        id=ArtifactId(str(row["id"])),
        kind=row["kind"],
        device=Udid(row["device"]),
        key=row["key"],
        thread_id=None if row["thread_id"] is None else ThreadId(str(row["thread_id"])),
        occurred_at=row["occurred_at"],
        title=row["title"],
        text=row["text"],
        sender=sender,
        payload=cast("dict[str, Any]", msgspec.Raw(row["payload"].encode())),
        attachments=[to_attachment(n, staged) for n, staged in enumerate(staged_attachments(row))],
        added_revision=row["added_revision"],
        removed_revision=row["removed_revision"],
        removed_at=row["removed_at"],
        removal=None if row["removal"] is None else to_removal(*row["removal"]),
    )


def staged_attachments(row: Row) -> list[StagedAttachment]:
    """Return a row's attachments as the parser gave them."""
    return _decode_attachments(row["attachments"])


def to_attachment(n: int, staged: StagedAttachment) -> Attachment:
    """Return an attachment without where it lies."""
    return Attachment(
        n=n,
        name=staged.name,
        media_type=staged.media_type,
        size_bytes=staged.size_bytes,
        present=staged.present,
        reason=staged.reason,
    )


async def to_threads(connection: Connection, rows: Sequence[Row]) -> list[Thread]:
    """Return thread rows with the names of those who take part."""
    names = await fetch_names(
        connection, ((row["device"], handle) for row in rows for handle in row["participants"])
    )
    return [_to_thread(row, names) for row in rows]


def to_participants(row: Row, names: Names) -> list[Participant]:
    """Return who takes part in a thread."""
    return [
        Participant(handle=handle, name=known.name, person_id=known.person_id)
        for handle in row["participants"]
        for known in (names.get((row["device"], handle), _NOBODY),)
    ]


def _to_thread(row: Row, names: Names) -> Thread:
    participants = to_participants(row, names)
    return Thread(
        id=ThreadId(str(row["id"])),
        device=Udid(row["device"]),
        kind=row["kind"],
        title=thread_title(row["title"], participants, row["key"]),
        is_group=row["is_group"],
        participants=participants,
        artifact_count=row["artifact_count"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        last_text=row["last_text"],
        services=row["services"],
    )


def thread_title(title: str | None, participants: Sequence[Participant], key: str) -> str:
    """Return what a conversation is called."""
    return title or joined_names(participants) or key


def joined_names(participants: Sequence[Participant]) -> str:
    """Return the title of a conversation that nobody named."""
    shown = [one.name or one.handle for one in participants]
    if len(shown) <= _SHOWN_NAMES:
        return ", ".join(shown)
    return f"{', '.join(shown[: _SHOWN_NAMES - 1])} and {len(shown) - _SHOWN_NAMES + 1} others"

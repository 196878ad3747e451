"""The calendar's inbox: invitations to share a calendar, and answers of those who were invited.

Invitations to events are events themselves; the inbox repeats them for its list, and tells who
joined a shared calendar.
"""

from __future__ import annotations

from services.indexer.kinds.calendar_event.payload import CalendarEventPayload, Guest
from services.indexer.kinds.calendar_event.store import Store
from services.indexer.kinds.calendar_time import microseconds, moment
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record, Records, key_of, walk
from services.indexer.kinds.values import int_of, text_of
from services.indexer.staging import StagedArtifact

_COLUMNS = (
    "rowid", "entity_type", "calendar_id", "external_id", "UUID", "summary", "creation_date",
    "last_modified", "status", "host_url", "identity_id",
)  # fmt: skip
_LONGEST = 4000


def read_invitations(store: Store, records: Records, tally: Tally) -> None:
    """Give every entry of the inbox to *records*, in the order of time."""
    rest = "order by creation_date, rowid"
    if "creation_date" not in store.database.columns("Notification"):
        rest = ""
    for row in walk(store.database, "Notification", _COLUMNS, tally, rest=rest):
        records.keep(lambda row=row: _invitation(row, store))  # type: ignore[misc]


def _invitation(row: Record, store: Store) -> StagedArtifact | None:
    title, created = text_of(row["summary"]), moment(row["creation_date"])
    who = store.guests.read(
        dict.fromkeys(
            ("type", "status", "role", "email", "phone_number", "is_self", "comment",
             "proposed_start_date")
        )
        | {"identity_id": row["identity_id"]}
    )  # fmt: skip
    if title is None and who is None:
        return None
    calendar = store.calendars.find(row["calendar_id"])
    guest = who or Guest()
    payload = CalendarEventPayload(
        form="invitation",
        title=None if title is None else title[:_LONGEST],
        calendar=calendar,
        organiser=who,
        created_at=created,
        modified_at=moment(row["last_modified"]),
        raw={
            name: number
            for name in ("entity_type", "status")
            if (number := int_of(row[name])) is not None
        },
    )
    said = (payload.title, guest.name, guest.email, guest.phone)
    return StagedArtifact(
        key=text_of(row["UUID"])
        or key_of("invitation", row["external_id"], title, row["creation_date"]),
        payload=payload,
        thread_key=None if calendar is None else calendar.key,
        occurred_at_us=microseconds(created),
        title=payload.title,
        text="\n".join(part for part in said if part) or None,
        sender_handle=guest.handle,
    )

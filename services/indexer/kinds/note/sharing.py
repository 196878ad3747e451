"""With whom a note or folder is shared: what CloudKit keeps beside it, an archive of its own.

Its keys for encryption are never looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from services.indexer.kinds.handles import Handles
from services.indexer.kinds.keyed_archive import load_archive
from services.indexer.kinds.note.payload import Participant
from services.indexer.kinds.values import int_of, text_of

#: A hundred people can share a note.
_MOST_PEOPLE = 200
_ROLES: dict[int, Literal["owner", "participant", "public"]] = {
    1: "owner", 2: "participant", 3: "participant", 4: "public",
}  # fmt: skip
_ANSWERS: dict[int, Literal["pending", "accepted", "removed"]] = {
    1: "pending", 2: "accepted", 3: "removed",
}  # fmt: skip
_MAY_WRITE = 3
_NAME_PARTS = ("NS.givenName", "NS.middleName", "NS.familyName")


class Share(NamedTuple):
    """The people of a share, the owner first, and their handles by the names of their records."""

    participants: tuple[Participant, ...] = ()
    handles: Mapping[str, str] = MappingProxyType({})


def read_share(data: object, handles: Handles) -> Share:
    """Return with whom something is shared; nobody when it cannot be read."""
    listed = load_archive(data, "Participants")
    if not isinstance(listed, list):
        return Share()
    found: list[Participant] = []
    records: dict[str, str] = {}
    for person in listed[:_MOST_PEOPLE]:
        if not isinstance(person, dict):
            continue
        participant = _participant(person, handles)
        found.append(participant)
        record = text_of(_fields(_fields(person, "UserIdentity"), "UserRecordID").get("RecordName"))
        if record is not None and participant.handle is not None:
            records[record] = participant.handle
    return Share(tuple(sorted(found, key=lambda person: person.role != "owner")), records)


def _participant(person: dict[str, Any], handles: Handles) -> Participant:
    identity = _fields(person, "UserIdentity")
    lookup = _fields(identity, "LookupInfo")
    address = text_of(lookup.get("EmailAddress")) or text_of(lookup.get("PhoneNumber"))
    codes = tuple(
        int_of(person.get(name)) or 0 for name in ("Type", "AcceptanceStatus", "Permission")
    )
    is_known = codes[0] in _ROLES and codes[1] in _ANSWERS
    return Participant(
        name=_name(_fields(identity, "NameComponents")),
        handle=None if address is None else handles.normalise(address[:320]),
        role=_ROLES.get(codes[0]),
        answer=_ANSWERS.get(codes[1]),
        may_write=codes[2] >= _MAY_WRITE,
        is_me=person.get("IsCurrentUser") is True,
        raw=() if is_known else codes,
    )


def _name(components: dict[str, Any]) -> str | None:
    parts = _fields(components, "NS.nameComponentsPrivate") or components
    words = (text_of(parts.get(name)) for name in _NAME_PARTS)
    return " ".join(word[:100] for word in words if word) or None


def _fields(holder: dict[str, Any], name: str) -> dict[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}

"""Messages as they are on the phone on the day of a backup, with the pictures that came along."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from deploy.demo.attributed_body import Run
from deploy.demo.container import PhoneFile
from deploy.demo.family.life import Person, Revision, trip_on
from deploy.demo.family.pictures import picture
from deploy.demo.family.talk import BANK, CREW, FAMILY, GROUPS, Said, deleted_on, said_on
from deploy.demo.messages import MessagesDatabase, cocoa_nanoseconds, summary_info
from deploy.demo.messages_schema import Schema
from deploy.demo.phone import FIRST_RUN, LATER_RUN, attachment_file
from deploy.demo.story import tell_story

_FILE, _PART = "__kIMFileTransferGUIDAttributeName", "__kIMMessagePartAttributeName"
_MINUTE = dt.timedelta(minutes=1)
#: The groups' own identities; that of the weekend is also in the story of 2024.
_ROOMS = {FAMILY: "chat550142000111", CREW: "chat550142000222"}
#: As long as phones keep what was deleted.
_KEPT_DAYS = 30


@dataclass
class _Phone:
    """The database in the making, and who is in it."""

    revision: Revision
    schema: Schema
    files: list[PhoneFile] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.db = MessagesDatabase(schema=self.schema, seed=3)
        self.handles: dict[tuple[str, str], int] = {}
        self.chats: dict[str, int] = {}

    def handle(self, person: Person) -> int:
        service = "SMS" if person is BANK else "iMessage"
        if (person.number, service) not in self.handles:
            self.handles[person.number, service] = self.db.handle(person.number, service=service)
        return self.handles[person.number, service]

    def chat(self, said: Said) -> int:
        name = said.group or said.person.number
        if name not in self.chats:
            if said.group is not None:
                members = [self.handle(one) for one in GROUPS[said.group]]
                self.chats[name] = self.db.chat(
                    members, identifier=_ROOMS[said.group], name=said.group, is_group=True,
                    group_id=_ROOMS[said.group],
                )  # fmt: skip
            else:
                service = "SMS" if said.person is BANK else "iMessage"
                self.chats[name] = self.db.chat(
                    [self.handle(said.person)], identifier=name, service=service
                )
        return self.chats[name]


def files_of(revision: Revision) -> list[PhoneFile]:
    """Return the database of messages and the files of their attachments."""
    phone = _Phone(revision, "ios18" if revision.version >= 16 else "ios13")
    if revision.at >= FIRST_RUN:
        _take_over_story(phone)
    for day in revision.days:
        for said in said_on(day):
            if said.at <= revision.at:
                _write(phone, said)
    return [PhoneFile("HomeDomain", "Library/SMS/sms.db", phone.db.to_bytes()), *phone.files]


def _take_over_story(phone: _Phone) -> None:
    """Begin with the summer of 2024, which knows every feature of Messages."""
    story = tell_story(phone.db, later=phone.revision.at >= LATER_RUN)
    phone.handles.update(
        {(number, service): row for row, number, service in phone.db.rows(
            "select rowid, id, service from handle")}
    )  # fmt: skip
    phone.chats.update(
        {identifier: row for row, identifier in phone.db.rows(
            "select rowid, chat_identifier from chat where service_name = 'iMessage'")}
    )  # fmt: skip
    phone.files.extend(attachment_file(attached) for attached in story.attached)


def _write(phone: _Phone, said: Said) -> None:
    db, gone = phone.db, deleted_on(said)
    today = phone.revision.at.date()
    if gone is not None and gone > today:
        gone = None
    # Before iOS 16 there was no second thought.
    kept_days = _KEPT_DAYS if phone.revision.version >= 16 else 0
    if gone is not None and (today - gone).days >= kept_days:
        return
    chat, handle = phone.chat(said), 0 if said.is_me else phone.handle(said.person)
    text, more = _changes(said, phone.revision)
    runs: list[Run] | None = None
    if said.picture is not None:
        runs = [(1, {_FILE: f"at_0_{said.key}", _PART: 0}), (len(said.text) - 1, {_PART: 1})]
    number = db.message(
        text, at=said.at, chat=chat, handle=handle, guid=said.key, runs=runs,
        service="SMS" if said.is_code else "iMessage", **more,
    )  # fmt: skip
    if said.picture is not None:
        _attach(phone, number, said)
    if said.tapback is not None and text is not None:
        by = phone.handle(said.person) if said.is_me else 0
        db.tapback(number, said.tapback, at=said.at + 3 * _MINUTE, chat=chat, handle=by,
                   guid=f"{said.key[:-4]}7A9B")  # fmt: skip
    if gone is not None:
        db.delete_recently(number, chat=chat, at=said.at + (gone - said.at.date()))


def _changes(said: Said, revision: Revision) -> tuple[str | None, dict[str, Any]]:
    """Return the text as it stands now, and what Messages notes besides."""
    text: str | None = said.text
    more: dict[str, Any] = {}
    # Since iOS 16 messages can be edited and taken back.
    if revision.version >= 16 and said.at.year >= 2023:
        if said.is_unsent:
            text = None
            more["message_summary_info"] = summary_info(unsent=[0])
            more["date_edited"] = cocoa_nanoseconds(said.at + _MINUTE)
        elif said.before is not None:
            edits = [(said.at, said.before), (said.at + 2 * _MINUTE, said.text)]
            more["message_summary_info"] = summary_info(edits={0: edits})
            more["date_edited"] = cocoa_nanoseconds(said.at + 2 * _MINUTE)
    if said.answers is not None and revision.version >= 14:
        more |= {"thread_originator_guid": said.answers, "thread_originator_part": "0:0:1"}
    if not said.is_me:
        more["date_read"] = cocoa_nanoseconds(said.at + _MINUTE)
    return text, more


def _attach(phone: _Phone, number: int, said: Said) -> None:
    trip = trip_on(said.at.date())
    assert trip is not None
    content = picture(f"{trip.title} {said.at.date()}")
    path = f"Library/SMS/Attachments/{said.key[:2].lower()}/{said.key[2:4]}/{said.key}/trip.jpg"
    phone.db.attach(
        number, path, guid=f"at_0_{said.key}", media_type="image/jpeg", size=len(content),
        uti="public.jpeg",
    )  # fmt: skip
    phone.files.append(PhoneFile("MediaDomain", path, content, modified_at=said.at))

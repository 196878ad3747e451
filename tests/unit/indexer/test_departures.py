"""What payloads say about the end of a thing, and which files are in backups no more."""

from __future__ import annotations

import datetime as dt

import msgspec

from services.indexer.history.departures import HOLDERS, traits_of, went_away
from services.indexer.history.reasons import Traits
from services.indexer.kinds.backup_files import BLOB_MISSING, LIST_UNKNOWN, NOT_IN_BACKUP
from services.indexer.kinds.calendar_event.payload import Calendar, CalendarEventPayload
from services.indexer.kinds.contact_payload import ContactPayload
from services.indexer.kinds.interaction.payload import InteractionPayload
from services.indexer.kinds.message.payload import MessagePayload
from services.indexer.kinds.note.payload import NotePayload
from services.indexer.kinds.photo.payload import PhotoPayload
from services.indexer.kinds.reminder.payload import ReminderList, ReminderPayload
from services.indexer.kinds.voice_memo.payload import VoiceMemoPayload
from services.indexer.kinds.voicemail.payload import VoicemailPayload
from services.indexer.kinds.web_visit.payload import WebVisitPayload
from services.indexer.kinds.whatsapp.payload import WhatsAppPayload
from services.indexer.staging import StagedAttachment

AT = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)


def traits(kind: str, payload: object) -> Traits:
    return traits_of(kind, msgspec.json.encode(payload).decode())


def message(*, deleted_at: dt.datetime | None = None, flags: tuple[str, ...] = ()) -> object:
    return MessagePayload(
        service="iMessage", direction="incoming", edits=(), unsent=False, reply_to=None,
        reactions=(), effect=None, event=None, status=None, deleted_at=deleted_at, flags=flags,
    )  # fmt: skip


def test_what_stands_in_recently_deleted_is_known_for_every_kind_that_has_it() -> None:
    trashed = Traits(in_trash=True, trashed_at=AT)
    assert traits("message", message(deleted_at=AT)) == trashed
    assert traits("photo", PhotoPayload(media="photo", is_trashed=True, trashed_at=AT)) == trashed
    memo = VoiceMemoPayload(type="recording", is_trashed=True, trashed_at=AT)
    assert traits("voice_memo", memo) == trashed
    mail = VoicemailPayload(type="voicemail", is_trashed=True, trashed_at=AT)
    assert traits("voicemail", mail) == trashed
    assert traits("voicemail", VoicemailPayload(type="voicemail", is_deleted=True)).in_trash
    note = NotePayload(content="text", deletion="recently_deleted", account="iCloud")
    assert traits("note", note) == Traits(in_trash=True, holder="iCloud")
    assert traits("reminder", ReminderPayload(title="x", is_deleted=True)) == Traits(in_trash=True)
    assert not traits("note", NotePayload(content="text")).in_trash


def test_terms_sounds_and_originals_in_icloud_are_known() -> None:
    mail = VoicemailPayload(type="voicemail", expires_at=AT)
    assert traits("voicemail", mail) == Traits(expires_at=AT)
    assert traits("message", message(flags=("audio",))).is_passing_sound
    assert not traits("message", message(flags=("audio", "kept"))).is_passing_sound
    away = PhotoPayload(media="photo", is_in_icloud=True, has_original=False)
    assert traits("photo", away).is_only_in_icloud
    here = PhotoPayload(media="photo", is_in_icloud=True, has_original=True)
    assert not traits("photo", here).is_only_in_icloud


def test_every_holder_stands_where_its_kind_writes_it() -> None:
    said = {
        "calendar_event": CalendarEventPayload(
            form="event", calendar=Calendar(key="c", account="holder")
        ),
        "contact": ContactPayload(
            type="person", handles=(), has_image=False, is_me=False, store="holder"
        ),
        "interaction": InteractionPayload(type="interaction", app="holder"),
        "note": NotePayload(content="text", account="holder"),
        "reminder": ReminderPayload(title=None, list=ReminderList(key="l", account="holder")),
        "web_visit": WebVisitPayload(type="visit", app="safari", url="https://example.org/"),
        "whatsapp": WhatsAppPayload(type="text", service="holder", direction="incoming"),
    }
    assert said.keys() == HOLDERS.keys()
    for kind, payload in said.items():
        found = traits(kind, payload)
        assert found.holder == ("safari" if kind == "web_visit" else "holder")
        value = msgspec.to_builtins(payload)
        for name in HOLDERS[kind]:
            value = value[name]
        assert value == found.holder
    assert traits("web_visit", said["web_visit"]).url == "https://example.org/"


def test_a_payload_of_another_kind_or_form_says_nothing() -> None:
    assert traits_of("of a package", '{"in_trash": true}') == Traits()
    assert traits_of("photo", '{"is_trashed": "perhaps"}') == Traits()
    assert traits_of("note", "[]") == Traits()


def file(
    path: str | None, *, present: bool, reason: str | None = None, name: str | None = "a.jpg"
) -> StagedAttachment:
    return StagedAttachment(
        name=name, media_type=None, size_bytes=None, domain="CameraRollDomain",
        relative_path=path, file_id=None, present=present, reason=reason,
    )  # fmt: skip


def test_a_file_went_when_the_next_backup_names_it_and_does_not_hold_it() -> None:
    here, gone = file("a", present=True), file("a", present=False, reason=NOT_IN_BACKUP)
    assert went_away([file("b", present=True), here], [gone, file("b", present=True)]) == [1]
    assert went_away([here], [here]) == []
    assert went_away([gone], [gone]) == []
    assert went_away([gone], [here]) == []
    # The phone knows its name alone once it was purged.
    assert went_away([here], [file(None, present=False, reason=NOT_IN_BACKUP)]) == [0]


def test_a_file_that_is_removed_or_only_missing_on_disk_was_not_offloaded() -> None:
    here = file("a", present=True)
    assert went_away([here], []) == []
    for reason in (BLOB_MISSING, LIST_UNKNOWN):
        assert went_away([here], [file("a", present=False, reason=reason)]) == []
    elsewhere = [file("a", present=True), file("c", present=False, reason=NOT_IN_BACKUP)]
    assert went_away([here], elsewhere) == []

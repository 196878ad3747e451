"""WhatsApp: stores of old, and rows of every form."""

import datetime as dt
from pathlib import Path

import pytest

from deploy.demo.container import PhoneFile
from deploy.demo.whatsapp_chats import (
    DOMAIN,
    JONAS,
    LAKE,
    STRANGER,
    YUKI,
    YUKI_LID,
    ZOE,
)
from deploy.demo.whatsapp_database import (
    OWN,
    WhatsAppDatabase,
    media_columns,
)
from tests.unit.kinds.collected import Collected, parse
from tests.unit.kinds.whatsapp_stores import AT, MINUTE, OLD_DOMAIN, events, lines, read


def test_a_store_of_2014_is_read(tmp_path: Path) -> None:
    store = WhatsAppDatabase(schema="2014")
    chat = store.chat(JONAS, "Jonas")
    store.message(chat, "Hello", at=AT, jid=JONAS, ZPUSHNAME="Jojo", stanza="O1")
    store.message(
        chat, at=AT + MINUTE, jid=JONAS, form=1, stanza="O2",
        media={"ZMEDIALOCALPATH": f"/Media/{JONAS}/1.jpg", "ZFILESIZE": 9},
    )  # fmt: skip
    picture = PhoneFile(OLD_DOMAIN, f"Library/Media/{JONAS}/1.jpg", b"123456789")
    found = parse(
        "whatsapp",
        {f"{OLD_DOMAIN}/Documents/ChatStorage.sqlite": store.to_bytes()},
        tmp_path,
        listing=lines([picture]),
    )
    assert found.payload("whatsapp:in:O1")["sender_name"] == "Jojo"
    (file,) = found.find("whatsapp:in:O2").attachments
    assert (file.domain, file.relative_path, file.present) == (
        OLD_DOMAIN, f"Library/Media/{JONAS}/1.jpg", True,
    )  # fmt: skip
    assert found.tally.notes == {}


@pytest.mark.parametrize("path", ["Media/x/1.jpg", "/Media/x/1.jpg", "Message/Media/x/1.jpg"])
def test_media_are_found_however_their_path_is_written(path: str, tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    media = media_columns(path, "image/jpeg", b"abc")
    store.message(store.chat(JONAS), at=AT, form=1, stanza="A1", media=media)
    there = PhoneFile(DOMAIN, "Message/Media/x/1.jpg", b"abc")
    found = read(store, tmp_path, listed=[there])
    assert found.find("whatsapp:out:A1").attachments[0].present


def test_without_a_list_of_files_nothing_is_said_to_be_missing_for_good(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    media = media_columns("Media/x/1.jpg", "image/jpeg", b"abc")
    store.message(store.chat(JONAS), at=AT, form=1, stanza="A1", media=media)
    (file,) = read(store, tmp_path).find("whatsapp:out:A1").attachments
    assert file.reason == "Unknown: the backup's file list was not at hand."


def test_the_numbers_of_a_picture_are_no_place(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    media = media_columns("Media/x/1.jpg", "image/jpeg", b"a", ZLATITUDE=45.0, ZLONGITUDE=60.0)
    store.message(store.chat(JONAS), at=AT, form=1, stanza="A1", media=media)
    payload = read(store, tmp_path).payload("whatsapp:out:A1")
    assert "place" not in payload
    assert payload["attachment_info"][0]["width"] == 45


def test_several_cards_in_one_message_are_told_apart(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    cards = [
        (
            "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:"
            "Gr=C3=B6=\r\n=C3=9Fl;Zo=C3=AB;;;\r\nTEL;WORK;PREF:+43 660 1112223\r\nEND:VCARD"
        ),
        "BEGIN:VCARD\nVERSION:3.0\nTEL;TYPE=CELL:+1 (555) 014-2001\nEND:VCARD",
    ]
    media = {
        "ZVCARDNAME": "Two contacts_$!<Name-Separator>!$_Zoë_$!<Name-Separator>!$_Jonas",
        "ZVCARDSTRING": "_$!<VCard-Separator>!$_".join(cards),
    }
    store.message(store.chat(JONAS), at=AT, form=4, stanza="A1", media=media)
    assert read(store, tmp_path).payload("whatsapp:out:A1")["contacts"] == [
        {
            "name": "Zoë Größl",
            "phones": [{"value": "+43 660 1112223", "label": "work", "handle": "+436601112223"}],
        },
        {
            "name": "Jonas",
            "phones": [{"value": "+1 (555) 014-2001", "label": "cell", "handle": "+15550142001"}],
        },
    ]


def test_what_businesses_send_in_forms_of_their_own_is_searched(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    chat = store.chat(JONAS)
    store.message(
        chat, at=AT, jid=JONAS, form=19, stanza="A1",
        metadata={24: {1: {2: "Your order", 6: "is on its way", 7: "Thank you"}}},
    )  # fmt: skip
    store.message(
        chat, at=AT, jid=JONAS, form=26, stanza="A2",
        metadata={26: {1: {1: {3: "Blue rope", 4: "20 metres"}, 2: "Harbour shop"}}},
    )  # fmt: skip
    store.message(chat, at=AT, jid=JONAS, form=27, stanza="A3", metadata={28: {4: "Sailing club"}})
    found = read(store, tmp_path)
    assert found.find("whatsapp:in:A1").text == "Your order\nis on its way\nThank you"
    assert found.find("whatsapp:in:A2").text == "Blue rope\n20 metres\nHarbour shop"
    assert found.find("whatsapp:in:A3").text == "Sailing club"


def test_a_message_that_belongs_to_another_names_it(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    chat = store.chat(JONAS)
    parent = store.message(chat, "album", at=AT, stanza="A1")
    store.message(chat, "one of it", at=AT + MINUTE, stanza="A2", ZPARENTMESSAGE=parent)
    assert read(store, tmp_path).payload("whatsapp:out:A2")["parent"] == "whatsapp:out:A1"


def test_messages_without_an_identity_are_followed_by_what_never_changes(tmp_path: Path) -> None:
    def parsed(number: int, *, extra: bool) -> Collected:
        store = WhatsAppDatabase()
        if extra:
            store.message(store.chat(ZOE), "before", at=AT - MINUTE, jid=ZOE)
        chat = store.chat(JONAS)
        store.message(chat, "one", at=AT, jid=JONAS)
        store.message(chat, "two", at=AT, jid=JONAS)
        store.execute("update ZWAMESSAGE set ZSTANZAID = null")
        folder = tmp_path / str(number)
        folder.mkdir()
        return read(store, folder)

    before, after = ({a.key for a in parsed(n, extra=bool(n)).artifacts} for n in (0, 1))
    assert len(before) == 3
    assert before < after


def test_rows_that_are_the_same_in_everything_are_counted_as_one(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    chat = store.chat(JONAS)
    for _ in range(2):
        store.message(chat, "twice", at=AT, jid=JONAS, stanza="A1")
    store.message(chat, "the other way", at=AT, stanza="A1")
    found = read(store, tmp_path)
    assert found.tally.skipped == 1
    assert found.tally.notes == {"Several records claim the same identity.": 1}
    assert len(found.artifacts) == 3


def test_events_that_share_an_identity_are_told_apart_by_what_they_say(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    chat = store.group(LAKE, "Lake", created_at=AT)
    for jid in (JONAS, ZOE):
        store.message(chat, f"{OWN};{jid}", at=AT, jid=LAKE, form=6, event=50, stanza="A1")
    found = read(store, tmp_path)
    assert [event["targets"] for event in events(found)] == [["+15550142001"], ["+436601112223"]]
    assert found.tally.skipped == 0


def test_a_sender_without_a_number_is_whom_the_chat_knows(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(JONAS), "hello", at=AT, jid=STRANGER, stanza="A1")
    store.message(store.chat(YUKI_LID), "hello", at=AT, jid=YUKI, stanza="A2")
    found = read(store, tmp_path)
    assert found.find("whatsapp:in:A1").sender_handle == "+15550142001"
    assert found.find("whatsapp:in:A2").sender_handle == "+819012345678"


def test_a_status_of_everybody_has_no_sender_of_that_name(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    chat = store.chat("status@broadcast", form=3)
    store.message(chat, "seen", at=AT, jid="status@broadcast", stanza="A1")
    found = read(store, tmp_path)
    assert found.find("whatsapp:in:A1").sender_handle is None
    assert found.threads[0].participants == []


def test_a_name_of_pictures_alone_is_a_name(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.chat(JONAS, "⛵")
    store.chat(ZOE, "+43 660 111-2223")
    found = read(store, tmp_path)
    assert [thread.title for thread in found.threads] == ["⛵", None]


def test_a_message_whose_chat_is_gone_is_there(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(77, "lost", at=AT, jid=JONAS, stanza="A1")
    found = read(store, tmp_path)
    artifact = found.find("whatsapp:in:A1")
    assert artifact.text == "lost"
    assert artifact.sender_handle == "+15550142001"
    assert artifact.thread_key in {thread.key for thread in found.threads}


def test_dates_are_moments_in_utc_and_stand_ins_are_none(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    chat = store.chat(JONAS)
    local = dt.datetime(2024, 3, 31, 3, 30, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    store.message(chat, "summer time", at=local, jid=JONAS, stanza="A1")
    store.message(chat, "no date", at=AT, jid=JONAS, stanza="A2", ZMESSAGEDATE=-63114076800)
    store.message(chat, "text", at=AT, jid=JONAS, stanza="A3", ZMESSAGEDATE="yesterday")
    found = read(store, tmp_path)
    at_us = found.find("whatsapp:in:A1").occurred_at_us
    assert at_us == 1_711_848_600_000_000
    assert found.find("whatsapp:in:A2").occurred_at_us is None
    assert found.find("whatsapp:in:A3").occurred_at_us is None

"""WhatsApp: what its stores hold, in old forms and new ones, whole and damaged."""

import datetime as dt
import hashlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.container import PhoneFile
from deploy.demo.minted_protobuf import protobuf
from deploy.demo.whatsapp_chats import (
    AMELIE,
    BUSINESS_DOMAIN,
    DOMAIN,
    JONAS,
    LAKE,
    STRANGER,
    YUKI,
    YUKI_LID,
    ZOE,
    demo_files,
)
from deploy.demo.whatsapp_database import (
    OWN,
    CallsDatabase,
    WhatsAppDatabase,
    compact,
    contacts_store,
    lids_store,
    media_columns,
    person,
    poll,
    quoting,
)
from services.indexer.kinds import PARSERS
from services.indexer.kinds.protocol import UnsupportedStoreError
from services.indexer.kinds.whatsapp import chats
from tests.unit.kinds.collected import Collected, parse

CHATS, CONTACTS, CALLS, LIDS = (
    f"{DOMAIN}/{name}.sqlite" for name in ("ChatStorage", "ContactsV2", "CallHistory", "LID")
)
OLD_DOMAIN = "AppDomain-net.whatsapp.WhatsApp"
AT = dt.datetime(2024, 5, 1, 12, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


def lines(files: list[PhoneFile]) -> list[dict[str, Any]]:
    return [
        {
            "domain": file.domain,
            "relative_path": file.relative_path,
            "file_id": hashlib.sha1(
                f"{file.domain}-{file.relative_path}".encode(), usedforsecurity=False
            ).hexdigest(),
            "size_bytes": len(file.content),
            "present": True,
        }
        for file in files
    ]


def stores(files: list[PhoneFile]) -> dict[str, bytes | Path]:
    return {
        f"{file.domain}/{file.relative_path}": file.content
        for file in files
        if file.relative_path.endswith(".sqlite")
    }


def read(
    store: WhatsAppDatabase, folder: Path, *, listed: list[PhoneFile] | None = None, **more: bytes
) -> Collected:
    """Parse a store of chats; *more* are the stores beside it."""
    names = {"contacts": CONTACTS, "calls": CALLS, "lids": LIDS}
    beside = {names[name]: content for name, content in more.items()}
    listing = None if listed is None else lines(listed)
    return parse("whatsapp", {CHATS: store.to_bytes(), **beside}, folder, listing=listing)


def events(found: Collected) -> list[dict[str, Any]]:
    payloads = [found.payload(artifact.key) for artifact in found.artifacts]
    return [payload["event"] for payload in payloads if payload["type"] == "event"]


@pytest.fixture(name="demo", scope="module")
def fixture_demo(tmp_path_factory: pytest.TempPathFactory) -> Collected:
    files = demo_files(later=False)
    folder = tmp_path_factory.mktemp("demo")
    return parse("whatsapp", stores(files), folder, listing=lines(files))


def test_everything_on_the_demo_phone_is_kept_in_the_order_of_time(demo: Collected) -> None:
    tally = demo.tally
    assert (tally.read, tally.kept, tally.skipped, tally.undecodable) == (51, 51, 0, 0)
    assert tally.notes == {}
    for service in ("WhatsApp", "WhatsApp Business"):
        moments = [
            a.occurred_at_us or 0
            for a in demo.artifacts
            if a.payload.service == service  # type: ignore[attr-defined]
        ]
        assert moments == sorted(moments)
    assert len({a.key for a in demo.artifacts}) == len(demo.artifacts)
    keys = {thread.key for thread in demo.threads}
    assert {a.thread_key for a in demo.artifacts} <= keys
    assert len(keys) == len(demo.threads)


def test_the_same_stores_give_the_same_artifacts(demo: Collected, tmp_path: Path) -> None:
    files = demo_files(later=False)
    again = parse("whatsapp", stores(files), tmp_path, listing=lines(files))
    assert again.artifacts == demo.artifacts
    assert again.threads == demo.threads


def test_people_have_the_handles_that_all_kinds_know_them_by(demo: Collected) -> None:
    assert demo.find("whatsapp:in:WADEMO01").sender_handle == "+15550142001"
    assert demo.find("whatsapp:out:WADEMO03").sender_handle is None
    assert demo.find("whatsapp:out:WADEMO03").is_me
    # By a private identity that the phone can resolve, and by one that it cannot.
    assert demo.find("whatsapp:in:WADEMO25").sender_handle == "+819012345678"
    assert demo.find("whatsapp:in:WADEMO26").sender_handle == STRANGER


def test_a_chat_that_moved_to_a_private_identity_is_one_thread(demo: Collected) -> None:
    thread = next(t for t in demo.threads if t.key == "whatsapp:+819012345678")
    assert thread.raw_keys == [YUKI, YUKI_LID]
    assert thread.title == "田中 由紀"
    assert thread.participants == ["+819012345678"]
    assert demo.find("whatsapp:in:WADEMO40").thread_key == thread.key
    assert demo.find("whatsapp:in:WADEMO42").thread_key == thread.key


def test_groups_have_their_members_without_the_owner(demo: Collected) -> None:
    thread = next(t for t in demo.threads if t.key == f"whatsapp:{LAKE}")
    assert thread.is_group
    assert thread.title == "Lake weekend ☀️"
    assert thread.participants == ["+15550142001", "+819012345678", STRANGER]
    chat = demo.payload(f"whatsapp:chat:group:{LAKE}")["chat"]
    assert chat["members"] == [
        {"handle": "+15550142000", "is_admin": True, "is_me": True},
        {"handle": "+15550142001", "name": "Jonas Sandoval"},
        {"handle": "+819012345678", "name": "田中 由紀"},
        {"handle": STRANGER, "name": "Tomás"},
    ]
    assert chat["created_at"] == "2024-07-12T08:00:00Z"
    assert chat["creator"] == chat["owner"] == "+15550142000"
    assert chat["muted_until"] == "2025-05-21T19:00:00Z"


def test_a_forged_group_of_too_many_members_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chats, "_MOST_MEMBERS", 2)
    store = WhatsAppDatabase()
    group = store.group(LAKE, "Lake", created_at=AT)
    for jid in (JONAS, ZOE, YUKI):
        store.member(group, jid)
    found = read(store, tmp_path)
    chat = found.payload(f"whatsapp:chat:group:{LAKE}")["chat"]
    assert (len(chat["members"]), chat["members_left_out"]) == (2, 1)
    assert len(found.threads[0].participants) == 2


def test_every_sort_of_chat_is_told_apart(demo: Collected) -> None:
    found = {
        a.thread_key: demo.payload(a.key)["chat"]
        for a in demo.artifacts
        if demo.payload(a.key)["type"] == "chat"
    }
    assert found["whatsapp:1719000000@broadcast"]["type"] == "broadcast"
    assert found["whatsapp:1203630@newsletter"]["type"] == "channel"
    assert found["whatsapp:status:+15550142001"]["type"] == "status"
    garden = found["whatsapp:120363040000000002@g.us"]
    assert (garden["type"], garden["is_removed"]) == ("community", True)
    assert found["whatsapp:+33612345678"]["is_blocked"]
    yuki = found["whatsapp:+819012345678"]
    assert (yuki["unread_count"], yuki["draft"]) == (1, "Bis bald im")
    jonas = demo.find("whatsapp:chat:direct:+15550142001")
    assert demo.payload(jonas.key)["chat"]["about"] == "On the water"
    assert [(a.relative_path, a.present) for a in jonas.attachments] == [
        ("Media/Profile/15550142001-1700000000.jpg", True)
    ]
    assert jonas.title == "Jonas Sandoval"
    assert jonas.has_attachment is False


def test_a_picture_has_its_file_its_preview_and_its_words(demo: Collected) -> None:
    picture = demo.find("whatsapp:in:WADEMO02")
    assert picture.text == "Page one, with the stamp"
    own, preview = picture.attachments
    assert own.present
    assert own.domain == DOMAIN
    assert own.relative_path == f"Message/Media/{JONAS}/a/1/papers.jpg"
    assert (own.media_type, own.size_bytes) == ("image/jpeg", 6000)
    assert preview.relative_path == f"Message/Media/{JONAS}/a/1/papers.thumb"
    info, of_preview = demo.payload(picture.key)["attachment_info"]
    assert (info["width"], info["height"]) == (1200, 1600)
    assert len(info["sha256"]) == 64
    assert of_preview == {"n": 1, "role": "preview"}


def test_a_file_that_was_removed_from_the_phone_says_so(demo: Collected) -> None:
    picture = demo.find("whatsapp:in:WADEMO42")
    (file,) = picture.attachments
    assert not file.present
    assert file.reason == "Not in this backup: it is in iCloud only, or was removed from the phone."
    assert file.size_bytes == 2_400_000
    view_once = demo.find("whatsapp:out:WADEMO10")
    assert view_once.attachments[0].reason == "Not in this backup: the phone had not downloaded it."
    assert demo.payload(view_once.key)["is_view_once"]
    assert demo.tally.missing_files == 2


def test_sounds_films_stickers_and_documents_are_what_they_are(demo: Collected) -> None:
    voice = demo.payload("whatsapp:in:WADEMO04")
    assert (voice["type"], voice["attachment_info"][0]["duration_seconds"]) == ("audio", 14)
    film = demo.payload("whatsapp:in:WADEMO26")
    assert (film["type"], film["attachment_info"][0]["duration_seconds"]) == ("video", 21)
    assert demo.payload("whatsapp:out:WADEMO12")["attachment_info"][0]["is_sticker"]
    document = demo.find("whatsapp:out:WADEMO05")
    assert document.attachments[0].name == document.text == "Boat insurance 2024.pdf"


def test_an_answer_names_what_it_answers(demo: Collected) -> None:
    answer = demo.payload("whatsapp:out:WADEMO03")
    assert answer["reply_to"] == "whatsapp:in:WADEMO02"
    assert answer["quote"] == {
        "type": "image", "text": "Page one, with the stamp", "by": "+15550142001",
    }  # fmt: skip
    other = demo.payload("whatsapp:in:WADEMO25")
    assert other["reply_to"] == "whatsapp:out:WADEMO23"
    assert other["quote"] == {"type": "text", "text": "Who comes by train?", "is_me": True}


def test_an_answer_finds_its_message_in_the_older_chat_of_the_same_person(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    old, new = store.chat(YUKI), store.chat(YUKI_LID)
    store.message(old, "one", at=AT, jid=YUKI, stanza="A1")
    store.message(new, "two", at=AT + MINUTE, stanza="A2", metadata=quoting("A1", YUKI, text="one"))
    found = read(store, tmp_path, lids=lids_store({YUKI_LID: "819012345678"}, at=AT))
    assert found.payload("whatsapp:out:A2")["reply_to"] == "whatsapp:in:A1"


def test_an_answer_to_a_message_that_is_gone_keeps_what_it_repeats(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    chat, other = store.chat(JONAS), store.chat(ZOE)
    store.message(other, "elsewhere", at=AT, jid=ZOE, stanza="A1")
    store.message(chat, "yes", at=AT, stanza="A2", metadata=quoting("A1", JONAS, text="Coming?"))
    payload = read(store, tmp_path).payload("whatsapp:out:A2")
    assert "reply_to" not in payload
    assert payload["quote"] == {"type": "text", "text": "Coming?", "by": "+15550142001"}


def test_reactions_are_with_their_message_and_those_taken_back_are_not(demo: Collected) -> None:
    assert demo.payload("whatsapp:in:WADEMO01")["reactions"] == [
        {"emoji": "❤️", "at": "2024-07-03T17:02:00Z", "is_me": True}
    ]
    assert demo.payload("whatsapp:out:WADEMO03")["reactions"] == [
        {"emoji": "👍", "by": "+15550142001", "at": "2024-07-03T17:05:00Z"}
    ]
    assert [r["emoji"] for r in demo.payload("whatsapp:in:WADEMO25")["reactions"]] == ["🎉"]
    assert demo.payload("whatsapp:in:WADEMO53")["reaction_counts"] == [
        {"emoji": "😢", "count": 1204}, {"emoji": "👍", "count": 31},
    ]  # fmt: skip


def test_receipts_say_to_whom_a_message_went(demo: Collected) -> None:
    payload = demo.payload("whatsapp:out:WADEMO03")
    assert payload["receipts"] == [{"by": "+15550142001", "raw": {"4": 0, "5": 12}}]
    assert (payload["status"], payload["status_code"]) == ("read", 8)
    assert payload["is_starred"]
    to_group = demo.payload("whatsapp:out:WADEMO23")
    assert (to_group["delivered_count"], to_group["read_count"]) == (3, 2)


def test_a_poll_has_its_answers_and_who_chose_them(demo: Collected) -> None:
    artifact = demo.find("whatsapp:out:WADEMO24")
    assert artifact.text == "Which train?\n08:12 with change\n09:40 direct\nBy boat"
    assert demo.payload(artifact.key)["poll"] == {
        "question": "Which train?",
        "options": [
            {"text": "08:12 with change", "voters": [STRANGER], "votes": 1},
            {
                "text": "09:40 direct",
                "voters": ["+819012345678", STRANGER, "+15550142000"],
                "votes": 3,
            },
            {"text": "By boat", "voters": ["+15550142001"], "votes": 1},
        ],
    }


def test_places_cards_links_and_payments_are_read(demo: Collected) -> None:
    place = demo.find("whatsapp:in:WADEMO06")
    assert place.text == "Boathouse Enge\nMythenquai 9, 8002 Zürich"
    assert demo.payload(place.key)["place"]["latitude"] == 47.3547
    card = demo.payload("whatsapp:out:WADEMO07")["contacts"]
    assert card == [
        {
            "name": "Dr. Zoë Größl",
            "organization": "Tierklinik am See",
            "phones": [{"value": "+43 660 1112223", "handle": "+436601112223"}],
            "emails": [
                {
                    "value": "praxis@tierklinik.example",
                    "label": "work",
                    "handle": "praxis@tierklinik.example",
                }
            ],
        }
    ]
    assert "+436601112223" in (demo.find("whatsapp:out:WADEMO07").text or "")
    link = demo.find("whatsapp:in:WADEMO08")
    assert link.has_link
    assert demo.payload(link.key)["link"]["title"] == "Covers that survive a storm"
    assert demo.payload(link.key)["text"] == "Look: https://boats.example.org/covers"
    paid = demo.payload("whatsapp:out:WADEMO51")["payment"]
    assert (paid["amount"], paid["currency"], paid["receiver"]) == (45.5, "EUR", "+33612345678")


def test_what_was_deleted_for_everyone_is_there_as_deleted(demo: Collected) -> None:
    artifact = demo.find("whatsapp:in:WADEMO09")
    payload = demo.payload(artifact.key)
    assert (payload["type"], payload["is_deleted_for_everyone"]) == ("deleted", True)
    assert artifact.text is None
    assert artifact.attachments == ()


def test_forwarded_messages_say_how_often(demo: Collected) -> None:
    payload = demo.payload("whatsapp:in:WADEMO11")
    assert (payload["is_forwarded"], payload["forward_count"]) == (True, 6)


def test_people_who_are_named_in_a_text_are_known(demo: Collected) -> None:
    assert demo.payload("whatsapp:out:WADEMO23")["mentions"] == [
        {"text": "@15550142001", "handle": "+15550142001"},
        {"text": "@201234567890123", "handle": "+819012345678"},
    ]


def test_events_say_who_did_what_to_whom(demo: Collected) -> None:
    assert demo.payload("whatsapp:in:WADEMO21")["event"] == {
        "kind": "member_added", "by": "+15550142000",
        "targets": ["+15550142001", "+819012345678"],
    }  # fmt: skip
    renamed = demo.find("whatsapp:in:WADEMO22")
    assert demo.payload(renamed.key)["event"] == {
        "kind": "renamed", "by": "+15550142001", "title": "Lake weekend ☀️",
        "previous_title": "Lake",
    }  # fmt: skip
    assert renamed.text == "Lake weekend ☀️\nLake"
    assert renamed.sender_handle == "+15550142001"
    assert demo.payload("whatsapp:in:WADEMO27")["event"] == {
        "kind": "member_removed", "by": "+15550142001", "targets": [STRANGER],
    }  # fmt: skip
    assert demo.payload("whatsapp:in:WADEMO28")["event"]["duration_seconds"] == 604_800


def test_a_type_that_nobody_knows_keeps_its_number_and_its_text(demo: Collected) -> None:
    artifact = demo.find("whatsapp:in:WADEMO29")
    assert artifact.text == "Something new"
    payload = demo.payload(artifact.key)
    assert (payload["type"], payload["raw"]) == ("unknown", [97, 3])


def test_an_event_that_nobody_knows_keeps_its_number_and_its_text(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    chat = store.chat(JONAS)
    store.message(chat, "who knows", at=AT, jid=JONAS, form=10, event=999, stanza="A1")
    found = read(store, tmp_path)
    payload = found.payload("whatsapp:in:A1")
    assert payload["event"] == {"kind": "unknown", "text": "who knows"}
    assert payload["raw"] == [10, 999]
    assert found.find("whatsapp:in:A1").text == "who knows"


def test_what_an_event_says_beside_the_people_it_names_is_kept(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    chat = store.chat(JONAS)
    for event, text in ((5, f"{JONAS},{ZOE}"), (5, f"{JONAS} moved on"), (29, "New name Ltd")):
        store.message(chat, text, at=AT, jid=JONAS, form=10, event=event)
    store.message(chat, "soon", at=AT, jid=JONAS, form=6, event=26)
    found = events(read(store, tmp_path))
    assert found == [
        {"kind": "number_changed", "targets": ["+15550142001", "+436601112223"]},
        {
            "kind": "number_changed",
            "targets": ["+15550142001"],
            "text": "15550142001@s.whatsapp.net moved on",
        },
        {"kind": "business_renamed", "text": "New name Ltd"},
        {"kind": "disappearing_messages_changed", "text": "soon"},
    ]


def test_calls_are_in_the_threads_of_those_who_were_called(demo: Collected) -> None:
    own = demo.find("whatsapp:call:WACALL01")
    assert (own.thread_key, own.is_me, own.title) == (
        "whatsapp:+15550142001", True, "Outgoing voice call",
    )  # fmt: skip
    call = demo.payload(own.key)["call"]
    assert (call["duration_seconds"], call["outcome"]) == (301.5, "ended")
    missed = demo.find("whatsapp:call:WACALL02")
    assert (missed.title, missed.sender_handle) == ("Missed video call", "+15550142001")
    group = demo.find("whatsapp:call:WACALL03")
    assert group.thread_key == f"whatsapp:{LAKE}"
    assert [c["handle"] for c in demo.payload(group.key)["call"]["participants"]] == [
        "+15550142001", "+819012345678",
    ]  # fmt: skip
    # With somebody who has no chat, from before calls had identities.
    alone = next(a for a in demo.artifacts if a.thread_key == "whatsapp:+15550147777")
    assert alone.key.startswith("whatsapp:call:digest:")
    assert demo.payload("whatsapp:out:WADEMO13")["call"]["duration_seconds"] == 301.0


def test_a_call_that_others_can_join_is_said_to_be_one(tmp_path: Path) -> None:
    store, calls = WhatsAppDatabase(), CallsDatabase()
    store.chat(JONAS)
    number = calls.insert(
        "ZWAJOINABLECALLEVENT", ZDATE=700_000_000.0, ZVIDEO=1, ZCALLIDSTRING="J1",
        ZCALLCREATORJIDSTRING=JONAS,
    )  # fmt: skip
    calls.insert("ZWAJOINABLECALLEVENTPARTICIPANT", Z4PARTICIPANTS=number, ZJIDSTRING=JONAS)
    found = read(store, tmp_path, calls=calls.to_bytes())
    call = found.payload("whatsapp:call:J1")["call"]
    assert (call["is_joinable"], call["is_video"]) == (True, True)
    assert found.find("whatsapp:call:J1").thread_key == "whatsapp:+15550142001"


def test_a_message_to_a_list_is_in_the_list_and_in_each_chat(demo: Collected) -> None:
    found = [a for a in demo.artifacts if ":WADEMO52:" in a.key]
    assert {a.thread_key for a in found} == {
        "whatsapp:1719000000@broadcast", "whatsapp:+436601112223",
    }  # fmt: skip


def test_both_apps_have_threads_of_their_own(demo: Collected) -> None:
    business = demo.find("whatsapp_business:in:WABUSI01")
    assert business.thread_key == "whatsapp_business:+15550142001"
    assert demo.payload(business.key)["service"] == "WhatsApp Business"
    assert business.sender_handle == demo.find("whatsapp:in:WADEMO01").sender_handle


def test_names_come_from_contacts_first_then_chats_then_the_people_themselves(
    tmp_path: Path,
) -> None:
    store = WhatsAppDatabase()
    for jid, name in ((JONAS, "From the chat"), (ZOE, "From the chat"), (AMELIE, "+33 6 12")):
        store.chat(jid, name)
        store.insert("ZWAPROFILEPUSHNAME", ZJID=jid, ZPUSHNAME="From themselves")
    contacts = contacts_store([{"ZFULLNAME": "From contacts", "ZWHATSAPPID": JONAS}])
    found = read(store, tmp_path, contacts=contacts)
    assert [thread.title for thread in found.threads] == [
        "From contacts", "From the chat", "From themselves",
    ]  # fmt: skip


def test_marks_of_direction_are_no_part_of_a_name(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.chat(JONAS, "\u200eTú\u200e")
    assert read(store, tmp_path).threads[0].title == "Tú"


@pytest.mark.parametrize(
    ("jid", "handle"),
    [
        ("15550142001@s.whatsapp.net", "+15550142001"),
        ("15550142001:17@s.whatsapp.net", "+15550142001"),
        ("15550142001.0:2@s.whatsapp.net", "+15550142001"),
        ("15550142001@c.us", "+15550142001"),
        ("5215512345678@s.whatsapp.net", "+525512345678"),
        ("551187654321@s.whatsapp.net", "+5511987654321"),
        ("551132654321@s.whatsapp.net", "+551132654321"),
        ("0@s.whatsapp.net", "0@s.whatsapp.net"),
        ("209876543210987:3@lid", "209876543210987@lid"),
    ],
)
def test_identities_become_handles(jid: str, handle: str, tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(jid), "hello", at=AT, jid=jid, stanza="A1")
    found = read(store, tmp_path)
    assert found.find("whatsapp:in:A1").sender_handle == handle
    assert found.threads[0].participants == [handle]


def test_the_newest_pair_of_a_private_identity_counts(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(STRANGER), "hello", at=AT, jid=STRANGER, stanza="A1")
    lids = lids_store({STRANGER: "15550140001"}, at=AT)
    with sqlite3.connect(":memory:") as connection:
        connection.deserialize(lids)
        connection.execute(
            "insert into ZWAPHONENUMBERLIDPAIR (ZLID, ZPHONENUMBER, ZTIMESTAMP) values (?, ?, ?)",
            (STRANGER, "15550140002", 900_000_000.0),
        )
        connection.commit()
        lids = connection.serialize()
    found = read(store, tmp_path, lids=lids)
    assert found.find("whatsapp:in:A1").sender_handle == "+15550140002"


def test_contacts_resolve_private_identities_too(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(STRANGER), "hello", at=AT, jid=STRANGER, stanza="A1")
    contacts = contacts_store([{"ZFULLNAME": "Tomás", "ZWHATSAPPID": JONAS, "ZLID": STRANGER}])
    found = read(store, tmp_path, contacts=contacts)
    assert found.find("whatsapp:in:A1").sender_handle == "+15550142001"
    assert found.threads[0].title == "Tomás"


def test_the_owner_is_known_by_what_goes_out_where_nothing_came_in(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    chat = store.group(LAKE, "Lake", created_at=AT)
    store.member(chat, OWN)
    store.member(chat, JONAS)
    store.message(chat, "hello", at=AT, stanza="A1", receipts={2: [{1: compact(OWN)}]})
    found = read(store, tmp_path)
    assert found.threads[0].participants == ["+15550142001"]
    assert "receipts" not in found.payload("whatsapp:out:A1")


def test_four_weeks_later_the_same_messages_have_the_same_keys(
    demo: Collected, tmp_path: Path
) -> None:
    files = demo_files(later=True)
    later = parse("whatsapp", stores(files), tmp_path, listing=lines(files))
    before, after = ({a.key for a in found.artifacts} for found in (demo, later))
    assert before - after == {"whatsapp:in:WADEMO50"}
    assert after - before == {
        "whatsapp:in:WADEMO90", "whatsapp:out:WADEMO91", "whatsapp:call:WACALL04",
    }  # fmt: skip
    edited = [a.text for a in later.artifacts if ":WADEMO52:" in a.key]
    assert edited == ["Street party on Sunday!"] * 2
    assert later.payload("whatsapp:in:WADEMO11")["is_deleted_for_everyone"]
    left = later.payload(f"whatsapp:chat:group:{LAKE}")["chat"]["members"][2]
    assert left == {"handle": "+819012345678", "name": "田中 由紀", "is_former": True}


def test_a_chat_that_moves_between_backups_keeps_its_keys_and_its_thread(tmp_path: Path) -> None:
    found = []
    for number, jid in enumerate((YUKI, YUKI_LID)):
        store = WhatsAppDatabase()
        store.message(store.chat(jid), "hello", at=AT, jid=jid, stanza="A1")
        folder = tmp_path / str(number)
        folder.mkdir()
        found.append(read(store, folder, lids=lids_store({YUKI_LID: "819012345678"}, at=AT)))
    before, after = found
    assert [(a.key, a.thread_key) for a in before.artifacts] == [
        (a.key, a.thread_key) for a in after.artifacts
    ]


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


def test_details_that_cannot_be_read_cost_the_details(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    chat = store.chat(JONAS)
    store.message(
        chat, "still here", at=AT, jid=JONAS, stanza="A1", metadata=b"\x0a\xff", receipts=b"\x0f"
    )
    found = read(store, tmp_path)
    assert found.find("whatsapp:in:A1").text == "still here"
    assert found.tally.notes == {"Details of a WhatsApp message could not be read.": 2}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("ZMESSAGETYPE", "image"), ("ZMESSAGETYPE", 2**62), ("ZMESSAGETYPE", None),
        ("ZTEXT", b"bytes \xff"), ("ZTEXT", 5), ("ZTEXT", "a\0b\ud7ff"), ("ZFROMJID", b"\xff"),
        ("ZFROMJID", "@" * 300), ("ZFROMJID", 7), ("ZSTANZAID", 12.5), ("ZSTANZAID", "x" * 5000),
        ("ZSTANZAID", b"\0"), ("ZCHATSESSION", "one"), ("ZGROUPMEMBER", -1), ("ZMEDIAITEM", 2**62),
        ("ZMESSAGEINFO", "x"), ("ZISFROMME", "yes"), ("ZFLAGS", 2**63 - 1), ("ZFLAGS", "x"),
        ("ZSENTDATE", float("inf")), ("ZMESSAGEDATE", 1e300), ("ZPARENTMESSAGE", "x"),
        ("ZPUSHNAME", "=" * 5000), ("ZGROUPEVENTTYPE", -5), ("ZMESSAGESTATUS", 1e20),
    ],
)  # fmt: skip
def test_odd_values_cost_nothing_but_themselves(column: str, value: object, tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    chat = store.chat(JONAS)
    odd = store.message(chat, "odd", at=AT, jid=JONAS, receipts={4: 2}, metadata={5: "A2"})
    store.execute(f"update ZWAMESSAGE set {column} = ? where Z_PK = ?", (value, odd))
    store.message(chat, "even", at=AT + MINUTE, jid=JONAS, stanza="A2")
    found = read(store, tmp_path)
    assert found.find("whatsapp:in:A2").text == "even"
    assert (found.tally.undecodable, found.tally.kept) == (0, 3)


@pytest.mark.parametrize(
    "blob",
    [
        protobuf(poll("q" * 200_000, ["a"] * 300, votes={JONAS: [2**62, 299, 0]})),
        protobuf({7: [{1: {2: JONAS, 3: "x" * 5000}}], 2: [{1: b"\x81" + b"\xff" * 9}]}),
        protobuf({8: b"\xff\xff"}),
        protobuf({7: {3: {1: [{1: "👍", 2: 2**64 - 1}]}}}),
        protobuf({7: {1: {2: JONAS, 3: "👍", 4: 2**63}}}),
    ],
)
def test_odd_details_are_bounded(blob: bytes, tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(JONAS), "x", at=AT, form=46, stanza="A1", receipts=blob)
    found = read(store, tmp_path)
    assert len(found.find("whatsapp:out:A1").text or "") < 80_000
    assert found.tally.kept == 2


def test_missing_tables_and_columns_cost_what_they_hold(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(JONAS), "hello", at=AT, jid=JONAS, stanza="A1")
    for table in ("ZWAMEDIAITEM", "ZWAMESSAGEINFO", "ZWAGROUPMEMBER", "ZWAPROFILEPUSHNAME",
                  "ZWAMESSAGEDATAITEM", "Z_PRIMARYKEY"):  # fmt: skip
        store.execute(f"drop table {table}")
    store.execute("alter table ZWAMESSAGE drop column ZPUSHNAME")
    found = read(store, tmp_path)
    assert found.find("whatsapp:in:A1").text == "hello"


def test_a_table_whose_schema_is_no_text_is_not_there(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(JONAS), "hello", at=AT, jid=JONAS, stanza="A1")
    store.execute("pragma writable_schema = on")
    store.execute(
        "update sqlite_master set sql = cast(sql as blob) where name = 'ZWAPROFILEPUSHNAME'"
    )
    assert read(store, tmp_path).find("whatsapp:in:A1").text == "hello"


def test_damaged_pages_cost_the_messages_on_them(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    chat = store.chat(JONAS)
    for number in range(400):
        store.message(chat, f"line {number} " + "x" * 400, at=AT + number * MINUTE, jid=JONAS)
    content = bytearray(store.to_bytes())
    middle = len(content) // 8192 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    found = parse("whatsapp", {CHATS: bytes(content)}, tmp_path)
    # A page holds a handful of messages; the chat is an artifact, too.
    assert 385 < len(found.artifacts) < 401
    assert any("damaged" in note for note in found.tally.notes)
    assert found.tally.read == 401


def test_stores_beside_the_chats_that_are_damaged_cost_what_they_hold(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(JONAS, "Jonas"), "hello", at=AT, jid=JONAS, stanza="A1")
    found = read(store, tmp_path, contacts=b"x" * 5000, calls=b"x" * 5000, lids=b"x" * 5000)
    assert found.threads[0].title == "Jonas"
    assert set(found.tally.notes) == {
        "WhatsApp's contacts could not be read.",
        "WhatsApp's list of private identities could not be read.",
        "The calls of WhatsApp could not be read.",
    }


def test_one_app_is_read_where_the_other_is_damaged(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(JONAS), "hello", at=AT, jid=JONAS, stanza="A1")
    files = {CHATS: store.to_bytes(), f"{BUSINESS_DOMAIN}/ChatStorage.sqlite": b"x" * 5000}
    found = parse("whatsapp", dict(files), tmp_path)
    assert found.find("whatsapp:in:A1").text == "hello"
    assert set(found.tally.notes) == {"One of several WhatsApp stores could not be read."}


def test_a_store_that_is_none_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedStoreError, match="damaged or not a database"):
        parse("whatsapp", {CHATS: b"x" * 5000}, tmp_path)
    connection = sqlite3.connect(":memory:")
    connection.execute("create table other (x)")
    with pytest.raises(UnsupportedStoreError, match="no table of messages"):
        parse("whatsapp", {CHATS: connection.serialize()}, tmp_path)
    with pytest.raises(UnsupportedStoreError, match="no WhatsApp store"):
        parse("whatsapp", {}, tmp_path)


def test_the_log_of_members_that_is_left_out_is_noted(tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    store.message(store.chat(JONAS), "hello", at=AT, jid=JONAS)
    store.insert("ZWAGROUPMEMBERSCHANGE", ZCHANGETYPE=1, ZGROUPJID=LAKE, ZMEMBERJIDS=JONAS)
    notes = read(store, tmp_path).tally.notes
    assert notes == {"WhatsApp's log of who was in which group was left out.": 1}


def test_keys_of_media_are_nowhere(demo: Collected, tmp_path: Path) -> None:
    store = WhatsAppDatabase()
    media = media_columns("Media/x/1.jpg", "image/jpeg", b"abc", ZMEDIAKEY=b"secret-key-of-media")
    store.message(store.chat(JONAS), at=AT, form=1, stanza="A1", media=media)
    found = read(store, tmp_path)
    assert "secret" not in repr([found.payload(a.key) for a in found.artifacts])
    assert demo.artifacts


def test_the_parser_names_the_stores_of_both_apps_and_the_folders_of_their_media() -> None:
    parser = PARSERS["whatsapp"]
    required = {(f.domain, f.relative_path) for f in parser.files if f.required}
    assert required == {
        (DOMAIN, "ChatStorage.sqlite"),
        (BUSINESS_DOMAIN, "ChatStorage.sqlite"),
        (OLD_DOMAIN, "Documents/ChatStorage.sqlite"),
    }
    assert (DOMAIN, "Message/") in parser.listings
    assert person("+1555") == "1555@s.whatsapp.net"

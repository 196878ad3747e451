"""WhatsApp: what the demo phone's stores hold is read, all of it."""

from pathlib import Path

import pytest

from deploy.demo.whatsapp_chats import (
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
    CallsDatabase,
    WhatsAppDatabase,
    lids_store,
    quoting,
)
from services.indexer.kinds.whatsapp import chats
from tests.unit.kinds.collected import Collected, parse
from tests.unit.kinds.whatsapp_stores import AT, MINUTE, events, fixture_demo, lines, read, stores  # noqa: F401 -- a fixture


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


def test_a_call_by_a_link_and_one_that_was_arranged_name_what_they_came_by(tmp_path: Path) -> None:
    store, calls = WhatsAppDatabase(), CallsDatabase()
    store.chat(JONAS, ZLOCATIONSHARINGENDDATE=700_003_600.0)
    calls.call([JONAS], at=AT, is_incoming=True, call_id="C1", ZSCHEDULEDID="3EB0ARRANGED")
    calls.connection.execute("update ZWAAGGREGATECALLEVENT set ZLINKTOKEN = 'g8bLakeT0ken'")
    calls.call([JONAS], at=AT + MINUTE, is_incoming=True, call_id="C2", ZSCHEDULEDID="x" * 500)
    calls.insert(
        "ZWAJOINABLECALLEVENT", ZDATE=700_000_000.0, ZCALLIDSTRING="J1", ZLINKTOKEN="j0in",
        ZCALLCREATORJIDSTRING=JONAS,
    )  # fmt: skip
    found = read(store, tmp_path, calls=calls.to_bytes())
    by_link, plain, joined = (
        found.payload(f"whatsapp:call:{key}")["call"] for key in ("C1", "C2", "J1")
    )
    assert (by_link["link_token"], by_link["scheduled_id"]) == ("g8bLakeT0ken", "3EB0ARRANGED")
    assert not {"link_token", "scheduled_id"} & plain.keys()
    assert joined["link_token"] == "j0in"
    (chat,) = [found.payload(one.key) for one in found.artifacts if ":chat:" in one.key]
    assert chat["chat"]["shares_location_until"] == "2023-03-08T21:26:40Z"


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

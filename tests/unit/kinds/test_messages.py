import datetime as dt
import json
import plistlib
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.container import file_id
from deploy.demo.messages import MessagesDatabase, summary_info
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import SMS, Collected, parse

AT = dt.datetime(2024, 5, 1, 12, 0, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
PART, FILE = "__kIMMessagePartAttributeName", "__kIMFileTransferGUIDAttributeName"


def run(database: MessagesDatabase, folder: Path, **more: Any) -> Collected:
    return parse("message", {SMS: database.to_bytes()}, folder, **more)


def listed(path: str, domain: str = "MediaDomain", *, present: bool = True) -> dict[str, Any]:
    return {
        "domain": domain,
        "relative_path": path,
        "file_id": file_id(domain, path),
        "size_bytes": 77,
        "present": present,
    }


def pair() -> tuple[MessagesDatabase, int, int]:
    database = MessagesDatabase()
    handle = database.handle("+15550100001")
    return database, handle, database.chat([handle], identifier="+15550100001")


def test_the_last_reaction_of_each_person_counts(tmp_path: Path) -> None:
    db, handle, chat = pair()
    target = db.message("hello", at=AT, chat=chat, guid="T")
    for number, (kind, who) in enumerate(
        [(2000, 0), (2003, 0), (2001, handle), (3001, handle), (2006, handle)]
    ):
        db.tapback(
            target, kind, at=AT + number * SECOND, chat=chat, handle=who,
            associated_message_emoji="🦆" if kind == 2006 else None,
        )  # fmt: skip
    found = run(db, tmp_path)
    reactions = found.payload("T")["reactions"]
    assert [(r["kind"], r["emoji"], r["by"]) for r in reactions] == [
        ("laugh", "😂", None),
        ("emoji", "🦆", "+15550100001"),
    ]
    assert len(found.artifacts) == 1
    assert found.tally.read == 6


def test_reactions_to_different_parts_stand_beside_each_other(tmp_path: Path) -> None:
    db, handle, chat = pair()
    target = db.message("hello", at=AT, chat=chat, guid="T")
    db.tapback(target, 2000, at=AT + SECOND, chat=chat, handle=handle, part=0)
    db.tapback(target, 2001, at=AT + SECOND, chat=chat, handle=handle, part=2)
    db.tapback(target, 3000, at=AT + 2 * SECOND, chat=chat, handle=handle, part=0)
    reactions = run(db, tmp_path).payload("T")["reactions"]
    assert [(r["kind"], r["part"]) for r in reactions] == [("like", 2)]


def test_a_sticker_on_a_message_is_an_attachment_of_it(tmp_path: Path) -> None:
    db, handle, chat = pair()
    target = db.message("hello", at=AT, chat=chat, guid="T")
    sticker = db.tapback(target, 1000, at=AT + SECOND, chat=chat, handle=handle)
    db.attach(sticker, "Library/SMS/StickerCache/a/duck.heic", media_type="image/heic",
              is_sticker=1)  # fmt: skip
    found = run(db, tmp_path, listing=[listed("Library/SMS/StickerCache/a/duck.heic")])
    assert found.payload("T")["reactions"][0]["attachment"] == 0
    assert found.find("T").attachments[0].present
    assert found.find("T").has_attachment is False


def test_a_reaction_without_its_message_is_kept_as_an_event(tmp_path: Path) -> None:
    db, handle, chat = pair()
    db.message("Loved “x”", at=AT, chat=chat, handle=handle, guid="O",
               associated_message_guid="p:0/GONE", associated_message_type=2000)  # fmt: skip
    db.message("Loved “x”", at=AT, chat=chat, handle=handle, guid="N",
               associated_message_type=3001)  # fmt: skip
    found = run(db, tmp_path)
    event = found.payload("O")["event"]
    assert (event["kind"], event["reaction"], event["to_key"]) == ("reaction", "love", "GONE")
    assert found.payload("N")["event"]["removed"] is True


def test_sms_imessage_and_rcs_of_one_person_are_one_thread(tmp_path: Path) -> None:
    db = MessagesDatabase()
    for number, (address, service, person) in enumerate(
        [
            ("+15550100001", "iMessage", "P"),
            ("(555) 010-0001", "SMS", None),
            ("anna@Example.com", "RCS", "P"),
        ]
    ):
        handle = db.handle(address, service=service, person=person)
        chat = db.chat([handle], identifier=address, service=service)
        db.message("hi", at=AT + number * SECOND, chat=chat, handle=handle, service=service)
    found = run(db, tmp_path)
    assert len(found.threads) == 1
    thread = found.threads[0]
    assert thread.key == "direct:+15550100001"
    assert thread.participants == ["+15550100001", "anna@example.com"]
    assert thread.services == ["iMessage", "SMS", "RCS"]
    assert len(thread.raw_keys) == 3


def test_groups_merge_by_their_id_and_not_by_their_members(tmp_path: Path) -> None:
    db = MessagesDatabase()
    people = [db.handle(f"+1555010000{number}") for number in range(3)]
    chats = [
        db.chat(people, identifier="chat1", name="Trip", group_id="G1"),
        db.chat(people, identifier="chat2", name="Trip", group_id="G1", service="SMS"),
        db.chat(people, identifier="chat3", name="Work", group_id="G2"),
    ]
    for chat in chats:
        db.message("hi", at=AT, chat=chat, handle=people[0])
    assert {thread.key for thread in run(db, tmp_path).threads} == {"group:G1", "group:G2"}


def test_a_message_in_several_conversations_is_one_artifact(tmp_path: Path) -> None:
    db, handle, chat = pair()
    other = db.chat([handle, db.handle("+15550100002")], identifier="chat9", group_id="G")
    message = db.message("hi", at=AT, chat=chat, handle=handle, guid="T")
    db.insert("chat_message_join", chat_id=other, message_id=message)
    found = run(db, tmp_path)
    assert len(found.artifacts) == 1
    assert found.payload("T")["also_in"] == ["group:G"]


def test_messages_of_no_chat_have_a_bucket(tmp_path: Path) -> None:
    db, handle, _ = pair()
    db.message("lost", at=AT, handle=handle, guid="T")
    found = run(db, tmp_path)
    assert found.find("T").thread_key == found.threads[0].key == "no-chat"
    assert found.find("T").sender_handle == "+15550100001"


def test_edits_and_unsent_parts_are_told(tmp_path: Path) -> None:
    db, handle, chat = pair()
    edited = summary_info(edits={0: [(AT, "a"), (AT + SECOND, "b")]})
    db.message("b", at=AT, chat=chat, handle=handle, guid="E", date_edited=1,
               message_summary_info=edited)  # fmt: skip
    db.message(None, at=AT, chat=chat, guid="U", date_edited=1,
               message_summary_info=summary_info(unsent=[0]))  # fmt: skip
    db.message("left", at=AT, chat=chat, guid="P", date_edited=1,
               message_summary_info=summary_info(unsent=[1], parts=2))  # fmt: skip
    found = run(db, tmp_path)
    assert found.payload("E")["edits"] == [
        {"text": "a", "at": "2024-05-01T12:00:00Z"},
        {"text": "b", "at": "2024-05-01T12:00:01Z"},
    ]
    assert found.payload("U")["unsent"] is True
    assert not found.payload("U").get("text_unknown")
    assert found.payload("P")["unsent"] is False
    assert found.payload("P")["unsent_parts"] == [1]


def test_recently_deleted_messages_and_parts_keep_their_place(tmp_path: Path) -> None:
    from deploy.demo.attributed_body import attributed_body

    db, handle, chat = pair()
    gone = db.message("secret", at=AT, chat=chat, handle=handle, guid="T")
    db.delete_recently(gone, chat=chat, at=AT + SECOND)
    kept = db.message("rest", at=AT, chat=chat, guid="P")
    db.insert("recoverable_message_part", chat_id=chat, message_id=kept, part_index=1,
              delete_date=736257601000000000, part_text=attributed_body("part"))  # fmt: skip
    found = run(db, tmp_path)
    assert found.find("T").thread_key == "direct:+15550100001"
    assert found.payload("T")["deleted_at"] == "2024-05-01T12:00:01Z"
    assert found.payload("P")["deleted_parts"][0]["text"] == "part"


def test_attachments_come_in_the_order_of_the_text(tmp_path: Path) -> None:
    db, _, chat = pair()
    message = db.message(
        "\ufffcone\ufffctwo", at=AT, chat=chat, guid="T",
        runs=[(1, {FILE: "B", PART: 0}), (3, {PART: 1}), (1, {FILE: "A", PART: 2}), (3, {PART: 3})],
    )  # fmt: skip
    db.attach(message, "Library/SMS/Attachments/a/1/A/a.heic", guid="A", media_type=None)
    db.attach(message, "Library/SMS/Attachments/a/1/B/b.jpg", guid="B")
    db.attach(message, "Library/SMS/Attachments/a/1/C/c.pluginPayloadAttachment", guid="C")
    found = run(
        db,
        tmp_path,
        listing=[
            listed("Library/SMS/Attachments/a/1/A/a.heic"),
            listed("Library/SMS/Attachments/a/1/A/a.MOV"),
            listed("Library/SMS/Attachments/a/1/B/b.jpg", present=False),
        ],
    )
    files = found.find("T").attachments
    info = found.payload("T")["attachment_info"]
    assert [file.name for file in files] == ["b.jpg", "a.heic", "c.pluginPayloadAttachment",
                                             "a.MOV"]  # fmt: skip
    assert [file.present for file in files] == [False, True, False, True]
    assert files[0].reason == "Missing: the backup lists it, but its content is not on disk."
    assert files[1].media_type == "image/heic"
    assert files[1].size_bytes == 77
    assert [entry.get("role") for entry in info] == [None, None, "preview", "live_photo"]
    assert info[3]["of"] == 1
    assert found.find("T").text == "onetwo"
    assert [part.get("text", "") for part in found.payload("T")["parts"]] == ["", "one", "", "two"]
    assert found.tally.missing_files == 1


@pytest.mark.parametrize(
    ("filename", "reason"),
    [
        (None, "Not in this backup: the phone had not downloaded it."),
        ("/var/folders/x/y.jpg", "Not in this backup: the phone kept it in a temporary place."),
        ("~/Library/../../etc/passwd",
         "Not in this backup: it is in iCloud only, or was removed from the phone."),
        ("~/Library/SMS/Attachments/z.jpg",
         "Not in this backup: it is in iCloud only, or was removed from the phone."),
    ],
)  # fmt: skip
def test_a_missing_attachment_says_why(tmp_path: Path, filename: str | None, reason: str) -> None:
    db, _, chat = pair()
    message = db.message("x", at=AT, chat=chat, guid="T")
    db.attach(message, None, guid="A", filename=filename)
    found = run(db, tmp_path, listing=[listed("Library/SMS/other.jpg")])
    assert found.find("T").attachments[0].reason == reason


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"item_type": 1, "group_action_type": 0, "other_handle": 2}, "member_added"),
        ({"item_type": 1, "group_action_type": 1, "other_handle": 2}, "member_removed"),
        ({"item_type": 1, "other_handle": 1}, "number_changed"),
        ({"item_type": 2, "group_title": "New"}, "renamed"),
        ({"item_type": 2}, "name_removed"),
        ({"item_type": 3, "group_action_type": 0}, "member_left"),
        ({"item_type": 3, "group_action_type": 1}, "icon_changed"),
        ({"item_type": 4, "share_status": 1}, "location_stopped"),
        ({"item_type": 5}, "audio_kept"),
        ({"item_type": 6}, "shareplay"),
        ({"item_type": 77, "group_action_type": 3}, "unknown"),
    ],
)
def test_what_happens_in_a_group_is_an_event(
    tmp_path: Path, columns: dict[str, Any], kind: str
) -> None:
    db, handle, chat = pair()
    db.handle("+15550100002")
    db.message(None, at=AT, chat=chat, handle=handle, guid="T", **columns)
    found = run(db, tmp_path)
    assert found.payload("T")["event"]["kind"] == kind
    assert "text_unknown" not in found.payload("T")


@pytest.mark.parametrize(
    ("columns", "status"),
    [
        ({}, "sent"),
        ({"is_delivered": 1}, "delivered"),
        ({"date_read": 736257601000000000}, "read"),
        ({"error": 22, "is_sent": 0}, "failed"),
        ({"schedule_type": 2, "schedule_state": 1, "is_sent": 0}, "scheduled"),
        ({"handle": 1, "is_read": 0}, "delivered"),
        ({"handle": 1}, "read"),
    ],
)
def test_the_status_is_told(tmp_path: Path, columns: dict[str, Any], status: str) -> None:
    db, _, chat = pair()
    db.message("x", at=AT, chat=chat, guid="T", **columns)
    assert run(db, tmp_path).payload("T")["status"] == status


def test_what_is_special_about_a_message_is_flagged(tmp_path: Path) -> None:
    db, handle, chat = pair()
    db.message("x", at=AT, chat=chat, handle=handle, guid="T", was_downgraded=1, is_spam=1,
               sent_or_received_off_grid=1, is_sos=1, subject="Hi",
               expressive_send_style_id="com.apple.MobileSMS.expressivesend.impact")  # fmt: skip
    db.execute("update chat set is_blackholed = 1")
    found = run(db, tmp_path)
    assert set(found.payload("T")["flags"]) == {
        "downgraded", "junk", "satellite", "emergency", "blocked",
    }  # fmt: skip
    assert found.payload("T")["effect"] == "slam"
    assert found.find("T").title == "Hi"


def archive(root: dict[str, Any]) -> bytes:
    """A NSKeyedArchiver archive of a flat dictionary."""
    objects: list[Any] = ["$null", {}, *root.values()]
    keys = []
    for key in root:
        keys.append(plistlib.UID(len(objects)))
        objects.append(key)
    objects[1] = {
        "NS.keys": keys,
        "NS.objects": [plistlib.UID(2 + number) for number in range(len(root))],
    }
    return plistlib.dumps(
        {"$top": {"root": plistlib.UID(1)}, "$objects": objects, "$archiver": "NSKeyedArchiver"},
        fmt=plistlib.FMT_BINARY,
    )


def poll_url(item: dict[str, Any]) -> str:
    return "data:," + urlsafe_b64encode(json.dumps({"item": item}).encode()).decode().rstrip("=")


def test_a_poll_has_its_options_and_votes(tmp_path: Path) -> None:
    bundle = "com.apple.messages.MSMessageExtensionBalloonPlugin:0:com.apple.messages.Polls"
    options = [{"optionIdentifier": str(n), "text": f"option {n}"} for n in (1, 2)]
    db, handle, chat = pair()
    asked = {"an": "Polls", "ldtext": "Sent a poll",
             "URL": poll_url({"title": "Where?", "orderedPollOptions": options})}  # fmt: skip
    poll = db.message("\ufffd", at=AT, chat=chat, guid="T", balloon_bundle_id=bundle,
                      payload_data=archive(asked))  # fmt: skip
    for number, choice in enumerate(("1", "2")):  # a change of mind
        vote = {"participantHandle": "+15550100001", "voteOptionIdentifier": choice}
        db.tapback(poll, 4000, at=AT + (number + 1) * SECOND, chat=chat, handle=handle, part=None,
                   balloon_bundle_id=bundle,
                   payload_data=archive({"URL": poll_url({"votes": [vote]})}))  # fmt: skip
    found = run(db, tmp_path)
    app = found.payload("T")["app"]
    assert app["title"] == "Where?"
    assert [option.get("voters", []) for option in app["options"]] == [[], ["+15550100001"]]
    assert found.find("T").text == "Where?\n• option 1\n• option 2"


def test_every_balloon_has_a_readable_text(tmp_path: Path) -> None:
    db, _, chat = pair()
    for number, (bundle, payload) in enumerate(
        [
            ("com.apple.Handwriting.HandwritingProvider", b"\x00\x01"),
            ("com.apple.DigitalTouchBalloonProvider", b"\x08\x03\x11"),
            ("com.apple.messages.MSMessageExtensionBalloonPlugin:X:org.example.never", b"junk"),
            ("com.example.future", None),
        ]
    ):
        db.message(None, at=AT, chat=chat, guid=f"T{number}", balloon_bundle_id=bundle,
                   payload_data=payload)  # fmt: skip
    found = run(db, tmp_path)
    assert [artifact.text for artifact in found.artifacts] == [
        "Handwritten message",
        "Digital Touch: heartbeat",
        "org.example.never",
        "com.example.future",
    ]


@pytest.mark.parametrize("schema", ["ios18", "ios16", "ios13", "ios10"])
def test_every_age_of_the_database_is_read(tmp_path: Path, schema: Any) -> None:
    db = MessagesDatabase(schema=schema)
    handle = db.handle("+15550100001")
    chat = db.chat([handle], identifier="+15550100001")
    db.message("hello", at=AT, chat=chat, handle=handle, guid="T")
    found = run(db, tmp_path)
    assert found.find("T").text == "hello"
    assert found.find("T").occurred_at_us == int(AT.timestamp() * 1_000_000)


def test_the_oldest_format_is_refused_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedStoreError, match="iOS 5"):
        run(MessagesDatabase(schema="ios5"), tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://a.example/x", True),
        ("www.something.org", True),
        ("try example.com/page", True),
        ("mail me@example.com", False),
        ("e.g. this", False),
        ("no", False),
    ],
)
def test_links_are_noticed(tmp_path: Path, text: str, *, expected: bool) -> None:
    db, _, chat = pair()
    db.message(text, at=AT, chat=chat, guid="T")
    assert run(db, tmp_path).find("T").has_link is expected

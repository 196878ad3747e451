"""Calls: who called whom, how it ended, in every form of the list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploy.demo.calls import EARLY, demo_calls
from deploy.demo.calls_database import FACETIME, CallsDatabase, Form, OldCallsDatabase
from tests.unit.kinds.call_stores import AT, FORMS, JONAS, MINUTE, OLD, YUKI, demo, only, run
from tests.unit.kinds.collected import parse


def test_a_call_is_read_with_all_that_the_phone_says_of_it(tmp_path: Path) -> None:
    db = CallsDatabase()
    db.call(
        "(555) 014-2001", at=AT, seconds=65.5, ZUNIQUE_ID="CALL", ZNAME="Harbour Pizza",
        ZLOCATION="Portland, OR", ZHASMESSAGE=1, ZWASEMERGENCYCALL=1, ZDIDENABLETRANSLATION=1,
        ZUSEDEMERGENCYVIDEOSTREAMING=1, ZORIGINATINGDEVICENAME="Mira's iPad",
        ZIDENTITYEXTENSION="com.example.directory", ZCONVERSATIONID=bytes(range(16)),
        ZPARTICIPANTGROUPUUID=bytes(range(1, 17)), ZLOCALPARTICIPANTUUID=bytes(range(2, 18)),
        ZDISCONNECTED_CAUSE=0, ZVERIFICATIONSTATUS=3, ZSCREENSHARINGTYPE=1, ZFACE_TIME_DATA=9000,
    )  # fmt: skip
    found = run(db, tmp_path)
    assert only(found) == {
        "service": "phone", "direction": "incoming", "outcome": "connected", "is_video": False,
        "is_answered": True, "duration_seconds": 65.5, "started_at": "2024-05-01T12:30:15.250000Z",
        "participants": [{"handle": JONAS, "address": "(555) 014-2001", "type": "phone"}],
        "name": "Harbour Pizza", "identified_by": "com.example.directory", "country_code": "US",
        "location": "Portland, OR", "provider": "com.apple.Telephony", "is_read": True,
        "has_message": True, "is_emergency": True, "used_emergency_video": True,
        "was_translated": True, "transferred_bytes": 9000, "device_name": "Mira's iPad",
        "conversation_key": "00010203-0405-0607-0809-0A0B0C0D0E0F",
        "group_key": "01020304-0506-0708-090A-0B0C0D0E0F10",
        "line_key": "02030405-0607-0809-0A0B-0C0D0E0F1011",
        "raw": {"disconnected_cause": 0, "verification_status": 3, "screen_sharing_type": 1},
    }  # fmt: skip
    artifact = found.find("CALL")
    assert (artifact.title, artifact.occurred_at_us) == ("Incoming call", 1_714_566_615_250_000)
    assert (artifact.sender_handle, artifact.is_me) == (JONAS, False)
    for word in ("Harbour Pizza", JONAS, "(555) 014-2001", "Portland", "Mira's iPad"):
        assert word in (artifact.text or "")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_list_tells_who_called_and_how_it_ended(
    tmp_path: Path, form: Form
) -> None:
    database = demo_calls(later=False, form=form)
    found = run(database, tmp_path)
    payloads = [found.payload(artifact.key) for artifact in found.artifacts]
    assert [(p["direction"], p["outcome"]) for p in payloads[:8]] == [
        ("outgoing", "connected"),
        ("incoming", "missed"),
        ("incoming", "connected"),
        ("incoming", "declined"),
        ("incoming", "answered_elsewhere"),
        ("outgoing", "unanswered"),
        ("incoming", "connected"),
        ("incoming", "connected"),
    ]
    assert [p["service"] for p in payloads[7:10]] == ["facetime", "facetime", "app"]
    assert [p.get("is_video") for p in payloads[7:9]] == [True, False]
    assert [a.thread_key for a in found.artifacts[:2]] == [f"direct:{JONAS}"] * 2
    assert found.tally.notes == {}
    assert len(payloads) == {"10": 11, "18": 13, "26": 14}[form]
    times = [artifact.occurred_at_us or 0 for artifact in found.artifacts]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("columns", "outcome", "title"),
    [
        ({}, "missed", "Missed call"),
        ({"seconds": 3.0}, "connected", "Incoming call"),
        ({"is_answered": True}, "answered_elsewhere", "Incoming call, answered on another device"),
        ({"ZDISCONNECTED_CAUSE": 1}, "answered_elsewhere",
         "Incoming call, answered on another device"),
        ({"ZDISCONNECTED_CAUSE": 2}, "declined", "Declined call"),
        ({"ZDISCONNECTED_CAUSE": 3}, "declined", "Declined call"),
        ({"ZDISCONNECTED_CAUSE": 4}, "declined", "Declined call"),
        ({"ZDISCONNECTED_CAUSE": 49}, "missed", "Missed call"),
        ({"is_outgoing": True}, "unanswered", "Outgoing call, not answered"),
        ({"is_outgoing": True, "seconds": 1.5}, "connected", "Outgoing call"),
        ({"ZORIGINATED": None}, None, "Call"),
        ({"ZDURATION": None, "is_answered": True}, "connected", "Incoming call"),
        ({"ZDURATION": -5.0}, "missed", "Missed call"),
        ({"kind": 8, "provider": FACETIME}, "missed", "Missed FaceTime video call"),
        ({"kind": 16, "provider": FACETIME, "seconds": 2.0}, "connected",
         "Incoming FaceTime audio call"),
        ({"kind": 0, "provider": "net.whatsapp.WhatsApp", "ZCALL_CATEGORY": 2}, "missed",
         "Missed WhatsApp video call"),
        ({"kind": 0, "provider": "com.example.phone"}, "missed", "Missed call"),
    ],
)  # fmt: skip
def test_how_a_call_ended_is_told_as_on_the_phone(
    tmp_path: Path, columns: dict[str, Any], outcome: str | None, title: str
) -> None:
    db = CallsDatabase()
    db.call(JONAS, at=AT, **columns)
    found = run(db, tmp_path)
    assert only(found)["outcome"] == outcome
    assert found.artifacts[0].title == title


def test_calls_of_the_owner_have_no_sender(tmp_path: Path) -> None:
    db = CallsDatabase()
    db.call(JONAS, at=AT, is_outgoing=True)
    artifact = run(db, tmp_path).artifacts[0]
    assert (artifact.is_me, artifact.sender_handle) == (True, None)
    assert artifact.thread_key == f"direct:{JONAS}"


def test_a_group_call_names_everybody_and_who_began_it(tmp_path: Path) -> None:
    db = CallsDatabase()
    call = db.call(None, at=AT, seconds=60.0, kind=8, provider=FACETIME,
                   others=[JONAS, YUKI, "Amelie@Example.org"])  # fmt: skip
    db.execute("update ZCALLRECORD set ZINITIATOR = ? where Z_PK = ?", (db.handle(YUKI), call))
    found = run(db, tmp_path)
    payload, artifact = only(found), found.artifacts[0]
    assert [p["handle"] for p in payload["participants"]] == [JONAS, YUKI, "amelie@example.org"]
    assert (payload["is_group"], payload["initiator"]) == (True, YUKI)
    assert artifact.title == "Incoming group FaceTime video call"
    assert artifact.sender_handle == YUKI
    (thread,) = found.threads
    assert (thread.key, thread.is_group, thread.services) == (
        artifact.thread_key,
        True,
        ["FaceTime"],
    )
    assert thread.participants == sorted([JONAS, YUKI, "amelie@example.org"])


def test_one_person_is_one_thread_however_the_number_was_written(tmp_path: Path) -> None:
    db = CallsDatabase()
    for minute, address in enumerate(
        (JONAS, "(555) 014-2001", "tel:+1 555 014 2001", "15550142001@s.whatsapp.net",
         "15550142001:7@s.whatsapp.net")
    ):  # fmt: skip
        db.call(address, at=AT + minute * MINUTE)
    found = run(db, tmp_path)
    assert {artifact.thread_key for artifact in found.artifacts} == {f"direct:{JONAS}"}
    (thread,) = found.threads
    assert thread.participants == [JONAS]
    assert "15550142001@s.whatsapp.net" in thread.raw_keys


def test_the_same_group_is_one_thread_in_whatever_order(tmp_path: Path) -> None:
    db = CallsDatabase()
    db.call(None, at=AT, others=[JONAS, YUKI])
    db.call(YUKI, at=AT + MINUTE, others=[YUKI, JONAS])
    found = run(db, tmp_path)
    assert len({artifact.thread_key for artifact in found.artifacts}) == 1
    assert len(found.threads) == 1


def test_hidden_numbers_are_said_and_have_no_thread(tmp_path: Path) -> None:
    db = CallsDatabase()
    db.call(None, at=AT, ZNUMBER_AVAILABILITY=1)
    db.call("", at=AT + MINUTE, ZNUMBER_AVAILABILITY=2)
    db.call(JONAS, at=AT + 2 * MINUTE, ZNUMBER_AVAILABILITY=1)
    found = run(db, tmp_path)
    payloads = [found.payload(artifact.key) for artifact in found.artifacts]
    assert [payload.get("number") for payload in payloads] == ["hidden", "unavailable", None]
    assert [artifact.thread_key for artifact in found.artifacts[:2]] == [None, None]
    assert found.artifacts[0].sender_handle is None


def test_the_country_beside_a_number_says_how_it_is_read(tmp_path: Path) -> None:
    db = CallsDatabase()
    db.call("0660 1112223", at=AT, ZISO_COUNTRY_CODE="at")
    found = run(db, tmp_path, region=None)
    assert found.artifacts[0].sender_handle == "+436601112223"
    assert only(found)["country_code"] == "AT"


def test_marks_of_junk_and_what_blocked_a_call_are_kept(tmp_path: Path) -> None:
    db = CallsDatabase()
    db.call(JONAS, at=AT, ZJUNKCONFIDENCE=3, ZJUNKIDENTIFICATIONCATEGORY="Telemarketer",
            ZFILTERED_OUT_REASON=2, ZBLOCKEDBYEXTENSION="com.example.block",
            ZBLOCKEDBYEXTENSIONNAME="Blocker")  # fmt: skip
    db.call(JONAS, at=AT + MINUTE, ZJUNKCONFIDENCE=1)
    db.call(JONAS, at=AT + 2 * MINUTE, ZJUNKCONFIDENCE=0, ZFILTERED_OUT_REASON=0)
    found = run(db, tmp_path)
    junk = [found.payload(artifact.key).get("junk") for artifact in found.artifacts]
    assert junk == [
        {"is_junk": True, "confidence": 3, "category": "Telemarketer", "filtered_out_reason": 2,
         "blocked_by": "Blocker"},
        {"confidence": 1},
        None,
    ]  # fmt: skip
    assert "Telemarketer" in (found.artifacts[0].text or "")


def test_unknown_codes_keep_their_numbers(tmp_path: Path) -> None:
    db = CallsDatabase()
    db.call(JONAS, at=AT, kind=77, provider="com.example.new", ZCALL_CATEGORY=9,
            ZDISCONNECTED_CAUSE=1234, ZAUTOANSWEREDREASON=5)  # fmt: skip
    payload = only(run(db, tmp_path))
    assert (payload["service"], payload["provider"]) == ("app", "com.example.new")
    assert payload["raw"] == {
        "call_type": 77, "call_category": 9, "disconnected_cause": 1234, "auto_answered_reason": 5,
    }  # fmt: skip


def test_both_lists_are_one_and_a_call_in_both_is_one(tmp_path: Path) -> None:
    main, early = CallsDatabase(seed=1), CallsDatabase(seed=2)
    main.call(JONAS, at=AT, ZUNIQUE_ID="MOVED", seconds=5.0)
    early.call(JONAS, at=AT - MINUTE, ZUNIQUE_ID="EARLY")
    early.call(JONAS, at=AT, ZUNIQUE_ID="MOVED")
    found = run(main, tmp_path, temporary=early.to_bytes())
    assert [artifact.key for artifact in found.artifacts] == ["EARLY", "MOVED"]
    assert found.payload("MOVED")["duration_seconds"] == 5.0
    assert found.tally.notes == {}
    assert len(found.threads) == 1


def test_calls_of_ios_7_are_read(tmp_path: Path) -> None:
    db = OldCallsDatabase()
    db.call(JONAS, at=AT, seconds=61, flags=5)
    db.call("(555) 014-2001", at=AT + MINUTE, flags=4, name="Jonas", read=0)
    db.call("jonas@example.com", at=AT + 2 * MINUTE, seconds=30, flags=16, face_time_data="12000")
    db.call("", at=AT + 3 * MINUTE, flags=8)
    found = parse("call", {OLD: db.to_bytes()}, tmp_path)
    payloads = [found.payload(artifact.key) for artifact in found.artifacts]
    assert [(p["service"], p["direction"], p["outcome"]) for p in payloads] == [
        ("phone", "outgoing", "connected"),
        ("phone", "incoming", "missed"),
        ("facetime", "incoming", "connected"),
        (None, "incoming", "missed"),
    ]
    assert payloads[1]["name"] == "Jonas"
    assert payloads[1]["is_read"] is False
    assert payloads[2]["transferred_bytes"] == 12000
    assert payloads[0]["mobile_country_code"] == "310"
    assert payloads[3]["raw"] == {"flags": 8}
    assert payloads[0]["started_at"] == "2024-05-01T12:30:15Z"
    assert found.artifacts[1].thread_key == f"direct:{JONAS}"


def test_four_weeks_later_calls_came_and_went_and_one_had_moved(tmp_path: Path) -> None:
    first = {a.key: a for a in demo(tmp_path, later=False).artifacts}
    second = {a.key: a for a in demo(tmp_path, later=True).artifacts}
    assert len(second.keys() - first.keys()) == 2
    assert first.keys() - second.keys() == {"DEMOCALL-0001"}
    assert EARLY in first.keys() & second.keys()
    assert first[EARLY].payload == second[EARLY].payload

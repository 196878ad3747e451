from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.calls import EARLY, demo_calls, demo_files
from deploy.demo.calls_database import FACETIME, CallsDatabase, Form, OldCallsDatabase
from services.indexer.kinds import PARSERS
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import Collected, parse

MAIN = "HomeDomain/Library/CallHistoryDB/CallHistory.storedata"
TEMPORARY = "HomeDomain/Library/CallHistoryDB/CallHistoryTemp.storedata"
OLD = "WirelessDomain/Library/CallHistory/call_history.db"
AT = dt.datetime(2024, 5, 1, 12, 30, 15, 250_000, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
JONAS, YUKI = "+15550142001", "+819012345678"
FORMS: tuple[Form, ...] = ("10", "18", "26")


def run(
    database: CallsDatabase, folder: Path, *, region: str | None = "US", **beside: bytes
) -> Collected:
    files: dict[str, bytes | Path] = {MAIN: database.to_bytes()}
    named = {"temporary": TEMPORARY, "old": OLD}
    files |= {named[name]: content for name, content in beside.items()}
    return parse("call", files, folder, region=region)


def only(found: Collected) -> dict[str, Any]:
    (artifact,) = found.artifacts
    return found.payload(artifact.key)


def demo(folder: Path, *, later: bool) -> Collected:
    files: dict[str, bytes | Path] = {
        f"{file.domain}/{file.relative_path}": file.content for file in demo_files(later=later)
    }
    return parse("call", files, folder)


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


def test_a_damaged_second_list_costs_itself_and_a_damaged_main_one_the_kind(tmp_path: Path) -> None:
    db = CallsDatabase()
    db.call(JONAS, at=AT)
    found = run(db, tmp_path, temporary=b"x" * 4096, old=b"SQLite format 3\0")
    assert len(found.artifacts) == 1
    assert found.tally.notes == {"One of several lists of calls could not be read.": 2}
    with pytest.raises(UnsupportedStoreError):
        parse("call", {MAIN: b"x" * 4096, TEMPORARY: db.to_bytes()}, tmp_path)


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


def test_an_old_list_left_behind_adds_what_was_not_moved(tmp_path: Path) -> None:
    new, old = CallsDatabase(), OldCallsDatabase()
    new.call(JONAS, at=AT, ZUNIQUE_ID="MOVED")
    old.call("(555) 014-2001", at=AT)
    old.call(JONAS, at=AT - 1000 * MINUTE)
    found = run(new, tmp_path, old=old.to_bytes())
    assert len(found.artifacts) == 2
    assert found.artifacts[1].key == "MOVED"


def test_calls_without_an_identity_are_known_by_what_never_changes(tmp_path: Path) -> None:
    keys = []
    for is_read in (0, 1):
        db = CallsDatabase()
        db.call(JONAS, at=AT, ZREAD=is_read)
        db.call(YUKI, at=AT)
        db.execute("update ZCALLRECORD set ZUNIQUE_ID = null")
        keys.append([artifact.key for artifact in run(db, tmp_path).artifacts])
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 2


def test_the_same_identity_twice_is_counted(tmp_path: Path) -> None:
    db = CallsDatabase()
    db.call(JONAS, at=AT, ZUNIQUE_ID="A")
    db.execute("create table copy as select * from ZCALLRECORD")
    db.execute("drop table ZCALLRECORD")
    db.execute("alter table copy rename to ZCALLRECORD")
    db.execute("insert into ZCALLRECORD select * from ZCALLRECORD")
    found = run(db, tmp_path)
    assert (len(found.artifacts), found.tally.skipped) == (1, 1)
    assert found.tally.notes == {"Several records claim the same identity.": 1}


def test_missing_columns_and_tables_are_none(tmp_path: Path) -> None:
    db = CallsDatabase()
    db.call(JONAS, at=AT, ZUNIQUE_ID="A", seconds=3.0)
    for table in ("ZHANDLE", "Z_2REMOTEPARTICIPANTHANDLES", "Z_PRIMARYKEY"):
        db.execute(f"drop table {table}")
    db.execute("create table few as select Z_PK, ZUNIQUE_ID, ZDATE, ZADDRESS from ZCALLRECORD")
    db.execute("drop table ZCALLRECORD")
    db.execute("alter table few rename to ZCALLRECORD")
    payload = only(run(db, tmp_path))
    assert payload == {
        "service": None, "direction": None, "outcome": None,
        "started_at": "2024-05-01T12:30:15.250000Z", "participants": [{"handle": JONAS}],
    }  # fmt: skip


def test_a_participant_whom_the_list_lacks_is_noted(tmp_path: Path) -> None:
    db = CallsDatabase()
    call = db.call(JONAS, at=AT)
    db.join(call, 999)
    found = run(db, tmp_path)
    assert [p["handle"] for p in only(found)["participants"]] == [JONAS]
    assert found.tally.notes == {"A call names somebody whom the phone's list lacks.": 1}


def test_odd_values_cost_no_more_than_their_record(tmp_path: Path) -> None:
    db = CallsDatabase()
    db.call(JONAS, at=AT, ZUNIQUE_ID="GOOD")
    odd: tuple[Any, ...] = (
        "never", b"\xff\xfe\x00", float("inf"), -1e300, 2**63 - 1, "", "x" * 100_000, None,
    )  # fmt: skip
    columns = (
        "ZDATE", "ZDURATION", "ZADDRESS", "ZORIGINATED", "ZANSWERED", "ZCALLTYPE", "ZNAME",
        "ZCALL_CATEGORY", "ZSERVICE_PROVIDER", "ZDISCONNECTED_CAUSE", "ZINITIATOR",
        "ZISO_COUNTRY_CODE", "ZCONVERSATIONID", "ZJUNKCONFIDENCE", "ZNUMBER_AVAILABILITY",
    )  # fmt: skip
    for column in columns:
        for number, value in enumerate(odd):
            db.call(YUKI, at=AT, **{"ZUNIQUE_ID": f"{column}{number}", column: value})
    found = run(db, tmp_path)
    assert found.tally.kept == 1 + len(columns) * len(odd)
    assert found.tally.undecodable == 0
    assert found.payload("GOOD")["outcome"] == "missed"
    assert all(len(thread.participants[0]) <= 320 for thread in found.threads)


def test_dates_that_are_none_leave_the_call_without_a_time(tmp_path: Path) -> None:
    db = CallsDatabase()
    for number, value in enumerate((None, 0, "soon", -63_114_076_800.0, 64_092_211_200.0)):
        db.call(JONAS, at=AT, ZUNIQUE_ID=str(number), ZDATE=value)
    found = run(db, tmp_path)
    assert [artifact.occurred_at_us for artifact in found.artifacts] == [None] * 5
    assert all("started_at" not in found.payload(a.key) for a in found.artifacts)


def test_a_damaged_page_costs_its_calls_only(tmp_path: Path) -> None:
    db = CallsDatabase()
    for minute in range(600):
        db.call(JONAS, at=AT + minute * MINUTE, ZNAME="x" * 60)
    content = bytearray(db.to_bytes())
    size = int.from_bytes(content[16:18], "big")
    (root,) = db.connection.execute(
        "select rootpage from sqlite_master where name = 'ZCALLRECORD'"
    ).fetchone()
    leaf = next(
        page
        for page in range(root, len(content) // size)
        if content[page * size] == 13 and b"x" * 60 in content[page * size : (page + 1) * size]
    )
    middle = leaf + 8
    content[middle * size : (middle + 1) * size] = b"\xff" * size
    found = parse("call", {MAIN: bytes(content)}, tmp_path)
    assert 400 < len(found.artifacts) < 600
    assert list(found.tally.notes) == ["Part of a table is damaged; what could be read was read."]


def test_what_is_no_list_of_calls_is_refused(tmp_path: Path) -> None:
    for files in ({MAIN: b"x" * 5000}, {OLD: b"x" * 5000}, {}):
        with pytest.raises(UnsupportedStoreError):
            parse("call", dict(files), tmp_path)
    empty = CallsDatabase()
    empty.execute("drop table ZCALLRECORD")
    with pytest.raises(UnsupportedStoreError, match="no table of calls"):
        run(empty, tmp_path)


def test_a_plain_backup_of_a_newer_phone_is_told_from_a_phone_without_calls() -> None:
    parser = PARSERS["call"]
    assert parser.encrypted_only
    assert [needed.required for needed in parser.files] == [True, False, True]


def test_four_weeks_later_calls_came_and_went_and_one_had_moved(tmp_path: Path) -> None:
    first = {a.key: a for a in demo(tmp_path, later=False).artifacts}
    second = {a.key: a for a in demo(tmp_path, later=True).artifacts}
    assert len(second.keys() - first.keys()) == 2
    assert first.keys() - second.keys() == {"DEMOCALL-0001"}
    assert EARLY in first.keys() & second.keys()
    assert first[EARLY].payload == second[EARLY].payload

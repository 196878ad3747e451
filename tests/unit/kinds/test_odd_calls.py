"""Lists of calls that are damaged, doubled, left behind or no lists at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploy.demo.calls_database import CallsDatabase, OldCallsDatabase
from services.indexer.kinds import PARSERS
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.call_stores import AT, JONAS, MAIN, MINUTE, OLD, TEMPORARY, YUKI, only, run
from tests.unit.kinds.collected import parse


def test_a_damaged_second_list_costs_itself_and_a_damaged_main_one_the_kind(tmp_path: Path) -> None:
    db = CallsDatabase()
    db.call(JONAS, at=AT)
    found = run(db, tmp_path, temporary=b"x" * 4096, old=b"SQLite format 3\0")
    assert len(found.artifacts) == 1
    assert found.tally.notes == {"One of several lists of calls could not be read.": 2}
    with pytest.raises(UnsupportedStoreError):
        parse("call", {MAIN: b"x" * 4096, TEMPORARY: db.to_bytes()}, tmp_path)


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

from __future__ import annotations

import datetime as dt
import plistlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.calls_database import cocoa
from deploy.demo.container import PhoneFile
from deploy.demo.recordings import m4a_like
from deploy.demo.voice_memos import (
    DOMAIN,
    ENHANCED,
    FAVOURITE,
    FOLDER,
    LAKE_FOLDER,
    NEEDS_DOWNLOAD,
    OLD_DOMAIN,
    OLD_FOLDER,
    PLAYABLE,
    RAIN,
    RENAMED,
    TRANSCRIBED,
    TRASHED,
    UNLISTED,
    Form,
    RecordingsDatabase,
    demo_files,
    manifest,
)
from services.indexer.kinds.backup_files import (
    LIST_UNKNOWN,
    NOT_DOWNLOADED,
    NOT_IN_BACKUP,
    file_id_of,
)
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import Collected, parse

STORE = f"{DOMAIN}/{FOLDER}/CloudRecordings.db"
AT = dt.datetime(2024, 5, 1, 12, 30, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
PLACES = (
    (DOMAIN, FOLDER),
    ("AppDomainGroup-group.com.apple.VoiceMemos", "Recordings"),
    (OLD_DOMAIN, OLD_FOLDER),
)


def run_files(files: Sequence[PhoneFile], folder: Path) -> Collected:
    fetched: dict[str, bytes | Path] = {
        f"{file.domain}/{file.relative_path}": file.content
        for file in files
        if file.relative_path.endswith((".db", "manifest.plist"))
    }
    lines = [
        {
            "domain": file.domain,
            "relative_path": file.relative_path,
            "file_id": file_id_of(file.domain, file.relative_path),
            "size_bytes": len(file.content),
            "modified_at": None if file.modified_at is None else file.modified_at.isoformat(),
        }
        for file in files
    ]
    return parse("voice_memo", fetched, folder, listing=lines)


def stored(
    database: RecordingsDatabase,
    place: tuple[str, str] = PLACES[0],
    name: str = "CloudRecordings.db",
) -> PhoneFile:
    return PhoneFile(place[0], f"{place[1]}/{name}", database.to_bytes())


def sound(name: str, place: tuple[str, str] = PLACES[0]) -> PhoneFile:
    return PhoneFile(place[0], f"{place[1]}/{name}", m4a_like(1), modified_at=AT)


def test_a_recording_is_read_with_its_folder_and_file(tmp_path: Path) -> None:
    db = RecordingsDatabase()
    lake = db.folder("Lake", key="F1")
    db.recording(
        "Rain", at=AT, name="a.m4a", seconds=128.5, ZFOLDER=lake, ZUNIQUEID="R1",
        ZLOCALDURATION=129.0, ZSHAREDFLAGS=FAVOURITE | ENHANCED,
        ZFLAGS=PLAYABLE | RENAMED | TRANSCRIBED | 2048 | 64,
    )  # fmt: skip
    found = run_files([stored(db), sound("a.m4a")], tmp_path)
    assert found.payload("R1") == {
        "type": "recording", "recorded_at": "2024-05-01T12:30:00Z", "duration_seconds": 129.0,
        "title": "Rain", "folder": {"key": "folder:F1", "title": "Lake"},
        "files": [{"n": 0, "role": "recording"}], "file_name": "a.m4a", "is_favourite": True,
        "is_enhanced": True, "has_layers": True, "has_transcript": True, "is_from_watch": True,
        "is_renamed": True, "raw": {"flags": 3148, "shared_flags": 3},
    }  # fmt: skip
    artifact = found.find("R1")
    assert (artifact.title, artifact.thread_key) == ("Rain", "folder:F1")
    assert artifact.text == "Rain\nLake\na.m4a"
    assert [(t.key, t.title) for t in found.threads] == [("folder:F1", "Lake")]
    (recording,) = artifact.attachments
    assert (recording.media_type, recording.present, recording.size_bytes) == (
        "audio/mp4",
        True,
        6000,
    )


@pytest.mark.parametrize("place", PLACES, ids=["shared", "group", "media"])
@pytest.mark.parametrize("form", ["14", "26"])
def test_recordings_are_found_in_every_place_of_the_list(
    tmp_path: Path, place: tuple[str, str], form: Form
) -> None:
    db = RecordingsDatabase(form=form)
    db.recording("Rain", at=AT, name="a.m4a")
    found = run_files([stored(db, place), sound("a.m4a", place)], tmp_path)
    (artifact,) = found.artifacts
    assert artifact.title == "Rain"
    assert artifact.attachments[0].domain == place[0]
    assert artifact.attachments[0].present


def test_a_file_that_lags_behind_in_another_place_is_found(tmp_path: Path) -> None:
    db = RecordingsDatabase()
    db.recording("Rain", at=AT, name="a.m4a")
    found = run_files([stored(db), sound("a.m4a", PLACES[2])], tmp_path)
    (artifact,) = found.artifacts
    assert artifact.attachments[0].domain == OLD_DOMAIN
    assert artifact.attachments[0].present


def test_a_recording_that_got_layers_changed_its_ending(tmp_path: Path) -> None:
    db = RecordingsDatabase()
    db.recording("Song", at=AT, name="a.m4a")
    (artifact,) = run_files([stored(db), sound("a.qta")], tmp_path).artifacts
    assert (artifact.attachments[0].name, artifact.attachments[0].present) == ("a.qta", True)


def test_the_list_of_ios_9_names_files_from_the_root(tmp_path: Path) -> None:
    db = RecordingsDatabase(form="9")
    db.recording("Lecture", at=AT, name="/var/mobile/Media/Recordings/20160501 120000.m4a",
                 seconds=2700.0, ZLABELPRESET=3)  # fmt: skip
    found = run_files(
        [stored(db, PLACES[2], "Recordings.db"), sound("20160501 120000.m4a", PLACES[2])], tmp_path
    )
    (artifact,) = found.artifacts
    payload = found.payload(artifact.key)
    assert (payload["title"], payload["duration_seconds"]) == ("Lecture", 2700.0)
    assert payload["raw"] == {"label_preset": 3}
    assert artifact.attachments[0].present


@pytest.mark.parametrize(
    ("columns", "title"),
    [
        ({}, "Rain"),
        ({"ZENCRYPTEDTITLE": None, "ZCUSTOMLABELFORSORTING": "Sorted"}, "Sorted"),
        ({"ZENCRYPTEDTITLE": "", "ZCUSTOMLABELFORSORTING": " ", "ZCUSTOMLABEL": "Old"}, "Old"),
        ({"ZENCRYPTEDTITLE": None, "ZCUSTOMLABELFORSORTING": None}, None),
        ({"ZENCRYPTEDTITLE": b"\x00\xff", "ZCUSTOMLABELFORSORTING": None}, None),
    ],
)
def test_titles_are_where_each_version_keeps_them_and_dates_are_none(
    tmp_path: Path, columns: dict[str, Any], title: str | None
) -> None:
    db = RecordingsDatabase()
    db.recording("Rain", at=AT, name="a b.m4a", ZUNIQUEID="R", **columns)
    found = run_files([stored(db)], tmp_path)
    assert found.payload("R").get("title") == title
    assert found.find("R").title == title or "a b"
    assert "2024-05-01T" not in (found.find("R").text or "")


def test_recently_deleted_ones_are_there_with_their_state(tmp_path: Path) -> None:
    db = RecordingsDatabase()
    db.recording("Gone", at=AT, name="a.m4a", ZUNIQUEID="R", ZEVICTIONDATE=cocoa(AT + DAY))
    payload = run_files([stored(db), sound("a.m4a")], tmp_path).payload("R")
    assert (payload["is_trashed"], payload["trashed_at"]) == (True, "2024-05-02T12:30:00Z")


def test_parts_of_an_edited_recording_follow_it(tmp_path: Path) -> None:
    db = RecordingsDatabase()
    db.recording("Edited", at=AT, name="a.m4a", ZUNIQUEID="R")
    parts = [sound(f"a.composition/fragments/{name}.m4a") for name in ("2", "1")]
    waveform = PhoneFile(DOMAIN, f"{FOLDER}/a.composition/x.waveform", b"w")
    found = run_files([stored(db), *parts, sound("a.m4a"), waveform], tmp_path)
    assert [file.name for file in found.find("R").attachments] == ["a.m4a", "1.m4a", "2.m4a"]
    payload = found.payload("R")
    assert [file["role"] for file in payload["files"]] == ["recording", "part", "part"]
    assert payload["is_edited"] is True


def test_a_recording_that_is_not_there_says_why(tmp_path: Path) -> None:
    db = RecordingsDatabase()
    db.recording("A", at=AT, name="a.m4a", ZFLAGS=PLAYABLE | NEEDS_DOWNLOAD)
    db.recording("B", at=AT + DAY, name="b.m4a")
    db.recording("C", at=AT + 2 * DAY, name=None)
    found = run_files([stored(db)], tmp_path)
    reasons = [artifact.attachments[0].reason for artifact in found.artifacts]
    assert reasons == [NOT_DOWNLOADED, NOT_IN_BACKUP, NOT_DOWNLOADED]
    assert found.tally.missing_files == 3
    alone = parse("voice_memo", {STORE: db.to_bytes()}, tmp_path)
    assert alone.artifacts[1].attachments[0].reason == LIST_UNKNOWN
    assert alone.tally.missing_files == 0


def test_files_that_no_list_knows_are_listed(tmp_path: Path) -> None:
    db = RecordingsDatabase()
    db.recording("Rain", at=AT, name="a.m4a")
    about = PhoneFile(
        DOMAIN,
        f"{FOLDER}/c.composition/manifest.plist",
        manifest("Night train", at=AT + DAY, key="KEY", name="c.m4a"),
    )
    found = run_files(
        [stored(db), sound("a.m4a"), sound("b.m4a"), sound("c.m4a"), about,
         sound("d.composition/fragments/1.m4a"), PhoneFile(DOMAIN, f"{FOLDER}/x.plist", b"x")],
        tmp_path,
    )  # fmt: skip
    assert {a.key for a in found.artifacts[1:]} == {"file:b.m4a", "KEY", "file:d.m4a"}
    assert found.payload("file:b.m4a")["recorded_at"] == "2024-05-01T12:30:00Z"
    assert found.payload("KEY")["title"] == found.find("KEY").title == "Night train"
    assert found.payload("KEY")["recorded_at"] == "2024-05-02T12:30:00Z"
    parts = found.find("file:d.m4a").attachments
    assert [file.present for file in parts] == [False, True]
    assert found.tally.notes == {}


def test_a_phone_without_a_list_is_read_by_its_files(tmp_path: Path) -> None:
    found = run_files([sound("a.m4a"), sound("b.qta", PLACES[2])], tmp_path)
    assert sorted(artifact.key for artifact in found.artifacts) == ["file:a.m4a", "file:b.qta"]
    assert list(found.tally.notes) == [
        "The backup has no list of recordings; only their files tell of them."
    ]


@pytest.mark.parametrize(
    "content",
    [b"", b"bplist00\xff", plistlib.dumps([1]), plistlib.dumps({"RCSavedRecordingUUID": 5}),
     plistlib.dumps({"RCSavedRecordingUUID": "x" * 500, "RCSavedRecordingCreationTime": "soon"})],
)  # fmt: skip
def test_what_lies_beside_a_file_may_be_anything(tmp_path: Path, content: bytes) -> None:
    about = PhoneFile(DOMAIN, f"{FOLDER}/c.composition/manifest.plist", content)
    found = run_files([sound("c.m4a"), about], tmp_path)
    assert [artifact.key for artifact in found.artifacts] == ["file:c.m4a"]


def test_an_older_list_adds_only_what_is_still_there(tmp_path: Path) -> None:
    new, old, oldest = RecordingsDatabase(), RecordingsDatabase(), RecordingsDatabase(form="9")
    new.recording("Moved", at=AT, name="a.m4a", ZUNIQUEID="MOVED")
    old.recording("Before", at=AT, name="a.m4a", ZUNIQUEID="MOVED")
    old.recording("Removed since", at=AT, name="b.m4a", ZUNIQUEID="REMOVED")
    oldest.recording("Same file", at=AT, name="/x/a.m4a", ZUNIQUEID="OTHER")
    oldest.recording("Left behind", at=AT, name="/x/c.m4a", ZUNIQUEID="LEFT")
    files = [
        stored(new), sound("a.m4a"), stored(old, PLACES[2]),
        stored(oldest, PLACES[2], "Recordings.db"), sound("c.m4a", PLACES[2]),
    ]  # fmt: skip
    found = run_files(files, tmp_path)
    assert [(a.key, a.title) for a in found.artifacts] == [
        ("MOVED", "Moved"),
        ("LEFT", "Left behind"),
    ]
    assert found.tally.skipped == 1
    assert found.tally.notes == {
        "A recording that only an old list names, and has no file, was left out.": 1
    }


def test_a_damaged_older_list_costs_itself_and_a_damaged_newest_one_the_kind(
    tmp_path: Path,
) -> None:
    db = RecordingsDatabase()
    db.recording("Rain", at=AT, name="a.m4a")
    damaged = PhoneFile(OLD_DOMAIN, f"{OLD_FOLDER}/Recordings.db", b"x" * 5000)
    found = run_files([stored(db), damaged], tmp_path)
    assert len(found.artifacts) == 1
    assert found.tally.notes == {"One of several lists of recordings could not be read.": 1}
    with pytest.raises(UnsupportedStoreError):
        run_files([stored(db, PLACES[2]), PhoneFile(DOMAIN, f"{FOLDER}/CloudRecordings.db", b"x")],
                  tmp_path)  # fmt: skip
    other = RecordingsDatabase()
    other.connection.execute("drop table ZCLOUDRECORDING")
    with pytest.raises(UnsupportedStoreError, match="no table of recordings"):
        run_files([stored(other)], tmp_path)


def test_missing_columns_and_tables_are_none(tmp_path: Path) -> None:
    db = RecordingsDatabase()
    db.recording("Rain", at=AT, name="a.m4a", ZFOLDER=db.folder("Lake"))
    db.connection.executescript(
        "create table few as select Z_PK, ZDATE, ZPATH from ZCLOUDRECORDING;"
        "drop table ZCLOUDRECORDING; alter table few rename to ZCLOUDRECORDING;"
        "drop table ZFOLDER;"
    )
    keys = []
    for _ in range(2):
        found = run_files([stored(db), sound("a.m4a")], tmp_path)
        (artifact,) = found.artifacts
        keys.append(artifact.key)
    assert keys[0] == keys[1]
    assert found.payload(keys[0]) == {
        "type": "recording", "recorded_at": "2024-05-01T12:30:00Z", "file_name": "a.m4a",
        "files": [{"n": 0, "role": "recording"}],
    }  # fmt: skip


def test_odd_values_cost_no_more_than_their_record(tmp_path: Path) -> None:
    db = RecordingsDatabase()
    odd: tuple[Any, ...] = (
        "never", b"\xff\xfe", 1e300, -(2**63), 2**62, "", "x" * 70_000, "../../etc/passwd", None,
    )  # fmt: skip
    columns = (
        "ZDATE", "ZDURATION", "ZLOCALDURATION", "ZPATH", "ZENCRYPTEDTITLE", "ZCUSTOMLABEL",
        "ZFOLDER", "ZEVICTIONDATE", "ZFLAGS", "ZSHAREDFLAGS",
    )  # fmt: skip
    for column in columns:
        for number, value in enumerate(odd):
            changes = {"ZUNIQUEID": f"{column}{number}", column: value}
            db.recording("Rain", at=AT, name="a.m4a", **changes)
    for value in odd:
        db.insert("ZFOLDER", ZENCRYPTEDNAME=value, ZUUID=value)
    found = run_files([stored(db), sound("a.m4a")], tmp_path)
    assert found.tally.kept == len(columns) * len(odd)
    assert found.tally.undecodable == 0
    names = [file.name for artifact in found.artifacts for file in artifact.attachments]
    assert all(name is None or "/" not in name for name in names)
    paths = [file.relative_path for a in found.artifacts for file in a.attachments]
    assert not [path for path in paths if path is not None and ".." in path]


def test_the_same_identity_twice_is_counted(tmp_path: Path) -> None:
    db = RecordingsDatabase()
    for name in ("a.m4a", "b.m4a"):
        db.recording("Rain", at=AT, name=name, ZUNIQUEID="R")
    found = run_files([stored(db)], tmp_path)
    assert (len(found.artifacts), found.tally.skipped) == (1, 1)


def test_the_demo_phone_has_recordings_of_every_sort(tmp_path: Path) -> None:
    first = run_files(demo_files(later=False), tmp_path)
    assert len(first.artifacts) == 8
    assert first.find(RAIN).thread_key == f"folder:{LAKE_FOLDER}"
    assert first.payload(TRASHED)["is_trashed"] is True
    assert first.payload(UNLISTED)["type"] == "file_alone"
    assert first.tally.notes == {}
    second = run_files(demo_files(later=True), tmp_path)
    before, after = ({a.key: a for a in run.artifacts} for run in (first, second))
    assert before.keys() - after.keys() == {TRASHED}
    assert len(after.keys() - before.keys()) == 1
    renamed = [after[k].title for k in before.keys() & after.keys()
               if before[k].payload != after[k].payload]  # fmt: skip
    assert renamed == ["Jonas sings"]

from __future__ import annotations

import datetime as dt
import plistlib
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.calls_database import unix
from deploy.demo.container import PhoneFile
from deploy.demo.recordings import amr
from deploy.demo.voicemails import (
    BLOCKED,
    DETACHED,
    DOWNLOADED,
    HEARD,
    ICCID,
    LINE,
    TRASHED,
    VoicemailDatabase,
    demo_files,
    transcript,
)
from services.indexer.kinds.backup_files import (
    BLOB_MISSING,
    LIST_UNKNOWN,
    NOT_DOWNLOADED,
    NOT_IN_BACKUP,
    file_id_of,
)
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import Collected, parse

DOMAIN, FOLDER = "HomeDomain", "Library/Voicemail"
STORE = f"{DOMAIN}/{FOLDER}/voicemail.db"
AT = dt.datetime(2024, 5, 1, 12, 30, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
ZOE = "+436601112223"


def listed(files: list[PhoneFile]) -> list[dict[str, Any]]:
    return [
        {
            "domain": file.domain,
            "relative_path": file.relative_path,
            "file_id": file_id_of(file.domain, file.relative_path),
            "size_bytes": len(file.content),
            "modified_at": None if file.modified_at is None else file.modified_at.isoformat(),
        }
        for file in files
    ]


def run_files(files: list[PhoneFile], folder: Path) -> Collected:
    fetched: dict[str, bytes | Path] = {
        f"{file.domain}/{file.relative_path}": file.content
        for file in files
        if file.relative_path.endswith((".db", ".transcript"))
    }
    return parse("voicemail", fetched, folder, listing=listed(files))


def run(database: VoicemailDatabase, folder: Path, *beside: PhoneFile) -> Collected:
    return run_files([PhoneFile(DOMAIN, f"{FOLDER}/voicemail.db", database.to_bytes()), *beside],
                     folder)  # fmt: skip


def payloads(found: Collected) -> list[dict[str, Any]]:
    return [found.payload(artifact.key) for artifact in found.artifacts]


def test_a_voicemail_is_read_with_recording_transcript_and_line(tmp_path: Path) -> None:
    db = VoicemailDatabase()
    db.insert("map", account=ICCID, label=LINE)
    number = db.voicemail(
        "0660 1112223", at=AT, seconds=34, callback_num="+43 1 5550100", remote_uid=77
    )
    sound = PhoneFile(DOMAIN, f"{FOLDER}/{number}.amr", amr(1.0))
    words = PhoneFile(DOMAIN, f"{FOLDER}/{number}.transcript", transcript(["Pixel", "is", "awake"]))
    found = run(db, tmp_path, sound, words)
    (payload,) = payloads(found)
    segments = payload["transcript"].pop("segments")
    assert payload == {
        "type": "voicemail", "received_at": "2024-05-01T12:30:00Z", "duration_seconds": 34.0,
        "sender": "06601112223", "callback": "+4315550100",
        "transcript": {"text": "Pixel is awake", "confidence": 0.75, "rating": 3},
        "is_heard": True, "expires_at": "2024-05-31T12:30:00Z", "receiver": "+15550142000",
        "line_key": LINE, "sim_iccid": ICCID, "raw": {"flags": 3, "remote_uid": 77},
    }  # fmt: skip
    assert segments[2] == {
        "text": "awake", "at_seconds": 0.8, "duration_seconds": 0.35, "confidence": 0.75,
    }  # fmt: skip
    (artifact,) = found.artifacts
    (recording,) = artifact.attachments
    assert (recording.name, recording.media_type, recording.present) == ("1.amr", "audio/amr", True)
    assert recording.size_bytes == len(sound.content)
    assert artifact.title == "Voicemail"
    assert artifact.occurred_at_us == unix(AT) * 1_000_000
    for word in ("Pixel is awake", "0660 1112223", "+4315550100"):
        assert word in (artifact.text or "")


def test_who_left_it_is_the_thread(tmp_path: Path) -> None:
    db = VoicemailDatabase()
    db.voicemail("(555) 014-2001", at=AT)
    db.voicemail("+15550142001", at=AT + MINUTE)
    db.voicemail(None, at=AT + 2 * MINUTE, callback_num="+15550142001")
    db.voicemail(None, at=AT + 3 * MINUTE)
    found = run(db, tmp_path)
    assert [a.thread_key for a in found.artifacts] == [*["direct:+15550142001"] * 3, None]
    assert [a.sender_handle for a in found.artifacts] == [*["+15550142001"] * 3, None]
    assert [thread.participants for thread in found.threads] == [["+15550142001"]]


def test_the_bin_and_what_was_removed_are_there_with_their_state(tmp_path: Path) -> None:
    db = VoicemailDatabase()
    db.voicemail(ZOE, at=AT, flags=HEARD | DOWNLOADED | TRASHED, trashed_at=AT + MINUTE)
    db.voicemail(ZOE, at=AT + MINUTE, flags=HEARD | DOWNLOADED | TRASHED | DETACHED)
    db.voicemail(ZOE, at=AT + 2 * MINUTE, flags=DOWNLOADED | BLOCKED)
    db.voicemail(ZOE, at=AT + 3 * MINUTE, table="deleted")
    db.voicemail(ZOE, at=AT + 2 * MINUTE, table="deleted")
    found = run(db, tmp_path)
    said = payloads(found)
    assert [p.get("is_trashed", False) for p in said] == [True, True, False, False]
    assert [p.get("trashed_at") for p in said] == ["2024-05-01T12:31:00Z", None, None, None]
    assert [p.get("is_deleted", False) for p in said] == [False, False, False, True]
    assert said[1]["is_detached"] is said[2]["is_blocked"] is True
    assert found.artifacts[0].title == "Deleted voicemail"
    # A number in the table of those removed is not the number of a file.
    assert found.artifacts[3].attachments == ()


def test_a_recording_that_is_not_there_says_why(tmp_path: Path) -> None:
    db = VoicemailDatabase()
    db.voicemail(ZOE, at=AT, flags=0)
    db.voicemail(ZOE, at=AT + MINUTE)
    db.voicemail(ZOE, at=AT + 2 * MINUTE)
    content = db.to_bytes()
    path = f"{FOLDER}/3.amr"
    line = {"domain": DOMAIN, "relative_path": path, "file_id": file_id_of(DOMAIN, path),
            "size_bytes": 5, "present": False}  # fmt: skip
    found = parse("voicemail", {STORE: content}, tmp_path, listing=[line])
    reasons = [artifact.attachments[0].reason for artifact in found.artifacts]
    assert reasons == [NOT_DOWNLOADED, NOT_IN_BACKUP, BLOB_MISSING]
    assert found.tally.missing_files == 3
    unknown = parse("voicemail", {STORE: content}, tmp_path)
    assert {a.attachments[0].reason for a in unknown.artifacts} == {LIST_UNKNOWN}


def test_a_voicemail_keeps_its_key_while_its_state_and_number_change(tmp_path: Path) -> None:
    before, after = VoicemailDatabase(), VoicemailDatabase()
    before.voicemail("+15550149999", at=AT - MINUTE)
    for database, changes in (
        (before, {"flags": 0, "seconds": 0}),
        (after, {"flags": 11, "seconds": 20, "remote_uid": 900, "trashed_at": AT}),
    ):
        database.voicemail(ZOE, at=AT, **changes)
    first, second = run(before, tmp_path), run(after, tmp_path)
    assert first.artifacts[1].key == second.artifacts[0].key


def test_two_of_one_second_from_one_number_are_two(tmp_path: Path) -> None:
    db = VoicemailDatabase()
    for _ in range(2):
        db.voicemail(ZOE, at=AT)
    found = run(db, tmp_path)
    assert len({artifact.key for artifact in found.artifacts}) == 2
    assert found.tally.notes == {}


def test_an_old_list_knows_nothing_of_lines(tmp_path: Path) -> None:
    db = VoicemailDatabase(is_old=True)
    db.voicemail(ZOE, at=AT)
    (payload,) = payloads(run(db, tmp_path))
    assert payload["sender"] == ZOE
    assert not payload.keys() & {"receiver", "line_key", "sim_iccid"}


def test_greetings_are_the_owners(tmp_path: Path) -> None:
    greeting = PhoneFile(DOMAIN, f"{FOLDER}/5C0FFEE0/Greeting-custom.amr", amr(0.5), modified_at=AT)
    found = run(VoicemailDatabase(), tmp_path, greeting)
    (artifact,) = found.artifacts
    assert (artifact.title, artifact.is_me) == ("Voicemail greeting", True)
    assert payloads(found) == [{"type": "greeting", "received_at": "2024-05-01T12:30:00Z"}]
    assert artifact.attachments[0].present


def test_files_without_a_list_are_listed_with_their_transcripts(tmp_path: Path) -> None:
    files = [
        PhoneFile(DOMAIN, f"{FOLDER}/7.amr", amr(0.5), modified_at=AT),
        PhoneFile(DOMAIN, f"{FOLDER}/7.transcript", transcript(["Call", "back"])),
        PhoneFile(DOMAIN, f"{FOLDER}/account.plist", b"<plist/>"),
    ]
    found = run_files(files, tmp_path)
    (payload,) = payloads(found)
    assert (payload["type"], payload["transcript"]["text"]) == ("file_alone", "Call back")
    assert found.artifacts[0].text == "Call back"
    assert list(found.tally.notes) == [
        "The backup has no list of voicemails; only their files tell of them."
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"bplist00" + b"\xff" * 80, plistlib.dumps([1, 2]), plistlib.dumps({"a": 1}),
        plistlib.dumps({"transcriptionString": 5, "segments": "x"}), b"x" * (3 << 20),
        plistlib.dumps({"transcriptionString": " ", "segments": [{"substring": 5}, 7]}),
    ],
)  # fmt: skip
def test_a_transcript_that_cannot_be_read_costs_itself(tmp_path: Path, content: bytes) -> None:
    db = VoicemailDatabase()
    db.voicemail(ZOE, at=AT)
    found = run(db, tmp_path, PhoneFile(DOMAIN, f"{FOLDER}/1.transcript", content))
    (payload,) = payloads(found)
    assert "transcript" not in payload
    assert found.tally.notes == {"The transcript of a voicemail could not be read.": 1}


def test_words_stand_in_for_a_text_that_is_missing(tmp_path: Path) -> None:
    db = VoicemailDatabase()
    db.voicemail(ZOE, at=AT)
    content = plistlib.dumps({"segments": [{"substring": "Call"}, {"substring": "back"}]})
    found = run(db, tmp_path, PhoneFile(DOMAIN, f"{FOLDER}/1.transcript", content))
    assert payloads(found)[0]["transcript"]["text"] == "Call back"


def test_odd_values_cost_no_more_than_their_record(tmp_path: Path) -> None:
    db = VoicemailDatabase()
    odd: tuple[Any, ...] = ("never", b"\xff\xfe", 1e300, -(2**63), 2**62, "", "x" * 70_000, None)
    columns = (
        "date", "sender", "duration", "expiration", "trashed_date", "flags", "receiver", "label",
        "remote_uid", "callback_num",
    )  # fmt: skip
    for number, column in enumerate(columns):
        for other, value in enumerate(odd):
            row = db.voicemail(ZOE, at=AT + (number * 10 + other) * MINUTE)
            db.connection.execute(
                f"update voicemail set {column} = ? where ROWID = ?", (value, row)
            )
    found = run(db, tmp_path)
    assert found.tally.kept == len(columns) * len(odd)
    assert found.tally.undecodable == 0
    assert all(len(thread.participants[0]) <= 320 for thread in found.threads)


def test_what_is_no_list_of_voicemails_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedStoreError):
        parse("voicemail", {STORE: b"x" * 5000}, tmp_path)
    db = VoicemailDatabase()
    db.connection.execute("drop table voicemail")
    with pytest.raises(UnsupportedStoreError, match="no table of voicemails"):
        run(db, tmp_path)


def test_four_weeks_later_one_was_heard_and_one_left_the_bin(tmp_path: Path) -> None:
    first = {a.key: a for a in run_files(demo_files(later=False), tmp_path).artifacts}
    second = {a.key: a for a in run_files(demo_files(later=True), tmp_path).artifacts}
    assert len(second.keys() - first.keys()) == 1
    (gone,) = first.keys() - second.keys()
    assert first[gone].title == "Deleted voicemail"
    changed = [k for k in first.keys() & second.keys() if first[k].payload != second[k].payload]
    assert [first[key].thread_key for key in changed] == [f"direct:{ZOE}"]

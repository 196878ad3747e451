from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.container import PhoneFile
from deploy.demo.photos import LIBRARY, DemoLibrary, demo_files, demo_library
from deploy.demo.photos_database import PhotosDatabase, cocoa_seconds, looked_up_place
from deploy.demo.photos_schema import Form
from services.indexer.kinds.backup_files import (
    BLOB_MISSING,
    NOT_DOWNLOADED,
    NOT_IN_BACKUP,
    file_id_of,
)
from services.indexer.kinds.photo.files import IN_ICLOUD
from services.indexer.kinds.photo.times import moment, offset_by_clock
from services.indexer.kinds.protocol import UnsupportedStoreError
from services.indexer.staging import StagedArtifact
from tests.unit.kinds.collected import Collected, parse

DOMAIN = "CameraRollDomain"
STORE = f"{DOMAIN}/{LIBRARY}"
FORMS: tuple[Form, ...] = ("13", "16", "18", "26")
AT = dt.datetime(2024, 5, 1, 12, 30, tzinfo=dt.UTC)


def listed(files: list[PhoneFile]) -> list[dict[str, Any]]:
    return [
        {
            "domain": file.domain,
            "relative_path": file.relative_path,
            "file_id": file_id_of(file.domain, file.relative_path),
            "size_bytes": len(file.content),
        }
        for file in files
    ]


def run(
    database: PhotosDatabase, folder: Path, listing: list[dict[str, Any]] | None = None
) -> Collected:
    return parse("photo", {STORE: database.to_bytes()}, folder, listing=listing)


def run_demo(folder: Path, *, form: Form = "18", later: bool = False) -> Collected:
    library: DemoLibrary = demo_library(later=later, form=form)
    return run(library.database, folder, listed(library.files))


def named(found: Collected, name: str) -> tuple[StagedArtifact, dict[str, Any]]:
    artifact = next(
        one for one in found.artifacts if getattr(one.payload, "file_name", None) == name
    )
    return artifact, found.payload(artifact.key)


def roles(artifact: StagedArtifact, payload: dict[str, Any]) -> dict[str, str | None]:
    return {
        info["role"]: artifact.attachments[info["n"]].relative_path for info in payload["files"]
    }


@pytest.fixture(params=FORMS, scope="module")
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Collected:
    return run_demo(tmp_path_factory.mktemp("demo"), form=request.param)


def test_every_photo_is_read_in_the_order_of_time(demo: Collected) -> None:
    assert len(demo.artifacts) == demo.tally.read == 15
    assert (demo.tally.skipped, demo.tally.undecodable) == (0, 0)
    moments = [artifact.occurred_at_us or 0 for artifact in demo.artifacts]
    assert moments == sorted(moments)


def test_a_photo_has_its_times_place_people_and_words(demo: Collected) -> None:
    artifact, payload = named(demo, "IMG_0101.HEIC")
    assert payload["taken_at"] == "2024-07-27T08:00:00Z"
    assert payload["taken_at_local"] == "2024-07-27T10:00:00+02:00"
    assert (payload["utc_offset_seconds"], payload["time_zone"]) == (7200, "Europe/Zurich")
    place = payload["place"]
    assert (place["latitude"], place["longitude"]) == (47.3541, 8.5362)
    assert (place["city"], place["country_code"]) == ("Zürich", "CH")
    assert place["areas"] == ["Zürichsee", "Kreis 2"]
    assert payload["is_favourite"] is True
    assert payload["caption"] == "The boat before the storm"
    assert payload["keywords"] == ["Grüße", "Lake"]
    assert [face["name"] for face in payload["people"]] == ["Jonas Sandoval"]
    assert payload["camera"]["model"] == "iPhone 13"
    text = artifact.text or ""
    for word in ("storm", "Zürichsee", "Jonas Sandoval", "Lake", "iPhone 13", "Boats", "Journeys"):
        assert word in text


def test_faces_without_a_name_are_counted_only(demo: Collected) -> None:
    _, payload = named(demo, "IMG_0102.HEIC")
    assert [face["name"] for face in payload["people"]] == ["Jonas Sandoval", "由紀 田中"]
    assert payload["people"][1]["x"] == 0.7
    assert payload["unnamed_faces"] == 1


def test_the_thread_is_the_oldest_album_and_the_payload_names_all(demo: Collected) -> None:
    artifact, payload = named(demo, "IMG_0101.HEIC")
    assert [album["title"] for album in payload["albums"]] == ["Lake weekend", "Boats"]
    assert payload["albums"][0]["folders"] == ["Journeys"]
    assert artifact.thread_key == payload["albums"][0]["key"]
    titles = {thread.title for thread in demo.threads}
    assert titles == {"Lake with everybody", "Lake weekend", "Boats", "Nothing yet"}
    assert named(demo, "IMG_0130.PNG")[0].thread_key is None


def test_a_live_photo_brings_its_film(demo: Collected) -> None:
    artifact, payload = named(demo, "IMG_0102.HEIC")
    assert payload["form"] == "live_photo"
    assert roles(artifact, payload) == {
        "original": "Media/DCIM/100APPLE/IMG_0102.HEIC",
        "live_photo": "Media/DCIM/100APPLE/IMG_0102.MOV",
        "thumbnail": "Media/PhotoData/Thumbnails/V2/DCIM/100APPLE/IMG_0102.HEIC/5005.JPG",
    }


def test_of_an_edited_photo_the_edit_is_shown_and_the_original_kept(demo: Collected) -> None:
    artifact, payload = named(demo, "IMG_0103.HEIC")
    assert payload["is_edited"] is True
    assert payload["edited_at"] == "2024-07-27T13:00:00Z"
    assert payload["files"][0]["role"] == "edited"
    assert artifact.attachments[0].name == "IMG_0103 (edited).jpg"
    assert roles(artifact, payload)["original"] == "Media/DCIM/100APPLE/IMG_0103.HEIC"


def test_a_raw_picture_belongs_to_its_jpeg(demo: Collected) -> None:
    artifact, payload = named(demo, "IMG_0104.JPG")
    assert payload["has_raw"] is True
    assert roles(artifact, payload)["raw"] == "Media/DCIM/100APPLE/IMG_0104.DNG"
    assert artifact.attachments[1].media_type == "image/x-adobe-dng"


def test_photos_of_a_burst_have_one_key_and_one_is_shown(demo: Collected) -> None:
    burst = [named(demo, f"IMG_01{number}.HEIC")[1] for number in (10, 11, 12)]
    assert len({one["burst"]["key"] for one in burst}) == 1
    assert [one["burst"].get("is_shown", False) for one in burst] == [False, True, False]
    assert [one.get("is_kept_apart", False) for one in burst] == [True, False, True]


def test_a_video_has_its_length_and_pace(demo: Collected) -> None:
    _, payload = named(demo, "IMG_0120.MOV")
    assert (payload["media"], payload["duration_seconds"]) == ("video", 12.4)
    assert payload["camera"]["frames_per_second"] == 59.94


def test_what_apps_and_the_system_made_says_so(demo: Collected) -> None:
    assert named(demo, "IMG_0130.PNG")[1]["form"] == "screenshot"
    artifact, saved = named(demo, "IMG_0131.JPG")
    assert saved["saved_by"]["bundle_id"] == "net.whatsapp.WhatsApp"
    assert saved["taken_with"] == "app"
    assert artifact.title == saved["original_name"] == "Menu of the café.jpg"


def test_an_original_in_icloud_is_not_here_but_its_thumbnail_is(demo: Collected) -> None:
    artifact, payload = named(demo, "IMG_0132.HEIC")
    assert (payload["has_original"], payload["is_in_icloud"]) == (False, True)
    original, thumbnail = artifact.attachments
    assert (original.present, original.reason, original.size_bytes) == (False, IN_ICLOUD, 2345678)
    assert thumbnail.present
    assert payload["files"][1]["role"] == "thumbnail"
    assert demo.tally.missing_files == 1


def test_hidden_and_trashed_photos_are_there_with_their_state(demo: Collected) -> None:
    assert named(demo, "IMG_0133.HEIC")[1]["is_hidden"] is True
    trashed = named(demo, "IMG_0134.HEIC")[1]
    assert (trashed["is_trashed"], trashed["trashed_at"]) == (True, "2024-07-29T08:00:00Z")


def test_a_scanned_photo_is_as_old_as_it_is(demo: Collected) -> None:
    artifact, payload = named(demo, "IMG_0135.JPG")
    assert payload["taken_at_local"] == "1964-08-02T12:00:00+01:00"
    assert artifact.title == "Grandmother at the pier"
    assert demo.artifacts[0] is artifact


def test_a_photo_of_a_shared_album_has_comments_and_who_put_it_there(demo: Collected) -> None:
    artifact, payload = named(demo, "IMG_0007.JPG")
    assert payload["source"] == "shared_album"
    assert payload["contributors"] == [{"name": "Amélie Dubois"}]
    assert payload["is_kept_apart"] is True
    assert payload["comments"] == [
        {
            "at": "2024-07-29T08:00:00Z",
            "by": "Mira Sandoval",
            "is_mine": True,
            "text": "What a morning!",
        },
        {"at": "2024-07-29T09:00:00Z", "by": "Amélie Dubois", "is_like": True},
    ]
    assert artifact.attachments[0].present
    thread = next(one for one in demo.threads if one.key == artifact.thread_key)
    assert (thread.is_group, thread.participants) == (True, ["Amélie Dubois", "Mira Sandoval"])


@pytest.mark.parametrize("form", ["16", "18", "26"])
def test_the_shared_library_tells_who_put_a_photo_there(tmp_path: Path, form: Form) -> None:
    found = run_demo(tmp_path, form=form)
    mine, payload = named(found, "IMG_0101.HEIC")
    assert (mine.is_me, mine.sender_handle) == (True, None)
    assert payload["contributors"][0]["is_me"] is True
    theirs, payload = named(found, "IMG_0102.HEIC")
    assert payload["is_in_shared_library"] is True
    assert payload["contributors"] == [{"name": "Jonas Sandoval", "handle": "+15550142001"}]
    assert (theirs.is_me, theirs.sender_handle) == (False, "+15550142001")
    assert "is_in_shared_library" not in named(found, "IMG_0103.HEIC")[1]


def test_every_file_of_the_camera_belongs_to_a_photo(demo: Collected) -> None:
    assert not any(getattr(one.payload, "is_file_alone", False) for one in demo.artifacts)


def test_the_next_backup_of_the_demo_phone_tells_what_changed(tmp_path: Path) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    before, after = run_demo(folders[0]), run_demo(folders[1], later=True)
    keys = [{one.key for one in found.artifacts} for found in (before, after)]
    assert (len(keys[0] - keys[1]), len(keys[1] - keys[0])) == (3, 1)
    assert "is_favourite" not in named(after, "IMG_0101.HEIC")[1]


def test_the_same_library_gives_the_same_artifacts(tmp_path: Path) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    one, other = (run_demo(folder) for folder in folders)
    assert one.artifacts == other.artifacts
    assert demo_files(later=False)[0].relative_path == LIBRARY


def test_a_film_by_itself_is_no_half_of_a_photo(tmp_path: Path) -> None:
    library = DemoLibrary()
    library.picture("IMG_0001.JPG", at=AT)
    library.picture("IMG_0001.MOV", at=AT, ZKIND=1)
    found = run(library.database, tmp_path, listed(library.files))
    artifact, payload = named(found, "IMG_0001.JPG")
    assert set(roles(artifact, payload)) == {"original", "thumbnail"}


def test_a_picture_that_is_raw_itself_brings_what_was_made_of_it(tmp_path: Path) -> None:
    library = DemoLibrary()
    library.picture("IMG_0001.DNG", at=AT)
    library.put("DCIM/100APPLE/IMG_0001.JPG", b"x", at=AT)
    found = run(library.database, tmp_path, listed(library.files))
    artifact, payload = named(found, "IMG_0001.DNG")
    assert roles(artifact, payload)["jpeg"] == "Media/DCIM/100APPLE/IMG_0001.JPG"
    assert len(found.artifacts) == 1


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (None, NOT_DOWNLOADED),
        ("DCIM/100APPLE/IMG_0001.JPG", NOT_IN_BACKUP),
        ("../../etc/passwd", NOT_DOWNLOADED),
        ("/Volumes/Disk/IMG_0001.JPG", NOT_DOWNLOADED),
        (f"DCIM/{'x' * 2000}/IMG_0001.JPG", NOT_DOWNLOADED),
    ],
)
def test_a_file_that_is_not_there_has_a_reason(
    tmp_path: Path, path: str | None, reason: str
) -> None:
    database = PhotosDatabase()
    database.asset(path, taken_at=AT)
    (artifact,) = run(database, tmp_path, []).artifacts
    assert artifact.attachments[0].reason == reason


def test_a_blob_that_is_not_on_disk_is_said(tmp_path: Path) -> None:
    library = DemoLibrary()
    library.picture("IMG_0001.JPG", at=AT)
    lines = [line | {"present": False} for line in listed(library.files)]
    (artifact,) = run(library.database, tmp_path, lines).artifacts
    assert artifact.attachments[0].reason == BLOB_MISSING


def test_without_a_list_of_files_it_is_unknown_what_is_there(tmp_path: Path) -> None:
    database = PhotosDatabase()
    database.asset("DCIM/100APPLE/IMG_0001.JPG", taken_at=AT)
    found = run(database, tmp_path)
    assert "has_original" not in found.payload(found.artifacts[0].key)
    assert found.tally.missing_files == 0


def test_numbers_that_nobody_knows_are_kept(tmp_path: Path) -> None:
    database = PhotosDatabase()
    database.asset("DCIM/1/A.JPG", taken_at=AT, ZKIND=7, ZKINDSUBTYPE=55, ZSAVEDASSETTYPE=99)
    found = run(database, tmp_path, [])
    payload = found.payload(found.artifacts[0].key)
    assert payload["media"] == "other"
    assert payload["raw"] == {"kind": 7, "kind_subtype": 55, "saved_asset_type": 99}


@pytest.mark.parametrize(
    "column",
    ["ZREVERSELOCATIONDATA", "ZTIMEZONEOFFSET", "ZIMPORTEDBY", "ZASSETDESCRIPTION", "ZTITLE"],
)
def test_a_library_without_a_column_is_read_without_it(tmp_path: Path, column: str) -> None:
    library = demo_library(later=False)
    library.database.execute(f"alter table ZADDITIONALASSETATTRIBUTES drop column {column}")
    assert len(run(library.database, tmp_path, []).artifacts) == 15


@pytest.mark.parametrize(
    "table",
    [
        "ZADDITIONALASSETATTRIBUTES", "ZEXTENDEDATTRIBUTES", "ZASSETDESCRIPTION", "ZPERSON",
        "ZDETECTEDFACE", "ZGENERICALBUM", "Z_30ASSETS", "ZKEYWORD", "Z_1KEYWORDS",
        "ZINTERNALRESOURCE", "ZCLOUDSHAREDCOMMENT", "ZCLOUDMASTER", "Z_PRIMARYKEY",
    ],
)  # fmt: skip
def test_a_library_without_a_table_is_read_without_it(tmp_path: Path, table: str) -> None:
    library = demo_library(later=False)
    library.database.execute(f"drop table {table}")
    assert len(run(library.database, tmp_path, []).artifacts) == 15


def test_a_store_without_photos_says_so(tmp_path: Path) -> None:
    library = demo_library(later=False)
    library.database.execute("drop table ZASSET")
    with pytest.raises(UnsupportedStoreError, match="no table of photos"):
        run(library.database, tmp_path)


def test_a_table_of_an_unknown_format_says_so(tmp_path: Path) -> None:
    library = demo_library(later=False)
    library.database.execute("alter table ZASSET drop column ZDIRECTORY")
    with pytest.raises(UnsupportedStoreError, match="unknown format"):
        run(library.database, tmp_path)


def test_records_of_one_identity_count_once_and_those_of_none_not(tmp_path: Path) -> None:
    database = PhotosDatabase()
    for key in ("A", "A", "B"):
        database.asset("DCIM/1/A.JPG", taken_at=AT, ZUUID=key)
    database.change(3, ZUUID=None)
    found = run(database, tmp_path, [])
    assert [one.key for one in found.artifacts] == ["A"]
    assert found.tally.skipped == 2
    assert "Several records claim the same identity." in found.tally.notes
    assert "A record has no identity of its own." in found.tally.notes


HOSTILE = (None, "", "text", b"\xff\x00", -1, 2**62, 1e300, math.inf, "\ud800", "\0", b"bplist00")
COLUMNS = (
    "ZUUID", "ZDIRECTORY", "ZFILENAME", "ZKIND", "ZDATECREATED", "ZLATITUDE", "ZDURATION",
    "ZADDITIONALATTRIBUTES", "ZAVALANCHEUUID", "ZAVALANCHEPICKTYPE", "ZWIDTH", "ZSAVEDASSETTYPE",
)  # fmt: skip


@pytest.mark.parametrize("column", COLUMNS)
def test_any_value_in_any_column_costs_one_record_at_most(tmp_path: Path, column: str) -> None:
    database = PhotosDatabase()
    for number, value in enumerate(HOSTILE):
        asset = database.asset("DCIM/1/A.JPG", taken_at=AT, ZUUID=f"K{number}")
        given = value.encode("utf-8", "surrogatepass") if value == "\ud800" else value
        database.change(asset, **{column: given})  # type: ignore[arg-type]
    database.asset("DCIM/1/B.JPG", taken_at=AT, ZUUID="last")
    found = run(database, tmp_path, [])
    assert found.tally.read == len(HOSTILE) + 1
    assert "last" in {one.key for one in found.artifacts}
    assert len(found.artifacts) >= (len(HOSTILE) // 2 if column == "ZUUID" else len(HOSTILE))


def test_albums_in_a_circle_of_folders_and_people_in_one_of_merges_end(tmp_path: Path) -> None:
    database = PhotosDatabase()
    photo = database.asset("DCIM/1/A.JPG", taken_at=AT)
    folder = database.album("Loop", [], kind=4000)
    database.execute("update ZGENERICALBUM set ZPARENTFOLDER = ?", (folder,))
    database.album("In it", [photo], ZPARENTFOLDER=folder)
    one, other = database.person("One"), database.person("Other")
    database.execute("update ZPERSON set ZMERGETARGETPERSON = 3 - Z_PK")
    database.face(photo, one)
    database.face(photo, other)
    found = run(database, tmp_path, [])
    payload = found.payload(found.artifacts[0].key)
    assert len(payload["albums"][0]["folders"]) == 20
    assert len(payload["people"]) == 2


def test_merged_people_are_one(tmp_path: Path) -> None:
    database = PhotosDatabase()
    photo = database.asset("DCIM/1/A.JPG", taken_at=AT)
    kept = database.person("Zoë Größl")
    database.face(photo, database.person("Z.", ZMERGETARGETPERSON=kept))
    found = run(database, tmp_path, [])
    assert [face["name"] for face in found.payload(found.artifacts[0].key)["people"]] == [
        "Zoë Größl"
    ]


def test_an_album_in_the_trash_is_none(tmp_path: Path) -> None:
    database = PhotosDatabase()
    photo = database.asset("DCIM/1/A.JPG", taken_at=AT)
    database.album("Gone", [photo], ZTRASHEDSTATE=1)
    found = run(database, tmp_path, [])
    assert found.threads == []
    assert found.artifacts[0].thread_key is None


def test_a_photo_with_more_faces_than_any_has_keeps_some(tmp_path: Path) -> None:
    database = PhotosDatabase()
    photo = database.asset("DCIM/1/A.JPG", taken_at=AT)
    for _ in range(2_100):
        database.face(photo, None)
    found = run(database, tmp_path, [])
    assert found.payload(found.artifacts[0].key)["unnamed_faces"] == 2_000
    assert "A record claims to have more parts than any has." in found.tally.notes


def test_damaged_pages_cost_what_is_on_them(tmp_path: Path) -> None:
    database = PhotosDatabase()
    for number in range(600):
        database.asset(f"DCIM/1/{number}.JPG", taken_at=AT + dt.timedelta(hours=number))
    content = bytearray(database.to_bytes())
    # A page of the table of photos, which the name of one of them is on.
    page = int.from_bytes(content[16:18], "big")
    begin = content.index(b"300.JPG") // page * page
    content[begin : begin + page] = b"\xff" * page
    found = parse("photo", {STORE: bytes(content)}, tmp_path, listing=[])
    assert 400 < len(found.artifacts) < 600
    assert "Part of a table is damaged; what could be read was read." in found.tally.notes


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, None),
        (None, None),
        ("738000000", None),
        (1.5, "2001-01-01T00:00:01.500000+00:00"),
        (-1_000_000_000, "1969-04-24T22:13:20+00:00"),
        (-63_114_076_800, None),
        (64_092_211_200, None),
        (123_456_789_012_345, None),
        (math.nan, None),
        (math.inf, None),
    ],
)
def test_dates_of_photos_are_seconds_of_any_age(seconds: object, expected: str | None) -> None:
    found = moment(seconds)
    assert (None if found is None else found.isoformat()) == expected


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("2024:05:01 14:30:00", 7200),
        ("2024:05:01 18:00:00", 19_800),
        ("2024:05:01 14:31:10", None),
        ("2020:05:01 14:30:00", None),
        ("yesterday", None),
        (b"2024:05:01 14:30:00", None),
        (None, None),
    ],
)
def test_the_camera_s_clock_tells_the_offset_where_nothing_else_does(
    clock: object, expected: int | None
) -> None:
    assert offset_by_clock(AT, clock) == expected


def test_a_guessed_offset_is_said_to_be_one(tmp_path: Path) -> None:
    database = PhotosDatabase()
    database.asset("DCIM/1/A.JPG", taken_at=AT, additional={"ZINFERREDTIMEZONEOFFSET": -3600})
    found = run(database, tmp_path, [])
    payload = found.payload(found.artifacts[0].key)
    assert payload["is_offset_inferred"] is True
    assert payload["taken_at_local"] == "2024-05-01T11:30:00-01:00"


def test_a_place_without_coordinates_keeps_its_address(tmp_path: Path) -> None:
    place = looked_up_place(
        street="1 Quai", city="Genève", state="GE", postal_code="1204", country="Suisse", code="CH",
        is_home=True,
    )  # fmt: skip
    database = PhotosDatabase()
    database.asset("DCIM/1/A.JPG", taken_at=AT, additional={"ZREVERSELOCATIONDATA": place})
    found = run(database, tmp_path, [])
    payload = found.payload(found.artifacts[0].key)
    assert payload["place"]["city"] == "Genève"
    assert payload["place"]["is_home"] is True
    assert "latitude" not in payload["place"]


def test_a_photo_without_a_date_is_as_old_as_its_arrival(tmp_path: Path) -> None:
    database = PhotosDatabase()
    database.asset("DCIM/1/A.JPG", taken_at=None, ZADDEDDATE=cocoa_seconds(AT))
    (artifact,) = run(database, tmp_path, []).artifacts
    assert artifact.occurred_at_us == int(AT.timestamp() * 1_000_000)

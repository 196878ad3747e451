"""Libraries without tables and columns, with damage, and with what no phone writes."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import pytest

from deploy.demo.photos import DemoLibrary, demo_library
from deploy.demo.photos_database import PhotosDatabase, cocoa_seconds, looked_up_place
from services.indexer.kinds.backup_files import (
    BLOB_MISSING,
    NOT_DOWNLOADED,
    NOT_IN_BACKUP,
)
from services.indexer.kinds.photo.times import moment, offset_by_clock
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import parse
from tests.unit.kinds.photo_libraries import (
    AT,
    STORE,
    listed,
    run,
)


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


@pytest.mark.parametrize(
    "table", ["ZADDITIONALASSETATTRIBUTES", "ZEXTENDEDATTRIBUTES", "ZUNMANAGEDADJUSTMENT", "ZASSET"]
)
def test_a_table_that_has_a_number_again_and_again_does_not_multiply(
    tmp_path: Path, table: str
) -> None:
    library = demo_library(later=False)
    for name in ("ZADDITIONALASSETATTRIBUTES", "ZEXTENDEDATTRIBUTES", table):
        library.database.execute(f"create table copied as select * from {name}")
        library.database.execute(f"drop table {name}")
        library.database.execute(f"alter table copied rename to {name}")
        for _ in range(5):
            library.database.execute(f"insert into {name} select * from {name}")
    assert len(run(library.database, tmp_path, []).artifacts) == 15


def test_albums_that_claim_to_hold_a_photo_a_million_times_cost_little(tmp_path: Path) -> None:
    library = demo_library(later=False)
    library.database.execute("drop table Z_30ASSETS")
    library.database.execute("create table Z_30ASSETS (Z_30ALBUMS integer, Z_3ASSETS integer)")
    library.database.execute(
        "with recursive n(x) as (select 1 union all select x + 1 from n where x < 200000)"
        " insert into Z_30ASSETS select 2, 1 + x % 15 from n"
    )
    found = run(library.database, tmp_path, [])
    assert len(found.artifacts) == 15
    assert "A record claims to have more parts than any has." in found.tally.notes

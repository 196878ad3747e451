from __future__ import annotations

from pathlib import Path

import pytest

from deploy.demo.photos import LIBRARY, DemoLibrary, demo_files
from deploy.demo.photos_schema import Form
from services.indexer.kinds.photo.files import IN_ICLOUD
from tests.unit.kinds.collected import Collected
from tests.unit.kinds.photo_libraries import (
    AT,
    FORMS,
    listed,
    named,
    roles,
    run,
    run_demo,
)


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


@pytest.mark.parametrize("form", ["18", "26"])
def test_what_a_picture_is_beside_a_picture_is_told(tmp_path: Path, form: Form) -> None:
    library = DemoLibrary(form)
    library.picture("IMG_0001.HEIC", at=AT, ZSPATIALTYPE=1, ZHDRTYPE=10)
    library.picture("IMG_0002.PNG", at=AT, camera={"ZGENERATIVEAITYPE": 1, "ZCREDIT": "Playground"})
    library.picture("IMG_0003.HEIC", at=AT, camera={"ZGENERATIVEAITYPE": 2}, ZHDRTYPE=4)
    library.picture("IMG_0004.HEIC", at=AT, camera={"ZGENERATIVEAITYPE": 9}, ZHDRTYPE=77)
    found = run(library.database, tmp_path)
    spatial, made, mended, strange = [found.payload(one.key) for one in found.artifacts]
    assert (spatial["is_spatial"], spatial["is_hdr"]) == (True, True)
    assert (made["generative"], made["credit"]) == ("generated", "Playground")
    assert "Playground" in (named(found, "IMG_0002.PNG")[0].text or "")
    assert mended["generative"] == "cleaned_up"
    assert not {"is_hdr", "is_spatial"} & mended.keys()
    assert strange["raw"] == {"generative_type": 9, "hdr_type": 77}
    assert not {"is_hdr", "generative"} & strange.keys()

"""Apps: Info.plist, the sums of their files and the home screen, whole, missing and damaged."""

import base64
import datetime as dt
import plistlib
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.container import PhoneApp
from deploy.demo.installed_apps import (
    demo_apps,
    demo_files,
    folder,
    home_screen,
    info_plist,
    store_metadata,
    widgets,
)
from deploy.demo.pictures import png
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import Collected, parse

INFO = "/Info.plist"
SCREEN = "HomeDomain/Library/SpringBoard/IconState.plist"
PAD = "HomeDomain/Library/SpringBoard/IconState~ipad.plist"
WHATSAPP = "net.whatsapp.WhatsApp"


def app(bundle: str, *domains: str, **more: Any) -> dict[str, Any]:
    return {
        "bundle_id": bundle,
        "name": None,
        "version": None,
        "domains": list(domains) or [f"AppDomain-{bundle}"],
        "file_count": 3,
        "size_bytes": 4096,
    } | more


def demo(folder: Path, *, later: bool = False) -> Collected:
    files = {
        f"{file.domain}/{file.relative_path}": file.content
        for file in demo_files(later=later)
        if file.domain == "HomeDomain"
    }
    files[INFO] = info_plist(demo_apps(later=later))
    return parse("installed_app", files, folder, apps=[app(WHATSAPP), app("com.apple.tips")])


def test_an_app_has_what_the_store_the_manifest_and_the_home_screen_say(tmp_path: Path) -> None:
    found = demo(tmp_path)
    icon = png(901, width=60, height=60)
    assert found.payload(WHATSAPP) == {
        "bundle_id": WHATSAPP,
        "name": "WhatsApp Messenger",
        "version": "24.15.77",
        "build": "2.24.15.77",
        "artist": "WhatsApp Inc.",
        "genre": "Social Networking",
        "age_rating": "4+",
        "store_id": 310633997,
        "country_code": "US",
        "purchased_at": "2019-05-11T08:21:04Z",
        "released_at": "2017-04-01T07:00:00Z",
        "purchased_by": "mira.sandoval@example.com",
        "is_redownload": True,
        "image": {
            "media_type": "image/png",
            "size_bytes": len(icon),
            "thumbnail": base64.b64encode(icon).decode(),
            "thumbnail_media_type": "image/png",
        },
        "place": {"position": 3, "is_in_dock": True},
        "file_count": 3,
        "size_bytes": 4096,
        "domains": [f"AppDomain-{WHATSAPP}"],
    }
    artifact = found.find(WHATSAPP)
    assert artifact.title == "WhatsApp Messenger"
    bought = dt.datetime(2019, 5, 11, 8, 21, 4, tzinfo=dt.UTC)
    assert artifact.occurred_at_us == bought.timestamp() * 1e6
    assert artifact.text is not None
    assert "WhatsApp Inc." in artifact.text.split("\n")


def test_what_identifies_the_account_of_the_store_is_nowhere(tmp_path: Path) -> None:
    found = demo(tmp_path)
    said = repr([found.payload(one.key) for one in found.artifacts])
    assert "000123-05-invented" not in said
    assert "1234567" not in said


def test_an_app_in_a_folder_says_where_in_it(tmp_path: Path) -> None:
    found = demo(tmp_path)
    assert found.payload("org.example.timetable")["place"] == {
        "page": 1,
        "position": 4,
        "folder": "Unterwegs",
        "folder_page": 1,
        "folder_position": 1,
    }
    assert "Unterwegs" in (found.find("org.example.timetable").text or "")


def test_apps_come_in_the_order_in_which_they_were_bought_after_those_nobody_bought(
    tmp_path: Path,
) -> None:
    keys = [one.key for one in demo(tmp_path).artifacts]
    assert keys == [
        "com.apple.tips", WHATSAPP, "org.example.tides", "org.example.timetable",
    ]  # fmt: skip


def test_four_weeks_later_one_is_gone_one_is_new_and_one_has_another_version(
    tmp_path: Path,
) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    before = {one.key for one in demo(tmp_path / "1").artifacts}
    later = demo(tmp_path / "2", later=True)
    after = {one.key for one in later.artifacts}
    assert before - after == {"org.example.tides"}
    assert after - before == {"org.example.constellations"}
    assert later.payload(WHATSAPP)["version"] == "24.17.80"
    new = later.payload("org.example.constellations")
    assert new["is_beta"]
    assert new["purchased_by"] == "jonas@example.com"


def test_apples_own_apps_are_known_by_their_data(tmp_path: Path) -> None:
    tips = demo(tmp_path).payload("com.apple.tips")
    assert tips["is_listed"] is False
    assert tips["is_apple"] is True
    assert tips["name"] == "Tips"
    assert tips["place"] == {"page": 2, "position": 2}


def test_groups_that_belong_to_no_app_are_counted(tmp_path: Path) -> None:
    apps = [app(WHATSAPP), app("group.org.example", "AppDomainGroup-group.org.example")]
    found = parse("installed_app", {INFO: info_plist(demo_apps(later=False))}, tmp_path, apps=apps)
    assert len(found.artifacts) == 3
    assert (found.tally.read, found.tally.skipped) == (4, 1)
    assert found.tally.sentences() == "Data that belongs to no app was left out."


def test_a_list_of_names_alone_is_enough(tmp_path: Path) -> None:
    info = plistlib.dumps({"Installed Applications": ["org.example.a", "org.example.b", 7, ""]})
    apps = [app("org.example.a", name="Ahoy", version="2", size_bytes=None)]
    found = parse("installed_app", {INFO: info}, tmp_path, apps=apps)
    assert [one.key for one in found.artifacts] == ["org.example.a", "org.example.b"]
    assert found.payload("org.example.a") == {
        "bundle_id": "org.example.a", "name": "Ahoy", "version": "2", "file_count": 3,
        "domains": ["AppDomain-org.example.a"],
    }  # fmt: skip
    assert found.find("org.example.b").title == "org.example.b"


def test_without_info_plist_apps_are_known_by_their_data(tmp_path: Path) -> None:
    screen = home_screen([["org.example.a"]], [])
    found = parse("installed_app", {SCREEN: screen}, tmp_path, apps=[app("org.example.a")])
    assert found.payload("org.example.a")["place"] == {"page": 1, "position": 1}
    assert found.tally.sentences() == (
        "The backup has no Info.plist; apps are known by their data."
    )


def test_a_damaged_info_plist_leaves_what_is_known_by_data(tmp_path: Path) -> None:
    whole = info_plist(demo_apps(later=False))
    found = parse("installed_app", {INFO: whole[: len(whole) // 2]}, tmp_path, apps=[app("a.b")])
    assert [one.key for one in found.artifacts] == ["a.b"]
    assert "Info.plist could not be read" in found.tally.sentences()


def test_when_nothing_tells_of_apps_the_kind_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedStoreError, match="Nothing tells which apps"):
        parse("installed_app", {INFO: b"garbage"}, tmp_path, apps=[])


def test_a_damaged_home_screen_costs_the_places_only(tmp_path: Path) -> None:
    files = {INFO: info_plist(demo_apps(later=False)), SCREEN: b"bplist00 no more"}
    found = parse("installed_app", files, tmp_path, apps=[])
    assert len(found.artifacts) == 3
    assert "place" not in found.payload(WHATSAPP)
    assert found.tally.sentences() == "The layout of the home screen could not be read."


def test_the_home_screen_of_a_tablet_is_read_too(tmp_path: Path) -> None:
    screen = home_screen([["a.b"], [widgets("c.d"), {"displayIdentifier": WHATSAPP}]], [])
    files = {INFO: info_plist(demo_apps(later=False)), PAD: screen}
    found = parse("installed_app", files, tmp_path, apps=[])
    assert found.payload(WHATSAPP)["place"] == {"page": 2, "position": 2}


@pytest.mark.parametrize(
    "icons",
    [
        ["x", 5, None, [], {}],
        [{"iconLists": 7}, {"iconLists": [[["deep"]]]}, {"displayName": 8, "iconLists": [3]}],
        folder("recursive", ["a"] * 500),
    ],
)
def test_a_home_screen_of_odd_types_is_read_as_far_as_it_makes_sense(
    tmp_path: Path, icons: Any
) -> None:
    state = plistlib.dumps(
        {"iconLists": [[one for one in icons if one is not None], 9], "buttonBar": "dock"}
    )
    files = {INFO: info_plist(demo_apps(later=False)), SCREEN: state}
    assert len(parse("installed_app", files, tmp_path, apps=[]).artifacts) == 3


def test_what_the_store_says_in_odd_types_costs_those_fields(tmp_path: Path) -> None:
    odd = PhoneApp(
        "org.example.odd",
        "Odd",
        metadata={
            "artistName": 7,
            "itemId": "no number",
            "releaseDate": "9999-99-99",
            "rating": [],
            "com.apple.iTunesStore.downloadInfo": {"purchaseDate": "0001-01-01T00:00:00+14:00"},
            "genre": "x" * 5000,
        },
    )
    entry = plistlib.loads(info_plist([odd]))
    entry["Applications"]["org.example.none"] = "not a dictionary"
    entry["Applications"]["org.example.bad"] = {"iTunesMetadata": b"bplist00?"}
    found = parse("installed_app", {INFO: plistlib.dumps(entry)}, tmp_path, apps=[])
    payload = found.payload("org.example.odd")
    assert payload == {
        "bundle_id": "org.example.odd", "name": "Odd", "version": "1.0", "genre": "x" * 500,
    }  # fmt: skip
    assert len(found.artifacts) == 3
    assert found.tally.sentences() == "What the App Store says of an app could not be read."


@pytest.mark.parametrize(
    ("icon", "image"),
    [
        (b"GIF89a....", {"media_type": "image/gif", "size_bytes": 10, "thumbnail_media_type":
                         "image/gif", "thumbnail": base64.b64encode(b"GIF89a....").decode()}),
        (b"<svg/>", {"media_type": None, "size_bytes": 6}),
        (b"\x89PNG" + bytes(65_533), {"media_type": "image/png", "size_bytes": 65_537}),
        (b"", None),
    ],
)  # fmt: skip
def test_an_icon_is_shown_when_it_is_a_small_picture(
    tmp_path: Path, icon: bytes, image: dict[str, Any] | None
) -> None:
    info = info_plist([PhoneApp("a.b", "A", icon=icon)])
    found = parse("installed_app", {INFO: info}, tmp_path, apps=[])
    assert found.payload("a.b").get("image") == image


def test_a_date_with_an_offset_is_the_same_moment(tmp_path: Path) -> None:
    bought = store_metadata(artist="A", genre="G", store_id=1, bought="2021-01-01T01:00:00+02:00")
    found = parse("installed_app", {INFO: info_plist([PhoneApp("a.b", "A", "1", bought)])},
                  tmp_path, apps=[])  # fmt: skip
    assert found.payload("a.b")["purchased_at"] == "2020-12-31T23:00:00Z"


def test_a_bundle_id_of_any_length_keeps_a_key(tmp_path: Path) -> None:
    names = ["x" * 5000, "y" * 5000, "\ud800lone", "nul\0nul"]
    apps = [app(name, "AppDomain-x") for name in names if "\ud800" not in name]
    found = parse("installed_app", {INFO: info_plist([])}, tmp_path, apps=apps)
    assert len({one.key for one in found.artifacts}) == 3
    assert all(len(one.key) <= 200 for one in found.artifacts)

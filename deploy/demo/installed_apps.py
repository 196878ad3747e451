"""The apps of the demo phone: what Info.plist says of them, their data, and the home screen."""

from __future__ import annotations

import datetime as dt
import plistlib
from collections.abc import Mapping, Sequence
from typing import Any

from deploy.demo.container import PhoneApp, PhoneFile, app_entry
from deploy.demo.pictures import png

_HOME_SCREEN = "Library/SpringBoard/IconState.plist"
_BUYER = "mira.sandoval@example.com"


def store_metadata(
    *,
    artist: str,
    genre: str,
    bought: str,
    store_id: int,
    buyer: str = _BUYER,
    more: Mapping[str, Any] = {},
) -> dict[str, Any]:
    """Return what the App Store writes about an app; *bought* is a moment as it writes them."""
    return {
        "artistName": artist,
        "genre": genre,
        "itemId": store_id,
        "kind": "software",
        "rating": {"label": "4+", "rank": 100},
        "releaseDate": "2017-04-01T07:00:00Z",
        "storefrontCountryCode": "US",
        "com.apple.iTunesStore.downloadInfo": {
            "purchaseDate": bought,
            "accountInfo": {
                "AppleID": buyer,
                "DSPersonID": 1234567,
                "DownloaderID": 0,
                "AltDSID": "000123-05-invented",
            },
        },
    } | dict(more)


def demo_apps(*, later: bool) -> list[PhoneApp]:
    """Return the apps that the phone's owner bought."""
    apps = [
        PhoneApp(
            "net.whatsapp.WhatsApp",
            "WhatsApp Messenger",
            "24.17.80" if later else "24.15.77",
            store_metadata(
                artist="WhatsApp Inc.", genre="Social Networking", store_id=310633997,
                bought="2019-05-11T08:21:04Z",
                more={"bundleVersion": "2.24.15.77", "is-purchased-redownload": True},
            ),
            png(901, width=60, height=60),
        ),
        PhoneApp(
            "org.example.tides",
            "Tide Tables",
            "3.2",
            store_metadata(
                artist="Harbour Software", genre="Weather", store_id=900000001,
                bought="2021-07-02T17:40:00Z",
            ),
            png(902, width=60, height=60),
        ),
        PhoneApp(
            "org.example.timetable",
            "Fahrplan Zürich",
            "11.0.4",
            store_metadata(
                artist="Verkehrsbetriebe am See", genre="Travel", store_id=900000002,
                bought="2022-01-15T06:05:12Z",
                more={"is-auto-download": True},
            ),
            png(903, width=60, height=60),
        ),
    ]  # fmt: skip
    # Four weeks later one was deleted, and one is new.
    if later:
        del apps[1]
        apps.append(
            PhoneApp(
                "org.example.constellations",
                "Constellations",
                "1.0 (12)",
                store_metadata(
                    artist="Amélie Dubois", genre="Reference", store_id=900000003,
                    bought="2024-08-17T20:10:00Z", buyer="jonas@example.com",
                    more={"betaExternalVersionIdentifier": 112233},
                ),
                png(904, width=60, height=60),
            )
        )  # fmt: skip
    return apps


def info_plist(apps: Sequence[PhoneApp], **more: Any) -> bytes:
    """Return an Info.plist with these apps, and *more* keys."""
    return plistlib.dumps(
        {
            "Applications": {app.bundle_id: app_entry(app) for app in apps},
            "Installed Applications": [app.bundle_id for app in apps],
        }
        | more
    )


def home_screen(
    pages: Sequence[Sequence[str | dict[str, Any]]], dock: Sequence[str | dict[str, Any]]
) -> bytes:
    """Return IconState.plist."""
    return plistlib.dumps(
        {"iconLists": [list(page) for page in pages], "buttonBar": list(dock)},
        fmt=plistlib.FMT_BINARY,
    )


def folder(name: str, *pages: Sequence[str]) -> dict[str, Any]:
    """Return a folder of a home screen."""
    return {
        "displayName": name,
        "listType": "folder",
        "iconLists": [list(page) for page in pages],
    }


def widgets(*bundles: str) -> dict[str, Any]:
    """Return a stack of widgets, which takes the place of an icon."""
    return {
        "iconType": "custom",
        "gridSize": "medium",
        "elements": [
            {"elementType": "widget", "containerBundleIdentifier": bundle} for bundle in bundles
        ],
    }


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return the home screen, and some data of apps."""
    travel = folder("Unterwegs", ["org.example.timetable", "com.apple.Maps"])
    first: list[str | dict[str, Any]] = [
        widgets("com.apple.weather"),
        "com.apple.mobilecal",
        "com.apple.mobileslideshow",
        travel,
        "org.example.constellations" if later else "org.example.tides",
    ]
    screen = home_screen(
        [first, ["com.apple.Home", "com.apple.tips"]],
        ["com.apple.mobilephone", "com.apple.MobileSMS", "net.whatsapp.WhatsApp"],
    )
    at = dt.datetime(2024, 7, 20, 6, 30, tzinfo=dt.UTC)
    files = [PhoneFile("HomeDomain", _HOME_SCREEN, screen)]
    for bundle in ("org.example.timetable", "org.example.tides", "com.apple.tips"):
        if later and bundle == "org.example.tides":
            continue
        path = f"Library/Preferences/{bundle}.plist"
        content = plistlib.dumps({"LastOpened": "Zürich HB", "Launches": 12})
        files.append(PhoneFile(f"AppDomain-{bundle}", path, content, modified_at=at))
    return files

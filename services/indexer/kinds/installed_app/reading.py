"""Puts together what Info.plist, the manifest and the home screen say of each app.

Info.plist lists what came from the App Store; Apple's own apps are known by their data alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from services.indexer.kinds.app_names import apple_name
from services.indexer.kinds.installed_app.home_screen import read_places
from services.indexer.kinds.installed_app.payload import HomeScreenPlace, InstalledAppPayload
from services.indexer.kinds.installed_app.store_metadata import read_icon, read_metadata
from services.indexer.kinds.phone_time import microseconds_of
from services.indexer.kinds.plist_values import dict_of, list_of, read_plist
from services.indexer.kinds.protocol import (
    FOLDER,
    ListedApp,
    ParserInputs,
    Sink,
    Tally,
    UnsupportedStoreError,
)
from services.indexer.kinds.records import Records, key_of, note_too_many_records
from services.indexer.kinds.values import text_of
from services.indexer.staging import StagedArtifact
from shared.ios_backup.errors import DamagedPropertyList
from shared.ios_backup.property_lists import longest, read_property_list

#: A phone has some hundreds of apps, and as many groups and extensions.
_MOST_APPS = 20_000
_LONGEST_KEY = 200
#: Twenty pages of icons are some tens of kilobytes.
_LARGEST_HOME_SCREEN_BYTES = 4 * 1024 * 1024
_INFO = "Info.plist"
_OWN = ("AppDomain-", "AppDomainPlaceholder-")
_HOME_SCREENS = ("IconState.plist", "IconState~ipad.plist")


def parse_apps(inputs: ParserInputs, sink: Sink) -> None:
    """Give every app of the backup to *sink*, in the order in which they were bought."""
    tally = sink.tally
    info = _read_info(inputs.find(FOLDER, _INFO), tally)
    listed = _listed(info)
    sums, left_out = _sums(inputs, listed)
    if not info and not sums:
        raise UnsupportedStoreError("Nothing tells which apps were on the phone.")
    reader = _Reader(info, sums, _home_screen(inputs, tally), tally)
    bundles = sums.keys() | listed
    if len(bundles) > _MOST_APPS:
        tally.skipped += len(bundles) - _MOST_APPS
        note_too_many_records(tally)
    records = Records(sink, total=len(bundles))
    # Icons are read when their turn has come: all at once they are some tens of megabytes.
    for _, bundle in sorted((reader.moment(one), one) for one in sorted(bundles)[:_MOST_APPS]):
        records.keep(
            lambda bundle=bundle: reader.artifact(bundle, is_listed=bundle in listed)  # type: ignore[misc]
        )
    if left_out:
        tally.read += left_out
        tally.skipped += left_out
        tally.note("Data that belongs to no app was left out.", left_out)
    records.finish()


class _Reader:
    def __init__(
        self,
        info: Mapping[str, object],
        sums: Mapping[str, ListedApp],
        places: Mapping[str, HomeScreenPlace],
        tally: Tally,
    ) -> None:
        self._entries = dict_of(info.get("Applications"))
        self._sums = sums
        self._places = places
        self._tally = tally

    def moment(self, bundle: str) -> int:
        """Return when an app was bought in microseconds since 1970, 0 if nobody knows."""
        found = self._metadata(bundle)
        return microseconds_of(found["purchased_at"]) or 0 if found else 0

    def artifact(self, bundle: str, *, is_listed: bool) -> StagedArtifact:
        """Return one app."""
        payload = self._payload(bundle, is_listed=is_listed)
        lines = (payload.name, bundle, payload.artist, payload.genre, payload.purchased_by)
        place = payload.place
        return StagedArtifact(
            key=bundle if len(bundle) <= _LONGEST_KEY else key_of(bundle),
            payload=payload,
            occurred_at_us=microseconds_of(payload.purchased_at),
            title=payload.name or bundle,
            text="\n".join(
                dict.fromkeys(line for line in (*lines, place.folder if place else None) if line)
            ),
        )

    def _metadata(self, bundle: str) -> dict[str, Any] | None:
        return read_metadata(dict_of(self._entries.get(bundle)).get("iTunesMetadata"))

    def _payload(self, bundle: str, *, is_listed: bool) -> InstalledAppPayload:
        entry = dict_of(self._entries.get(bundle))
        fields = self._metadata(bundle)
        if fields is None:
            if "iTunesMetadata" in entry:
                self._tally.note("What the App Store says of an app could not be read.")
            fields = {}
        sums = self._sums.get(bundle)
        payload = InstalledAppPayload(
            bundle_id=bundle,
            is_listed=is_listed,
            is_apple=bundle.startswith("com.apple."),
            image=read_icon(entry.get("PlaceholderIcon")),
            place=self._places.get(bundle),
            **fields,
        )
        name, version = payload.name or apple_name(bundle), payload.version
        if sums is None:
            return msgspec.structs.replace(payload, name=name)
        return msgspec.structs.replace(
            payload,
            name=name or sums.name,
            version=version or sums.version,
            file_count=sums.file_count,
            size_bytes=sums.size_bytes,
            domains=tuple(sums.domains),
        )


def _read_info(path: Path | None, tally: Tally) -> Mapping[str, object]:
    if path is not None:
        try:
            return read_property_list(path.read_bytes(), max_bytes=longest(_INFO))
        except DamagedPropertyList:
            tally.note("Info.plist could not be read; apps are known by their data.")
            return {}
    tally.note("The backup has no Info.plist; apps are known by their data.")
    return {}


def _listed(info: Mapping[str, object]) -> set[str]:
    names = [*dict_of(info.get("Applications")), *list_of(info.get("Installed Applications"))]
    return {name for name in names if isinstance(name, str) and text_of(name) is not None}


def _sums(inputs: ParserInputs, listed: set[str]) -> tuple[dict[str, ListedApp], int]:
    """Return what the backup holds of each app, and how many groups belong to none."""
    sums: dict[str, ListedApp] = {}
    left_out = 0
    for app in inputs.apps():
        is_app = app.bundle_id in listed or any(domain.startswith(_OWN) for domain in app.domains)
        if is_app and len(sums) <= _MOST_APPS:
            sums.setdefault(app.bundle_id, app)
        else:
            left_out += 1
    return sums, left_out


def _home_screen(inputs: ParserInputs, tally: Tally) -> dict[str, HomeScreenPlace]:
    for name in _HOME_SCREENS:
        path = inputs.find("HomeDomain", f"Library/SpringBoard/{name}")
        if path is None:
            continue
        state = read_plist(path, most_bytes=_LARGEST_HOME_SCREEN_BYTES)
        if state is not None:
            return read_places(state)
        tally.note("The layout of the home screen could not be read.")
    return {}

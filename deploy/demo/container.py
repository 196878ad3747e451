"""Mint a whole iPhone backup folder, as an iPhone and its host would leave it on disk.

The result is opened by iphone_backup_decrypt and other public readers as well as by Keepsake.
Oddities that are met in the wild are options: unpadded manifests, keys in objects of their own,
wrong flags and sizes, backups of iOS 9 and before, runs that did not finish.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import plistlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from deploy.demo.minted_keys import MintedKeys, derived_bytes, mint_keys
from deploy.demo.minted_manifest import Entry, manifest_db, manifest_mbdb

#: When files were changed that do not say so themselves.
DEFAULT_MODIFIED_AT = dt.datetime(2024, 1, 15, 12, 0, tzinfo=dt.UTC)
_MODES = {"file": 0o100644, "directory": 0o040755, "symlink": 0o120777}
_BLOB_NAME = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class PhoneFile:
    """One file, directory or link on the phone."""

    domain: str
    relative_path: str
    #: Megabytes that nobody wants to see: asyncio spells results of tasks out again and again.
    content: bytes = field(default=b"", repr=False)
    kind: Literal["file", "directory", "symlink"] = "file"
    modified_at: dt.datetime | None = None
    target: str | None = None
    mode: int | None = None
    protection_class: int = 3
    #: Extended attributes by name, as the manifest keeps them.
    attributes: dict[str, bytes] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class PhoneApp:
    """An app on the phone, as Info.plist and Manifest.plist list it."""

    bundle_id: str
    name: str
    version: str = "1.0"
    #: What else the App Store says of it, and its icon.
    metadata: dict[str, Any] = field(default_factory=dict, hash=False)
    icon: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class MintedBackup:
    """A backup on disk and what it was made from (directories that were added are in it too)."""

    path: Path
    udid: str
    passphrase: str | None
    files: tuple[PhoneFile, ...] = field(repr=False)
    format: Literal["manifest_db", "mbdb"] = "manifest_db"

    def blob_path(self, domain: str, relative_path: str) -> Path:
        """Where the stored bytes of a file lie."""
        return self.path / _blob_name(file_id(domain, relative_path), self.format)


def file_id(domain: str, relative_path: str) -> str:
    """Name of a file in a backup: SHA-1 of its domain and path."""
    name = f"{domain}-{relative_path}".encode("utf-8", "surrogatepass")
    return hashlib.sha1(name, usedforsecurity=False).hexdigest()


def mint_backup(
    root: Path,
    *,
    files: Sequence[PhoneFile],
    udid: str = "00008110-000A1B2C3D4E5F60",
    passphrase: str | None = None,
    device_name: str = "Sample iPhone",
    product_type: str = "iPhone14,5",
    ios_version: str = "17.5.1",
    build_version: str = "21F90",
    serial: str = "SAMPLE000001",
    phone_number: str | None = "+1 (555) 010-0000",
    imei: str | None = "350000000000006",
    taken_at: dt.datetime = dt.datetime(2024, 8, 30, 6, 40, tzinfo=dt.UTC),
    dpic: int | None = 1000,
    iterations: int = 1000,
    format: Literal["manifest_db", "mbdb"] = "manifest_db",  # noqa: A002 -- the word of the contracts
    padded_manifest: bool = True,
    uid_keys: bool = False,
    encrypted_flag: bool | None = None,
    snapshot_state: str = "finished",
    folder_name: str | None = None,
    apps: Sequence[PhoneApp] = (),
    sizes: Literal["right", "missing", "wrong"] = "right",
    empty_files: Literal["padded", "bare", "absent"] = "padded",
    add_directories: bool = True,
) -> MintedBackup:
    """Write a backup of *files* below *root* and return where it is.

    Minting again into the same folder is the phone's next run: unchanged blobs stay as they are,
    old ones go, and Status.plist says "uploading" until it is written last. Everything written
    carries *taken_at* as its modification time, like a backup that was copied with its times.
    ``empty_files`` is the form of a zero-length file in an encrypted backup: a key and one block
    of padding, no key and an empty blob, or no key and no blob.
    """
    all_files = tuple(_with_directories(files)) if add_directories else tuple(files)
    folder = root / (folder_name or udid)
    folder.mkdir(parents=True, exist_ok=True)
    run = _Run(folder=folder, taken_at=taken_at)
    # Keybags of iOS 9 and before know no first derivation.
    keys = (
        None
        if passphrase is None
        else mint_keys(
            udid, passphrase, dpic=None if format == "mbdb" else dpic, iterations=iterations
        )
    )
    status = _status(taken_at, udid=udid, old=format == "mbdb")
    if (folder / "Status.plist").exists():
        run.write_plist("Status.plist", status | {"SnapshotState": "uploading"})
    entries = [
        _store(run, item, number, keys=keys, format=format, sizes=sizes, empty_files=empty_files)
        for number, item in enumerate(all_files)
    ]
    run.remove_other_blobs()
    if format == "mbdb":
        run.write("Manifest.mbdb", manifest_mbdb(entries))
    else:
        manifest = manifest_db(entries, uid_keys=uid_keys)
        if keys is not None:
            manifest = keys.encrypt_manifest(manifest, padded=padded_manifest)
        run.write("Manifest.db", manifest)
    device = {
        "Build Version": build_version,
        "Device Name": device_name,
        "Product Type": product_type,
        "Product Version": ios_version,
        "Serial Number": serial,
    }
    flag = keys is not None if encrypted_flag is None else encrypted_flag
    run.write_plist(
        "Manifest.plist",
        _manifest_plist(device, udid=udid, keys=keys, flag=flag, taken_at=taken_at, apps=apps)
        | ({"Version": "9.1"} if format == "mbdb" else {})
        | ({"ManifestKey": keys.wrapped_manifest_key()} if keys and format != "mbdb" else {}),
    )
    info = _info_plist(device, udid=udid, taken_at=taken_at, apps=apps)
    info |= {"Phone Number": phone_number} if phone_number else {}
    info |= {"IMEI": imei} if imei else {}
    run.write_plist("Info.plist", info, xml=True)
    run.write_plist("Status.plist", status | {"SnapshotState": snapshot_state})
    run.date_folder()
    return MintedBackup(
        path=folder, udid=udid, passphrase=passphrase, files=all_files, format=format
    )


class _Run:
    """Writes into one backup folder, whole files at a time."""

    def __init__(self, *, folder: Path, taken_at: dt.datetime) -> None:
        self._folder = folder
        self._seconds = taken_at.timestamp()
        self._blobs: set[Path] = set()

    def write(self, name: str, content: bytes) -> None:
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_bytes(content)
        os.utime(fresh, (self._seconds, self._seconds))
        fresh.replace(path)

    def write_plist(self, name: str, value: dict[str, Any], *, xml: bool = False) -> None:
        plist_format = plistlib.FMT_XML if xml else plistlib.FMT_BINARY
        self.write(name, plistlib.dumps(value, fmt=plist_format))

    def write_blob(self, name: str, content: bytes) -> None:
        path = self._folder / name
        self._blobs.add(path)
        with contextlib.suppress(OSError):
            if path.read_bytes() == content:
                return
        self.write(name, content)

    def remove_other_blobs(self) -> None:
        for path in [*self._folder.glob("*"), *self._folder.glob("[0-9a-f][0-9a-f]/*")]:
            if _BLOB_NAME.fullmatch(path.name) and path not in self._blobs:
                path.unlink()

    def date_folder(self) -> None:
        for path in [*self._folder.glob("[0-9a-f][0-9a-f]"), self._folder]:
            os.utime(path, (self._seconds, self._seconds))


def _with_directories(files: Sequence[PhoneFile]) -> Iterator[PhoneFile]:
    """Add what a phone lists as well: each domain's root and the folders above a file."""
    given = {(item.domain, item.relative_path) for item in files}
    for item in files:
        parts = item.relative_path.split("/")[:-1]
        plain = all(part not in {"", ".", ".."} for part in parts)
        for depth in range(len(parts) + 1 if plain else 1):
            place = (item.domain, "/".join(parts[:depth]))
            if place not in given:
                given.add(place)
                yield PhoneFile(*place, kind="directory", protection_class=0)
        yield item


def _store(
    run: _Run,
    item: PhoneFile,
    number: int,
    *,
    keys: MintedKeys | None,
    format: str,  # noqa: A002 -- the word of the contracts
    sizes: str,
    empty_files: str,
) -> Entry:
    """Write the blob of *item*, if it has one, and return its row of the manifest."""
    identity = file_id(item.domain, item.relative_path)
    wrapped_key = None
    stored: bytes | None = item.content if item.kind == "file" else None
    if stored is not None and keys is not None:
        if stored or empty_files == "padded":
            wrapped_key = keys.wrapped_file_key(identity, stored, item.protection_class)
            stored = keys.encrypt_file(identity, stored)
        elif empty_files == "absent":
            stored = None
    if stored is not None:
        run.write_blob(_blob_name(identity, format), stored)
    size: int | None = len(item.content) if item.kind == "file" else 0
    if item.kind == "file" and sizes == "wrong":
        size = len(item.content) // 2 + 100
    elif sizes == "missing":
        size = None
    return Entry(
        file_id=identity,
        domain=item.domain,
        relative_path=item.relative_path,
        kind=item.kind,
        size=size,
        mode=_MODES[item.kind] if item.mode is None else item.mode,
        modified_at=item.modified_at or DEFAULT_MODIFIED_AT,
        protection_class=item.protection_class if item.kind == "file" else 0,
        wrapped_key=wrapped_key,
        target=item.target,
        inode=1000 + number,
        attributes=item.attributes,
    )


def _blob_name(identity: str, manifest_format: str) -> str:
    return identity if manifest_format == "mbdb" else f"{identity[:2]}/{identity}"


def _manifest_plist(
    device: dict[str, str],
    *,
    udid: str,
    keys: MintedKeys | None,
    flag: bool,
    taken_at: dt.datetime,
    apps: Sequence[PhoneApp],
) -> dict[str, Any]:
    bag = keys.keybag if keys else mint_keys(udid, "", dpic=None, iterations=1).keybag
    return {
        "IsEncrypted": flag,
        # Plain backups carry a keybag as well; nothing is wrapped with it.
        "BackupKeyBag": bag,
        "Version": "10.0",
        "Date": _naive(taken_at - dt.timedelta(seconds=30)),
        "SystemDomainsVersion": "24.0",
        "WasPasscodeSet": True,
        "Lockdown": {
            "BuildVersion": device["Build Version"],
            "DeviceName": device["Device Name"],
            "ProductType": device["Product Type"],
            "ProductVersion": device["Product Version"],
            "SerialNumber": device["Serial Number"],
            "UniqueDeviceID": udid,
        },
        "Applications": {
            app.bundle_id: {
                "CFBundleIdentifier": app.bundle_id,
                "CFBundleVersion": app.version,
                "ContainerContentClass": "Data/Application",
            }
            for app in apps
        },
    }


def _info_plist(
    device: dict[str, str], *, udid: str, taken_at: dt.datetime, apps: Sequence[PhoneApp]
) -> dict[str, Any]:
    return device | {
        "Applications": {app.bundle_id: app_entry(app) for app in apps},
        "Display Name": device["Device Name"],
        "GUID": derived_bytes(16, "guid", udid).hex().upper(),
        "Installed Applications": [app.bundle_id for app in apps],
        "Last Backup Date": _naive(taken_at),
        "Target Identifier": udid,
        "Target Type": "Device",
        "Unique Identifier": udid.upper(),
        "iTunes Version": "12.13",
    }


def app_entry(app: PhoneApp) -> dict[str, Any]:
    """Return what Info.plist says of an app."""
    said = {"itemName": app.name, "bundleShortVersionString": app.version} | app.metadata
    entry = {"iTunesMetadata": plistlib.dumps(said, fmt=plistlib.FMT_BINARY)}
    return entry if app.icon is None else entry | {"PlaceholderIcon": app.icon}


def _status(taken_at: dt.datetime, *, udid: str, old: bool) -> dict[str, Any]:
    return {
        "BackupState": "new",
        "Date": _naive(taken_at),
        "IsFullBackup": True,
        "UUID": derived_bytes(16, "run", udid, taken_at.isoformat()).hex().upper(),
        "Version": "2.4" if old else "3.3",
    }


def _naive(moment: dt.datetime) -> dt.datetime:
    """Property lists hold UTC without saying so."""
    return moment.astimezone(dt.UTC).replace(tzinfo=None, microsecond=0)

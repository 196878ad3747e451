"""What a backup says about itself without its passphrase.

Read from Info.plist (written by the host), Manifest.plist and Status.plist (by the phone). Any of
them may be missing, anything in them may be missing or of the wrong type; since iOS 17 some
phones leave their numbers out.
"""

from __future__ import annotations

import datetime as dt
import re

import msgspec

from shared.ios_backup.errors import DamagedPropertyList
from shared.ios_backup.models import marketing_name
from shared.ios_backup.property_lists import (
    PropertyList,
    data,
    flag,
    mapping,
    moment,
    read_property_list,
    text,
)

#: Apple's device identifier: 40 hex digits up to iPhone X, then 8 and 16.
UDID = re.compile(r"[0-9A-F]{40}|[0-9A-F]{8}-[0-9A-F]{16}")
_MAX_APPS = 5_000
_MAX_METADATA_BYTES = 1024 * 1024


class App(msgspec.Struct, frozen=True, kw_only=True):
    """An installed app. Name and version are in the metadata of the App Store, often missing."""

    bundle_id: str
    name: str | None = None
    version: str | None = None


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about the device and the run. Everything may be unknown. Dates are in UTC."""

    #: In upper case, as Info.plist has it.
    udid: str | None
    name: str | None
    product_type: str | None
    #: The name that it is sold under, or the product type itself.
    model: str | None
    ios_version: str | None
    build_version: str | None
    serial_number: str | None
    phone_numbers: tuple[str, ...]
    imeis: tuple[str, ...]
    apps: tuple[App, ...]
    #: ``Last Backup Date`` of the host.
    last_backup_at: dt.datetime | None
    manifest_at: dt.datetime | None
    status_at: dt.datetime | None
    #: ``finished`` when the last run was completed.
    snapshot_state: str | None
    is_full_backup: bool | None
    #: A claim; the bytes of the manifest decide.
    encrypted_flag: bool | None

    @property
    def taken_at(self) -> dt.datetime | None:
        """When the last run ended, by the best witness."""
        return self.status_at or self.last_backup_at or self.manifest_at

    @property
    def imei(self) -> str | None:
        """The first IMEI."""
        return self.imeis[0] if self.imeis else None

    def __repr__(self) -> str:
        """Leave names and numbers out of logs."""
        return f"<Description of a {self.product_type}>"


def describe(
    *,
    info: PropertyList,
    manifest: PropertyList,
    status: PropertyList,
    folder_name: str = "",
) -> Description:
    """Gather the facts; the host's word goes first, then the phone's, then the folder's name."""
    lockdown = mapping(manifest, "Lockdown")
    product_type = text(info, "Product Type") or text(lockdown, "ProductType")
    return Description(
        udid=_udid(
            text(info, "Unique Identifier"),
            text(info, "Target Identifier"),
            text(lockdown, "UniqueDeviceID"),
            # Also the name of an archived copy: <udid>-20240830-064000.
            folder_name,
        ),
        name=text(info, "Device Name")
        or text(info, "Display Name")
        or text(lockdown, "DeviceName"),
        product_type=product_type,
        model=None if product_type is None else marketing_name(product_type),
        ios_version=text(info, "Product Version") or text(lockdown, "ProductVersion"),
        build_version=text(info, "Build Version") or text(lockdown, "BuildVersion"),
        serial_number=text(info, "Serial Number") or text(lockdown, "SerialNumber"),
        phone_numbers=_texts(info, "Phone Number", "Phone Number 2"),
        imeis=_texts(info, "IMEI", "IMEI 2"),
        apps=_apps(info, manifest),
        last_backup_at=moment(info, "Last Backup Date"),
        manifest_at=moment(manifest, "Date"),
        status_at=moment(status, "Date"),
        snapshot_state=text(status, "SnapshotState"),
        is_full_backup=flag(status, "IsFullBackup"),
        encrypted_flag=flag(manifest, "IsEncrypted"),
    )


def _udid(*candidates: str | None) -> str | None:
    for candidate in candidates:
        found = UDID.match((candidate or "").upper())
        if found is not None:
            return found[0]
    return None


def _texts(values: PropertyList, *keys: str) -> tuple[str, ...]:
    found = (text(values, key) for key in keys)
    return tuple(dict.fromkeys(value for value in found if value))


def _apps(info: PropertyList, manifest: PropertyList) -> tuple[App, ...]:
    described = mapping(info, "Applications")
    installed = info.get("Installed Applications")
    listed = installed if isinstance(installed, list) else []
    names = [name for name in listed if isinstance(name, str)]
    containers = mapping(manifest, "Applications")
    # Groups and plug-ins are containers too, but no apps.
    names += [
        name
        for name in containers
        if text(mapping(containers, name), "ContainerContentClass") == "Data/Application"
    ]
    bundle_ids = dict.fromkeys(
        name
        for name in [*names, *described]
        # Binary lists may have numbers and references for keys.
        if isinstance(name, str) and 0 < len(name) <= 255
    )
    return tuple(
        _app(name, mapping(described, name), mapping(containers, name))
        for name in sorted(bundle_ids)[:_MAX_APPS]
    )


def _app(bundle_id: str, described: PropertyList, container: PropertyList) -> App:
    metadata: PropertyList = {}
    stored = data(described, "iTunesMetadata")
    if stored:
        try:
            metadata = read_property_list(stored, max_bytes=_MAX_METADATA_BYTES)
        except DamagedPropertyList:
            metadata = {}
    return App(
        bundle_id=bundle_id.encode("utf-8", "replace").decode(),
        name=text(metadata, "itemName"),
        version=text(metadata, "bundleShortVersionString") or text(container, "CFBundleVersion"),
    )

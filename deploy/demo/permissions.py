"""What apps may do on the demo phone: TCC.db of today and of old, and the location clients."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from deploy.demo.container import PhoneFile
from deploy.demo.minted_database import MintedDatabase, binary_plist, cocoa_seconds

TCC = "Library/TCC/TCC.db"
CLIENTS = "Library/Caches/locationd/clients.plist"
Form = Literal["ios9", "ios13", "ios14"]

_OF_TODAY = """
create table access (service text not null, client text not null, client_type integer not null,
auth_value integer not null, auth_reason integer not null, auth_version integer not null,
csreq blob, policy_id integer, indirect_object_identifier_type integer,
indirect_object_identifier text not null default 'UNUSED', indirect_object_code_identity blob,
flags integer, last_modified integer not null default 0,
primary key (service, client, client_type, indirect_object_identifier));
create table expired (service text not null, client text not null, client_type integer not null,
csreq blob, last_modified integer not null, expired_at integer not null default 0,
primary key (service, client, client_type));
create table admin (key text primary key not null, value integer not null);
"""
_OF_IOS_13 = """
create table access (service text not null, client text not null, client_type integer not null,
allowed integer not null, prompt_count integer not null, csreq blob, policy_id integer,
indirect_object_identifier_type integer, indirect_object_identifier text,
indirect_object_code_identity blob, flags integer, last_modified integer not null default 0,
primary key (service, client, client_type, indirect_object_identifier));
create table admin (key text primary key not null, value integer not null);
"""
_OF_IOS_9 = """
create table access (service text not null, client text not null, client_type integer not null,
allowed integer not null, prompt_count integer not null, csreq blob,
primary key (service, client, client_type));
create table admin (key text primary key not null, value integer not null);
"""
_SCHEMAS: dict[Form, str] = {"ios9": _OF_IOS_9, "ios13": _OF_IOS_13, "ios14": _OF_TODAY}


class PermissionsDatabase(MintedDatabase):
    """Permissions in the making."""

    def __init__(self, form: Form = "ios14") -> None:
        """Begin with none, in the form of that iOS."""
        super().__init__(_SCHEMAS[form])
        self._form = form

    def grant(
        self,
        service: str,
        client: str,
        value: int,
        *,
        at: dt.datetime | None = None,
        reason: int = 2,
        **columns: Any,
    ) -> None:
        """Say what an app may do; *service* without ``kTCCService``."""
        row: dict[str, Any] = {
            "service": f"kTCCService{service}", "client": client, "client_type": 0,
        }  # fmt: skip
        if self._form == "ios14":
            row |= {"auth_value": value, "auth_reason": reason, "auth_version": 1, "flags": 0}
        else:
            row |= {"allowed": value, "prompt_count": 1}
        if self._form != "ios9" and at is not None:
            row["last_modified"] = int(at.timestamp())
        self.insert("access", **(row | columns))

    def expire(self, service: str, client: str, *, at: dt.datetime) -> None:
        """Say that the phone took a permission back."""
        self.insert(
            "expired", service=f"kTCCService{service}", client=client, client_type=0,
            last_modified=int(at.timestamp()) - 86_400 * 90, expired_at=int(at.timestamp()),
        )  # fmt: skip


def location_client(
    authorization: int | None, *, stopped: dt.datetime | None = None, **more: Any
) -> dict[str, Any]:
    """Return one client of the location service."""
    client: dict[str, Any] = {"SupportedAuthorizationMask": 7}
    if authorization is not None:
        client["Authorization"] = authorization
    if stopped is not None:
        client["LocationTimeStopped"] = cocoa_seconds(stopped)
    return client | more


def demo_permissions(*, later: bool) -> PermissionsDatabase:
    """Return what the apps of the story may do."""
    database = PermissionsDatabase()
    day = dt.datetime(2021, 3, 2, 18, 30, tzinfo=dt.UTC)
    whatsapp = "net.whatsapp.WhatsApp"
    database.grant("AddressBook", whatsapp, 2, at=day)
    database.grant("Camera", whatsapp, 2, at=day + dt.timedelta(minutes=2))
    change = dt.datetime(2024, 8, 21, 20, 15, tzinfo=dt.UTC)
    if later:
        database.grant("Photos", whatsapp, 3, at=change, reason=3)
        database.grant("UserTracking", "org.example.constellations", 0, at=change)
        database.expire("Microphone", "org.example.timetable", at=change)
    else:
        database.grant("Photos", whatsapp, 2, at=day + dt.timedelta(minutes=3))
        database.grant("Motion", "org.example.tides", 0, at=dt.datetime(2021, 7, 2, tzinfo=dt.UTC))
        database.grant("Microphone", "org.example.timetable", 2, at=day)
    return database


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return the phone's permissions."""
    last = dt.datetime(2024, 8, 31 if later else 3, 8, 12, tzinfo=dt.UTC)
    clients = {
        "org.example.timetable": location_client(
            4 if later else 2, stopped=last, BundleId="org.example.timetable"
        ),
        "net.whatsapp.WhatsApp": location_client(1, BundleId="net.whatsapp.WhatsApp"),
        "com.apple.locationd.bundle-/System/Library/LocationBundles/AppleWatchFaces.bundle": (
            location_client(
                None, IsSystemService=True, FenceTimeStarted=cocoa_seconds(last),
                BundlePath="/System/Library/LocationBundles/AppleWatchFaces.bundle",
            )
        ),
    }  # fmt: skip
    return [
        PhoneFile("HomeDomain", TCC, demo_permissions(later=later).to_bytes()),
        PhoneFile("RootDomain", CLIENTS, binary_plist(clients)),
    ]


def many_permissions(count: int) -> bytes:
    """Return a database of so many permissions."""
    database = PermissionsDatabase()
    start = dt.datetime(2015, 1, 1, tzinfo=dt.UTC)
    for number in range(count):
        at = start + dt.timedelta(minutes=number)
        database.grant("Camera", f"org.example.app{number}", number % 4, at=at)
    return database.to_bytes()

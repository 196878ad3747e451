"""The payload of a Wi-Fi network. Passwords are nowhere in it, and in none of the files read."""

from __future__ import annotations

import datetime as dt

import msgspec


class AccessPoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A box on a wall that the phone used, and where the phone was then, in degrees."""

    bssid: str
    channel: int | None = None
    #: The phone's own number for width and band.
    channel_flags_raw: int | None = None
    last_associated_at: dt.datetime | None = None
    latitude: float | None = None
    longitude: float | None = None
    accuracy_metres: float | None = None
    located_at: dt.datetime | None = None


class WifiNetworkPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The struct of the kind ``wifi_network``."""

    name: str
    #: False: only seen, or used once; the phone would not join it by itself.
    is_known: bool = True
    #: The access point used last.
    bssid: str | None = None
    security: str | None = None
    is_hidden: bool | None = None
    #: Whether a page asks for something before it works (hotels), that page, and the last visit.
    is_captive: bool | None = None
    portal_url: str | None = None
    venue_url: str | None = None
    portal_visited_at: dt.datetime | None = None
    is_carplay: bool | None = None
    #: Another phone, a train: it is not always at the same place.
    is_moving: bool | None = None
    is_enabled: bool | None = None
    #: Why the phone knows it (``Cloud Sync``), and the app that told it.
    add_reason: str | None = None
    added_by: str | None = None

    added_at: dt.datetime | None = None
    joined_by_user_at: dt.datetime | None = None
    joined_by_system_at: dt.datetime | None = None
    #: The latest of all times at which it was joined, and the time before that.
    last_joined_at: dt.datetime | None = None
    previously_joined_at: dt.datetime | None = None
    last_discovered_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None
    password_changed_at: dt.datetime | None = None
    #: The phone's own measure of how much it was used; probably seconds.
    usage_raw: float | None = None

    #: What the router says of itself.
    country_code: str | None = None
    router_name: str | None = None
    router_manufacturer: str | None = None
    router_model: str | None = None
    router_serial_number: str | None = None
    #: The address that the phone shows to this network instead of its own.
    private_address: str | None = None

    #: Where the access point stands that was used last of those with a place, in degrees.
    latitude: float | None = None
    longitude: float | None = None
    accuracy_metres: float | None = None
    access_points: tuple[AccessPoint, ...] = ()

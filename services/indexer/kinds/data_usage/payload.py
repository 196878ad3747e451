"""The payload of what one process sent and received."""

from __future__ import annotations

import datetime as dt

import msgspec


class Period(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was counted from one moment on: about a day, older days together."""

    began_at: dt.datetime | None = None
    wifi_received_bytes: int = 0
    wifi_sent_bytes: int = 0
    mobile_received_bytes: int = 0
    mobile_sent_bytes: int = 0
    #: The end of the month of the contract, where the phone knows it.
    bill_cycle_ends_at: dt.datetime | None = None
    #: The phone's own numbers, 0 for what is usual; nobody says what the others mean.
    kind_raw: int = 0
    metadata_raw: int = 0
    tag_raw: int | None = None


class DataUsagePayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The struct of the kind ``data_usage``. The four sums are over all periods."""

    wifi_received_bytes: int
    wifi_sent_bytes: int
    mobile_received_bytes: int
    mobile_sent_bytes: int
    #: The program that did it, and the app or service on whose behalf.
    process: str | None = None
    bundle_id: str | None = None
    app_name: str | None = None
    #: The phone's count of everything together, not of one process.
    is_total: bool = False
    #: One of the phone's own services, as Settings lists them.
    is_service: bool = False
    first_used_at: dt.datetime | None = None
    last_used_at: dt.datetime | None = None
    #: From the oldest to the newest.
    periods: tuple[Period, ...] = ()

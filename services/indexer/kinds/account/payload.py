"""The payload of an account. Passwords, tokens and cookies are nowhere in it."""

from __future__ import annotations

import datetime as dt

import msgspec


class AccountPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The struct of the kind ``account``."""

    #: ``com.apple.account.Google``, and in words.
    type: str | None = None
    type_name: str | None = None
    description: str | None = None
    username: str | None = None
    #: The user name in the form in which people are compared.
    handle: str | None = None
    #: Who set it up: the bundle id of an app or service.
    owner_bundle_id: str | None = None
    owner_name: str | None = None
    is_active: bool = False
    is_authenticated: bool = False
    is_visible: bool = False
    #: How it signs in: ``parent`` with the account above it, ``none``.
    authentication_type: str | None = None
    #: The account that this one is part of, by its key.
    parent_key: str | None = None
    parent_name: str | None = None
    #: What it is used for: ``Mail``, ``Calendars``.
    services: tuple[str, ...] = ()

    #: What the account says of its owner and its server.
    full_name: str | None = None
    emails: tuple[str, ...] = ()
    server: str | None = None

    created_at: dt.datetime | None = None
    #: When the server last refused what the phone had to show.
    rejected_at: dt.datetime | None = None
    #: Only in the phone's own copy of the accounts: removed since.
    is_removed: bool = False

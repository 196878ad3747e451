"""The payload of a contact. Only fields that say something are there, but for the first four."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec


class Labelled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A number, address, link or name with its label."""

    value: str
    label: str | None = None
    #: The value in the form in which handles are compared.
    handle: str | None = None


class PostalAddress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place with its parts."""

    label: str | None = None
    street: str | None = None
    sub_locality: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    country_code: str | None = None


class LabelledDate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An anniversary; ``--04-01`` where the year is not known."""

    date: str
    label: str | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A profile in a social network or messenger."""

    username: str | None = None
    service: str | None = None
    label: str | None = None
    url: str | None = None


class Image(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The picture of a contact: what it is, and a small form of it in base64."""

    media_type: str | None
    size_bytes: int
    thumbnail: str | None = None
    thumbnail_media_type: str | None = None


class ContactPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The struct of the kind ``contact``."""

    type: Literal["person", "company"]
    #: All numbers and e-mail addresses, normalised; names of other kinds are found by them.
    handles: tuple[str, ...]
    has_image: bool
    is_me: bool

    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    prefix: str | None = None
    suffix: str | None = None
    nickname: str | None = None
    previous_family_name: str | None = None
    phonetic_first_name: str | None = None
    phonetic_middle_name: str | None = None
    phonetic_last_name: str | None = None
    phonetic_organization: str | None = None
    organization: str | None = None
    department: str | None = None
    job_title: str | None = None
    note: str | None = None
    #: ``1990-04-01``, or ``--04-01`` without a year.
    birthday: str | None = None
    phones: tuple[Labelled, ...] = ()
    emails: tuple[Labelled, ...] = ()
    urls: tuple[Labelled, ...] = ()
    related: tuple[Labelled, ...] = ()
    addresses: tuple[PostalAddress, ...] = ()
    dates: tuple[LabelledDate, ...] = ()
    social: tuple[Account, ...] = ()
    messengers: tuple[Account, ...] = ()
    groups: tuple[str, ...] = ()
    #: Name of the account that holds the card.
    store: str | None = None
    #: Keys of the cards that the phone shows as one with this one.
    unified_with: tuple[str, ...] = ()
    #: Whether this card's name is the one shown for all of them.
    is_preferred: bool = True
    image: Image | None = None
    created_at: dt.datetime | None = None
    modified_at: dt.datetime | None = None

"""The payload of an interaction. Only fields that say something are there, but for ``type``."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec


class Person(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One end of an interaction; the handle is the one form of a number or address."""

    handle: str | None = None
    name: str | None = None
    #: The id of the contact, where the phone knew one.
    person_key: str | None = None


class Attachment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the phone wrote down of something that was sent along; the file is the app's own."""

    type: str | None = None
    text: str | None = None
    url: str | None = None
    size_bytes: int | None = None
    photo_key: str | None = None


class Totals(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How often and when one had to do with a person: the phone forgets single interactions."""

    #: They wrote or called; others did, and they were addressed, too; the owner did.
    received: int | None = None
    received_with_others: int | None = None
    sent: int | None = None
    first_received_at: dt.datetime | None = None
    last_received_at: dt.datetime | None = None
    first_sent_at: dt.datetime | None = None
    last_sent_at: dt.datetime | None = None


class InteractionPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message, call or mail in any app, without its content; or a person with totals."""

    type: Literal["interaction", "person"]
    #: The app's id and its name; the app that it was meant for, where that is another.
    app: str | None = None
    app_name: str | None = None
    target_app: str | None = None
    direction: Literal["incoming", "outgoing"] | None = None
    is_response: bool = False

    sender: Person | None = None
    recipients: tuple[Person, ...] = ()
    #: How many the phone counted, itself among them.
    recipient_count: int | None = None
    #: The conversation in the app, by its name and by the app's own id.
    group: str | None = None
    conversation: str | None = None
    #: The owner's account in the app.
    account: str | None = None

    started_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None
    duration_seconds: float | None = None
    content_url: str | None = None
    attachments: tuple[Attachment, ...] = ()

    person: Person | None = None
    totals: Totals | None = None

    #: The phone's own numbers: the way (``mechanism``), and a direction that has no word.
    raw: dict[str, int] = {}

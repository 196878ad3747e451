"""The payload of a call. Only fields that say something are there, but for the first three."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

Direction = Literal["incoming", "outgoing"]
#: By phone, by FaceTime, or by another app that uses the phone's call screen.
Service = Literal["phone", "facetime", "app"]
#: Connected: they spoke. Answered elsewhere: on another device of the owner. Unanswered: an
#: outgoing call that nobody took, or that was given up.
Outcome = Literal["connected", "missed", "declined", "answered_elsewhere", "unanswered"]


class Participant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody else who was called, or called."""

    #: The number or address in the form in which all kinds compare people.
    handle: str
    #: As the phone wrote it, where that is something else.
    address: str | None = None
    type: Literal["phone", "email"] | None = None


class Junk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the phone, the carrier or a filter held against an incoming call."""

    #: Whether the phone's own list marks it so.
    is_junk: bool = False
    #: 0 none to 3 sure.
    confidence: int | None = None
    #: The carrier's or the filter's word: ``spam``, ``fraud``.
    category: str | None = None
    #: Why it was filtered out, as a number that only the phone understands.
    filtered_out_reason: int | None = None
    #: The app that blocked it: its name, or its bundle id.
    blocked_by: str | None = None


class CallPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The struct of the kind ``call``."""

    service: Service | None
    #: None where the phone does not say.
    direction: Direction | None
    outcome: Outcome | None
    #: None where it is not known.
    is_video: bool | None = None
    #: Whether anybody took it: here, or on another device of the owner.
    is_answered: bool = False
    duration_seconds: float | None = None
    started_at: dt.datetime | None = None

    #: Everybody but the owner.
    participants: tuple[Participant, ...] = ()
    is_group: bool = False
    #: Handle of who began a group call.
    initiator: str | None = None
    #: What the network or a directory said whose number it is; contacts know better.
    name: str | None = None
    #: Why there is no number: ``hidden`` by the caller, ``unavailable`` from the network.
    number: Literal["hidden", "unavailable"] | None = None
    #: The app that offers directories of callers and named this one.
    identified_by: str | None = None
    #: ISO code of the country in which the number was read.
    country_code: str | None = None
    #: The network's words for where the number belongs: a town, a state.
    location: str | None = None

    #: Of the app or service, as a bundle id; and the app's name where it is well known.
    provider: str | None = None
    app: str | None = None
    #: Whether the owner has seen a missed call in the list.
    is_read: bool | None = None
    #: Whether a voicemail or a recorded message belongs to it.
    has_message: bool = False
    is_emergency: bool = False
    used_emergency_video: bool = False
    was_translated: bool = False
    junk: Junk | None = None
    #: Bytes that FaceTime needed.
    transferred_bytes: int | None = None
    #: The owner's other device that made the call.
    device_name: str | None = None
    #: Ids by which calls of one group, one conversation, or one of the owner's lines are told.
    conversation_key: str | None = None
    group_key: str | None = None
    line_key: str | None = None
    #: Of iOS 7 and before: the network's country and own code.
    mobile_country_code: str | None = None
    mobile_network_code: str | None = None
    #: Numbers as the phone keeps them that have no word here: ``disconnected_cause``,
    #: ``verification_status``, ``flags`` and the like.
    raw: dict[str, int] = {}

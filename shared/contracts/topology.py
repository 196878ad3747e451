"""Who talks to whom: streams, durable consumers, and what each service may say and hear.

Permissions are computed from the same declarations that the services run on, so a subject that is
not declared here cannot be published by mistake: the server refuses it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import msgspec

from shared.contracts.events import (
    EVENTS,
    ArchiveRequested,
    BackupChanged,
    BackupDiscovered,
    BackupRemoved,
    Event,
    ExportRequested,
    IndexRequested,
    LineageRequested,
    RestoreRequested,
    SessionOpened,
    UpkeepRequested,
)

SERVICES = ("discovery", "unlock", "indexer", "archiver", "gateway")
#: The user that declares streams and consumers, and nothing else.
PROVISIONER = "provisioner"

EVENT_STREAM = "EVENTS"
DEAD_LETTER_STREAM = "DEADLETTERS"

_DAY_SECONDS = 86_400
_ADVISORY = "$JS.EVENT.ADVISORY.CONSUMER"

#: Which events each durable consumer receives; a consumer has its service's name.
CONSUMES: dict[str, tuple[type[Event], ...]] = {
    "indexer": (
        IndexRequested,
        ExportRequested,
        LineageRequested,
        BackupRemoved,
        BackupDiscovered,
        BackupChanged,
        SessionOpened,
    ),
    "unlock": (BackupRemoved,),
    "archiver": (ArchiveRequested, RestoreRequested, UpkeepRequested),
}

#: What each service may ask of others.
MAY_REQUEST: dict[str, tuple[str, ...]] = {
    "discovery": (),
    "unlock": ("cmd.discovery.locate_backup",),
    "indexer": (
        "cmd.discovery.locate_backup",
        "cmd.discovery.list_backups",
        "cmd.unlock.open_session",
        "cmd.unlock.open_unattended",
        "cmd.unlock.list_sessions",
        "cmd.unlock.list_passphrase_references",
        "unlock.session.>",
        # One replica asks the others whether an export is still there.
        "indexer.export.>",
    ),
    "archiver": (
        "cmd.discovery.locate_backup",
        "cmd.discovery.list_backups",
    ),
    "gateway": (
        "cmd.discovery.>",
        # One by one: whoever speaks through the gateway gives the passphrase himself.
        "cmd.unlock.health",
        "cmd.unlock.open_session",
        "cmd.unlock.abandon_openings",
        "cmd.unlock.list_sessions",
        "cmd.unlock.set_passphrase_reference",
        "cmd.unlock.list_passphrase_references",
        "cmd.indexer.>",
        "cmd.archiver.>",
        "unlock.session.>",
        "indexer.export.>",
    ),
}

#: What a service answers besides ``cmd.<service>.>``.
ALSO_ANSWERS: dict[str, tuple[str, ...]] = {
    "unlock": ("unlock.session.>",),
    "indexer": ("indexer.export.>",),
}

#: The one service that follows every event, hears all progress and tends dead letters.
FOLLOWER = "gateway"


class StreamDeclaration(msgspec.Struct, frozen=True, kw_only=True):
    """A stream. What is left out here is reset by an update, so everything is said."""

    name: str
    description: str
    subjects: tuple[str, ...]
    max_age_seconds: int
    duplicate_window_seconds: int
    #: Lets delayed and repeated messages be declared, and messages expire by themselves.
    schedules: bool


class ConsumerDeclaration(msgspec.Struct, frozen=True, kw_only=True):
    """A durable pull consumer on the event stream."""

    name: str
    filter_subjects: tuple[str, ...]
    #: A handler that lives sends a beat every third of it.
    ack_wait_seconds: float = 30.0
    #: After so many deliveries a message becomes a dead letter. Consumers count, not the server:
    #: a delivery that ended because a service was stopped says nothing against the message.
    max_deliver: int = 10
    max_ack_pending: int = 1000


def retry_subject(consumer: str) -> str:
    """Return where a dead letter is published again, so that only *consumer* sees it twice."""
    return f"retry.{consumer}"


def schedule_subject(noun: str, schedule_id: str) -> str:
    """Return the subject that holds one schedule."""
    return f"schedule.{noun}.{schedule_id}"


def progress_subject(service: str, job_id: str) -> str:
    """Return the core NATS subject of one job's progress."""
    return f"progress.{service}.{job_id}"


def beat_subject(service: str, address: str) -> str:
    """Return where *service* says that it still works on a request (see shared.bus.beats).

    An address begins with the name of the service that asked.
    """
    return f"beat.{service}.{address}"


STREAMS: tuple[StreamDeclaration, ...] = (
    StreamDeclaration(
        name=EVENT_STREAM,
        description="What happened, for thirty days",
        subjects=(*sorted(event.subject for event in EVENTS), "retry.*", "schedule.*.*"),
        max_age_seconds=30 * _DAY_SECONDS,
        duplicate_window_seconds=120,
        schedules=True,
    ),
    StreamDeclaration(
        name=DEAD_LETTER_STREAM,
        description="Notices about events that a consumer gave up on",
        subjects=(
            f"{_ADVISORY}.MAX_DELIVERIES.{EVENT_STREAM}.>",
            f"{_ADVISORY}.MSG_TERMINATED.{EVENT_STREAM}.>",
        ),
        max_age_seconds=30 * _DAY_SECONDS,
        duplicate_window_seconds=120,
        schedules=False,
    ),
)

CONSUMERS: dict[str, ConsumerDeclaration] = {
    service: ConsumerDeclaration(
        name=service,
        filter_subjects=(*(event.subject for event in events), retry_subject(service)),
    )
    for service, events in CONSUMES.items()
}


class Permissions(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one user may publish and subscribe to."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def permissions(user: str) -> Permissions:
    """Return what *user* (a service or the provisioner) may do."""
    inbox = f"_INBOX_{user}.>"
    if user == PROVISIONER:
        return Permissions(publish=("$JS.API.>",), subscribe=(inbox,))
    if user not in SERVICES:
        raise ValueError(f"no service is called {user}")
    produced = [event.subject for event in EVENTS if user in event.producers]
    publish = [
        *produced,
        *(
            schedule_subject(noun, "*")
            for noun, participle in (subject.split(".") for subject in produced)
            if participle == "requested"
        ),
        progress_subject(user, "*"),
        beat_subject(user, ">"),
        *MAY_REQUEST[user],
    ]
    subscribe = [inbox, f"cmd.{user}.>", *ALSO_ANSWERS.get(user, ())]
    if MAY_REQUEST[user]:
        subscribe.append(beat_subject("*", f"{user}.>"))
    if user in CONSUMERS:
        publish += [
            f"$JS.API.CONSUMER.MSG.NEXT.{EVENT_STREAM}.{user}",
            f"$JS.API.CONSUMER.INFO.{EVENT_STREAM}.{user}",
            f"$JS.ACK.{EVENT_STREAM}.{user}.>",
        ]
    if user == FOLLOWER:
        subscribe.append("progress.>")
        publish += [
            "retry.*",
            f"$JS.API.STREAM.INFO.{EVENT_STREAM}",
            # Following: a consumer of its own that ends with the connection.
            f"$JS.API.CONSUMER.CREATE.{EVENT_STREAM}",
            f"$JS.API.CONSUMER.CREATE.{EVENT_STREAM}.>",
            # Dead letters: the notices, the events they are about, and settling them.
            f"$JS.API.DIRECT.GET.{EVENT_STREAM}",
            f"$JS.API.DIRECT.GET.{DEAD_LETTER_STREAM}",
            f"$JS.API.STREAM.MSG.DELETE.{DEAD_LETTER_STREAM}",
        ]
    return Permissions(publish=tuple(publish), subscribe=tuple(subscribe))


def render_nats_permissions(public_keys: Mapping[str, str]) -> str:
    """Return the nats-server ``authorization`` block for these users' public nkeys."""
    users = []
    for user, public_key in public_keys.items():
        if not re.fullmatch(r"U[A-Z2-7]{55}", public_key):
            raise ValueError(f"the key of {user} is not a public user nkey")
        allowed = permissions(user)
        users.append(
            f"    # {user}\n"
            f"    {{ nkey: {public_key}, permissions: {{\n"
            f"      publish: {{ allow: {json.dumps(allowed.publish)} }}\n"
            f"      subscribe: {{ allow: {json.dumps(allowed.subscribe)} }}\n"
            # A reply goes to the asker's inbox, which no service may publish to otherwise.
            '      allow_responses: { max: 1, expires: "10m" }\n'
            "    } }\n"
        )
    return "authorization {\n  users = [\n" + "".join(users) + "  ]\n}\n"

"""What the indexer is asked about people: who there is, and which handles are one person."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, ClassVar, Literal

import msgspec

from shared.contracts.identifiers import ArtifactId, Udid
from shared.contracts.indexer import Thread
from shared.contracts.requests import DEFAULT_LIMIT, Page, Request


class PersonSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One person over numbers, addresses, messenger ids and cards of all devices."""

    id: str
    #: Given by hand, else from a card or an app, else a handle.
    name: str
    #: Whether a device says that this is its owner.
    is_me: bool
    #: In the form in which handles are compared: E.164, lower-case addresses, messenger ids.
    #: No more than fifty of them.
    handles: list[str]
    handle_count: int
    card_count: int


class PersonHandle(msgspec.Struct, frozen=True, kw_only=True):
    """A number, address or messenger id, and where it came from."""

    handle: str
    #: ``card``; ``manual``: put to this person by hand; ``seen``: in conversations alone.
    origin: Literal["card", "manual", "seen"]
    #: Where it stands on a card or was seen.
    devices: list[Udid]
    kinds: list[str]


class PersonCard(msgspec.Struct, frozen=True, kw_only=True):
    """A contact card; ``artifact_id`` is the contact as it is now."""

    artifact_id: ArtifactId
    device: Udid
    name: str
    is_me: bool


class PersonChange(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was decided by hand."""

    id: str
    kind: Literal["merge", "split", "rename"]
    at: dt.datetime
    #: Who was merged into, split or renamed; and who was merged or split off.
    person_id: str
    other_id: str | None
    undone_at: dt.datetime | None
    #: Whether it stands and nothing later is about the same handles.
    can_be_undone: bool


class Person(PersonSummary, frozen=True, kw_only=True):
    """Everything about one person."""

    given_name: str | None
    origins: list[PersonHandle]
    cards: list[PersonCard]
    #: The newest conversations, and the figures of all.
    threads: list[Thread]
    thread_count: int
    first_at: dt.datetime | None
    last_at: dt.datetime | None
    #: The newest changes by hand.
    changes: list[PersonChange]


class ListPeople(Request[Page[PersonSummary]], frozen=True, kw_only=True):
    """People by name, those with a card first; ``q`` matches names and handles."""

    subject: ClassVar[str] = "cmd.indexer.list_people"
    reply: ClassVar[object] = Page[PersonSummary]
    q: str | None = None
    device: Udid | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class GetPerson(Request[Person], frozen=True, kw_only=True):
    """One person, by id or by a handle."""

    subject: ClassVar[str] = "cmd.indexer.get_person"
    reply: ClassVar[object] = Person
    person_id: str
    #: Conversations with each lineage of devices as one.
    lineage: bool = False


class MergePeople(Request[PersonChange], frozen=True, kw_only=True):
    """Make one person of two; the first keeps id and name."""

    subject: ClassVar[str] = "cmd.indexer.merge_people"
    reply: ClassVar[object] = PersonChange
    person_id: str
    other_id: str


class SplitPerson(Request[PersonChange], frozen=True, kw_only=True):
    """Make another person of some of a person's handles."""

    subject: ClassVar[str] = "cmd.indexer.split_person"
    reply: ClassVar[object] = PersonChange
    person_id: str
    handles: Annotated[list[str], msgspec.Meta(min_length=1, max_length=1000)]


class RenamePerson(Request[PersonChange], frozen=True, kw_only=True):
    """Give a person a name; null goes back to that of the cards."""

    subject: ClassVar[str] = "cmd.indexer.rename_person"
    reply: ClassVar[object] = PersonChange
    person_id: str
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None


class ListPersonChanges(Request[Page[PersonChange]], frozen=True, kw_only=True):
    """What was decided by hand, newest first."""

    subject: ClassVar[str] = "cmd.indexer.list_person_changes"
    reply: ClassVar[object] = Page[PersonChange]
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


class UndoPersonChange(Request[PersonChange], frozen=True, kw_only=True):
    """Take a change back; 409 while a later one is about the same handles."""

    subject: ClassVar[str] = "cmd.indexer.undo_person_change"
    reply: ClassVar[object] = PersonChange
    change_id: str

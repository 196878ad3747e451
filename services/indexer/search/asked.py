"""What a search asks for, from its parameters and from the filters among its words."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import msgspec

from services.indexer.folding import fold
from services.indexer.history.storage_members import albums_among
from services.indexer.history.storage_rows import like_pattern
from services.indexer.kinds.handles import normalise_handle
from services.indexer.lineage.storage_stitched import thread_ids_of
from services.indexer.lineage.storage_view import devices_meant
from services.indexer.people.storage_pages import handles_of, owned_devices
from services.indexer.search.filters import FilterError, Filters, split_filters
from services.indexer.search.query import Question, parse_question
from services.indexer.sql import statement
from shared.contracts.problems import bad_request
from shared.cursors import read_id

if TYPE_CHECKING:
    from collections.abc import Collection

    from services.indexer.history.storage_rows import Connection
    from shared.contracts.indexer import Search

#: Names that fit so many people or conversations narrow nothing down.
MOST_FITTING = 500

_MEDIA = {
    "photo": '"media_type":"image/',
    "video": '"media_type":"video/',
    "audio": '"media_type":"audio/',
    "file": '"media_type":"(application|text)/',
}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One search, whatever way it was asked. Lists are alternatives; null asks for nothing."""

    q: str
    devices: list[str] | None
    kinds: list[str] | None
    threads: list[int] | None
    #: Those of the threads whose artifacts may lie in others as well.
    albums: list[int]
    #: Handles: of whom it is from, and of who sent it or takes part in its conversation.
    senders: list[str] | None
    people: list[str] | None
    #: Devices that belong to *people*: what their owner wrote names no sender.
    own_devices: list[str]
    from_me: bool
    since: dt.datetime | None
    until: dt.datetime | None
    has_attachment: bool
    has_link: bool
    #: Regular expressions over the attachments.
    media: list[str]
    removed: str
    #: Whether lineages count as one; the devices are all of them then, and so are the threads.
    lineage: bool
    sort: str

    @property
    def participants(self) -> list[str] | None:
        """Handles of which one must have sent it, or takes part."""
        return self.people if self.people is not None else self.senders

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but words is asked for."""
        return any(
            (
                self.devices, self.kinds, self.threads is not None, self.participants is not None,
                self.from_me, self.since, self.until, self.has_attachment, self.has_link,
                self.removed == "only",
            )
        )  # fmt: skip


async def read_request(connection: Connection, request: Search, *, kinds: Collection[str]) -> Asked:
    """Return what is asked for; 400 when a filter cannot be meant, or there is no such kind."""
    await check_kind(connection, request.kind, kinds)
    try:
        filters, words = split_filters(request.q, kinds=kinds)
        return await _resolve(connection, request, filters, words)
    except FilterError as error:
        raise bad_request(str(error), parameter="q") from None


def read_question(asked: Asked) -> Question:
    """Return the words that are looked for; 400 when nothing is."""
    question = parse_question(asked.q)
    if question.is_empty and (question.terms or not asked.is_narrowed):
        raise bad_request("q names nothing to find. Give at least one word or filter.")
    return question


async def check_kind(connection: Connection, kind: str | None, kinds: Collection[str]) -> None:
    """Raise the 400 problem for a kind that there is not, with those that there are."""
    if kind is None or kind in kinds:
        return
    # What a package parsed that is installed no longer is still there.
    if not await connection.fetchval(
        "select exists (select from kind_index where kind = $1)", _plain(kind)
    ):
        raise bad_request(f"kind must be one of: {', '.join(sorted(kinds))}.", parameter="kind")


async def _resolve(connection: Connection, request: Search, filters: Filters, words: str) -> Asked:
    device = _one("device", request.device, filters.device)
    if filters.device is not None and not await connection.fetchval(
        "select exists (select from revision where device = $1)", _plain(filters.device)
    ):
        raise FilterError("device: no phone with that UDID is indexed.")
    kind = [request.kind] if request.kind is not None else None
    threads = [read_id(request.thread, "thread")] if request.thread is not None else None
    people: list[str] | None = None
    own_devices: list[str] = []
    if request.person is not None:
        people = await handles_of(connection, request.person)
        own_devices = await owned_devices(connection, people)
    if kind is not None and filters.kinds:
        raise FilterError("kind: the search is narrowed down to a kind already.")
    if threads is not None and filters.threads:
        raise FilterError("in: the search is narrowed down to a conversation already.")
    if people is not None and (filters.people or filters.senders):
        raise FilterError("from: the search is narrowed down to a person already.")
    if filters.people and filters.senders:
        raise FilterError("from: and with: cannot be asked for together.")
    devices = await devices_meant(connection, device, lineage=request.lineage)
    if filters.threads:
        threads = await _threads(connection, filters.threads, devices)
    if threads is not None and request.lineage:
        threads = await thread_ids_of(connection, threads)
    if filters.people:
        people = await _handles(connection, filters.people, devices)
    media = [_MEDIA[name] for name in filters.has if name in _MEDIA]
    return Asked(
        q=words,
        devices=devices,
        kinds=kind or (list(dict.fromkeys(filters.kinds)) or None),
        threads=threads,
        albums=await albums_among(connection, threads) if threads else [],
        senders=await _handles(connection, filters.senders, devices) if filters.senders else None,
        people=people,
        own_devices=own_devices,
        from_me=filters.from_me,
        since=_one("after", request.since, filters.since),
        until=_one("before", request.until, filters.until),
        has_attachment=request.has == "attachment" or bool({*filters.has} - {"link"}),
        has_link=request.has == "link" or "link" in filters.has,
        media=media,
        removed=filters.removed or request.removed,
        lineage=request.lineage,
        sort=request.sort,
    )


def _one(name: str, given: Any, typed: Any) -> Any:
    if given is not None and typed is not None:
        raise FilterError(f"{name}: the search is narrowed down by it already.")
    return given if given is not None else typed


def _plain(text: str) -> str:
    return text.replace("\0", "")


async def _handles(
    connection: Connection, names: tuple[str, ...], devices: list[str] | None
) -> list[str]:
    """Return the handles that *names* may stand for: those of whoever is so called or has one."""
    patterns = [like_pattern(fold(_plain(name))) for name in names]
    themselves = [normalise_handle(_plain(name)) for name in names]
    rows = await connection.fetch(
        statement("search", "handles"), patterns, devices, MOST_FITTING, themselves
    )
    return list(dict.fromkeys([*themselves, *(row["handle"] for row in rows)]))


async def _threads(
    connection: Connection, titles: tuple[str, ...], devices: list[str] | None
) -> list[int]:
    patterns = [like_pattern(fold(_plain(title))) for title in titles]
    rows = await connection.fetch(statement("search", "titled"), patterns, devices, MOST_FITTING)
    if not rows:
        raise FilterError(
            "in: no conversation, album or folder has this in its title. What somebody takes part"
            " in is found by with:."
        )
    return [row["id"] for row in rows]

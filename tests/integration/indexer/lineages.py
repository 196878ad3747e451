"""Two phones, of which one was restored onto the other, for tests of lineages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import msgspec
from staged import artifact, index_staged

from services.indexer.browsing.storage_artifacts import list_artifacts
from services.indexer.browsing.storage_threads import list_thread_artifacts, list_threads
from services.indexer.lineage.storage_arranging import arrange
from services.indexer.lineage.storage_links import (
    confirm_lineage,
    list_lineages,
    undo_lineage,
)
from services.indexer.lineage.storage_offers import look_for_lineages
from services.indexer.search.storage import search
from services.indexer.staging import StagedThread
from shared.contracts.indexer import (
    ArtifactPage,
    ListArtifacts,
    ListThreadArtifacts,
    ListThreads,
    Search,
    SearchPage,
    Thread,
)
from shared.contracts.lineage import (
    ConfirmLineage,
    LineageLink,
    ListLineages,
    UndoLineage,
)
from shared.contracts.requests import Page

ROOM = 1 << 20
LABELS = {"message": "Messages"}
OLD, NEW, THIRD = "OLD", "NEW", "THIRD"
ANNA, BEN = "+491", "+492"


def guid(name: object) -> str:
    """The phone's own identity of something."""
    return str(uuid5(NAMESPACE_OID, str(name))).upper()


def message(number: int, text: str | None = None, **fields: Any) -> Any:
    """A message, mine if its number is even."""
    fields.setdefault("thread_key", f"direct:{ANNA}")
    fields.setdefault("is_me", number % 2 == 0)
    if not fields["is_me"]:
        fields.setdefault("sender_handle", ANNA)
    return artifact(number, guid(number), text or f"message {number}", **fields)


def direct(handle: str, key: str | None = None, title: str | None = None) -> StagedThread:
    """A conversation with one."""
    return StagedThread(
        key=key or f"direct:{handle}",
        title=title,
        is_group=False,
        participants=[handle],
        services=["iMessage"],
        raw_keys=[],
    )


async def index(
    connection: Any, device: str, moment: int, messages: Sequence[Any], **fields: Any
) -> None:
    """Index messages with everybody that they are with, then look for lineages."""
    fields.setdefault("threads", [direct(ANNA), direct(BEN)])
    await index_staged(connection, device=device, moment=moment, artifacts=messages, **fields)
    await look_for_lineages(connection, device, no_types)


async def no_types(_: Sequence[str]) -> Mapping[str, str | None]:
    """Nothing is known of what the devices are."""
    return {}


async def links(connection: Any, **fields: Any) -> list[LineageLink]:
    return (await list_lineages(connection, ListLineages(**fields))).items


async def confirm(connection: Any, **fields: Any) -> LineageLink:
    """Confirm the one offer that there is."""
    (offer,) = await links(connection, state="offered")
    return await confirm_link(connection, offer.id, **fields)


async def confirm_link(connection: Any, link_id: str, **fields: Any) -> LineageLink:
    """Confirm a link and carry it out."""
    link = await confirm_lineage(connection, ConfirmLineage(link_id=link_id, **fields))
    await arrange(connection, told_nothing)
    return link


async def undo_link(connection: Any, link_id: str) -> LineageLink:
    """Undo a decision and carry that out."""
    link = await undo_lineage(connection, UndoLineage(link_id=link_id))
    await arrange(connection, told_nothing)
    return link


async def told_nothing(_done: int, _total: int) -> None:
    """Nobody follows the progress."""


async def artifacts(connection: Any, **fields: Any) -> list[tuple[str, str | None]]:
    """Device and text of all that is listed, newest first, by small pages."""
    fields.setdefault("lineage", True)
    found: list[tuple[str, str | None]] = []
    cursor = None
    while True:
        body = await list_artifacts(
            connection, ListArtifacts(limit=3, cursor=cursor, **fields), most_bytes=ROOM
        )
        page = msgspec.json.decode(body, type=ArtifactPage)
        found += [(one.device, one.text) for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


async def threads(connection: Any, **fields: Any) -> list[Thread]:
    fields.setdefault("lineage", True)
    body = await list_threads(connection, ListThreads(**fields), most_bytes=ROOM)
    return msgspec.json.decode(body, type=Page[Thread]).items


async def thread_page(connection: Any, **fields: Any) -> ArtifactPage:
    fields.setdefault("lineage", True)
    body = await list_thread_artifacts(connection, ListThreadArtifacts(**fields), most_bytes=ROOM)
    return msgspec.json.decode(body, type=ArtifactPage)


async def found(connection: Any, q: str = "", **fields: Any) -> SearchPage:
    fields.setdefault("lineage", True)
    body = await search(connection, Search(q=q, **fields), most_bytes=ROOM, labels=LABELS)
    return msgspec.json.decode(body, type=SearchPage)

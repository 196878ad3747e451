"""From Bookmarks.db (iOS 4 and later) and Bookmarks.plist (before) to artifacts.

``last_modified`` is in Unix seconds, unlike all other dates of Safari. Source: stores of iOS 14
to 18.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from services.indexer.kinds.bookmark.folders import (
    BAR,
    MOST_FOLDERS,
    READING_LIST,
    TOP,
    Folder,
    Folders,
)
from services.indexer.kinds.bookmark.old_list import OldList
from services.indexer.kinds.bookmark.payload import BookmarkPayload
from services.indexer.kinds.bookmark.reading_list import reading_list_fields
from services.indexer.kinds.database import Database
from services.indexer.kinds.keyed_archive import load_plist
from services.indexer.kinds.phone_time import unix_microseconds, utc
from services.indexer.kinds.protocol import ParserInputs, Sink, Tally, UnsupportedStoreError
from services.indexer.kinds.records import Record, Records, key_of, note_too_many_threads, walk
from services.indexer.kinds.rows_by_number import rows_by_number
from services.indexer.kinds.rows_in_order import rows_in_order
from services.indexer.kinds.safari_attributes import added_microseconds, read_attributes
from services.indexer.kinds.safari_profiles import SAFARI_DOMAINS
from services.indexer.kinds.values import flag_of, int_of, text_of
from services.indexer.kinds.web import read_address, search_lines, title_of
from services.indexer.staging import StagedArtifact, StagedThread

_COLUMNS = (
    "special_id", "parent", "type", "title", "url", "order_index", "hidden", "deleted", "read",
    "external_uuid", "last_modified", "extra_attributes", "local_attributes", "archive_status",
    "topic_title", "feature_text",
)  # fmt: skip
_FOLDER_COLUMNS = ("id", "parent", "title", "special_id", "external_uuid", "deleted")
#: Each may bring a preview with it.
_BATCH = 100
_LARGEST_PLIST = 8 * 1024 * 1024
_LONGEST_FEATURES = 20_000


def parse_bookmarks(inputs: ParserInputs, sink: Sink) -> None:
    """Give every bookmark of the backup to *sink*."""
    failures: list[UnsupportedStoreError] = []
    records = Records(sink)
    threads: dict[str, StagedThread] = {}
    read = 0
    for domain in SAFARI_DOMAINS:
        for name, reader in (("Bookmarks.db", _read_database), ("Bookmarks.plist", _read_plist)):
            path = inputs.find(domain, f"Library/Safari/{name}")
            if path is None:
                continue
            try:
                reader(path, records, threads, sink.tally)
            except UnsupportedStoreError as error:
                failures.append(error)
            else:
                read += 1
    if not read:
        raise failures[0] if failures else UnsupportedStoreError("The backup has no bookmarks.")
    for _ in failures:
        sink.tally.note("One of several stores could not be read.")
    for thread in threads.values():
        sink.thread(thread)
    records.finish()


def _read_database(
    path: Path, records: Records, threads: dict[str, StagedThread], tally: Tally
) -> None:
    with Database(path) as database:
        if not {"url", "parent", "type"} <= database.columns("bookmarks"):
            raise UnsupportedStoreError("The database has no table of bookmarks.")
        folders = _read_folders(database, threads, tally)
        order = sorted(_times(database, tally))
        for at in range(0, len(order), _BATCH):
            numbers = [number for _, number in order[at : at + _BATCH]]
            rows = rows_by_number(database, "bookmarks", _COLUMNS, numbers, tally, key="rowid")
            for number in numbers:
                if (row := rows.get(number)) is not None:
                    records.keep(partial(_bookmark_of_row, row, folders.find(row["parent"])))


def _read_folders(database: Database, threads: dict[str, StagedThread], tally: Tally) -> Folders:
    rest = f"where type = 1 order by id limit {MOST_FOLDERS + 1}"
    rows = {
        row["id"]: row
        for row in walk(database, "bookmarks", _FOLDER_COLUMNS, tally, rest=rest)
        if isinstance(row["id"], int)
    }
    if len(rows) > MOST_FOLDERS:
        note_too_many_threads(tally)
    folders = Folders(rows)
    threads.setdefault(TOP.key, TOP.thread)
    for number in rows:
        folder = folders.find(number)
        threads.setdefault(folder.key, folder.thread)
    return folders


def _times(database: Database, tally: Tally) -> Iterator[tuple[int, int]]:
    """Yield when each bookmark was added, or changed, in microseconds, and its row's number."""
    columns = ("type", "last_modified", "extra_attributes", "local_attributes")
    for row in rows_in_order(database, "bookmarks", columns, tally, by="rowid"):
        if row["type"] != 1 and isinstance(row["rowid"], int):
            yield _moment(row, _attributes_of(row)) or 0, row["rowid"]


def _attributes_of(row: Record) -> dict[str, Any]:
    return read_attributes(row["extra_attributes"], row["local_attributes"])


def _moment(row: Record, attributes: dict[str, Any]) -> int | None:
    at_us = added_microseconds(attributes)
    return unix_microseconds(row["last_modified"]) if at_us is None else at_us


def _bookmark_of_row(row: Record, folder: Folder) -> StagedArtifact | None:
    attributes = _attributes_of(row)
    archived = int_of(row["archive_status"])
    features = text_of(row["feature_text"])
    return _bookmark(
        url=row["url"],
        title=row["title"],
        key=row["external_uuid"],
        folder=folder,
        attributes=attributes,
        at_us=_moment(row, attributes),
        is_listed=row["read"] is not None,
        is_read=row["read"],
        is_hidden=flag_of(row["hidden"]),
        is_deleted=flag_of(row["deleted"]) or folder.is_deleted,
        position=int_of(row["order_index"]),
        modified_at=utc(unix_microseconds(row["last_modified"])),
        topic=title_of(row["topic_title"]),
        feature_text=None if features is None else features[:_LONGEST_FEATURES],
        raw={"archive_status": archived} if archived else {},
    )


def _bookmark(
    *,
    url: object,
    title: object,
    key: object,
    folder: Folder,
    attributes: dict[str, Any],
    at_us: int | None,
    is_listed: bool,
    is_read: object,
    **more: Any,
) -> StagedArtifact | None:
    address = read_address(url)
    if address is None:
        return None
    is_listed = is_listed or folder.special == READING_LIST
    payload = BookmarkPayload(
        type="reading_list" if is_listed else "bookmark",
        url=address.url,
        is_url_cut=address.is_cut,
        host=address.host,
        folders=folder.path,
        is_favorite=folder.special == BAR,
        added_at=utc(added_microseconds(attributes)),
        is_read=flag_of(is_read) if is_listed and is_read is not None else None,
        **reading_list_fields(attributes),
        **more,
    )
    name = title_of(title)
    lines = [
        *search_lines(address), payload.site_name, payload.preview, payload.topic,
        payload.feature_text, *folder.path,
    ]  # fmt: skip
    return StagedArtifact(
        key=text_of(key) or key_of("bookmark", address.url, name, folder.path),
        thread_key=folder.key,
        occurred_at_us=at_us,
        title=name or address.url[:200],
        text="\n".join(dict.fromkeys(line for line in lines if line)) or None,
        has_link=True,
        payload=payload,
    )


def _read_plist(
    path: Path, records: Records, threads: dict[str, StagedThread], tally: Tally
) -> None:
    root = load_plist(path.read_bytes()) if path.stat().st_size <= _LARGEST_PLIST else None
    if not isinstance(root, dict) or not isinstance(root.get("Children"), list):
        raise UnsupportedStoreError("The property list is damaged or larger than any phone's.")
    threads.setdefault(TOP.key, TOP.thread)
    leaves = sorted(
        OldList(root, threads, tally).leaves(), key=lambda leaf: added_microseconds(leaf[0]) or 0
    )
    for leaf, folder, position in leaves:
        records.keep(partial(_bookmark_of_leaf, leaf, folder, position))


def _bookmark_of_leaf(leaf: dict[str, Any], folder: Folder, position: int) -> StagedArtifact | None:
    words = leaf.get("URIDictionary")
    title = words.get("title") if isinstance(words, dict) else None
    attributes = read_attributes(leaf)
    return _bookmark(
        url=leaf.get("URLString"),
        title=title or leaf.get("Title"),
        key=leaf.get("WebBookmarkUUID"),
        folder=folder,
        attributes=attributes,
        at_us=added_microseconds(attributes),
        is_listed="ReadingList" in leaf,
        is_read=None,
        position=position,
    )

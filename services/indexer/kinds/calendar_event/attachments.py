"""Attachments of events: mostly addresses on a server, sometimes a file that the phone fetched."""

from __future__ import annotations

import re
from collections.abc import Sequence

from services.indexer.kinds.backup_files import NOT_DOWNLOADED, BackupFiles, media_type_of
from services.indexer.kinds.calendar_event.payload import Link
from services.indexer.kinds.records import Record
from services.indexer.kinds.values import int_of, text_of
from services.indexer.staging import StagedAttachment

_DOMAIN = "HomeDomain"
_MOST = 100
_LONGEST = 4000
_BELOW_HOME = re.compile(r"(?:^|/)(Library/Calendar/.+)$")
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+", re.IGNORECASE)
_MOST_BYTES = 2**50


def attachments_of(
    rows: Sequence[Record], files: BackupFiles
) -> tuple[list[StagedAttachment], tuple[Link, ...]]:
    """Return the files of an event, and the addresses that its server has for them."""
    found: list[StagedAttachment] = []
    links: list[Link] = []
    for n, row in enumerate(rows[:_MOST]):
        url = _text(row["url"])
        local = _text(row.get("local_path")) or _text(row["local_url"])
        below = None if local is None else _BELOW_HOME.search(local)
        name = _text(row["filename"])
        form = _text(row["format"])
        size = int_of(row["file_size"])
        found.append(
            files.find(
                _DOMAIN,
                None if below is None else below[1],
                name=name or (None if url is None else url.rpartition("/")[2] or None),
                media_type=form
                if form is not None and _MEDIA_TYPE.fullmatch(form)
                else (None if name is None else media_type_of(name)),
                size_bytes=size if size is not None and 0 < size < _MOST_BYTES else None,
                reason=NOT_DOWNLOADED,
            )
        )
        if url is not None:
            links.append(Link(n=n, url=url))
    return found, tuple(links)


def _text(value: object) -> str | None:
    text = text_of(value)
    return None if text is None else text[:_LONGEST]

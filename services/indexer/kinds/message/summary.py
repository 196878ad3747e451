"""``message_summary_info``: earlier wordings, unsent parts, translations."""

from __future__ import annotations

from typing import Any

import msgspec

from services.indexer.kinds.keyed_archive import load_archive, load_plist
from services.indexer.kinds.message.attributed_text import decode_attributed_text
from services.indexer.kinds.message.payload import Edit, Translation
from services.indexer.kinds.message.rich_text import plain_text
from services.indexer.kinds.phone_time import cocoa_utc

_MOST_EDITS = 1000
#: Lists may be shared, and long.
_MOST_PENDING = 100_000


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What the phone remembers about a message beside its current form."""

    edits: tuple[Edit, ...] = ()
    unsent_parts: tuple[int, ...] = ()
    #: Every part was taken back.
    is_unsent: bool = False
    translations: tuple[Translation, ...] = ()


NOTHING = Summary()


def read_summary(data: object) -> Summary | None:
    """Return the summary, or None when the bytes are no property list."""
    plist = load_plist(data)
    if not isinstance(plist, dict):
        return None
    ranges = plist.get("otr")
    parts = {_number(part) for part in ranges} if isinstance(ranges, dict) else set()
    retracted = plist.get("rp")
    unsent = tuple(
        sorted(
            {part for part in retracted if isinstance(part, int)}
            if isinstance(retracted, list)
            else ()
        )
    )
    return Summary(
        edits=_read_edits(plist.get("ec")),
        unsent_parts=unsent,
        is_unsent=bool(unsent) and (parts - {None}) <= set(unsent),
        translations=_read_translations(plist.get("tmp")),
    )


def _number(text: object) -> int | None:
    if isinstance(text, str) and text.isdigit() and len(text) < 6:
        return int(text)
    return text if isinstance(text, int) else None


def _read_edits(history: Any) -> tuple[Edit, ...]:
    if not isinstance(history, dict):
        return ()
    edits: list[Edit] = []
    for name, versions in history.items():
        part = _number(name)
        if part is None or not isinstance(versions, list):
            continue
        for version in versions[:_MOST_EDITS]:
            if not isinstance(version, dict):
                continue
            body = version.get("t")
            decoded = decode_attributed_text(body) if isinstance(body, bytes) else None
            text = None if decoded is None else plain_text(decoded.text)
            edits.append(Edit(text=text, at=cocoa_utc(version.get("d")), part=part))
        if len(edits) >= _MOST_EDITS:  # any number of parts may share one list of versions
            break
    edits.sort(key=lambda edit: edit.part)  # stable: the order in time stays within a part
    return tuple(edits)


def _read_translations(data: Any) -> tuple[Translation, ...]:
    if data is None:
        return ()
    root = load_archive(data) if isinstance(data, bytes) else data
    found: list[Translation] = []
    pending = [root]
    seen = 0
    while pending and seen < 1000 and len(pending) < _MOST_PENDING:
        seen += 1
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict):
            text = value.get("translatedText")
            if isinstance(text, str):
                found.append(
                    Translation(
                        text=text,
                        language=_string(value.get("translationLanguage")),
                        source_language=_string(value.get("sourceLanguage")),
                    )
                )
            else:
                pending.extend(value.values())
    return tuple(found)


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None

"""Data as pages: Typst sets them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from services.indexer.exports.formats.pdf.fonts import Fonts

_KEPT_COMPILATIONS = 12
#: What ends the process, whatever is at work.
_NEVER_HELD = (KeyboardInterrupt, SystemExit, MemoryError)
_NOT_SET = "Something here could not be set; other formats have it"


def set_document(
    head: dict[str, Any], items: list[dict[str, Any]], fonts: Fonts, *, made_at: dt.datetime
) -> bytes:
    """Return a document as PDF; an item that the library breaks over costs itself."""
    try:
        return _set(head, items, fonts, made_at=made_at)
    except _NEVER_HELD:
        raise
    except BaseException:  # noqa: BLE001 -- a panic of the library is no Exception
        kept = [*_settable(head, items, fonts, made_at=made_at)]
        return _set(head, kept, fonts, made_at=made_at)


def _set(
    head: dict[str, Any], items: list[dict[str, Any]], fonts: Fonts, *, made_at: dt.datetime
) -> bytes:
    import typst

    data = msgspec.json.encode({**head, "fonts": fonts.families, "items": items}).decode()
    compiler = typst.Compiler(_template(), font_paths=fonts.found, sys_inputs={"data": data})
    made = compiler.compile(format="pdf", timestamp=int(made_at.timestamp()))
    assert isinstance(made, bytes)
    # The library keeps what its last ten compilations made: empty ones push out a document that
    # nobody needs any more (four times the memory of one otherwise).
    for _ in range(_KEPT_COMPILATIONS):
        typst.Compiler(b"", font_paths=fonts.found).compile(format="pdf")
    return made


def _settable(
    head: dict[str, Any], items: list[dict[str, Any]], fonts: Fonts, *, made_at: dt.datetime
) -> Iterator[dict[str, Any]]:
    """Yield the items without those that cannot be set, which are told instead."""
    try:
        _set(head, items, fonts, made_at=made_at)
    except _NEVER_HELD:
        raise
    except BaseException:  # noqa: BLE001 -- as above
        if len(items) == 1:
            yield {"form": "event", "time": items[0].get("time", ""), "text": _NOT_SET}
            return
        half = len(items) // 2
        yield from _settable(head, items[:half], fonts, made_at=made_at)
        yield from _settable(head, items[half:], fonts, made_at=made_at)
    else:
        yield from items


@cache
def _template() -> bytes:
    return files(__package__ or "").joinpath("conversation.typ").read_bytes()

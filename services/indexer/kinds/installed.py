"""Kinds that other packages bring: entry points of the group ``keepsake.parsers``.

Each names a ``KindParser``, the class or one made of it. They run as ours do, in a process of their
own within the same bounds, and their artifacts are stored, searched and compared alike. One that
cannot be loaded costs itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

import structlog

from services.indexer.kinds.protocol import KindParser

GROUP = "keepsake.parsers"
#: A kind's name stands in addresses and queries.
_NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")

log = structlog.get_logger()


def with_installed(
    ours: Iterable[KindParser], *, found: Iterable[EntryPoint] | None = None
) -> dict[str, KindParser]:
    """Return our kinds by name, and after them those of installed packages (*found*)."""
    parsers = {parser.kind: parser for parser in ours}
    for entry in entry_points(group=GROUP) if found is None else found:
        try:
            parser = _load(entry)
        except Exception as error:  # noqa: BLE001 -- anything may happen in a package of others
            log.warning("parser_not_loaded", parser=entry.name, error=type(error).__name__)
            continue
        if parser.kind in parsers:
            log.warning("parser_name_taken", parser=entry.name, kind=parser.kind)
            continue
        parsers[parser.kind] = parser
    return parsers


def _load(entry: EntryPoint) -> KindParser:
    loaded = entry.load()
    parser = loaded() if isinstance(loaded, type) else loaded
    if not isinstance(parser, KindParser):
        raise TypeError("not a KindParser")
    if not _NAME.fullmatch(parser.kind):
        raise ValueError("not a name of a kind")
    if not all((parser.title, parser.note, parser.files)):
        raise ValueError("a kind needs a title, a note and files")
    return parser

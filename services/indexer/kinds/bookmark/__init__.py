"""Bookmarks and the reading list of Safari."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink


class BookmarkParser(KindParser):
    """Every page that was kept, with the folders it was kept in."""

    kind = "bookmark"
    title = "Bookmarks"
    note = (
        "Bookmarks, favourites and the reading list of Safari with their folders, previews and "
        "dates; what was deleted and not yet gone from iCloud is marked. Pages saved for reading "
        "offline are not in backups."
    )
    version = 1
    files = tuple(
        NeededFile(domain=domain, relative_path=f"Library/Safari/{name}")
        for domain in ("HomeDomain", "AppDomain-com.apple.mobilesafari")
        for name in ("Bookmarks.db", "Bookmarks.plist")
    )

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every bookmark; one bad record costs one record."""
        from services.indexer.kinds.bookmark.reading import parse_bookmarks

        parse_bookmarks(inputs, sink)

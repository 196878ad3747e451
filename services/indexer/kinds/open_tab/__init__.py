"""Tabs of Safari: of this phone, of other devices, and those closed not long ago."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink


class OpenTabParser(KindParser):
    """Every tab that was open when the backup was made."""

    kind = "open_tab"
    title = "Open tabs"
    note = (
        "Tabs of Safari with their tab groups, profiles and the pages before them; tabs of other "
        "devices that iCloud told this phone. Tabs of private browsing are marked as such."
    )
    version = 1
    files = tuple(
        NeededFile(domain=domain, relative_path=f"Library/Safari/{name}")
        for domain in ("HomeDomain", "AppDomain-com.apple.mobilesafari")
        for name in ("SafariTabs.db", "BrowserState.db", "CloudTabs.db", "SuspendState.plist")
    )

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every tab; one bad record costs one record."""
        from services.indexer.kinds.open_tab.reading import parse_tabs

        parse_tabs(inputs, sink)

"""Visits to web pages: the histories of Safari, Chrome and Firefox."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink

_SAFARI = ("HomeDomain", "AppDomain-com.apple.mobilesafari")
_CHROME = "AppDomain-com.google.chrome.ios"
_FIREFOX = "AppDomainGroup-group.org.mozilla.ios.Firefox"


class WebVisitParser(KindParser):
    """Every page that was opened, and when history was cleared."""

    kind = "web_visit"
    title = "Web history"
    note = (
        "Visits in Safari (all profiles, this phone's and those of iCloud), with redirects, "
        "searches and what was cleared from the history; Chrome and Firefox, where backups hold "
        "theirs. "
        "Private browsing leaves no visits."
    )
    version = 1
    encrypted_only = True
    files = (
        *(
            NeededFile(domain=domain, relative_path=f"Library/Safari/{path}")
            for domain in _SAFARI
            for path in ("History.db", "Profiles/*/History.db", "History.plist")
        ),
        NeededFile(
            domain=_CHROME, relative_path="Library/Application Support/Google/Chrome/*/History"
        ),
        NeededFile(domain=_FIREFOX, relative_path="*profile/browser.db"),
        NeededFile(domain=_FIREFOX, relative_path="*profile/places.db"),
        *(
            NeededFile(domain=domain, relative_path="Library/Safari/SafariTabs.db", required=False)
            for domain in _SAFARI
        ),
    )

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every visit; one bad record costs one record."""
        from services.indexer.kinds.web_visit.reading import parse_visits

        parse_visits(inputs, sink)

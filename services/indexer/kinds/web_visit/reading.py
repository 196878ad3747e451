"""From the histories of all browsers on the phone to artifacts, merged in the order of time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from heapq import merge
from itertools import chain
from operator import itemgetter
from pathlib import Path

from services.indexer.kinds.database import Database
from services.indexer.kinds.protocol import ParserInputs, Sink, Tally, UnsupportedStoreError
from services.indexer.kinds.records import Records
from services.indexer.kinds.safari_profiles import SAFARI_DOMAINS, read_profiles
from services.indexer.kinds.web_visit.others import other_visits
from services.indexer.kinds.web_visit.safari import Item, SafariHistory, old_visits
from services.indexer.kinds.web_visit.visit import Browser

_CHROME = "AppDomain-com.google.chrome.ios"
_CHROME_FOLDER = "Library/Application Support/Google/Chrome/"
_FIREFOX = "AppDomainGroup-group.org.mozilla.ios.Firefox"
#: Opens one store: its browser and the sources of its items.
Opening = Callable[[contextlib.ExitStack], tuple[Browser, list[Iterator[Item]]]]


def parse_visits(inputs: ParserInputs, sink: Sink) -> None:
    """Give every visit of the backup to *sink*."""
    tally = sink.tally
    failures: list[UnsupportedStoreError] = []
    browsers: dict[str, Browser] = {}
    sources: list[Iterator[Item]] = []
    with contextlib.ExitStack() as opened:
        for opening in _stores(inputs, tally):
            try:
                browser, found = opening(opened)
            except UnsupportedStoreError as error:
                failures.append(error)
                continue
            browsers.setdefault(browser.key, browser)
            sources += found
        if not browsers:
            raise failures[0] if failures else UnsupportedStoreError("The backup has no history.")
        for _ in failures:
            tally.note("One of several stores could not be read.")
        for browser in browsers.values():
            sink.thread(browser.thread)
        records = Records(sink)
        for _, make in merge(*sources, key=itemgetter(0)):
            records.keep(make)
        records.finish()


def _stores(inputs: ParserInputs, tally: Tally) -> Iterator[Opening]:
    names = read_profiles(inputs, tally)
    for domain in SAFARI_DOMAINS:
        for path, profile in _safari_stores(inputs, domain):
            name = None if profile is None else names.get(profile.upper())
            yield _safari(path, Browser(app="safari", profile=name, profile_key=profile), tally)
        old = inputs.find(domain, "Library/Safari/History.plist")
        if old is not None:
            yield _old_safari(old, tally)
    for _, relative, path in inputs.matching(_CHROME, f"{_CHROME_FOLDER}*/History"):
        folder = relative.removeprefix(_CHROME_FOLDER).removesuffix("/History")
        profile = None if folder == "Default" else folder
        yield _other(path, Browser(app="chrome", profile=profile, profile_key=profile), tally)
    places = [path for _, _, path in inputs.matching(_FIREFOX, "*profile/places.db")]
    older = [path for _, _, path in inputs.matching(_FIREFOX, "*profile/browser.db")]
    if places or older:
        yield _firefox(places, older, tally)


def _safari_stores(inputs: ParserInputs, domain: str) -> Iterator[tuple[Path, str | None]]:
    path = inputs.find(domain, "Library/Safari/History.db")
    if path is not None:
        yield path, None
    pattern = "Library/Safari/Profiles/*/History.db"
    for _, relative, path in inputs.matching(domain, pattern):
        yield path, relative.split("/")[3]


def _safari(path: Path, browser: Browser, tally: Tally) -> Opening:
    def opening(opened: contextlib.ExitStack) -> tuple[Browser, list[Iterator[Item]]]:
        history = SafariHistory(opened.enter_context(Database(path)), browser, tally)
        return browser, [history.visits(), history.cleared()]

    return opening


def _old_safari(path: Path, tally: Tally) -> Opening:
    def opening(_: contextlib.ExitStack) -> tuple[Browser, list[Iterator[Item]]]:
        browser = Browser(app="safari")
        return browser, [iter(list(old_visits(path, browser, tally)))]

    return opening


def _firefox(places: list[Path], older: list[Path], tally: Tally) -> Opening:
    """Return the store that holds the history.

    For years places.db had the bookmarks only; when the history came to it, the older store kept
    what had been taken over.
    """

    def opening(opened: contextlib.ExitStack) -> tuple[Browser, list[Iterator[Item]]]:
        browser, failure = Browser(app="firefox"), None
        sources: list[Iterator[Item]] = []
        for path in (*places, *older):
            try:
                database = opened.enter_context(Database(path))
                source = other_visits(database, browser, tally)
            except UnsupportedStoreError as error:
                failure = error
                continue
            first = next(source, None)
            if first is not None:
                return browser, [chain((first,), source)]
            sources.append(source)
        if not sources and failure is not None:
            raise failure
        return browser, sources

    return opening


def _other(path: Path, browser: Browser, tally: Tally) -> Opening:
    def opening(opened: contextlib.ExitStack) -> tuple[Browser, list[Iterator[Item]]]:
        database = opened.enter_context(Database(path))
        return browser, [other_visits(database, browser, tally)]

    return opening

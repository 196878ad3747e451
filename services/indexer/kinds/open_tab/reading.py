"""From all of Safari's stores of tabs to artifacts, merged in the order of time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from heapq import merge
from operator import itemgetter
from pathlib import Path

from services.indexer.kinds.database import Database
from services.indexer.kinds.open_tab.browser_state import BrowserState, suspended_tabs
from services.indexer.kinds.open_tab.cloud_tabs import CloudTabs
from services.indexer.kinds.open_tab.safari_tabs import SafariTabs
from services.indexer.kinds.open_tab.tab import Item, TabThreads
from services.indexer.kinds.protocol import ParserInputs, Sink, Tally, UnsupportedStoreError
from services.indexer.kinds.records import Records
from services.indexer.kinds.safari_profiles import SAFARI_DOMAINS, SAFARI_TABS

_FOLDER = "Library/Safari"


def parse_tabs(inputs: ParserInputs, sink: Sink) -> None:
    """Give every tab of the backup to *sink*."""
    with contextlib.ExitStack() as opened:
        stores = _Stores(opened, sink.tally)
        for domain in SAFARI_DOMAINS:
            stores.open(inputs.find(domain, SAFARI_TABS), stores.newest)
        for domain in SAFARI_DOMAINS:
            stores.open(inputs.find(domain, f"{_FOLDER}/BrowserState.db"), stores.older)
            stores.open(inputs.find(domain, f"{_FOLDER}/CloudTabs.db"), stores.of_other_devices)
            stores.open(inputs.find(domain, f"{_FOLDER}/SuspendState.plist"), stores.oldest)
        if not stores.sources:
            raise stores.failure or UnsupportedStoreError("The backup has no tabs.")
        if stores.failure is not None:
            sink.tally.note("One of several stores could not be read.")
        records = Records(sink)
        for _, make in merge(*stores.sources, key=itemgetter(0)):
            records.keep(make)
        for thread in stores.threads.all():
            sink.thread(thread)
        records.finish()


class _Stores:
    """The stores that could be opened."""

    def __init__(self, opened: contextlib.ExitStack, tally: Tally) -> None:
        self.sources: list[Iterator[Item]] = []
        self.threads = TabThreads()
        self.failure: UnsupportedStoreError | None = None
        self._opened = opened
        self._tally = tally
        #: Tabs of the newest store; None while none was read.
        self._newer: set[str] | None = None

    def open(self, path: Path | None, reader: Callable[[Path], Iterator[Item]]) -> None:
        if path is None:
            return
        try:
            self.sources.append(reader(path))
        except UnsupportedStoreError as error:
            self.failure = self.failure or error

    def newest(self, path: Path) -> Iterator[Item]:
        tabs = SafariTabs(self._database(path), self.threads, self._tally)
        self._newer = (self._newer or set()) | tabs.keys()
        return tabs.tabs()

    def older(self, path: Path) -> Iterator[Item]:
        database = self._database(path)
        return BrowserState(database, self.threads, self._tally, newer=self._newer).tabs()

    def of_other_devices(self, path: Path) -> Iterator[Item]:
        return CloudTabs(self._database(path), self.threads, self._tally).tabs()

    def oldest(self, path: Path) -> Iterator[Item]:
        return iter(list(suspended_tabs(path, self.threads, self._tally)))

    def _database(self, path: Path) -> Database:
        return self._opened.enter_context(Database(path))

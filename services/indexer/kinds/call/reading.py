"""From the stores of calls to artifacts and threads: the stores are merged in the order of time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

from services.indexer.kinds.call import DOMAIN, OLD_DOMAIN, OLD_STORE, STORE, TEMPORARY_STORE
from services.indexer.kinds.call.old_store import OldStore
from services.indexer.kinds.call.people import Counterparts, People
from services.indexer.kinds.call.store import CallStore
from services.indexer.kinds.database import Database
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.protocol import ParserInputs, Sink, UnsupportedStoreError
from services.indexer.kinds.records import Records
from services.indexer.staging import StagedArtifact

T = TypeVar("T")
#: When a call began in microseconds since 1970, and what makes its artifact.
Item = tuple[int, Callable[[], StagedArtifact | None]]


def parse_calls(inputs: ParserInputs, sink: Sink) -> None:
    """Give every call of the backup to *sink*."""
    with contextlib.ExitStack() as opened:
        _Reader(inputs, sink, opened).run()


class _Reader:
    def __init__(self, inputs: ParserInputs, sink: Sink, opened: contextlib.ExitStack) -> None:
        self._sink = sink
        self._opened = opened
        self._people = People(Handles(inputs.region))
        self._threads = Counterparts()
        new = inputs.find(DOMAIN, STORE)
        self._main = None if new is None else self._new_store(new)
        temporary = inputs.find(DOMAIN, TEMPORARY_STORE)
        old = inputs.find(OLD_DOMAIN, OLD_STORE)
        self._temporary = self._beside(temporary, self._new_store)
        if self._main is None:
            # There is nothing else: what is wrong with it is what is wrong with the kind.
            self._old = None if old is None else self._old_store(old)
        else:
            self._old = self._beside(old, self._old_store)
        if (self._main or self._temporary or self._old) is None:
            raise UnsupportedStoreError("The backup has no list of calls.")

    def _new_store(self, path: Path) -> CallStore:
        database = self._opened.enter_context(Database(path))
        return CallStore(database, self._people, self._threads, self._sink.tally)

    def _old_store(self, path: Path) -> OldStore:
        database = self._opened.enter_context(Database(path))
        return OldStore(database, self._people, self._threads, self._sink.tally)

    def _beside(self, path: Path | None, open_store: Callable[[Path], T]) -> T | None:
        if path is None:
            return None
        try:
            return open_store(path)
        except UnsupportedStoreError:
            self._sink.tally.note("One of several lists of calls could not be read.")
            return None

    def run(self) -> None:
        sources: list[Iterator[Item]] = []
        total = 0
        if self._main is not None:
            sources.append(_items(self._main, frozenset()))
            total += self._main.count()
        if self._temporary is not None:
            # The phone moves calls from there: one that is in both is one.
            known = frozenset() if self._main is None else self._main.identities()
            sources.append(_items(self._temporary, known))
        if self._old is not None:
            moved = frozenset() if self._main is None else self._main.moments()
            sources.append(self._old_items(self._old, moved))
            total += self._old.count()
        records = Records(self._sink, total=total)
        for _, make in merge(*sources, key=itemgetter(0)):
            records.keep(make)
        records.finish()
        for thread in self._threads:
            self._sink.thread(thread)

    def _old_items(
        self, store: OldStore, moved: frozenset[tuple[int, str | None]]
    ) -> Iterator[Item]:
        for row in store:
            if store.moment(row) not in moved:
                yield row["at_us"] or 0, partial(store.artifact, row)


def _items(store: CallStore, known: frozenset[str]) -> Iterator[Item]:
    for row in store:
        if row["ZUNIQUE_ID"] not in known:
            yield row["at_us"] or 0, partial(store.artifact, row)

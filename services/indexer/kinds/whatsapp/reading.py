"""From the stores of WhatsApp to artifacts and threads, each app for itself.

Chats, messages and calls of one app are merged in the order of time while they are read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from heapq import merge
from operator import itemgetter

from services.indexer.kinds.backup_files import BackupFiles
from services.indexer.kinds.database import Database
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.phone_time import cocoa_microseconds, cocoa_utc
from services.indexer.kinds.protocol import ParserInputs, Sink, Tally, UnsupportedStoreError
from services.indexer.kinds.records import Records, walk
from services.indexer.kinds.values import int_of
from services.indexer.kinds.whatsapp.assembly import Assembly, Others
from services.indexer.kinds.whatsapp.calls import Calls
from services.indexer.kinds.whatsapp.chats import Chats
from services.indexer.kinds.whatsapp.contents import ContentReader
from services.indexer.kinds.whatsapp.details import NO_METADATA, Metadata
from services.indexer.kinds.whatsapp.jids import word
from services.indexer.kinds.whatsapp.keys import Keys
from services.indexer.kinds.whatsapp.media import Media
from services.indexer.kinds.whatsapp.payload import Payment
from services.indexer.kinds.whatsapp.people import People, read_other_names, read_own, read_people
from services.indexer.kinds.whatsapp.places import APPS, CALLS, CONTACTS, LIDS, App
from services.indexer.kinds.whatsapp.store import Batch, ChatStore, MessageRow
from services.indexer.staging import StagedArtifact

#: When something happened in microseconds since 1970, and what makes its artifact.
Item = tuple[int, Callable[[], StagedArtifact | None]]
_MOST_PAYMENTS = 100_000
_PAYMENT = (
    "ZMESSAGESTANZAID", "ZAMOUNT_1000", "ZCURRENCY", "ZSENDERJID", "ZRECEIVERJID", "ZTIMESTAMP",
    "ZSTATUS",
)  # fmt: skip


def parse_whatsapp(inputs: ParserInputs, sink: Sink) -> None:
    """Give everything that both apps hold to *sink*."""
    files = BackupFiles(inputs)
    failures: list[UnsupportedStoreError] = []
    read = 0
    seen: set[str] = set()
    for app in APPS:
        path = inputs.find(app.domain, app.chats)
        # The oldest place still holds a copy from before the move in some backups.
        if path is None or app.key in seen:
            continue
        try:
            with Database(path) as database:
                _Reader(app, database, inputs, files, sink).run()
        except UnsupportedStoreError as error:
            failures.append(error)
            continue
        seen.add(app.key)
        read += 1
    if not read:
        raise (
            failures[0] if failures else UnsupportedStoreError("The backup has no WhatsApp store.")
        )
    for _ in failures:
        sink.tally.note("One of several WhatsApp stores could not be read.")


class _Reader:
    """Reads one app."""

    def __init__(
        self,
        app: App,
        database: Database,
        inputs: ParserInputs,
        files: BackupFiles,
        sink: Sink,
    ) -> None:
        self._app = app
        self._sink = sink
        self._tally: Tally = sink.tally
        self._store = ChatStore(database, sink.tally)
        beside = {
            name: inputs.find(app.domain, f"{app.folder}{name}") for name in (CONTACTS, LIDS, CALLS)
        }
        self._calls = beside[CALLS]
        self._people = read_people(database, beside[CONTACTS], beside[LIDS], sink.tally)
        read_other_names(database, self._people, sink.tally)
        read_own(database, self._people, sink.tally)
        self._chats = Chats(database, app, self._people, sink.tally)
        self._media = Media(app, files)
        self._keys = Keys(app.key, self._chats, self._store.shared_stanzas())
        self._contents = ContentReader(
            chats=self._chats,
            people=self._people,
            media=self._media,
            handles=Handles(inputs.region),
            payments=_read_payments(database, self._people, sink.tally),
            tally=sink.tally,
        )
        self._assembly = Assembly(app=app, chats=self._chats, people=self._people, keys=self._keys)

    def run(self) -> None:
        order = self._store.order()
        with contextlib.ExitStack() as opened:
            sources: list[Iterator[Item]] = [self._chat_items(), self._message_items(order)]
            if self._calls is not None:
                try:
                    calls = opened.enter_context(Database(self._calls))
                except UnsupportedStoreError:
                    self._tally.note("The calls of WhatsApp could not be read.")
                else:
                    sources.append(self._call_items(calls))
            records = Records(self._sink, total=len(order) + len(self._chats.by_number))
            for _, make in merge(*sources, key=itemgetter(0)):
                records.keep(make)
            records.finish()
        for thread in self._chats.threads():
            self._sink.thread(thread)
        if next(self._store.database.select("ZWAGROUPMEMBERSCHANGE", ("Z_PK",)), None):
            self._tally.note("WhatsApp's log of who was in which group was left out.")

    def _chat_items(self) -> Iterator[Item]:
        found = sorted(self._chats.artifacts(self._media), key=itemgetter(0))
        for at_us, artifact in found:
            yield at_us, partial(_as_it_is, artifact)

    def _call_items(self, database: Database) -> Iterator[Item]:
        calls = Calls(database, self._app, self._chats, self._people, self._tally)
        for row in calls:
            yield row["at_us"] or 0, partial(calls.artifact, row)

    def _message_items(self, order: Sequence[int]) -> Iterator[Item]:
        for batch in self._store.batches(order):
            details = {
                row.pk: self._contents.metadata(row, media)
                for row in batch.messages
                if (media := batch.media.get(row.pk)) is not None
            }
            others = Others(quoted=self._quoted(details), parents=self._parents(batch))
            for row in batch.messages:
                metadata = details.get(row.pk, NO_METADATA)
                make = partial(self._message, row, batch, metadata, others)
                yield cocoa_microseconds(row.date) or 0, make

    def _message(
        self, row: MessageRow, batch: Batch, metadata: Metadata, others: Others
    ) -> StagedArtifact:
        said = self._contents.read(
            row,
            media=batch.media.get(row.pk),
            info=batch.infos.get(row.pk),
            link=batch.links.get(row.pk),
            metadata=metadata,
        )
        return self._assembly.message(row, said, others)

    def _quoted(self, details: dict[int, Metadata]) -> dict[tuple[str, str], str]:
        """Return the keys of quoted messages by thread and the app's identity of the message."""
        wanted = {known.quoted_stanza for known in details.values() if known.quoted_stanza}
        found: dict[tuple[str, str], str] = {}
        for row in self._store.find(sorted(wanted)):
            stanza = word(row.stanza)
            if stanza is not None:
                found.setdefault((self._chats.thread_of(row.chat), stanza), self._keys.key(row))
        return found

    def _parents(self, batch: Batch) -> dict[int, str]:
        wanted = {row.parent for row in batch.messages if type(row.parent) is int}
        if not wanted:
            return {}
        return {row.pk: self._keys.key(row) for row in self._store.rows(sorted(wanted))}


def _as_it_is(artifact: StagedArtifact) -> StagedArtifact:
    return artifact


def _read_payments(database: Database, people: People, tally: Tally) -> dict[str, Payment]:
    found: dict[str, Payment] = {}
    for row in walk(database, "ZWAZ1PAYMENTTRANSACTION", _PAYMENT, tally):
        stanza, amount = word(row["ZMESSAGESTANZAID"]), int_of(row["ZAMOUNT_1000"])
        if stanza is None or len(found) >= _MOST_PAYMENTS:
            continue
        found[stanza] = Payment(
            amount=None if amount is None else amount / 1000,
            currency=word(row["ZCURRENCY"]),
            sender=people.person(row["ZSENDERJID"]),
            receiver=people.person(row["ZRECEIVERJID"]),
            at=cocoa_utc(row["ZTIMESTAMP"]),
            status_code=int_of(row["ZSTATUS"]),
        )
    return found

"""Reads all databases of the calendar in the backup, one after the other."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from services.indexer.kinds.backup_files import BackupFiles
from services.indexer.kinds.batched_rows import BATCH
from services.indexer.kinds.calendar_event import PLACES
from services.indexer.kinds.calendar_event.assembly import assemble
from services.indexer.kinds.calendar_event.invitations import read_invitations
from services.indexer.kinds.calendar_event.store import Item, Store
from services.indexer.kinds.database import Database
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.protocol import ParserInputs, Sink, Tally, UnsupportedStoreError
from services.indexer.kinds.records import Records
from services.indexer.kinds.values import flag_of, text_of
from services.indexer.staging import StagedArtifact

_MAIN = "Calendar.sqlitedb"


def parse_events(inputs: ParserInputs, sink: Sink) -> None:
    """Give every event of the backup to *sink*."""
    copies = [copy for domain, path in PLACES for copy in inputs.matching(domain, path)]
    # The first of all first: where an event stands in two databases, it is the one that counts.
    copies.sort(key=lambda copy: (not copy[1].endswith(_MAIN), copy[0], copy[1]))
    if not copies:
        raise UnsupportedStoreError("The backup has no calendar.")
    files, handles = BackupFiles(inputs), Handles(inputs.region)
    records = Records(sink)
    unread: UnsupportedStoreError | None = None
    was_read = False
    for _, path, copy in copies:
        try:
            with Database(copy) as database:
                store = open_store(database, handles, sink.tally)
                _look_for_others(database, copies, sink.tally)
                _read(store, records, sink, files)
                was_read = True
        except UnsupportedStoreError as error:
            # Of the databases beside the first, some hold other things: alarms, caches.
            if path.endswith(_MAIN):
                unread = error
                sink.tally.note("One of several calendars could not be read.")
    if not was_read:
        raise unread or UnsupportedStoreError("The database has no table of events.")
    records.finish()


def open_store(database: Database, handles: Handles, tally: Tally) -> Store:
    """Return the store in *database*; raises UnsupportedStoreError when there is none."""
    if not database.columns("CalendarItem"):
        raise UnsupportedStoreError("The database has no table of events.")
    return Store(database, handles, tally)


def _look_for_others(database: Database, copies: list[tuple[str, str, Path]], tally: Tally) -> None:
    """Say so when the phone has databases of which nobody knew where they lie."""
    there = {PurePosixPath(path).name for _, path, _ in copies}
    for (path,) in database.select("AuxDatabase", ("path",)):
        name = text_of(path)
        if name is not None and PurePosixPath(name).name not in there:
            tally.note("The calendar names a further database that was not found.")


def _read(store: Store, records: Records, sink: Sink, files: BackupFiles) -> None:
    tally = sink.tally
    store.calendars.give(sink, without=store.task_lists())
    numbers = store.events()
    records.expect(len(numbers))

    def make(item: Item) -> StagedArtifact | None:
        if flag_of(item.row["phantom_master"]):
            tally.note("The placeholder of a series was left out: its single dates are there.")
            return None
        if isinstance(item.row["start_date"], str | bytes):
            tally.note("The date of a record could not be understood.")
        artifact = assemble(item, store.calendars, store.guests, files)
        if files.is_known:
            tally.missing_files += sum(
                not file.present and file.relative_path is not None for file in artifact.attachments
            )
        return artifact

    for at in range(0, len(numbers), BATCH):
        for item in store.read(numbers[at : at + BATCH]):
            records.keep(lambda item=item: make(item))  # type: ignore[misc]
    read_invitations(store, records, tally)

"""Reads all stores of reminders in the backup, and the calendar's tasks where there is none."""

from __future__ import annotations

from array import array
from pathlib import Path, PurePosixPath

from services.indexer.kinds.batched_rows import BATCH
from services.indexer.kinds.calendar_event.reading import open_store
from services.indexer.kinds.calendar_event.store import Store as CalendarStore
from services.indexer.kinds.database import Database
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.protocol import ParserInputs, Sink, UnsupportedStoreError
from services.indexer.kinds.records import Records
from services.indexer.kinds.reminder import CALENDAR, STORES
from services.indexer.kinds.reminder.assembly import assemble
from services.indexer.kinds.reminder.files import ReminderFiles
from services.indexer.kinds.reminder.old_tasks import assemble_task
from services.indexer.kinds.reminder.store import Item, Store
from services.indexer.staging import StagedArtifact

_DATES = ("ZDUEDATE", "ZCREATIONDATE", "ZCOMPLETIONDATE")


def parse_reminders(inputs: ParserInputs, sink: Sink) -> None:
    """Give every reminder of the backup to *sink*."""
    stores = [found for domain, path in STORES for found in inputs.matching(domain, path)]
    handles, records, files = Handles(inputs.region), Records(sink), ReminderFiles(inputs)
    unread: UnsupportedStoreError | None = None
    was_read = False
    for _, path, copy in stores:
        try:
            with Database(copy) as database:
                store = Store(database, handles, sink.tally, name=PurePosixPath(path).name)
                _read(store, records, sink, files, handles)
                was_read = True
        except UnsupportedStoreError as error:
            unread = error
    if unread is not None:
        if not was_read:
            raise unread
        sink.tally.note("One of several stores of reminders could not be read.")
    calendar = inputs.find(*CALENDAR)
    if calendar is not None:
        _read_tasks(calendar, records, sink, handles, has_stores=was_read)
    elif not was_read:
        raise UnsupportedStoreError("The backup has no store of reminders.")
    records.finish()


def _read(
    store: Store, records: Records, sink: Sink, files: ReminderFiles, handles: Handles
) -> None:
    tally = sink.tally
    store.lists.give(sink)
    numbers = store.numbers()
    records.expect(len(numbers))

    def make(item: Item) -> StagedArtifact:
        if any(isinstance(item.row[name], str | bytes) for name in _DATES):
            tally.note("The date of a record could not be understood.")
        artifact = assemble(item, store, files, handles)
        if files.is_known:
            tally.missing_files += sum(not file.present for file in artifact.attachments)
        return artifact

    for at in range(0, len(numbers), BATCH):
        for item in store.read(numbers[at : at + BATCH]):
            records.keep(lambda item=item: make(item))  # type: ignore[misc]


def _read_tasks(
    copy: Path, records: Records, sink: Sink, handles: Handles, *, has_stores: bool
) -> None:
    """Read the calendar's tasks; beside newer stores they are what those were once made of."""
    try:
        with Database(copy) as database:
            store = open_store(database, handles, sink.tally)
            numbers = store.tasks()
            if has_stores and numbers:
                sink.tally.read += len(numbers)
                sink.tally.skipped += len(numbers)
                sink.tally.note(
                    "Reminders of iOS 12 and before were left out: newer stores hold them.",
                    len(numbers),
                )
            elif not has_stores:
                _give_tasks(store, numbers, records, sink)
    except UnsupportedStoreError:
        if not has_stores:
            raise


def _give_tasks(store: CalendarStore, numbers: array[int], records: Records, sink: Sink) -> None:
    if not numbers:
        sink.tally.note("The backup has no store of reminders, and its calendar has none.")
    used: set[str] = set()
    records.expect(len(numbers))
    for at in range(0, len(numbers), BATCH):
        for item in store.read(numbers[at : at + BATCH]):
            calendar = store.calendars.find(item.row["calendar_id"])
            if calendar is not None:
                used.add(calendar.key)
            records.keep(lambda item=item: assemble_task(item, store.calendars))  # type: ignore[misc]
    store.calendars.give(sink, only=used)

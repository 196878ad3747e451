"""A phone that is backed up fifty times: what each further revision costs against the first one.

Of each revision half a percent of the messages changed: most of these are new, some were edited or
deleted, anywhere in time. What it costs in time is measured at the running vault; bytes are read
from Postgres' own files while it is stopped: after the first revision and after the last one.
"""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from deploy.demo.container import PhoneFile, mint_backup
from deploy.demo.everything import all_files, whole_phone
from deploy.demo.installed_apps import demo_apps
from deploy.demo.messages import write_bulk_messages
from deploy.local.binaries import find_postgres
from tests.bench.figures import Figure, Section, median_seconds
from tests.bench.phones import PASSPHRASE
from tests.bench.processes import Usage
from tests.bench.vault import fresh_folder, index, unlock
from tests.running_stack import running_stack

REVISIONS = 50
#: One message in as many is added, edited or deleted: three fifths are new.
_ONE_IN = 200
_DAY = dt.timedelta(days=1)
_FIRST_DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
#: Something of which the machine is asked for by whoever shares it, revision by revision.
Turn = Callable[[], AbstractContextManager[object]]


class _Phone:
    """One phone, a day at a time."""

    def __init__(self, folder: Path, root: Path, messages: int) -> None:
        self._database = folder / "sms.db"
        self._root = root
        self._day = 0
        self._messages = messages
        write_bulk_messages(self._database, messages, chats=max(120, messages * 3 // 1000))

    def back_up(self) -> None:
        mint_backup(
            self._root,
            files=[PhoneFile("HomeDomain", "Library/SMS/sms.db", self._database.read_bytes())],
            passphrase=PASSPHRASE,
            dpic=1000,
            iterations=1000,
            taken_at=_FIRST_DAY + self._day * _DAY,
        )

    def live(self) -> None:
        """Let a day go by: each with another remainder, so that nothing changes twice."""
        self._day += 1
        many, some = _ONE_IN * 5, self._day * 7
        connection = sqlite3.connect(self._database)
        columns = [
            row[1]
            for row in connection.execute("pragma table_info(message)")
            if row[1] not in {"ROWID", "guid", "date"}
        ]
        listed = ", ".join(columns)
        with connection:
            connection.executescript(f"""
                update message set text = 'worded anew on day {self._day}', attributedBody = null
                where rowid % {many} = {some};
                delete from chat_message_join where message_id % {many} = {some + 1};
                delete from message where rowid % {many} = {some + 1};
                create temporary table fresh as
                    select rowid as old, (select max(rowid) from message) + row_number() over ()
                        as new, (select max(date) from message) + row_number() over () * 60000000000
                        as date
                    from message
                    where rowid % {many} in ({some + 2}, {some + 3}, {some + 4})
                      and rowid <= {self._messages} and associated_message_type = 0;
                insert into message (rowid, guid, date, {listed})
                    select fresh.new, 'day {self._day} ' || guid, fresh.date, {listed}
                    from message join fresh on fresh.old = message.rowid;
                insert into chat_message_join
                    select chat_id, fresh.new, fresh.date
                    from chat_message_join join fresh on fresh.old = message_id;
            """)
        connection.close()


@dataclass
class _Run:
    first: Usage
    #: Of each further revision: seconds, and rows that were written.
    seconds: list[float] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    processor_seconds: float = 0.0
    size_bytes: tuple[int, int] = (0, 0)
    wal_bytes: int = 0


def _written(data: Path) -> tuple[int, int]:
    """Return the size of a stopped Postgres' tables, and how far its log has come."""
    cluster = next(data.rglob("PG_VERSION")).parent
    size = sum(file.stat().st_size for file in (cluster / "base").rglob("*") if file.is_file())
    told = subprocess.run(
        [find_postgres(None).folder / "pg_controldata", "-D", cluster],
        capture_output=True, text=True, check=True, env={"LC_ALL": "C"},
    ).stdout  # fmt: skip
    place = re.search(r"Latest checkpoint location:\s+([0-9A-F]+)/([0-9A-F]+)", told)
    assert place is not None
    return size, (int(place[1], 16) << 32) + int(place[2], 16)


def _run(folder: Path, messages: int, revisions: int, turn: Turn) -> _Run:
    root, data = folder / "phones", folder / "data"
    root.mkdir()
    with turn():
        phone = _Phone(folder, root, messages)
        phone.back_up()
    with turn(), running_stack(data, root) as stack:
        run = _Run(index(stack, *unlock(stack))[0])
        while "being built" in str(stack.client.get("/api/kinds").json()):
            time.sleep(0.1)
    before = _written(data)
    with running_stack(data, root) as stack:
        for _ in range(revisions - 1):
            with turn():
                phone.live()
                phone.back_up()
                usage, report = index(stack, *unlock(stack))
            run.seconds.append(usage.wall_seconds)
            run.rows.append(report["added"] + report["removed"])
            run.processor_seconds += sum(usage.cpu_seconds.values())
    after = _written(data)
    run.size_bytes = before[0], after[0]
    run.wal_bytes = after[1] - before[1]
    return run


def _everything() -> Figure:
    """The next run of the demo phone, of which every kind has something new."""
    with fresh_folder() as folder:
        root = folder / "phones"
        root.mkdir()
        took = []
        with running_stack(folder / "data", root) as stack:
            for later in (False, True):
                whole_phone(root, passphrase=PASSPHRASE, later=later)
                took.append(index(stack, *unlock(stack))[0])
    first, second = took
    return Figure(
        path="a phone with every kind of thing, its next backup",
        value=second.wall_seconds,
        unit="s",
        reference=first.wall_seconds,
        reference_name="first index, s",
        note=second.describe(),
    )


def _unchanged() -> Figure:
    """The same phone, of which nothing changed but the day."""
    with fresh_folder() as folder:
        root = folder / "phones"
        root.mkdir()
        took = []
        with running_stack(folder / "data", root) as stack:
            for day in range(2):
                mint_backup(
                    root, files=all_files(), apps=demo_apps(later=False), passphrase=PASSPHRASE,
                    dpic=1000, iterations=1000, taken_at=_FIRST_DAY + day * _DAY,
                )  # fmt: skip
                took.append(index(stack, *unlock(stack))[0])
    first, second = took
    return Figure(
        path="the same phone on the next day, nothing new",
        value=second.wall_seconds,
        unit="s",
        reference=first.wall_seconds,
        reference_name="first index, s",
        note=second.describe(),
    )


def _size(path: str, size_bytes: float, run: _Run, *, grown: float) -> Figure:
    """Return how large something is beside the files of the first revision."""
    return Figure(
        path=path,
        value=size_bytes / 1e6,
        unit="MB",
        reference=run.size_bytes[0] / 1e6,
        reference_name="files after the first one, MB",
        note=f"{grown / sum(run.rows) / 1000:.2f} kB for each changed row",
    )


def measure(messages: int, revisions: int = REVISIONS, turn: Turn = nullcontext) -> Section:
    """Index *revisions* of a phone of *messages*, and two of a phone with everything."""
    with fresh_folder() as folder:
        run = _run(folder, messages, revisions, turn)
    first = run.first.wall_seconds
    changed = sum(run.rows) / len(run.rows)
    share = len(run.seconds) // 5 or 1
    early, late = (median_seconds(some) for some in (run.seconds[:share], run.seconds[-share:]))
    grown = run.size_bytes[1] - run.size_bytes[0]
    figures = [
        Figure(
            path=f"{revisions - 1} further revisions, one after the other",
            value=sum(run.seconds),
            unit="s",
            reference=first,
            reference_name="first index, s",
            note=f"{run.processor_seconds:.0f} s of processor time",
        ),
        Figure(
            path=f"one of them, 0.5 % changed ({changed:,.0f} rows), median",
            value=median_seconds(run.seconds),
            unit="s",
            reference=first,
            reference_name="first index, s",
            goal="<=0.35",
        ),
        Figure(
            path="one of them, processor time of everything",
            value=run.processor_seconds / len(run.seconds),
            unit="s",
            reference=sum(run.first.cpu_seconds.values()),
            reference_name="first index, s",
        ),
        Figure(
            path=f"the last {share} against the first {share} of them, medians",
            value=late,
            unit="s",
            reference=early,
            reference_name="s",
            goal="<=1.25",
        ),
        _size("Postgres' files after all of them", run.size_bytes[1], run, grown=grown),
        _size(
            "Postgres' log, written by one of them",
            run.wal_bytes / len(run.seconds),
            run,
            grown=run.wal_bytes,
        ),
    ]
    with turn():
        figures += [_everything(), _unchanged()]
    return Section(title=f"{revisions} revisions of {messages:,} messages", figures=figures)

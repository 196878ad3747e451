"""Programs that others use for the same stores, run on the very files that are indexed.

They are not ours and not installed here: who has them says where they are. Each is run turn by turn
with our parser alone, and what is compared is processor time, of the middle of the turns, from
the start of each process to its end. What a program was seen to give and to leave out was looked at
by hand, with the version that is named.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import resource
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from deploy.demo.container import PhoneFile
from tests.bench import parsing_alone
from tests.bench.figures import Table, median_seconds
from tests.bench.processor_time import seconds_of
from tests.stack import Engines, make_folder

csv.field_size_limit(100_000_000)

_TURNS = 3
#: Kinds that iLEAPP reads: its name of the artifact, and the file that it writes.
_ILEAPP = {
    "message": ("sms", "SMS.tsv"),
    "whatsapp": ("whatsAppMessages", "WhatsApp - Messages.tsv"),
    "call": ("callHistory", "Call History.tsv"),
    "photo": ("Ph001_1AssetBasicDataPhDaPsql", "Ph001.1-Asset Basic Data-PhDaPsql.tsv"),
    "note": ("notes", "Notes.tsv"),
    "calendar_event": ("calendarEvents", "Calendar Events.tsv"),
    "reminder": ("reminders", "Reminders.tsv"),
    "web_visit": ("safariHistory", "Safari Browser - History.tsv"),
}
#: imessage-exporter, docs/faq.md, "How fast is imessage-exporter?", read on 21 November 2026.
_PUBLISHED = (
    "imessage-exporter", "message", "not run: its own figure, of an M1 Max", ">100,000", "", "", "",
    "", "without copying attachments; 42,000 when they are cloned, 350 when they are converted",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Where peers are, as command lines; None: not at hand."""

    ileapp: str | None = None
    whatsapp_exporter: str | None = None
    #: Its Python, and the folder of its checkout.
    apple_juicer: str | None = None


@dataclass(frozen=True)
class Peer:
    """What a program made of one store, and what our parser alone took meanwhile."""

    name: str
    kind: str
    rows: int
    #: Of the processor, and so of ours for as many rows.
    seconds: float
    ours_parsing: float

    @property
    def rate(self) -> float:
        """Rows per second of the processor."""
        return self.rows / self.seconds


@dataclass
class _Turns:
    """Processor seconds of each turn, theirs and ours."""

    rows: int = 0
    theirs: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)


def run_all(programs: Programs, backup: Path, stores: dict[str, list[PhoneFile]]) -> list[Peer]:
    """Run every program that is at hand on every store that it reads."""
    found = []
    if programs.whatsapp_exporter is not None and "whatsapp" in stores:
        command, store = programs.whatsapp_exporter, stores["whatsapp"][0].content
        for name, options in _EXPORTS.items():
            found.append(
                _against(
                    name, "whatsapp", stores,
                    lambda options=options: _whatsapp_exporter(command, store, options),  # type: ignore[misc]
                )
            )  # fmt: skip
    if programs.apple_juicer is not None and "message" in stores:
        juicer, messages = programs.apple_juicer, stores["message"][0].content
        found.append(
            _against("apple-juicer", "message", stores, lambda: _apple_juicer(juicer, messages))
        )
    if programs.ileapp is not None:
        ileapp = programs.ileapp
        found += [
            _against("iLEAPP", kind, stores, lambda k=kind: _ileapp(ileapp, backup, k))  # type: ignore[misc]
            for kind in _ILEAPP
            if kind in stores
        ]
    return found


def _against(
    name: str,
    kind: str,
    stores: dict[str, list[PhoneFile]],
    run: Callable[[], tuple[int, float]],
) -> Peer:
    """Run a program and our parser turn by turn; *run* gives its rows and processor seconds."""
    turns = _Turns()
    for _ in range(_TURNS):
        turns.rows, seconds = run()
        turns.theirs.append(seconds)
        turns.ours.append(parsing_alone.measure(kind, stores[kind]))
    return Peer(name, kind, turns.rows, median_seconds(turns.theirs), median_seconds(turns.ours))


@dataclass(frozen=True)
class Ours:
    """What a kind took us, until everything is searchable."""

    rows: int
    #: Processor seconds of all processes of the vault.
    seconds: float


def table(programs: Programs, peers: list[Peer], ours: dict[str, Ours]) -> Table:
    """Return what peers did beside what *ours* took by kind; who was not at hand is named."""
    rows = []
    for peer in peers:
        own = ours[peer.kind]
        parsing, whole = own.rows / peer.ours_parsing, own.rows / own.seconds
        rows.append(
            [peer.name, peer.kind, f"{peer.rows:,} rows in {peer.seconds:.1f} s",
             f"{peer.rate:,.0f}", f"{parsing:,.0f}", f"{parsing / peer.rate:.1f}",
             f"{whole:,.0f}", f"{whole / peer.rate:.1f}", _SEEN.get((peer.name, peer.kind), "")]
        )  # fmt: skip
    missing = {
        "WhatsApp-Chat-Exporter": ("whatsapp", programs.whatsapp_exporter, "--whatsapp-exporter"),
        "apple-juicer": ("message", programs.apple_juicer, "--apple-juicer"),
        "iLEAPP": (", ".join(_ILEAPP), programs.ileapp, "--ileapp"),
    }
    for name, (kinds, given, option) in missing.items():
        if given is None:
            said = f"**not run**: {option} says where it is"
            rows.append([name, kinds, said, "", "", "", "", "", ""])
    rows.append(list(_PUBLISHED))
    return Table(
        title=(
            "Other programs on the same files: rows by second of the processor, everything from"
            " the start of a process to its end included. Parsed: our parser alone, which decodes"
            " everything and encodes it as rows for the history, but stores nothing. Indexed: all"
            " processes of the vault together, until everything is stored, in the history and"
            " searchable, which none of the others does:"
        ),
        head=[
            "program", "kind", "what it did", "its rows/cpu s", "ours, parsed", "ours / its",
            "ours, indexed", "ours / its", "what it was seen to do",
        ],
        rows=rows,
    )  # fmt: skip


#: WhatsApp-Chat-Exporter as a program for machines, and as it is by default, with pages for people.
_EXPORTS = {
    "WhatsApp-Chat-Exporter": ("--no-html",),
    "WhatsApp-Chat-Exporter, with its pages": (),
}


def _whatsapp_exporter(program: str, store: bytes, options: tuple[str, ...]) -> tuple[int, float]:
    with tempfile.TemporaryDirectory(prefix="ks-peer-") as name:
        folder = Path(name)
        (folder / "ChatStorage.sqlite").write_bytes(store)
        seconds = _timed(
            [*shlex.split(program), "--ios", "--db", "ChatStorage.sqlite", "--output", "out",
             "--json", "out.json", "--no-banner", *options],
            folder,
        )  # fmt: skip
        chats = json.loads((folder / "out.json").read_text())
    return sum(len(chat["messages"]) for chat in chats.values()), seconds


def _ileapp(program: str, backup: Path, kind: str) -> tuple[int, float]:
    plugin, written = _ILEAPP[kind]
    with tempfile.TemporaryDirectory(prefix="ks-peer-") as name:
        folder = Path(name)
        profile = folder / "one.ilprofile"
        profile.write_text(
            json.dumps({"leapp": "ileapp", "format_version": 1, "plugins": [plugin]})
        )
        seconds = _timed(
            [*shlex.split(program), "-t", "itunes", "-i", str(backup), "-o", str(folder),
             "--custom_output_folder", "out", "-m", str(profile)],
            folder,
        )  # fmt: skip
        path = folder / "out" / "_TSV Exports" / written
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return sum(1 for _ in csv.reader(lines, delimiter="\t")) - 1, seconds


def _apple_juicer(program: str, store: bytes) -> tuple[int, float]:
    """Its reading of messages, with what its Postgres took; a server of its own."""
    python, checkout = shlex.split(program)
    folder = make_folder()
    engines = Engines(folder)
    asyncio.run(engines.postgres.start())
    try:
        copy = folder / "sms.db"
        copy.write_bytes(store)
        admin = engines.postgres.admin("postgres")
        dsn = f"postgresql+asyncpg://{admin.user}@/{admin.database}?host={admin.host}"
        environment = {
            "PATH": os.environ["PATH"], "PYTHONPATH": checkout,
            "APPLE_JUICER_ENVIRONMENT": "production", "APPLE_JUICER_POSTGRES__DSN": dsn,
        }  # fmt: skip
        # Connections that have ended are counted to the server that waited for them.
        server = engines.postgres.child.pid
        before = seconds_of(server, 13, 14)
        counted: list[str] = []
        driver = Path(__file__).with_name("apple_juicer.py")
        seconds = _timed(
            [python, str(driver), str(copy)], folder, environment=environment, said=counted
        )
        return int(counted[0]), seconds + seconds_of(server, 13, 14) - before
    finally:
        asyncio.run(engines.postgres.stop())
        shutil.rmtree(folder, ignore_errors=True)


def _timed(
    command: list[str],
    folder: Path,
    *,
    environment: dict[str, str] | None = None,
    said: list[str] | None = None,
) -> float:
    """Return processor seconds of a program that is run in *folder*; append what it says."""
    before = _children_seconds()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, check=False, timeout=3600
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}")
    if said is not None:
        said += done.stdout.decode().split()
    return _children_seconds() - before


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


#: Version 0.13.1 of WhatsApp-Chat-Exporter, commits 423798f of iLEAPP and e4cfc6e of apple-juicer.
_SEEN = {
    ("WhatsApp-Chat-Exporter", "whatsapp"): "JSON with all texts; receipts left out, and of what "
    "kind a missing file is",
    ("WhatsApp-Chat-Exporter, with its pages", "whatsapp"): "the same, and HTML",
    ("apple-juicer", "message"): "rows of Postgres without an index of words; texts that only the "
    "formatted form holds, reactions, edits and answers left out",
    ("iLEAPP", "message"): "HTML, TSV and a timeline, as for all others; all texts, edited ones "
    "too; reactions are messages of their own, earlier wordings left out",
    ("iLEAPP", "whatsapp"): "all texts; receipts, identities and names of missing files left out",
    ("iLEAPP", "call"): "everything in the store",
    ("iLEAPP", "photo"): "names and dates; places, people and albums only in others of its forty "
    "artifacts",
    ("iLEAPP", "note"): "plain text; what is ticked off, styles and tags left out",
    ("iLEAPP", "calendar_event"): "with guests and places; alarms left out",
    ("iLEAPP", "reminder"): "titles and notes; lists, tags, alarms and repetition left out",
    ("iLEAPP", "web_visit"): "everything in the store",
}

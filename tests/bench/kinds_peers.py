"""Programs that others use for the same stores, run on the very files that are indexed.

They are not ours and not installed here: who has them says where they are. What each was seen to
give and to leave out was looked at by hand, with the version that is named.
"""

from __future__ import annotations

import csv
import json
import shlex
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from deploy.demo.container import PhoneFile
from tests.bench.figures import Table

csv.field_size_limit(100_000_000)

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
    "imessage-exporter", "message", "not run: its own figure, of an M1 Max", ">100,000", "",
    "without copying attachments; 42,000 when they are cloned, 350 when they are converted",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Where peers are, as command lines; None: not at hand."""

    ileapp: str | None = None
    whatsapp_exporter: str | None = None


@dataclass(frozen=True)
class Peer:
    """What a program made of one store."""

    name: str
    kind: str
    rows: int
    seconds: float

    @property
    def rate(self) -> float:
        """Rows per second, from its start to its end."""
        return self.rows / self.seconds


def run_all(programs: Programs, backup: Path, stores: dict[str, list[PhoneFile]]) -> list[Peer]:
    """Run every program that is at hand on every store that it reads."""
    found = []
    if programs.whatsapp_exporter is not None and "whatsapp" in stores:
        found.append(_whatsapp_exporter(programs.whatsapp_exporter, stores["whatsapp"][0].content))
    if programs.ileapp is not None:
        found += [_ileapp(programs.ileapp, backup, kind) for kind in _ILEAPP if kind in stores]
    return found


def table(programs: Programs, peers: list[Peer], rates: dict[str, float]) -> Table:
    """Return what peers did beside *rates*, our own by kind; who was not at hand is named."""
    rows = [
        [peer.name, peer.kind, f"{peer.rows:,} rows in {peer.seconds:.1f} s", f"{peer.rate:,.0f}",
         f"{rates[peer.kind] / peer.rate:.1f}", _SEEN.get((peer.name, peer.kind), "")]
        for peer in peers
    ]  # fmt: skip
    missing = {
        "WhatsApp-Chat-Exporter": ("whatsapp", programs.whatsapp_exporter, "--whatsapp-exporter"),
        "iLEAPP": (", ".join(_ILEAPP), programs.ileapp, "--ileapp"),
    }
    for name, (kinds, given, option) in missing.items():
        if given is None:
            rows.append([name, kinds, f"**not run**: {option} says where it is", "", "", ""])
    rows.append(list(_PUBLISHED))
    return Table(
        title="Other programs on the same files, from their start to their end:",
        head=["program", "kind", "what it did", "rows/s", "ours / its", "what it was seen to do"],
        rows=rows,
    )


def _whatsapp_exporter(program: str, store: bytes) -> Peer:
    with tempfile.TemporaryDirectory(prefix="ks-peer-") as name:
        folder = Path(name)
        (folder / "ChatStorage.sqlite").write_bytes(store)
        seconds = _timed(
            [*shlex.split(program), "--ios", "--db", "ChatStorage.sqlite", "--output", "out",
             "--json", "out.json", "--no-html", "--no-banner"],
            folder,
        )  # fmt: skip
        chats = json.loads((folder / "out.json").read_text())
    rows = sum(len(chat["messages"]) for chat in chats.values())
    return Peer("WhatsApp-Chat-Exporter", "whatsapp", rows, seconds)


def _ileapp(program: str, backup: Path, kind: str) -> Peer:
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
            rows = sum(1 for _ in csv.reader(lines, delimiter="\t")) - 1
    return Peer("iLEAPP", kind, rows, seconds)


def _timed(command: list[str], folder: Path) -> float:
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=3600)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}")
    return time.perf_counter() - started


#: Version 0.13.1 of WhatsApp-Chat-Exporter and commit 423798f of iLEAPP.
_SEEN = {
    ("WhatsApp-Chat-Exporter", "whatsapp"): "all texts; receipts left out, and of what kind a "
    "missing file is",
    ("iLEAPP", "message"): "all texts, edited ones too; reactions are messages of their own, "
    "earlier wordings left out",
    ("iLEAPP", "whatsapp"): "all texts; receipts, identities and names of missing files left out",
    ("iLEAPP", "call"): "everything in the store",
    ("iLEAPP", "photo"): "names and dates; places, people and albums only in others of its forty "
    "artifacts",
    ("iLEAPP", "note"): "plain text; what is ticked off, styles and tags left out",
    ("iLEAPP", "calendar_event"): "with guests and places; alarms left out",
    ("iLEAPP", "reminder"): "titles and notes; lists, tags, alarms and repetition left out",
    ("iLEAPP", "web_visit"): "everything in the store",
}

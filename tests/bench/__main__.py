"""`make bench`: every figure against a limit or a peer of the same run, as tables and as JSON.

A few minutes by default. ``--full`` measures a million messages, half a million files, five
million artifacts, a file of 5 GB, and how costs grow; with ``--report docs`` that is how
docs/performance.md is made. ``--only PART`` measures a part and leaves the others in the report.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import (
    archives,
    curves,
    events,
    exporting,
    figures,
    huge_file,
    kinds,
    many_files,
    reading,
    report,
    resting,
    revisions,
    scanning,
    searching,
    serving,
    small_files,
    together,
    unlocking,
    vault,
)
from tests.bench.figures import Section
from tests.bench.kinds_peers import Programs

#: What a part is measured at: in a few minutes, and in full.
_SIZES = {
    "messages": (100_000, 1_000_000),
    "rows": (200_000, 5_000_000),
    "files": (100_000, 500_000),
    "kinds": (10_000, 100_000),
    "together": (20_000, 100_000),
    "exports": (20_000, 1_000_000),
    "revisions": (100_000, 1_000_000),
    "stream": (512, 1024),
    "archived": (2_000, 20_000),
    "entries": (50_000, 500_000),
    "huge": (0, 5 * 1000**3 // 16 * 16),
}


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the sizes that the goals name")
    parser.add_argument("--messages", type=int, help="messages on the phone that is indexed")
    parser.add_argument("--rows", type=int, help="artifacts to search, or of each kind")
    parser.add_argument("--kind", action="append", metavar="KIND", help="of part kinds, only this")
    parser.add_argument("--ileapp", metavar="COMMAND", help="what starts iLEAPP, a peer")
    parser.add_argument("--whatsapp-exporter", metavar="COMMAND", help="and its like of WhatsApp")
    parser.add_argument(
        "--apple-juicer", metavar="COMMAND", help="its Python and the folder of its checkout"
    )
    parser.add_argument(
        "--archivers", type=Path, metavar="FOLDER", help="where restic and borg are, if not on PATH"
    )
    parser.add_argument("--archived", type=int, help="files of the tree that is archived")
    parser.add_argument("--curve", action="store_true", help="how costs grow; part of --full")
    parser.add_argument("--big", action="store_true", help="stream 5 GB; part of --full")
    parser.add_argument("--report", type=Path, default=Path("reports"), metavar="FOLDER")
    parser.add_argument("--only", action="append", default=[], metavar="PART")
    options = parser.parse_args()
    size = {name: sizes[options.full] for name, sizes in _SIZES.items()}
    size["messages"] = options.messages or size["messages"]
    if options.rows:
        size["rows"] = size["kinds"] = options.rows
    size["archived"] = options.archived or size["archived"]
    if options.big:
        size["huge"] = _SIZES["huge"][1]
    programs = Programs(
        ileapp=options.ileapp,
        whatsapp_exporter=options.whatsapp_exporter,
        apple_juicer=options.apple_juicer,
    )
    facts = figures.machine()
    measured: dict[str, Section] = {}
    with tempfile.TemporaryDirectory(prefix="ks-bench-") as name:
        folder = Path(name)
        # Services run as somebody else where there is a somebody else.
        folder.chmod(0o711)
        parts = _parts(folder, size)
        # A section of its own: the one of messages stays in the report.
        parts["search-mixed"] = lambda: Section(
            title=f"A vault of {size['rows']:,} artifacts of all kinds",
            figures=searching.measure(size["rows"], "mixed"),
        )
        parts["kinds"] = lambda: kinds.measure(size["kinds"], programs, options.kind)
        parts["archives"] = lambda: archives.measure(
            folder, size["archived"], size["entries"], options.archivers
        )
        # Measured where it is asked for: a default run is to be short.
        for part in ("search", "search-mixed"):
            if not (options.full or options.rows or part in options.only):
                del parts[part]
        if not (options.full or options.curve or "growth" in options.only):
            del parts["growth"]
        unknown = set(options.only) - parts.keys()
        if unknown:
            parser.error(f"no part is called {min(unknown)}; there are {', '.join(parts)}")
        for part, measure in parts.items():
            if options.only and part not in options.only:
                continue
            measured[part] = measure()
            figures.show(measured[part].title, measured[part].figures, facts)
            # At once: hours later somebody may press Ctrl-C.
            page = report.save({part: measured[part]}, facts, options.report)
    print(page)  # noqa: T201 -- the command's output


def _parts(folder: Path, size: dict[str, int]) -> dict[str, Callable[[], Section]]:
    return {
        "unlocking": lambda: Section(title="Unlocking", figures=unlocking.measure(folder)),
        "reading": lambda: Section(
            title="Reading and decrypting files",
            figures=reading.measure(folder) + small_files.measure(folder),
        ),
        "manifest": lambda: Section(
            title=f"A phone with {size['files']:,} files",
            figures=many_files.measure(folder, size["files"]),
        ),
        "scan": lambda: Section(
            title="Looking through folders", figures=scanning.measure(folder, size["files"])
        ),
        "events": lambda: Section(title="Events", figures=events.measure()),
        "stream": lambda: Section(
            title="Streams",
            figures=serving.stream(folder, size["stream"])
            + (huge_file.measure(folder, size["huge"]) if size["huge"] else []),
        ),
        "rest": lambda: Section(title="Start and rest", figures=resting.measure(folder, 15)),
        "vault": lambda: Section(
            title=f"A phone with {size['messages']:,} messages",
            figures=vault.measure(size["messages"]),
        ),
        "together": lambda: Section(
            title="Everything at once", figures=together.measure(folder, size["together"])
        ),
        "revisions": lambda: revisions.measure(size["revisions"]),
        "search": lambda: Section(
            title=f"A vault of {size['rows']:,} artifacts",
            figures=searching.measure(size["rows"], "messages"),
        ),
        "exports": lambda: Section(
            title="Exports of one long conversation", figures=exporting.measure(size["exports"])
        ),
        "growth": curves.measure,
    }


if __name__ == "__main__":
    main()

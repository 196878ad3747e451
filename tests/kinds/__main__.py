"""``python -m tests.kinds [--report docs/kinds.md]``: read every store at hand, write the table."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from deploy.demo.everything import all_files
from deploy.demo.installed_apps import demo_apps, info_plist
from tests.kinds.stores import demo_stores, sample_stores
from tests.kinds.table import read, write_table


def main() -> None:
    """Print the table, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ks-kinds-") as folder:
        files: dict[str, Path] = {}
        for number, file in enumerate(all_files()):
            path = Path(folder) / f"demo{number}"
            path.write_bytes(file.content)
            files[f"{file.domain}/{file.relative_path}"] = path
        info = Path(folder) / "Info.plist"
        info.write_bytes(info_plist(demo_apps(later=False)))
        files["/Info.plist"] = info
        stores = demo_stores(files)
        samples = os.environ.get("KEEPSAKE_SAMPLES")
        if samples:
            stores += sample_stores(Path(samples) / "ios")
        else:
            sys.stderr.write("KEEPSAKE_SAMPLES is not set: the demo phone alone is read.\n")
        readings = []
        for number, one in enumerate(stores):
            scratch = Path(folder) / f"run{number}"
            scratch.mkdir()
            readings.append(read(one, scratch))
            shown = f"{one.kind:16}{one.version:6}{readings[-1].artifacts:8}  {one.origin}"
            sys.stderr.write(f"{shown}  {readings[-1].note}\n")
    page = write_table(readings)
    if arguments.report is None:
        sys.stdout.write(page)
    else:
        arguments.report.write_text(page)


if __name__ == "__main__":
    main()

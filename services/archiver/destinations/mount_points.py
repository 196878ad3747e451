"""Whether what belongs at a folder is mounted there: else it would fill the disk below."""

from __future__ import annotations

import os
import re
from pathlib import Path

_FSTAB = Path("/etc/fstab")
_OCTAL = re.compile(r"\\([0-7]{3})")


def missing_mount(path: Path, fstab: Path = _FSTAB) -> tuple[list[str], list[str]]:
    """Return what must be put right before *path* is used, and what is worth knowing: sentences.

    Only what the machine's own table of file systems says is known; what is mounted by hand is not.
    Blocking.
    """
    try:
        lines = fstab.read_text("utf-8", "replace").splitlines()
    except OSError:
        return [], []
    place = Path(os.path.normpath(path))
    best: tuple[Path, bool] | None = None
    for line in lines:
        fields = line.split()
        if line.lstrip().startswith("#") or len(fields) < 3 or not fields[1].startswith("/"):
            continue
        mount = Path(_OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[1]))
        if mount != Path("/") and place.is_relative_to(mount):
            is_by_hand = len(fields) > 3 and "noauto" in fields[3].split(",")
            if best is None or mount.is_relative_to(best[0]):
                best = (mount, is_by_hand)
    if best is None or os.path.ismount(best[0]):
        return [], []
    said = "The folder belongs to a disk or share of /etc/fstab that is not mounted."
    # A drive for discs is in many tables, and its mount point used for something else.
    return ([], [said]) if best[1] else ([said], [])

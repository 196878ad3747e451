"""Whether two folders would be lost together: a copy beside its original survives no disk."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_SYSFS = Path("/sys/dev/block")


def together(destination: Path, others: Iterable[tuple[str, Path]]) -> list[str]:
    """Return the names of those that lie on a disk of the destination's. Blocking.

    What cannot be looked at, or does not say where it lies, as shares do not, is left out.
    """
    ours = disks_of(destination)
    return [name for name, path in others if ours & disks_of(path)]


def disks_of(path: Path, sysfs: Path = _SYSFS) -> frozenset[str]:
    """Return what a folder lies on: disks by name, or the file system where it names none."""
    try:
        device = os.stat(path).st_dev  # noqa: PTH116 -- the number alone is wanted
    except OSError:
        return frozenset()
    return disks_of_device(f"{os.major(device)}:{os.minor(device)}", sysfs)


def disks_of_device(number: str, sysfs: Path = _SYSFS) -> frozenset[str]:
    """Return the disks below a device such as ``8:1``: those of a partition, a volume, an array."""
    try:
        place = (sysfs / number).resolve(strict=True)
    except OSError:
        return frozenset({number})
    if (place / "partition").exists():
        place = place.parent
    below = place / "slaves"
    members = sorted(below.iterdir()) if below.is_dir() else []
    if not members:
        return frozenset({place.name})
    numbers = [(member / "dev").read_text().strip() for member in members]
    return frozenset().union(*(disks_of_device(one, sysfs) for one in numbers))

"""What is put into every bundle, so that whoever has a store gets everything back without Keepsake.

The files here know nothing of Keepsake, and nothing in it calls them: they leave with archives.
"""

from __future__ import annotations

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

import msgspec

from services.archiver.format.bundle import BundleFile

SYSTEM_INFO_MEMBER = "system_info.json"
_FILES = ("restore.sh", "restore.py", "requirements.txt")
_PROGRAMS = ("zstd", "rclone", "pg_dump", "pg_restore", "docker")


def standalone_files() -> list[BundleFile]:
    """Return the members that get an archive back, in the order in which they stand in a bundle."""
    folder = files(__name__)
    return [
        *(BundleFile(path=name, content=folder.joinpath(name).read_bytes()) for name in _FILES),
        BundleFile(path=SYSTEM_INFO_MEMBER, content=system_info()),
    ]


def system_info() -> bytes:
    """Return what the machine is, for whoever rebuilds it: no names, addresses or people."""
    try:
        keepsake = version("keepsake")
    except PackageNotFoundError:
        keepsake = "unknown"
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        system = {}
    found = {
        "system": system.get("PRETTY_NAME") or platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "python": platform.python_version(),
        "keepsake": keepsake,
        "programs": [name for name in _PROGRAMS if shutil.which(name)],
    }
    return msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n"

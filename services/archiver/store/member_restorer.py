"""Getting an archive without a tree back into a folder: the members of its bundle are its files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from services.archiver.format.bundle import BundleReader
from services.archiver.format.manifest import Manifest, Member
from services.archiver.format.tree import TreeEntry
from services.archiver.store.bundle_members import opened_bundle, pieces_of
from services.archiver.store.transport import Transport
from services.archiver.store.tree_restorer import Restored, restore_each

#: Settings and keys are among them.
_MODE = 0o600
_EXECUTABLE = ("restore.sh",)


def wanted_members(manifest: Manifest, paths: Sequence[str] | None) -> list[Member]:
    """Return the members that *paths* name, or that lie below them; all without any."""
    if paths is None:
        return manifest.members
    tops = tuple(f"{path.strip('/')}/" for path in paths)
    return [member for member in manifest.members if f"{member.path}/".startswith(tops)]


def restore_members(
    transport: Transport,
    path: str,
    target: Path,
    *,
    key: bytes | None,
    paths: Sequence[str] | None,
    overwrites: bool,
    on_progress: Callable[[Restored], None],
    is_cancelled: Callable[[], bool],
) -> Restored:
    """Write the members of the bundle at *path* below *target*, as trees are restored. Blocking."""
    with opened_bundle(transport, path, key=key) as bundle:
        return restore_each(
            _entries(bundle, paths),
            target,
            overwrites=overwrites,
            on_progress=on_progress,
            is_cancelled=is_cancelled,
        )


def _entries(
    bundle: BundleReader, paths: Sequence[str] | None
) -> Iterator[tuple[TreeEntry, Iterable[bytes]]]:
    wanted = {member.path for member in wanted_members(bundle.manifest, paths)}
    # A restore that goes on where it ended knows files by their times.
    moment = int(bundle.manifest.created_at.timestamp()) * 10**9
    for member in bundle.members():
        name = member.listed.path
        if name in wanted:
            yield (
                TreeEntry(
                    path=name.encode(),
                    type="file",
                    mode=0o700 if name in _EXECUTABLE else _MODE,
                    mtime_ns=moment,
                    size_bytes=member.listed.size_bytes,
                ),
                pieces_of(member),
            )

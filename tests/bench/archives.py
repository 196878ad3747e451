"""Archives of a tree of 4 GB, made, made again, killed, got back: against what others do.

Each program meets a first archive of the tree, one after 3 % of its files changed, one of a tree
that did not change, and a restore, which is compared. Ours goes through everything: asked for over
HTTP, queued, kept in a database whose log is on the disk. What is written out by the system
afterwards would be the next one's time, so disks are waited for in between.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.archiver.format.names import CHUNK_BYTES
from tests.bench.archive_contents import measure as measure_contents
from tests.bench.archive_kills import measure as measure_kills
from tests.bench.archive_peers import Cost, Peer, Restic, find_peers, version_of
from tests.bench.archive_trees import Tree
from tests.bench.archive_vaults import vault
from tests.bench.figures import Figure, Section, Table

_HEAD = [
    "", "first, s", "cpu s", "peak MB", "stored MB", "objects", "3 % changed, s", "added MB",
    "nothing changed, s", "cpu s", "restore, s", "cpu s",
]  # fmt: skip


class Course:
    """How all four went with one program, and what lay in its store then."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.first: Cost
        self.second: Cost
        self.idle: Cost
        self.restored: Cost
        self.changed_bytes = 0
        #: Bytes and objects in the store after the first, and bytes that the second added.
        self.stored_bytes = 0
        self.objects = 0
        self.added_bytes = 0

    @property
    def peak_bytes(self) -> int:
        """The largest process, of all four."""
        costs = (self.first, self.second, self.idle, self.restored)
        return max(peak for cost in costs for peak in cost.peaks.values())

    def row(self) -> list[str]:
        """Return it as a row of the table."""
        return [
            self.name,
            *(f"{self.first.wall:.1f}", f"{self.first.cpu:.1f}", f"{self.peak_bytes / 1e6:.0f}"),
            *(f"{self.stored_bytes / 1e6:,.0f}", f"{self.objects:,}"),
            *(f"{self.second.wall:.1f}", f"{self.added_bytes / 1e6:,.1f}"),
            *(f"{self.idle.wall:.2f}", f"{self.idle.cpu:.2f}"),
            *(f"{self.restored.wall:.1f}", f"{self.restored.cpu:.1f}"),
        ]


def measure(folder: Path, files: int, entries: int, programs: Path | None) -> Section:
    """Measure with a tree of *files* files, and contents of an archive of *entries*."""
    peers, away = find_peers(programs)
    versions = {kind: version_of(named) for kind, named in peers.items()}
    place = folder / "archives"
    place.mkdir()
    try:
        tree = Tree(place / "tree", files)
        size_bytes = tree.size_bytes
        courses = []
        # Ours and restic first: they are compared most closely.
        for number, kind in enumerate([None, "crypt", *peers]):
            with _folder(place / str(number)) as inner:
                if kind is None or isinstance(kind, str):
                    courses.append(_ours(inner, tree, is_encrypted=kind is not None))
                else:
                    peer = kind(peers[kind], inner / "peer")
                    course = Course(f"{kind.name} {versions[kind]}")
                    courses.append(_theirs(inner, tree, peer, course))
        reference = next((one for one in courses if one.name.startswith(Restic.name)), None)
        with _folder(place / "kills") as inner:
            kills = measure_kills(
                inner,
                tree,
                once_bytes=courses[0].stored_bytes,
                peer=Restic(peers[Restic], inner / "peer") if Restic in peers else None,
                peer_once_bytes=reference.stored_bytes if reference else 0,
            )
    finally:
        shutil.rmtree(place)
    ours = courses[:2]
    figures = [figure for course in ours for figure in _figures(course, reference)]
    note = f" Not there: {', '.join(away)}." if away else ""
    return Section(
        title=f"Archives of {tree.file_count:,} files",
        figures=[*figures, kills, *measure_contents(folder, entries)],
        tables=[
            Table(
                title=f"{size_bytes / 1e9:.2f} GB that cannot be compressed, of which"
                f" {ours[0].changed_bytes / 1e6:.1f} MB change; one program after another.{note}",
                head=_HEAD,
                rows=[course.row() for course in courses],
            )
        ],
    )


@contextmanager
def _folder(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    # Postgres' own user has to get in.
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        os.sync()


def _ours(folder: Path, tree: Tree, *, is_encrypted: bool) -> Course:
    course = Course("Keepsake, encrypted" if is_encrypted else "Keepsake")
    store = folder / "store"
    store.mkdir()
    with vault(folder, tree.root, store, is_encrypted=is_encrypted) as opened:
        made: list[Any] = []

        def archive() -> Cost:
            cost, job = opened.archive()
            made.append(job["report"])
            return cost

        def restore(target: Path) -> tuple[Cost, Path]:
            return opened.restore(made[-1]["archive_id"], target), target

        _go(course, tree, store, archive, restore, folder / "restored")
    return course


def _theirs(folder: Path, tree: Tree, peer: Peer, course: Course) -> Course:
    peer.prepare()
    numbers = iter(range(3))

    def archive() -> Cost:
        return peer.archive(tree.root, next(numbers))

    def restore(target: Path) -> tuple[Cost, Path]:
        return peer.restore(2, target)

    _go(course, tree, peer.store, archive, restore, folder / "restored")
    return course


def _go(course: Course, tree: Tree, store: Path, archive: Any, restore: Any, target: Path) -> None:
    os.sync()
    empty_bytes, empty = _held(store)
    course.first = archive()
    first_bytes, objects = _held(store)
    course.stored_bytes, course.objects = first_bytes - empty_bytes, objects - empty
    course.changed_bytes = tree.change()
    os.sync()
    # Whoever remembers times does not trust those of just now.
    time.sleep(1)
    course.second = archive()
    course.added_bytes = _held(store)[0] - first_bytes
    os.sync()
    course.idle = archive()
    os.sync()
    course.restored, restored = restore(target)
    assert not tree.differences(restored), course.name


def _held(store: Path) -> tuple[int, int]:
    sizes = [path.stat().st_size for path in store.rglob("*") if path.is_file()]
    return sum(sizes), len(sizes)


def _figures(course: Course, restic: Course | None) -> list[Figure]:
    def against(name: str, ours: Cost, theirs: Cost | None, goal: str) -> Figure:
        return Figure(
            path=f"{course.name}: {name}",
            value=ours.wall,
            unit="s",
            reference=None if theirs is None else theirs.wall,
            reference_name="restic, s",
            goal=goal if theirs is not None else "",
            note=f"cpu {ours.cpu:.1f} s"
            + ("" if theirs is None else f" against {theirs.cpu:.1f} s"),
        )

    return [
        against("first archive", course.first, restic and restic.first, "<=1"),
        against("archive after 3 % changed", course.second, restic and restic.second, ""),
        Figure(
            path=f"{course.name}: what that one adds",
            value=course.added_bytes / 1e6,
            unit="MB",
            reference=course.changed_bytes / 1e6,
            reference_name="changed, MB",
            # One of the changes is a page in a large file, which costs a piece of 8 MiB or, in a
            # small tree, the file: that is compared where it is one of many.
            goal="<=1.3" if course.changed_bytes > 5 * CHUNK_BYTES else "",
        ),
        against("archive when nothing changed", course.idle, restic and restic.idle, "<=0.7"),
        against("restore", course.restored, restic and restic.restored, ""),
        Figure(
            path=f"{course.name}: peak memory of the largest process",
            value=course.peak_bytes / 1e6,
            unit="MB",
            goal="<=250",
            note=", ".join(
                f"{role} {max(cost.peaks.get(role, 0) for cost in _costs(course)) / 1e6:.0f}"
                for role in ("archiver", "rclone")
                if any(role in cost.peaks for cost in _costs(course))
            ),
        ),
    ]


def _costs(course: Course) -> list[Cost]:
    return [course.first, course.second, course.idle, course.restored]

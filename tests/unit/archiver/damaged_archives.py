"""Readers of archives over damaged input: each case follows from seed and number alone.

``python -m tests.unit.archiver.damaged_archives --cases 10000 --seed 1`` runs them by hand.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import resource
import shutil
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

from services.archiver.format.bundle import BundleError, check_bundle
from services.archiver.format.compression import decompressed
from services.archiver.format.packs import read_pack
from services.archiver.format.standalone import restore
from services.archiver.format.tree import TreeError, read_lines, write_line
from services.archiver.store.blobs import BlobReader
from services.archiver.store.tree_restorer import restore_tree
from tests.hostile.mutations import mutate
from tests.unit.archiver.generated_store import PASSWORD, make_phone_store, snapshot, tree_of
from tests.unit.archiver.hostile_bundles import compress, make_bundle

#: What a tree or manifest can say that somebody else would believe.
_WORDS = (
    b"..", b"/", b"../../x", b"\\u0000", b"null", b"-1", b"1e400", b"9" * 400, b'"symlink"',
    b'"directory"', b'"file"', b"true", b"[", b"{", b'"path_base64"', b"/etc/passwd", b"\xff",
)  # fmt: skip


class Archive:
    """A store with a phone in it, and the parts that are damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.transport, journal, self.path = make_phone_store(folder)
        (folder / "outside").mkdir()
        self.bundle = self.transport.get(self.path)
        with decompressed(io.BytesIO(self.bundle)) as plain:
            self.tar = plain.read()
        self.entries = tree_of(self.transport, self.path)
        self.lines = b"".join(write_line(entry) for entry in self.entries)
        (pack,) = (one for one in journal.objects.values() if one.is_pack)
        self.pack_path = f"packs/{pack.name[:2]}/{pack.name}.tar"
        self.pack = self.transport.get(self.pack_path)
        self.target = folder / "target"


def _hurt(content: bytes, chance: random.Random, others: tuple[bytes, ...] = ()) -> bytes:
    return mutate(content, chance, others=(*_WORDS, *others))


def _bundle(archive: Archive, chance: random.Random) -> None:
    content = _hurt(archive.bundle, chance)
    if chance.random() < 0.7:
        content = compress(_hurt(archive.tar, chance, (archive.tar[:512],)))
    with contextlib.suppress(BundleError):
        check_bundle(io.BytesIO(content), key=None)


def _pack(archive: Archive, chance: random.Random) -> None:
    with contextlib.suppress(tarfile.TarError):
        for _ in read_pack(_hurt(archive.pack, chance, (archive.pack[:512],))):
            pass


def _lines(archive: Archive, chance: random.Random) -> None:
    content = _hurt(archive.lines, chance)
    size = chance.choice((1, 7, 100, 10_000))
    with contextlib.suppress(TreeError):
        for _ in read_lines(content[at : at + size] for at in range(0, len(content), size)):
            pass


def _restored(archive: Archive, chance: random.Random) -> None:
    entries = []
    for line in _hurt(archive.lines, chance).split(b"\n"):
        with contextlib.suppress(TreeError):
            entries.extend(read_lines([line + b"\n"]))
    chance.shuffle(entries)
    blobs = BlobReader(archive.transport, takes_whole_packs=chance.random() < 0.5)
    restore_tree(
        [entry for entry in entries if entry.size_bytes < 1 << 20 or chance.random() < 0.05],
        archive.target, blobs=blobs, overwrites=chance.random() < 0.5,
    )  # fmt: skip


def _standalone(archive: Archive, chance: random.Random) -> None:
    content = _hurt(archive.bundle, chance)
    kind = chance.random()
    if kind < 0.4:
        content = compress(_hurt(archive.tar, chance, (archive.tar[:512],)))
    elif kind < 0.9:
        # Everything fits but the tree, as of somebody who knows the password.
        tree = compress(_hurt(archive.lines, chance))
        content = make_bundle([("metadata/tree.jsonl.zst", tree)], size_bytes=1 << 25)
    archive.transport.put(archive.path, [content])
    command = chance.choice((["list"], ["check"], ["restore", str(archive.target)]))
    with (
        mock.patch.dict(os.environ, {"KEEPSAKE_PASSWORD": PASSWORD}),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()) as said,
    ):
        code = restore.main(["--store", str(archive.folder / "store"), *command])
    assert code in (0, 1, 4, 5, 6)
    assert bool(said.getvalue()) == bool(code)
    assert "Traceback" not in said.getvalue()


READERS: dict[str, Callable[[Archive, random.Random], None]] = {
    "bundle": _bundle,
    "pack": _pack,
    "tree": _lines,
    "restore": _restored,
    "standalone": _standalone,
}


@contextlib.contextmanager
def archive() -> Iterator[Archive]:
    """Make what is damaged, in a folder that goes away."""
    folder = Path(tempfile.mkdtemp(prefix="archiver-damaged-"))
    try:
        yield Archive(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def try_one(made: Archive, reader: str, *, seed: int, number: int) -> None:
    """Run a case. Raises whatever the reader must not raise; nothing is outside of its target."""
    READERS[reader](made, random.Random(f"{seed} {reader} {number}"))
    assert not any((made.folder / "outside").iterdir())
    assert {path.name for path in made.folder.iterdir()} <= {
        "store", "phone", "outside", "target",
    }  # fmt: skip
    if made.target.exists():
        snapshot(made.target)
        shutil.rmtree(made.target)


def main() -> None:
    """Run cases by hand and tell what they cost."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=READERS, action="append")
    options = parser.parse_args()
    failures: Counter[str] = Counter()
    with archive() as made:
        for reader in options.only or READERS:
            begun, slowest = time.process_time(), 0.0
            for number in range(options.cases):
                before = time.process_time()
                try:
                    try_one(made, reader, seed=options.seed, number=number)
                except Exception as error:  # noqa: BLE001 -- that is what is looked for
                    failures[f"{reader}: {type(error).__name__}: {str(error)[:80]}"] += 1
                    if failures.total() < 20:
                        sys.stderr.write(f"{reader} case {number}: {error!r}\n")
                    shutil.rmtree(made.target, ignore_errors=True)
                slowest = max(slowest, time.process_time() - before)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            sys.stdout.write(
                f"{reader}: {options.cases} cases, {time.process_time() - begun:.0f} s,"
                f" slowest {slowest:.2f} s, peak {peak} MiB\n"
            )
    for failure, count in failures.most_common():
        sys.stdout.write(f"{count} x {failure}\n")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()

"""The part of a mirror's run that blocks: looking, copying, and looking again."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import BinaryIO

import msgspec

from services.archiver.destinations.configuration import SOURCE, configuration, target_fs
from services.archiver.destinations.rclone_daemon import RcloneDaemon
from services.archiver.destinations.rclone_log import Stats
from services.archiver.destinations.rclone_run import RcloneRun
from services.archiver.destinations.rclone_transport import RcloneTransport
from services.archiver.errors import (
    DestinationRefusedError,
    MirrorRefusedError,
    ObjectMissingError,
)
from services.archiver.opening import OpenPlace
from services.archiver.runs.pulse import Pulse
from services.archiver.sources.filters import steps_of
from services.archiver.sources.tree import Found, TreeSource
from services.archiver.store.mirrored import LINK, aside_of, current_of, name_of
from services.archiver.store.seen import Seen, read_seen, write_seen
from shared.contracts.archiver import Source

#: Below it nobody calls it a loss: a few files of a small folder.
_FEW = 10
#: rclone's own is ``.partial``, which people's files are called as well.
_PARTIAL = ".keepsake-part"
_TRANSFERS = (
    *("--transfers", "4", "--checkers", "8", "--buffer-size", "0"),
    *("--multi-thread-streams", "0", "--partial-suffix", _PARTIAL, "--create-empty-src-dirs"),
)


class Mirrored(msgspec.Struct, kw_only=True):
    """What a mirror holds after a run, and what that came to."""

    #: What the tree consists of, for the catalogue.
    seen: Path
    skipped: list[tuple[bytes, str]]
    file_count: int = 0
    directory_count: int = 0
    symlink_count: int = 0
    size_bytes: int = 0
    #: Files that changed while they were copied.
    torn_count: int = 0
    sent_count: int = 0
    sent_bytes: int = 0
    #: Whether what the source no longer has was moved aside: it is not, while some of it cannot be
    #: read.
    is_trimmed: bool = True


class _Listed(msgspec.Struct, rename="pascal"):
    path: str
    size: int


class MirrorWork:
    """One run."""

    def __init__(
        self,
        *,
        source: Source,
        tree: TreeSource,
        place: OpenPlace,
        daemon: RcloneDaemon,
        pulse: Pulse,
        folder: Path,
        most_lost: float | None,
        bytes_per_second: int | None = None,
    ) -> None:
        """Mirror *tree* to *place*; *most_lost* is a share, None for whatever it is."""
        self._rate = () if bytes_per_second is None else ("--bwlimit", f"{bytes_per_second}B")
        self._source = source
        self._tree = tree
        self._place = place
        self._daemon = daemon
        self._pulse = pulse
        self._folder = folder
        self._most_lost = most_lost
        self._had = 0
        self._counts_replaced = False
        self._skipped: list[tuple[bytes, str]] = []
        #: Of files, links included.
        self.paths: set[bytes] = set()

    def look(self) -> Path:
        """Make sure that the destination is ours, and write down what the source holds.

        Raises ``ArchiverError``.
        """
        self._pulse.begin("looking at the destination")
        with self._place.opened() as transport:
            assert isinstance(transport, RcloneTransport)
            # There rclone counts what is replaced among the deletions.
            self._counts_replaced = transport.moves_by_copying()
            if not transport.keeps_times():
                raise DestinationRefusedError(
                    "The destination keeps no times of files, so a mirror could not tell which of"
                    " them changed. Use a store there."
                )
        self._pulse.begin("counting")
        looked = self._folder / "looked"
        with self._tree as tree, looked.open("wb") as output:
            for found in tree.walk():
                if found.type != "directory":
                    self.paths.add(found.path)
                write_seen(output, Seen(found))
            self._skipped = list(tree.skipped)
        if not self.paths:
            raise MirrorRefusedError(
                "The source holds no file at all: its disk is probably not mounted."
            )
        return looked

    def is_gone(self, path: bytes) -> bool:
        """Whether a file that there was is in the source no more; what is left out may be there."""
        return path not in self.paths and self._tree.wants(path)

    def check_loss(self, *, had: int, gone: int) -> None:
        """Raise ``MirrorRefusedError`` if too many of the files that it *had* are *gone*."""
        self._had = had
        if gone > self._allowed(had):
            raise MirrorRefusedError(
                f"{gone} of the {had} files in the mirror are not in the source any more."
            )

    def _allowed(self, count: int) -> float:
        return float("inf") if self._most_lost is None else max(_FEW, count * self._most_lost)

    def copy(self, where: str, aside: str, looked: Path) -> Mirrored:
        """Bring the folder *where* up to date; return what it holds. Raises ``ArchiverError``."""
        remote = self._place.remote
        assert remote is not None
        root = self._tree.root
        run = RcloneRun(
            folder=self._folder,
            configuration=configuration(self._daemon, remote, root),
            source=root,
        )
        target = target_fs(remote)
        current, old = f"{target}{current_of(where)}", f"{target}{aside_of(where, aside)}"
        mirrored = Mirrored(seen=self._folder / "seen", skipped=self._skipped)
        self._prepare(run, current)
        for number, step in enumerate(steps_of(self._source, self._tree)):
            self._pulse.begin(f"copying {step.name}")
            rules = self._folder / f"rules-{number}"
            rules.write_text("".join(f"{rule}\n" for rule in step.rules))
            arguments = [
                *("sync", f"{SOURCE}:", current, "--backup-dir", old),
                *("--filter-from", str(rules), *_TRANSFERS, *self._rate),
            ]
            if self._most_lost is not None and not self._counts_replaced:
                # For a disk that goes while it is read.
                most = int(self._allowed(max(self._had, len(self.paths))))
                arguments += ["--max-delete", str(most)]
            begun = (mirrored.sent_count, mirrored.sent_bytes)

            def tell(stats: Stats, begun: tuple[int, int] = begun) -> None:
                position = self._pulse.position
                mirrored.sent_count = begun[0] + stats.sent_count
                mirrored.sent_bytes = begun[1] + stats.sent_bytes
                position.files_done = mirrored.sent_count
                position.bytes_done = mirrored.sent_bytes
                position.files_total = begun[0] + stats.total_transfers
                position.bytes_total = begun[1] + stats.total_bytes

            log = run.run(arguments, on_progress=tell, is_cancelled=self._pulse.is_stopping)
            tell(log.stats)
            mirrored.is_trimmed = mirrored.is_trimmed and not log.left_out
        self._pulse.begin("looking at the mirror")
        listed = self._list(run, current)
        with self._tree as tree, looked.open("rb") as lines, mirrored.seen.open("wb") as output:
            tree.skipped.clear()
            for one in read_seen(lines):
                self._compare(one.found, tree, listed, mirrored, output)
        return mirrored

    def _prepare(self, run: RcloneRun, current: str) -> None:
        """Remove what interrupted copies left behind, and see that nothing goes that should not.

        The catalogue may know less than there is: a mirror may be older than it.
        """
        self._pulse.begin("looking at the mirror")
        listed = self._list(run, current)
        names = {name_of(path) for path in self.paths}
        odd = sum(name_of(path) is None for path in self.paths)
        leftovers = {name for name in listed if name.endswith(_PARTIAL)}
        gone = sum(
            name not in names
            and name.removesuffix(LINK) not in names
            and self._tree.wants(name.encode("utf-8", "replace"))
            for name in listed.keys() - leftovers
        )
        had = len(listed) - len(leftovers)
        self.check_loss(had=had, gone=max(gone - odd, 0))
        if leftovers:
            self._pulse.begin("removing leftovers")
            only = ("--include", f"*{_PARTIAL}")
            run.run(["delete", current, *only], is_cancelled=self._pulse.is_stopping)

    def _list(self, run: RcloneRun, current: str) -> dict[str, int]:
        listing = self._folder / "listing"
        self._lsjson(run, current, listing)
        return {one.path: one.size for one in _read_listing(listing)}

    def _lsjson(self, run: RcloneRun, fs: str, output: Path) -> None:
        what = ("--recursive", "--files-only", "--no-modtime", "--no-mimetype")
        # Before the first file there is no such folder.
        with contextlib.suppress(ObjectMissingError):
            run.run(
                ["lsjson", fs, *what],
                output=output,
                is_cancelled=self._pulse.is_stopping,
            )

    def _compare(
        self,
        found: Found,
        tree: TreeSource,
        listed: dict[str, int],
        mirrored: Mirrored,
        output: BinaryIO,
    ) -> None:
        """Write down what of the source is in the mirror."""
        if found.type == "directory":
            mirrored.directory_count += 1
            write_seen(output, Seen(found))
            return
        name = name_of(found.path)
        if name is None:
            mirrored.skipped.append((found.path, "its name is one that a mirror may change"))
            return
        size_bytes = listed.get(name if found.type == "file" else f"{name}{LINK}")
        if size_bytes is None:
            now = tree.look(found.path)
            if now is not None:
                mirrored.skipped.append((found.path, "could not be copied"))
            return
        if found.type == "symlink":
            mirrored.symlink_count += 1
            write_seen(output, Seen(found))
            return
        now = tree.look(found.path)
        is_torn = size_bytes != found.size_bytes or now is None or not now.is_like(found)
        mirrored.file_count += 1
        mirrored.size_bytes += size_bytes
        mirrored.torn_count += is_torn
        write_seen(output, Seen(found, (), size_bytes, is_torn))


def _read_listing(path: Path) -> list[_Listed]:
    """Return what ``lsjson`` wrote: a line per file, between brackets, with commas."""
    decode = msgspec.json.Decoder(_Listed).decode
    found = []
    with path.open("rb") as lines:
        for line in lines:
            content = line.strip().rstrip(b",")
            if content.startswith(b"{"):
                found.append(decode(content))
    return found

"""The plaintext of many files as files, the work shared among processes.

Threads would not help: small files cost more of the interpreter than of the processor's AES. So
the calling process copies, and workers (``extraction_worker``) copy beside it: each asks for the
next batch when it is done with one, so that large files and slow starts even out. A worker gets
paths and the keys of single files through a pipe, never the backup's own keys. One that dies
costs time only: its batch is done again here.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from shared.ios_backup.backup_folder import BackupFolder
from shared.ios_backup.errors import DamagedFile
from shared.ios_backup.extraction_worker import (
    Copied,
    Remark,
    WorkerJob,
    copy_batch,
    receive,
    send,
)
from shared.ios_backup.keybag import Keys
from shared.ios_backup.manifest_entry import ManifestEntry
from shared.ios_backup.stored_files import Copier, StoredFile

#: A batch takes some 10 ms, so that nobody waits long for the last one; large files count more.
_BATCH_FILES = 256
_BATCH_BYTES = 16 * 1024 * 1024
_ROOT = Path(__file__).resolve().parents[2]
_WORKER = (sys.executable, "-m", "shared.ios_backup.extraction_worker", str(os.getpid()))


def extract_files(
    folder: BackupFolder,
    entries: Iterable[ManifestEntry],
    keys: Keys | None,
    target: Path,
    *,
    processes: int = 2,
    on_progress: Callable[[int, int], None] = lambda _files, _bytes: None,
) -> Copied:
    """Write the plaintext of *entries*, all of kind file, into the new private folder *target*.

    Files are named by their file ids. One that is missing or damaged costs itself only and is
    told in the answer. *on_progress* gets the files and bytes so far, in this thread; what it
    raises ends the work. Raises Locked, FileExistsError when *target* is there, and OSError when
    it cannot take more; then, and after any other error, *target* is removed. Blocking.
    """
    target.mkdir(mode=0o700)
    workers: list[_Worker] = []
    batches = _Batches(folder, entries, keys)
    try:
        with Copier(folder.path, target, is_flat=folder.format == "mbdb") as copier:
            done = Copied()
            batch = batches.take()
            if batches.is_more:
                workers = _start(processes - 1, folder, target, batches)
            sums = [done, *(worker.done for worker in workers)]
            while batch:
                done.add(copy_batch(copier, batch))
                _check(sums)
                on_progress(sum(s.file_count for s in sums), sum(s.size_bytes for s in sums))
                batch = batches.take()
            for worker in workers:
                worker.join()
            _check(sums)
            batches.check()
            done.failures += batches.refused
            for worker in workers:
                done.add(worker.done)
                for file in worker.undone:
                    copier.discard(file)
                done.add(copy_batch(copier, worker.undone))
            _check([done])
    except BaseException:
        batches.end()
        for worker in workers:
            worker.stop()
            worker.join()
        shutil.rmtree(target, ignore_errors=True)
        raise
    return done


def _check(sums: Iterable[Copied]) -> None:
    """Raise what the target folder said, if anything."""
    for done in sums:
        if done.errno:
            raise OSError(done.errno, os.strerror(done.errno))


class _Batches:
    """What is still to be copied. Any thread may take a batch."""

    def __init__(
        self, folder: BackupFolder, entries: Iterable[ManifestEntry], keys: Keys | None
    ) -> None:
        self._lock = threading.Lock()
        self._folder = folder
        self._keys = keys
        self._files = self._stored(entries)
        self._error: BaseException | None = None
        #: Entries that need not be looked for on the disk.
        self.refused: list[Remark] = []
        #: Whether the batch that was taken last ended because it was full.
        self.is_more = False

    def take(self) -> list[StoredFile]:
        """Return the next files; empty at the end and after an error."""
        with self._lock:
            batch: list[StoredFile] = []
            size = 0
            try:
                for file in itertools.islice(self._files, _BATCH_FILES):
                    batch.append(file)
                    size += file.claimed or 0
                    if size >= _BATCH_BYTES:
                        break
            except BaseException as error:  # noqa: BLE001 -- raised by the thread that was asked
                self._error = error
                self._files = iter(())
                return []
            self.is_more = len(batch) == _BATCH_FILES or size >= _BATCH_BYTES
            return batch

    def check(self) -> None:
        """Raise what went wrong while entries were listed or keys unwrapped, if anything did."""
        if self._error is not None:
            raise self._error

    def end(self) -> None:
        """Give no more."""
        with self._lock:
            self._files = iter(())

    def _stored(self, entries: Iterable[ManifestEntry]) -> Iterator[StoredFile]:
        stored_file, keys = self._folder.stored_file, self._keys
        for entry in entries:
            try:
                file = stored_file(entry, keys)
            except DamagedFile as error:
                self.refused.append(Remark(entry.file_id, str(error)))
            else:
                yield file


class _Worker(threading.Thread):
    """Feeds one helping process; a thread that mostly waits for its answers."""

    def __init__(
        self, process: subprocess.Popen[bytes], job: WorkerJob, take: Callable[[], list[StoredFile]]
    ) -> None:
        super().__init__(name="extraction worker", daemon=True)
        self.done = Copied()
        #: What it did not live to finish.
        self.undone: list[StoredFile] = []
        self._process = process
        self._job = job
        self._take = take

    def run(self) -> None:
        """Give it batches until there is none left, or it dies."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            send(self._process.stdin, self._job)
            batch = self._take()
            while batch:
                self.undone = batch
                send(self._process.stdin, batch)
                # Taken while the process is at work, so that it need not wait.
                following = self._take()
                self.undone = batch + following
                answer = receive(self._process.stdout, Copied)
                if answer is None:
                    return
                self.done.add(answer)
                self.undone = batch = following
                if self.done.errno:
                    return
        except (OSError, msgspec.MsgspecError):
            return
        finally:
            self.stop()
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()

    def stop(self) -> None:
        """End the process, whatever it is at. Safe to call twice."""
        self._process.kill()
        self._process.wait()


def _start(count: int, folder: BackupFolder, target: Path, batches: _Batches) -> list[_Worker]:
    job = WorkerJob(
        os.fsencode(folder.path.absolute()),
        os.fsencode(target.absolute()),
        folder.format == "mbdb",
    )
    workers = []
    for _ in range(min(count, (os.cpu_count() or 1) - 1)):
        try:
            process = subprocess.Popen(  # noqa: S603 -- our own program, no shell
                _WORKER,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # A traceback would quote what it was reading.
                stderr=subprocess.DEVNULL,
                env={"PYTHONPATH": str(_ROOT), "PYTHONSAFEPATH": "1", "LC_ALL": "C.UTF-8"},
                cwd="/",
            )
        except OSError:
            # No memory, no process left: it goes without.
            break
        workers.append(_Worker(process, job, batches.take))
        workers[-1].start()
    return workers

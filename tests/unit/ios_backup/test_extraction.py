"""Many files at once: the same bytes as one by one, whoever copies them and whatever goes wrong."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.demo.container import PhoneFile
from shared.ios_backup import extraction
from shared.ios_backup.content import FileReader
from shared.ios_backup.errors import DamagedFile, Locked, MissingFile
from shared.ios_backup.extraction import extract_files
from shared.ios_backup.extraction_worker import Copied
from shared.ios_backup.stored_files import Copier

MEDIA = "CameraRollDomain"
#: Both sides of what is read at once, and of blocks.
SIZES = (0, 1, 15, 16, 17, 4000, 262_127, 262_128, 262_144, 262_145, 1_100_000)
MANY = [
    *(PhoneFile(MEDIA, f"{size}.bin", os.urandom(size)) for size in SIZES),
    *(PhoneFile(MEDIA, f"more/{number}", b"%d" % number * number) for number in range(60)),
]
FORMS: dict[str, dict[str, Any]] = {
    "encrypted": {"passphrase": "test"},
    "encrypted, sizes wrong": {"passphrase": "test", "sizes": "wrong"},
    "encrypted, empty files absent": {"passphrase": "test", "empty_files": "absent"},
    "encrypted, empty files bare": {"passphrase": "test", "empty_files": "bare"},
    "encrypted, mbdb": {"passphrase": "test", "format": "mbdb"},
    "plain": {},
    "plain, mbdb": {"format": "mbdb"},
}


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "_BATCH_FILES", 4)
    # One core must not keep workers from being tested.
    monkeypatch.setattr(os, "cpu_count", lambda: 8)


@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.parametrize("form", FORMS)
def test_every_file_is_what_reading_it_alone_gives(
    opened: Callable[..., Any], tmp_path: Path, form: str, processes: int
) -> None:
    backup = opened(files=MANY, **FORMS[form])
    entries = _files(backup)
    before = _descriptors()
    done = extract_files(
        backup.folder, iter(entries), backup.keys, tmp_path / "copy", processes=processes
    )
    assert _descriptors() == before
    assert not done.failures
    assert done.file_count == len(entries) == len(MANY)
    alone, warnings = {}, set()
    for entry in entries:
        with backup.folder.open_file(entry, backup.keys) as reader:
            alone[entry.file_id] = b"".join(reader.chunks())
            warnings |= {(entry.file_id, said) for said in reader.warnings}
    assert {(one.file_id, one.said) for one in done.warnings} == warnings
    copies = {path.name: path.read_bytes() for path in (tmp_path / "copy").iterdir()}
    assert copies == alone
    assert done.size_bytes == sum(map(len, alone.values()))
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "copy").iterdir()} == {0o600}
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("processes", [1, 2])
def test_what_cannot_be_read_costs_itself_only(
    opened: Callable[..., Any], tmp_path: Path, processes: int
) -> None:
    backup = opened(files=MANY, passphrase="test")
    entries = _files(backup)
    blobs = [backup.folder.path / entry.file_id[:2] / entry.file_id for entry in entries]
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(160))
    fates: list[Callable[[Path], object]] = [
        Path.unlink,
        lambda blob: (blob.unlink(), blob.symlink_to(secret)),
        lambda blob: (blob.unlink(), blob.mkdir()),
        lambda blob: (blob.unlink(), os.mkfifo(blob)),
        lambda blob: os.truncate(blob, blob.stat().st_size - 1),
        lambda blob: os.truncate(blob, blob.stat().st_size - 16),
        lambda blob: blob.write_bytes(blob.read_bytes()[:-1] + b"x"),
        lambda blob: os.truncate(blob, 0),
    ]
    # Not the empty file, of which nothing need be there.
    hit = [number for number, entry in enumerate(entries) if entry.size_bytes][3 : 3 + len(fates)]
    for fate, number in zip(fates, hit, strict=True):
        fate(blobs[number])
    entries[-1] = msgspec.structs.replace(entries[-1], wrapped_key=bytes(44))
    entries[-2] = msgspec.structs.replace(entries[-2], wrapped_key=None)
    entries[-3] = msgspec.structs.replace(entries[-3], file_id="../" + "a" * 37)
    entries.append(entries[0])
    done = extract_files(
        backup.folder, entries, backup.keys, tmp_path / "copy", processes=processes
    )
    lost = {entries[number].file_id for number in hit} | {one.file_id for one in entries[-4:-1]}
    assert {one.file_id for one in done.failures} == lost | {entries[0].file_id}
    assert [one.file_id for one in done.failures if one.is_missing] == [entries[hit[0]].file_id]
    copies = {path.name for path in (tmp_path / "copy").iterdir()}
    assert copies == {entry.file_id for entry in entries} - lost
    assert done.file_count == len(copies)
    for entry in entries:
        if entry.file_id in lost - {"../" + "a" * 37}:
            with pytest.raises(DamagedFile):
                backup.folder.open_file(entry, backup.keys)


def test_what_a_dead_worker_was_at_is_done_again(
    opened: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = opened(files=MANY, passphrase="test")
    marks = tmp_path / "marks"
    marks.mkdir()
    _helping(
        monkeypatch,
        f"""
def die(copier, batch):
    copier.copy(batch[0])
    with open({str(tmp_path / "copy")!r} + "/" + batch[1].file_id, "x") as half:
        half.write("half of it")
    open({str(marks)!r} + "/" + batch[0].file_id, "x").close()
    os.kill(os.getpid(), 9)
worker.copy_batch = die
""",
    )
    done = _copied(backup, tmp_path, processes=2, on_progress=_until_any_in(marks))
    assert len(list(marks.iterdir())) == 1
    assert (done.file_count, done.failures) == (len(MANY), [])
    for entry in _files(backup):
        with backup.folder.open_file(entry, backup.keys) as reader:
            assert (tmp_path / "copy" / entry.file_id).read_bytes() == b"".join(reader.chunks())


def test_a_worker_is_told_no_secret_in_its_arguments_or_environment(
    opened: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEEPSAKE_SECRET", "of the service")
    backup = opened(files=MANY, passphrase="test")
    marks = tmp_path / "marks"
    marks.mkdir()
    _helping(
        monkeypatch,
        f"""
with open({str(marks)!r} + "/seen", "w") as file:
    print(open("/proc/self/cmdline").read().split("\\0")[3:], sorted(os.environ), file=file)
""",
    )
    _copied(backup, tmp_path, processes=2, on_progress=_until_any_in(marks))
    told = [str(os.getpid()), ""]
    known = sorted({"LC_ALL", "PYTHONPATH", "PYTHONSAFEPATH"})
    assert (marks / "seen").read_text() == f"{told} {known}\n"


@pytest.mark.parametrize("processes", [1, 2])
def test_a_disk_that_takes_no_more_ends_it_and_nothing_stays(
    opened: Callable[..., Any], tmp_path: Path, processes: int
) -> None:
    backup = opened(files=MANY, passphrase="test")
    before = _children()
    with _files_of_at_most(300_000), pytest.raises(OSError, match="File too large"):
        _copied(backup, tmp_path, processes=processes)
    assert not (tmp_path / "copy").exists()
    assert _children() == before


@pytest.mark.parametrize("processes", [1, 2])
def test_locking_and_giving_up_end_it_and_nothing_stays(
    opened: Callable[..., Any], tmp_path: Path, processes: int
) -> None:
    backup = opened(files=MANY, passphrase="test")
    before = (_children(), _descriptors())

    def give_up(files: int, _bytes: int) -> None:
        if files >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _copied(backup, tmp_path, processes=processes, on_progress=give_up)
    with pytest.raises(Locked):
        _copied(backup, tmp_path, processes=processes, on_progress=lambda *_: backup.keys.wipe())
    assert not (tmp_path / "copy").exists()
    assert (_children(), _descriptors()) == before


def test_a_folder_that_is_there_is_not_written_into(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    backup = opened(files=MANY)
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "mine").touch()
    with pytest.raises(FileExistsError):
        extract_files(backup.folder, _files(backup), None, tmp_path / "copy")
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["mine"]


def test_what_takes_the_place_of_a_blob_or_its_kept_folder_is_not_copied(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    backup = opened(files=MANY)
    entry = backup.entry(MEDIA, "4000.bin")
    blob = backup.minted.blob_path(MEDIA, "4000.bin")
    content = blob.read_bytes()
    outside, target = tmp_path / "outside", tmp_path / "copy"
    outside.mkdir()
    target.mkdir()
    (outside / blob.name).write_bytes(b"somebody else's")
    with Copier(backup.folder.path, target, is_flat=False) as copier:
        file = backup.folder.stored_file(entry, None)

        def copied() -> bytes:
            try:
                copier.copy(file)
                return (target / blob.name).read_bytes()
            finally:
                copier.discard(file)

        blob.parent.rename(tmp_path / "aside")
        blob.parent.symlink_to(outside)
        # Never looked up before: a link is refused.
        with pytest.raises(DamagedFile):
            copied()
        blob.parent.unlink()
        with pytest.raises(MissingFile):
            copied()
        (tmp_path / "aside").rename(blob.parent)
        assert copied() == content
        blob.parent.rename(tmp_path / "aside")
        blob.parent.symlink_to(outside)
        assert copied() == content
        there = tmp_path / "aside" / blob.name
        there.unlink()
        with pytest.raises(MissingFile):
            copied()
        for make in (
            lambda: there.symlink_to(outside / blob.name),
            there.mkdir,
            lambda: os.mkfifo(there),
        ):
            make()
            with pytest.raises(DamagedFile):
                copied()
            if there.is_dir() and not there.is_symlink():
                there.rmdir()
            else:
                there.unlink()
    assert not list(target.iterdir())


@pytest.mark.parametrize("error_at", ["read", "pieces"])
def test_a_disk_that_cannot_be_read_costs_the_file_and_not_the_rest(
    opened: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error_at: str
) -> None:
    backup = opened(files=MANY, passphrase="test")
    broken = "1100000.bin" if error_at == "pieces" else "4000.bin"
    inode = backup.minted.blob_path(MEDIA, broken).stat().st_ino
    preadv, is_large = os.preadv, error_at == "pieces"

    def fail(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        # A large file's end is looked at before its beginning is read.
        if os.fstat(descriptor).st_ino == inode and (not is_large or len(buffers[0]) > 1000):
            raise OSError(5, "Input/output error")
        return preadv(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", fail)
    done = _copied(backup, tmp_path, processes=1)
    assert [one.file_id for one in done.failures] == [backup.entry(MEDIA, broken).file_id]
    assert len(list((tmp_path / "copy").iterdir())) == done.file_count == len(MANY) - 1


def test_a_stored_file_never_shows_its_key(opened: Callable[..., Any]) -> None:
    backup = opened(passphrase="test", files=MANY)
    file = backup.folder.stored_file(backup.entry(MEDIA, "16.bin"), backup.keys)
    assert file.key is not None
    assert repr(file) == f"StoredFile(file_id={file.file_id!r})"
    assert isinstance(
        backup.folder.open_file(backup.entry(MEDIA, "16.bin"), backup.keys), FileReader
    )


def _copied(backup: Any, folder: Path, **options: Any) -> Copied:
    return extract_files(backup.folder, _files(backup), backup.keys, folder / "copy", **options)


def _files(backup: Any) -> list[Any]:
    return list(backup.manifest.page(kind="file", limit=1000).entries)


def _until_any_in(marks: Path) -> Callable[[int, int], None]:
    """Hold the extracting process back until its worker has been at work; fail if it never is."""

    def wait(_files: int, _bytes: int) -> None:
        limit = time.monotonic() + 60
        while not any(marks.iterdir()):
            assert time.monotonic() < limit, "the worker has not been asked"
            time.sleep(0.001)

    return wait


def _helping(monkeypatch: pytest.MonkeyPatch, prelude: str) -> None:
    program = (
        f"import os\nimport shared.ios_backup.extraction_worker as worker\n{prelude}\nworker.main()"
    )
    command = (sys.executable, "-c", program, str(os.getpid()))
    monkeypatch.setattr(extraction, "_WORKER", command)


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _children() -> str:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()


@contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.unlock.readers import ReaderCache
from shared.ios_backup import FileReader


class Folder:
    """Plain files that count how often they are opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.opened: list[str] = []

    def open(self, name: str) -> FileReader:
        self.opened.append(name)
        file = self.path / name
        file.write_text(name)
        return FileReader(os.open(file, os.O_RDONLY), key=None, claimed=None)


def test_reading_on_needs_no_second_open_and_the_oldest_file_gives_way(tmp_path: Path) -> None:
    folder, cache = Folder(tmp_path), ReaderCache(capacity=2)
    for name in ("a", "b", "a", "c", "a", "b"):
        with cache.using(name, lambda name=name: folder.open(name)) as reader:  # type: ignore[misc]
            assert reader.read(0, 10) == name.encode()
    assert folder.opened == ["a", "b", "c", "b"]
    assert len(cache) == 2


def test_a_file_in_use_is_closed_only_when_its_last_read_is_done(tmp_path: Path) -> None:
    folder, cache = Folder(tmp_path), ReaderCache(capacity=1)
    with cache.using("a", lambda: folder.open("a")) as lent:
        with cache.using("b", lambda: folder.open("b")):
            pass
        cache.close()
        assert lent.read(0, 1) == b"a"
    with pytest.raises(ValueError, match="closed"):
        lent.read(0, 1)


def test_two_threads_that_open_the_same_file_share_one_reader(tmp_path: Path) -> None:
    folder, cache = Folder(tmp_path), ReaderCache()
    both = threading.Barrier(2)

    def slowly() -> FileReader:
        both.wait(5)
        return folder.open("a")

    def read(_: int) -> bytes:
        with cache.using("a", slowly) as reader:
            return reader.read(0, 1)

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(read, range(2))) == [b"a", b"a"]
    assert len(cache) == 1


def test_a_file_that_cannot_be_opened_leaves_nothing_behind() -> None:
    cache = ReaderCache()

    def fail() -> FileReader:
        raise OSError

    with pytest.raises(OSError), cache.using("a", fail):  # noqa: PT011 -- our own, without words
        pass
    assert len(cache) == 0

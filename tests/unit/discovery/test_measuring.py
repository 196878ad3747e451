"""Sizes of folders, added up by two threads: nothing is counted twice, left out or hidden."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from services.discovery.errors import FolderUnreadable, FolderVanished, Stopped
from services.discovery.measuring import measure


@pytest.mark.parametrize("folders", [0, 1, 15, 16, 256])
def test_every_file_below_counts_once(tmp_path: Path, folders: int) -> None:
    count = _fill(tmp_path, folders)
    size = measure(os.fsencode(tmp_path))
    assert (size.file_count, size.size_bytes) == (count, 7 * count)


@pytest.mark.parametrize("broken", ["00", "13", "27/inner"])
def test_one_folder_that_cannot_be_read_ends_it_whoever_meets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    _fill(tmp_path, 40)
    opened = os.open

    def fail(path: Any, *args: Any, **kwargs: Any) -> int:
        if path == os.fsencode(tmp_path / broken):
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(FolderUnreadable, match="permission-denied"):
        measure(os.fsencode(tmp_path))
    _nobody_is_left()


def test_a_folder_that_vanishes_or_becomes_a_link_meanwhile_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup, outside = tmp_path / "backup", tmp_path / "outside"
    backup.mkdir()
    count = _fill(backup, 40)
    outside.mkdir()
    (outside / "theirs").write_bytes(bytes(1000))
    opened, turn, swaps = os.open, threading.Lock(), [False, True]

    def swap(path: Any, *args: Any, **kwargs: Any) -> int:
        # Between the list of folders and the look into the first of them, by either thread.
        with turn:
            if path.startswith(os.fsencode(backup) + b"/") and len(swaps) > len(measured):
                is_linked = swaps.pop(0)
                for number in range(0, 40, 2):
                    (backup / f"{number:02x}").rename(tmp_path / f"gone{number}")
                if is_linked:
                    (backup / "02").symlink_to(outside)
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", swap)
    measured = ["once"]
    size = measure(os.fsencode(backup))
    assert size.size_bytes == 7 * size.file_count
    assert size.file_count == count - 3 * 20
    for number in range(0, 40, 2):
        (tmp_path / f"gone{number}").rename(backup / f"{number:02x}")
    measured.clear()
    with pytest.raises(FolderUnreadable):
        measure(os.fsencode(backup))
    _nobody_is_left()


def test_it_stops_when_told_and_says_when_there_is_nothing(tmp_path: Path) -> None:
    _fill(tmp_path, 40)
    asked: list[None] = []
    for after in (1, 2, 30):
        asked.clear()
        with pytest.raises(Stopped):
            measure(
                os.fsencode(tmp_path),
                is_stopping=lambda after=after: asked.append(None) or len(asked) >= after,  # type: ignore[misc]
            )
    _nobody_is_left()
    with pytest.raises(FolderVanished):
        measure(os.fsencode(tmp_path / "never was"))


def _fill(folder: Path, folders: int) -> int:
    """Make *folders* folders of three files of seven bytes each, and some things that are none."""
    (folder / "Manifest.db").write_bytes(bytes(7))
    (folder / "link").symlink_to(folder / "Manifest.db")
    for number in range(folders):
        inner = folder / f"{number:02x}"
        (inner / "inner").mkdir(parents=True)
        for name in ("a", "b", "inner/c"):
            (inner / name).write_bytes(bytes(7))
        (inner / "inner" / "link").symlink_to(folder)
        os.mkfifo(inner / "pipe")
    return 1 + 3 * folders


def _nobody_is_left() -> None:
    for thread in threading.enumerate():
        if thread.name == "second measuring":
            thread.join(30)
            assert not thread.is_alive()

"""What another program wrote is waited for where it lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.archiver.destinations.disk_sync import sync_file_system


def test_a_folder_is_waited_for_and_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    sync_file_system(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_file_system(tmp_path / "another")

"""Fixtures for destinations: the servers, one rclone for all tests of a file, and fast patience."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.archiver.destinations.patience import Limits
from services.archiver.destinations.rclone_daemon import RcloneDaemon
from tests.integration.archiver.rclone_servers import KINDS, Server
from tests.stack import make_folder

#: As persistent as for real, and without the pauses.
IMPATIENT = Limits(first_pause_seconds=0.001, longest_pause_seconds=0.01)


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    import shutil

    folder = make_folder()
    (folder / "scratch").mkdir(mode=0o700)
    yield folder / "scratch"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def daemon(scratch: Path) -> Iterator[RcloneDaemon]:
    started = RcloneDaemon(scratch)
    yield started
    started.close()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    started = {kind: Server(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}
    yield started
    for server in started.values():
        server.stop()

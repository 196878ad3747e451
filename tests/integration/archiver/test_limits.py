"""The rate of a destination is kept to by its own rclone, and changes under what is on its way."""

from __future__ import annotations

import datetime as dt
import os
import threading
from pathlib import Path
from uuid import uuid4

import msgspec

from services.archiver.opening import Destinations, OpenPlace
from shared.contracts.archiver import (
    CryptConfig,
    Destination,
    DestinationConfig,
    DestinationId,
    DestinationLimits,
)
from tests.integration.archiver.test_dying_rclone import wait_until


def limited(folder: Path, rate: int | None) -> Destination:
    password = folder.parent / "password"
    password.touch(0o600)
    password.write_text("correct horse battery staple\n")
    folder.mkdir()
    return Destination(
        id=DestinationId(str(uuid4())),
        name=folder.name,
        type="local",
        config=DestinationConfig(path=str(folder), limits=DestinationLimits(bytes_per_second=rate)),
        crypt=CryptConfig(password_ref=f"file:{password}"),
        store_id=str(uuid4()),
        created_at=dt.datetime.now(dt.UTC),
    )


def rate_of(place: OpenPlace) -> int:
    daemon = place.place._daemon  # type: ignore[attr-defined]
    found: int = daemon.call("core/bwlimit", {})["bytesPerSecond"]
    return found


async def test_a_rate_holds_for_its_destination_alone_and_is_lifted_under_an_upload(
    scratch: Path, tmp_path: Path
) -> None:
    slow, free = limited(tmp_path / "slow", 20_000), limited(tmp_path / "free", None)
    destinations = Destinations(scratch=scratch, allow_commands=False)
    place = await destinations.find(slow)
    transport = place.place.open(is_new=True)
    putting = threading.Thread(
        target=transport.put, args=("objects/ab/cd", [os.urandom(4 << 20)]), daemon=True
    )
    try:
        assert rate_of(place) == 20_000
        assert rate_of(await destinations.find(free)) == -1
        # It would take minutes.
        putting.start()
        wait_until(lambda: any(path.is_file() for path in (tmp_path / "slow").rglob("*")))
        assert putting.is_alive()
        config = msgspec.structs.replace(slow.config, limits=DestinationLimits())
        again = await destinations.find(msgspec.structs.replace(slow, config=config))
        assert rate_of(again) == -1
        putting.join(90)
        assert not putting.is_alive()
        assert transport.size("objects/ab/cd") == 4 << 20
    finally:
        destinations.close()

"""Opening a destination: the transport that its configuration asks for, if it is the right one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import msgspec

from services.archiver.errors import (
    ArchiverError,
    DestinationAwayError,
    DestinationRefusedError,
    ObjectMissingError,
)
from services.archiver.format.names import STORE_FILE
from services.archiver.store.local_folder import LocalFolder
from services.archiver.store.transport import Transport
from shared.contracts.archiver import Destination, DestinationConfig, DestinationType, StoreCheck

_FORMAT = "keepsake-store"
_VERSION = 1
_TEST_BYTES = 256 * 1024


class StoreMark(msgspec.Struct, frozen=True, kw_only=True):
    """What says that a folder is a store, and which one."""

    format: str = _FORMAT
    version: int = _VERSION
    store_id: str
    created_at: dt.datetime


@contextmanager
def opened(destination: Destination) -> Iterator[Transport]:
    """Open a destination that was set up, and make sure that it is the same one. Blocking.

    Raises ``TransportError``.
    """
    transport = transport_of(destination.type, destination.config)
    try:
        mark = read_mark(transport)
        if mark is None or mark.store_id != destination.store_id:
            raise DestinationAwayError(
                "The destination does not hold its store: it is not mounted, or another one is in"
                " its place."
            )
        yield transport
    finally:
        transport.close()


def transport_of(
    _kind: DestinationType, config: DestinationConfig, *, is_new: bool = False
) -> Transport:
    """Return what talks to a destination; nothing is looked at yet."""
    return LocalFolder(Path(config.path), is_new=is_new)


def read_mark(transport: Transport) -> StoreMark | None:
    """Return which store is there, or None. Raises ``DestinationRefusedError`` for a newer one."""
    try:
        mark = msgspec.json.decode(transport.get(STORE_FILE), type=StoreMark)
    except ObjectMissingError:
        return None
    except msgspec.MsgspecError:
        raise DestinationRefusedError("The mark of the store there cannot be read.") from None
    if mark.format != _FORMAT or mark.version != _VERSION:
        raise DestinationRefusedError("The store there is of another version.")
    return mark


def set_up(kind: DestinationType, config: DestinationConfig) -> str:
    """Make a store of a folder, or take over the one that is there; return its id. Blocking.

    Raises ``DestinationRefusedError`` when the folder holds something else.
    """
    folder = Path(config.path)
    if not folder.is_dir():
        raise DestinationAwayError("The folder is not there. Make it, or mount what it is for.")
    transport = transport_of(kind, config, is_new=True)
    try:
        mark = read_mark(transport)
        if mark is not None:
            return mark.store_id
        if any(True for _ in folder.iterdir()):
            raise DestinationRefusedError("The folder is not empty, and holds no store.")
        mark = StoreMark(store_id=str(uuid4()), created_at=dt.datetime.now(dt.UTC))
        transport.put(STORE_FILE, [msgspec.json.encode(mark)])
        return mark.store_id
    finally:
        transport.close()


def check(destination: Destination) -> list[StoreCheck]:
    """Look whether a destination works, step by step. Blocking."""
    done: list[StoreCheck] = []
    step = "find the store"
    try:
        with opened(destination) as transport:
            done.append(StoreCheck(step=step, ok=True))
            step = "write a test object"
            path, content = f"objects/test/{uuid4().hex}", uuid4().bytes * (_TEST_BYTES // 16)
            transport.put(path, [content])
            done.append(StoreCheck(step=step, ok=True))
            step = "read it back"
            is_same = transport.get(path) == content
            done.append(
                StoreCheck(step=step, ok=is_same, detail="" if is_same else "It came back changed.")
            )
            step = "remove it"
            transport.delete(path)
            done.append(StoreCheck(step=step, ok=True))
    except ArchiverError as error:
        done.append(StoreCheck(step=step, ok=False, detail=str(error)))
    return done

"""Small things that unfold to large ones, and a place where trying them does no harm."""

from __future__ import annotations

import gc
import os
import pickle
import resource
import struct
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.hostile.trial import LIMIT_BYTES, LIMIT_SECONDS

T = TypeVar("T")


def spared(attempt: Callable[[], T]) -> T:
    """Return what *attempt* returns, in a process whose memory and processor time are limited.

    The limits are those of every reader; memory counts from here on.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            gc.disable()
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + LIMIT_BYTES,) * 2)
            resource.setrlimit(resource.RLIMIT_CPU, (int(LIMIT_SECONDS),) * 2)
            value = attempt()
            with os.fdopen(theirs, "wb") as answer:
                pickle.dump(value, answer)
            code = 0
        except BaseException:  # noqa: BLE001 -- told to the test, which fails
            with os.fdopen(theirs, "wb") as answer:
                answer.write(traceback.format_exc(limit=-3).encode())
        finally:
            os._exit(code)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code == 0, said.decode("utf-8", "replace") or f"ended with {code}"
    result: T = pickle.loads(said)
    return result


def overlapping_list(count: int, size: int, *, marker: int = 0x4F) -> bytes:
    """A property list of *count* objects that all claim the same *size* bytes behind them."""
    body = bytearray(b"bplist00")
    offsets = [len(body)]
    body += b"\xd1" + struct.pack(">II", 1, 2)
    offsets.append(len(body))
    body += b"\x51a"
    offsets.append(len(body))
    body += b"\xaf\x12" + struct.pack(f">I{count}I", count, *range(3, count + 3))
    items = size // {0x4F: 1, 0x5F: 1, 0x6F: 2, 0xAF: 4}[marker]
    for _ in range(count):
        offsets.append(len(body))
        body += bytes((marker, 0x12)) + struct.pack(">I", items)
    body += bytes(size)
    return closed_list(body, offsets)


def shared_list(depth: int, width: int) -> bytes:
    """Lists in lists, each of them *width* times the next: width to the power of depth values."""
    body = bytearray(b"bplist00")
    offsets = [len(body)]
    body += b"\xd1" + struct.pack(">II", 1, 2)
    offsets.append(len(body))
    body += b"\x51a"
    for number in range(depth):
        offsets.append(len(body))
        body += b"\xaf\x12" + struct.pack(">I", width) + struct.pack(">I", number + 3) * width
    offsets.append(len(body))
    body += b"\x10\x01"
    return closed_list(body, offsets)


def closed_list(body: bytearray, offsets: list[int]) -> bytes:
    """Return a binary property list of these objects, the first one its root."""
    table = len(body)
    body += struct.pack(f">{len(offsets)}I", *offsets)
    body += struct.pack(">6xBBQQQ", 4, 4, len(offsets), 0, table)
    return bytes(body)

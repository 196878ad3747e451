"""The parsers, each case in a process of its own with the real worker's limits and frames.

Most cases fork a process that has imported the worker already and call what its ``main`` calls;
some start it as the indexer does, which takes fifty times as long.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import random
import struct
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from services.indexer.parsing.frames import WorkerRequest
from services.indexer.parsing.isolation import Bounds, parsing
from services.indexer.parsing.parse_worker import limit_process, parse
from services.indexer.staging import ARTIFACT_COLUMNS, StagedThread
from shared.contracts.indexer import KindReport
from tests.hostile import seeds
from tests.hostile.mutations import mutate, sqlite_spots
from tests.hostile.reader import Reader
from tests.hostile.rows import disturb

SMS = "HomeDomain/Library/SMS/sms.db"
BOOK = "HomeDomain/Library/AddressBook/AddressBook.sqlitedb"
IMAGES = "HomeDomain/Library/AddressBook/AddressBookImages.sqlitedb"
#: The service's own limit of address space; resident memory is what the trial measures.
MEMORY_BYTES = 512 << 20
CPU_SECONDS = 6
#: Address space of a worker that has just started.
_FRESH_BYTES = 24 << 20
#: Reads so far of a reader whose next one is forked, neither started nor parsed twice.
FORKED = 2

_MESSAGE_TABLES = (
    "message", "message", "message", "chat", "handle", "attachment", "chat_message_join",
    "chat_handle_join", "message_attachment_join", "chat_recoverable_message_join",
    "recoverable_message_part",
)  # fmt: skip
_BOOK_TABLES = (
    "ABPerson", "ABPerson", "ABMultiValue", "ABMultiValue", "ABMultiValueEntry", "ABStore",
    "ABMultiValueEntryKey", "ABMultiValueLabel", "ABGroup", "ABGroupMembers", "ABPersonLink",
)  # fmt: skip


class KindFailed(Exception):  # noqa: N818 -- an outcome
    """The kind says that it failed, in a sentence of its own."""


class Unclear(Exception):  # noqa: N818
    """The worker crashed, or said what nobody could have meant."""


class Stores(Reader):
    """One kind's files, damaged, parsed."""

    errors = (KindFailed,)
    kind: str
    #: Of the forked parsers since somebody looked.
    peak_bytes = 0
    _count = 0

    def read(self, damaged: Any, scratch: Path) -> None:
        store = scratch / "store"
        store.mkdir()
        files: dict[str, str] = {}
        try:
            for number, (name, content) in enumerate(damaged.items()):
                path = store / f"{number}.db"
                path.write_bytes(content)
                if not name.endswith("-wal"):
                    files[name] = str(path)
                else:
                    path.rename(f"{files[name.removesuffix('-wal')]}-wal")
            self._count += 1
            request = WorkerRequest(
                kind=self.kind,
                files=files,
                listing=self.listing(store),
                apps=self.apps(store),
                region="US",
                memory_bytes=MEMORY_BYTES,
                cpu_seconds=CPU_SECONDS,
            )
            if self._count == FORKED:
                _import_what_is_used(request)
            output = _started(request) if self._count % 64 == 1 else _forked(request)
            self.check(output)
        finally:
            for path in store.iterdir():
                path.unlink()
            store.rmdir()

    def listing(self, store: Path) -> str | None:
        return None

    def apps(self, store: Path) -> str | None:
        return None

    def check(self, output: bytes) -> None:  # noqa: C901 -- one branch for each frame
        """Look at every frame as the parent and Postgres would."""
        report: KindReport | None = None
        kept, at = 0, 0
        while at < len(output):
            if report is not None:
                raise Unclear("frames behind the report")
            frame, length = output[at : at + 1], int.from_bytes(output[at + 1 : at + 5], "big")
            body = output[at + 5 : at + 5 + length]
            at += 5 + length
            if len(body) != length:
                raise Unclear("a frame is cut off")
            if frame == b"A":
                kept += check_rows(body)
            elif frame == b"T":
                _check_storable(msgspec.json.encode(msgspec.json.decode(body)))
                msgspec.json.decode(body, type=list[StagedThread])
            elif frame == b"R":
                report = msgspec.json.decode(body, type=KindReport)
        if report is None:
            raise Unclear("no report")
        if report.state != "indexed":
            if "Reading failed" in report.note or report.state != "failed" or not report.note:
                raise Unclear(report.note or report.state)
            raise KindFailed(report.note)
        if report.kept != kept:
            raise Unclear("the report counts other rows than came")


def check_rows(body: bytes) -> int:
    """Return how many rows of a COPY stream *body* holds; raises Unclear for what it refuses."""
    at, rows = 0, 0
    while at < len(body):
        (count,) = struct.unpack_from(">h", body, at)
        if count != len(ARTIFACT_COLUMNS):
            raise Unclear("a row of another length")
        at += 2
        for name, form in ARTIFACT_COLUMNS:
            (length,) = struct.unpack_from(">i", body, at)
            at += 4
            value = body[at : at + max(length, 0)]
            at += max(length, 0)
            if length == -1:
                if name in {"key", "digest", "payload"}:
                    raise Unclear(f"no {name}")
            elif form == "text":
                _check_storable(value)
            elif form == "jsonb":
                if value[:1] != b"\x01":
                    raise Unclear("no jsonb")
                json.loads(value[1:], parse_constant=_refuse)
                _check_storable(value[1:])
                if b"\\u0000" in value.replace(b"\\\\", b""):
                    raise Unclear("a NUL in JSON")
        rows += 1
    return rows


def _check_storable(value: bytes) -> None:
    value.decode()
    if b"\0" in value:
        raise Unclear("a NUL in text")


def _refuse(constant: str) -> None:
    raise Unclear(f"{constant} in JSON")


def _import_what_is_used(request: WorkerRequest) -> None:
    """Import what parsing imports: every forked parser would do so again, half of what it takes.

    A process that is thrown away finds out what that is, since this one must not parse anything.
    """

    def name_modules(output: BinaryIO) -> None:
        with Path(os.devnull).open("wb") as nowhere:
            parse(request, nowhere)
        output.write("\n".join(sys.modules).encode())

    for name in _fork(request, name_modules).decode().split("\n"):
        # Some are only names of what another one is.
        with contextlib.suppress(ImportError):
            import_module(name)


def _forked(request: WorkerRequest) -> bytes:
    return _fork(request, lambda output: parse(request, output))


def _fork(request: WorkerRequest, work: Callable[[BinaryIO], None]) -> bytes:
    """Return what *work* writes, in a process that is limited as a worker is."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        code = 3
        try:
            os.close(ours)
            # What this process holds beside a worker's own code must not count.
            inherited = int(Path("/proc/self/statm").read_text().split()[0]) * 4096
            limit_process(
                memory_bytes=inherited - _FRESH_BYTES + request.memory_bytes,
                cpu_seconds=request.cpu_seconds,
            )
            gc.freeze()
            with os.fdopen(theirs, "wb") as output:
                work(output)
            code = 0
        finally:
            os._exit(code)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        said = pipe.read()
    _, status, usage = os.wait4(child, 0)
    Stores.peak_bytes = max(Stores.peak_bytes, usage.ru_maxrss * 1024)
    if status:
        raise Unclear(f"the worker ended with {os.waitstatus_to_exitcode(status)}")
    return said


def _started(request: WorkerRequest) -> bytes:
    """Return the frames of a worker that was started as the indexer starts it."""

    async def run() -> bytes:
        async def ignore(done: int, total: int | None) -> None:
            pass

        bounds = Bounds(wall_seconds=20, silence_seconds=20)
        rows = bytearray()
        # As the indexer's own, but the worker belongs to this process, which was forked.
        command = (sys.executable, "-m", "services.indexer.parsing.caged_worker", str(os.getpid()))
        async with parsing(request, bounds=bounds, on_progress=ignore, command=command) as worker:
            pieces = [piece async for piece in worker.rows()]
            for piece in pieces[1:-1]:
                rows += b"A" + struct.pack(">I", len(piece)) + piece
            body = msgspec.json.encode(worker.report)
            return bytes(rows) + b"R" + struct.pack(">I", len(body)) + body

    # Watching a child needs no signals where pidfds are.
    return asyncio.run(run())


class Messages(Stores):
    """sms.db with its write-ahead log and the listing of attachments."""

    name = "messages (worker)"
    kind = "message"

    def open(self, folder: Path) -> None:
        self._seeds = seeds.message_stores()
        self._listed = "\n".join(
            json.dumps(
                {
                    "domain": file.domain, "relative_path": file.relative_path,
                    "file_id": "0" * 40, "size_bytes": len(file.content), "present": True,
                }
            )
            for file in seeds.phone()
            if file.domain == "MediaDomain"
        )  # fmt: skip

    def damage(self, chance: random.Random) -> dict[str, bytes]:
        content = chance.choice(self._seeds)
        draw = chance.random()
        if draw < 0.6:
            content = disturb(content, chance, tables=_MESSAGE_TABLES)
        if draw > 0.55:
            content = mutate(content, chance, others=self._seeds, spots=sqlite_spots)
        stores = {SMS: content}
        if chance.random() < 0.15:
            stores[f"{SMS}-wal"] = _wal(content, chance)
        return stores

    def listing(self, store: Path) -> str | None:
        path = store / "listing.jsonl"
        path.write_text(self._listed)
        return str(path)


class AddressBooks(Stores):
    """The address book and its pictures."""

    name = "contacts (worker)"
    kind = "contact"

    def open(self, folder: Path) -> None:
        self._seeds = seeds.address_books()

    def damage(self, chance: random.Random) -> dict[str, bytes]:
        book, images = chance.choice(self._seeds)
        draw = chance.random()
        if draw < 0.6:
            book = disturb(book, chance, tables=_BOOK_TABLES)
        if 0.55 < draw < 0.85:
            book = mutate(book, chance, others=(images,), spots=sqlite_spots)
        if draw > 0.8:
            images = mutate(images, chance, others=(book,), spots=sqlite_spots)
        if 0.5 < draw < 0.6:
            images = disturb(images, chance, tables=("ABThumbnailImage", "ABFullSizeImage"))
        return {BOOK: book, IMAGES: images}


def _wal(content: bytes, chance: random.Random) -> bytes:
    """A write-ahead log with right checksums whose frames replace pages by damaged ones."""
    size = int.from_bytes(content[16:18], "big") or 4096
    if size not in {512, 1024, 2048, 4096, 8192, 16384, 32768}:
        return chance.randbytes(200)
    header = struct.pack(">IIIIII", 0x377F0682, 3007000, size, 0, 1, 2)
    sums = _checksum(header, 0, 0)
    log = bytearray(header + struct.pack(">II", *sums))
    pages = max(1, len(content) // size)
    for _ in range(chance.choice((1, 2, 5))):
        number = chance.randrange(pages)
        page = mutate(content[number * size : (number + 1) * size], chance)[:size].ljust(
            size, b"\0"
        )
        head = struct.pack(">II", chance.choice((number + 1, pages + 5)), pages)
        sums = _checksum(head + page, *sums)
        log += head + struct.pack(">II", 1, 2) + struct.pack(">II", *sums) + page
    return bytes(log) if chance.random() < 0.8 else mutate(bytes(log), chance)


def _checksum(data: bytes, first: int, second: int) -> tuple[int, int]:
    words = struct.unpack(f"<{len(data) // 4}I", data)
    for one, two in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + two + first) & 0xFFFFFFFF
    return first, second


assert sys.platform == "linux"

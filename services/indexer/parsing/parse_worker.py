"""The process that reads one kind of one backup: one request on stdin, frames on stdout.

It is as good as in a cage: memory and processor time are limited, it dumps no core, opens only the
private copies that the request names and has no credentials. Whatever a hostile database does
here costs this kind of this backup. The last frame is always the report, unless the process was
killed. Nothing of what it reads is ever logged: notes name what went wrong, not what was in it.
"""

from __future__ import annotations

import gc
import resource
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from services.indexer.beside import Beside, BoundedFile, Half, Output, SharedPipe, append_file
from services.indexer.held import BYTES_PER_ROW, Held, count_held
from services.indexer.kinds import find_parser
from services.indexer.kinds.protocol import ParserInputs, Tally, UnsupportedStoreError
from services.indexer.memory import Memory, MemoryRefusedError, timeline_number
from services.indexer.parsing.frames import (
    DIVIDE_FROM,
    DIVIDED,
    GONE,
    HEAD,
    JOINED,
    LAPSED,
    LATTER_ROWS,
    PROGRESS,
    REFUSED,
    REMEMBERED,
    REPORT,
    ROWS,
    THREADS,
    WorkerRequest,
)
from services.indexer.staging import (
    MOST_KEY_BYTES,
    StagedArtifact,
    StagedThread,
    Threads,
    encode_json,
    encode_row,
)
from shared.contracts.indexer import KindReport

_ROWS_PER_FRAME_BYTES = 256 * 1024
_THREADS_PER_FRAME = 500
_head = HEAD.pack


class FrameSink:
    """Writes what a parser finds as frames, holding back no more than one frame of each type."""

    def __init__(
        self,
        output: Output,
        *,
        device: str = "",
        kind: str = "",
        memory: Memory | None = None,
        held: Held | None = None,
        divide_from: int = DIVIDE_FROM,
        halve_from: int | None = None,
    ) -> None:
        """Write to *output* what is of one kind of one device."""
        self._divide_from = divide_from
        self._halve_from = halve_from
        self._beside: Beside | None = None
        self._is_beside = False
        #: What rows are sent as.
        self._rows_are = ROWS
        self.tally = Tally()
        self.memory = memory
        self._held = held
        self._group: list[bytes] = []
        self._output: Output = output
        self._rows = bytearray()
        self.named_threads: Threads | None = Threads(device=device, kind=kind)
        self._threads: list[StagedThread] = []
        self._described: set[str] = set()

    def artifact(self, artifact: StagedArtifact) -> None:
        """Take one artifact."""
        if len(artifact.key) * 4 > MOST_KEY_BYTES and len(_bytes(artifact.key)) > MOST_KEY_BYTES:
            self.tally.skipped += 1
            return
        assert self.named_threads is not None
        self.row(encode_row(artifact, self.named_threads))

    def row(self, row: bytes) -> None:
        """Take one artifact that is encoded already."""
        self.tally.kept += 1
        if self.memory is not None:
            self._group.append(row)
        if self._held is not None and self._held.takes(row):
            return
        self._rows += row
        if len(self._rows) >= _ROWS_PER_FRAME_BYTES:
            self._flush_rows()

    def take_group(self) -> list[bytes]:
        """Return the rows that came since the last time."""
        rows, self._group = self._group, []
        return rows

    @property
    def in_halves(self) -> bool:
        """Whether rows of two processes may come in between each other if it is divided."""
        return self.memory is not None and not self.memory.relies

    def divide(self, count: int, work: Callable[[], object]) -> bool:
        """Let *work* go on in a second process, if there is much to do."""
        memory = self.memory
        enough = self._halve_from if self.in_halves else self._divide_from
        if memory is None or memory.is_refused or enough is None or count < enough:
            return False
        if self._held is not None:  # each of two processes would miss what the other one meets
            return False
        beside = Beside(memory.folder)
        memory.flush()
        shared: SharedPipe | None = None
        if self.in_halves:
            try:
                shared = SharedPipe(self._output, beside.turns)
            except OSError:
                return False
            self._write(DIVIDED, b"")
            self._output.flush()
            self._output = shared
        else:
            self._output.flush()

        def half() -> Half:
            assert self.memory is not None
            if shared is None:
                self._output = BoundedFile(beside.rows)
            else:
                shared.reopen()
                self._rows_are = LATTER_ROWS
                # What cannot be remembered was perhaps not to be divided: one process tells.
                self.memory.relies = True
            self._is_beside = True
            self.memory.go_on_in(beside.groups)
            tally = self.tally
            tally.reset()
            rest = msgspec.json.encode(work())
            self._flush_rows()
            self._output.flush()
            self.memory.flush()
            return Half(
                read=tally.read, kept=tally.kept, skipped=tally.skipped,
                undecodable=tally.undecodable, missing_files=tally.missing_files,
                notes=tally.notes, met=self.memory.met(), written=self.memory.written(),
                rest=rest,
            )  # fmt: skip

        beside.start(half)
        self._beside = beside
        return True

    def join(self) -> bytes:
        """Wait for the other half and pass on what it found."""
        assert self._beside is not None
        assert self.memory is not None
        half = self._beside.join()
        if half is None:
            raise MemoryRefusedError
        tally = self.tally
        tally.read += half.read
        tally.kept += half.kept
        tally.skipped += half.skipped
        tally.undecodable += half.undecodable
        tally.missing_files += half.missing_files
        for sentence, count in half.notes.items():
            tally.note(sentence, count)
        self.memory.absorb(met=half.met, written=half.written, groups=self._beside.groups)
        self._flush_rows()
        if self.in_halves:
            self._write(JOINED, b"")
        else:
            append_file(self._beside.rows, self._output)
        return half.rest

    def thread(self, thread: StagedThread) -> None:
        """Take one thread."""
        self._described.add(thread.key)
        self._threads.append(thread)
        if len(self._threads) >= _THREADS_PER_FRAME:
            self._flush_threads()

    def progress(self, done: int, total: int) -> None:
        """Pass on how far the run is."""
        if self._is_beside:
            return
        if self._beside is not None:  # the other half is as far, or a little less
            done = min(done * 2, total)
        self._write(PROGRESS, encode_json({"done": done, "total": total}))
        self._output.flush()

    def finish(self, kind: str, state: Literal["indexed", "absent", "failed"], note: str) -> None:
        """Write what is left and the report."""
        if state == "indexed":
            self._flush_rows()
            self._describe_rest()
            self._flush_threads()
            if self.memory is not None and not self.memory.is_refused:
                self._write(LAPSED, b"".join(self.memory.lapsed()))
                self._write(REMEMBERED, b"")
            if self._held is not None:
                self._write(GONE, self._held.left())
        tally = self.tally
        report = KindReport(
            kind=kind,
            state=state,
            read=tally.read,
            kept=tally.kept,
            skipped=tally.skipped,
            undecodable=tally.undecodable,
            missing_files=tally.missing_files,
            note=" ".join(part for part in (note, tally.sentences()) if part),
            keeps_days=tally.keeps_days,
        )
        self._write(REPORT, encode_json(report))
        self._output.flush()

    def refuse(self) -> None:
        """Say that the run has to begin again without what the one before left."""
        self._write(REFUSED, b"")

    def _describe_rest(self) -> None:
        assert self.named_threads is not None
        for key in self.named_threads.keys:
            if key not in self._described:
                self.thread(
                    StagedThread(
                        key=key, title=None, is_group=False, participants=[], services=[],
                        raw_keys=[],
                    )
                )  # fmt: skip

    def _flush_rows(self) -> None:
        if self._rows:
            self._write(self._rows_are, self._rows)
            self._rows.clear()

    def _flush_threads(self) -> None:
        if self._threads:
            self._write(THREADS, encode_json(self._threads))
            self._threads.clear()

    def _write(self, kind: bytes, body: bytes | bytearray) -> None:
        if isinstance(self._output, SharedPipe):
            self._output.write(_head(kind, len(body)) + body)
        else:
            self._output.write(_head(kind, len(body)))
            self._output.write(body)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def limit_process(*, memory_bytes: int, cpu_seconds: int) -> None:
    """Bound what this process may use, before it opens anything."""
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (allowed, allowed))


def parse(request: WorkerRequest, output: BinaryIO) -> None:
    """Run the parser of *request* and write its frames; the report comes last in any case."""
    with ExitStack() as open_files:
        memory = None
        if request.remember is not None:
            memory = open_files.enter_context(
                Memory(
                    timeline=timeline_number(request.device, request.kind),
                    target=Path(request.remember),
                    known=None if request.known is None else Path(request.known),
                )
            )
        sink = FrameSink(
            output,
            device=request.device,
            kind=request.kind,
            memory=memory,
            held=None if request.held is None else Held(Path(request.held)),
            divide_from=request.divide_from,
            halve_from=request.halve_from,
        )
        _parse(request, sink)


def _parse(request: WorkerRequest, sink: FrameSink) -> None:
    parser = find_parser(request.kind)
    if parser is None:
        sink.finish(request.kind, "failed", "Nobody here reads this kind.")
        return
    files = {name: Path(path) for name, path in request.files.items()}
    has_any = any(needed.required and needed.is_among(files) for needed in parser.files)
    if not has_any and not (parser.enough and request.listing):
        sink.finish(request.kind, "absent", "This backup has no such store.")
        return
    inputs = ParserInputs(
        files=files,
        listing=None if request.listing is None else Path(request.listing),
        apps=None if request.apps is None else Path(request.apps),
        region=request.region,
    )
    _count_unfetched(request, sink.tally)
    try:
        parser.parse(inputs, sink)
    except MemoryRefusedError:
        sink.refuse()
        sink.finish(request.kind, "failed", "The store has to be read as a whole.")
    except UnsupportedStoreError as error:
        sink.finish(request.kind, "failed", str(error))
    except MemoryError:
        sink.finish(request.kind, "failed", "The store needs more memory than is allowed.")
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 -- the parent must hear of any failure
        sink.finish(request.kind, "failed", f"Reading failed ({type(error).__name__}).")
    else:
        sink.finish(request.kind, "indexed", "")


def _count_unfetched(request: WorkerRequest, tally: Tally) -> None:
    tally.missing_files += request.missing
    if request.missing:
        tally.note("A file that the backup lists is not on disk.", request.missing)
    if request.left_out:
        tally.note("The backup has more such files than are read.", request.left_out)


def main() -> None:
    """Read the request, cage this process, parse."""
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=WorkerRequest)
    # What is held is no part of what a store may need.
    held = 0 if request.held is None else count_held(Path(request.held)) or 0
    limit_process(
        memory_bytes=request.memory_bytes + held * BYTES_PER_ROW, cpu_seconds=request.cpu_seconds
    )
    # Artifacts hold no cycles worth looking for; the collector would walk millions of rows.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    parse(request, sys.stdout.buffer)


if __name__ == "__main__":
    main()

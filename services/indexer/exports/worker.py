"""The process that writes one export: frames on stdin, frames on stdout, see ``wire``.

It holds no key and opens no file: rows and files of the phone come in, the bytes of the zip go out.
What one item does to a format costs that item; what breaks the process costs the export, and the
indexer hears nothing but that. Nothing of what it reads is ever logged.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from typing import BinaryIO, TypeVar

import msgspec

from services.indexer.exports import wire
from services.indexer.exports.cage import lock_in
from services.indexer.exports.formats import find_format
from services.indexer.exports.formats.protocol import Format, Group, Item, Media
from services.indexer.exports.manifest import write_manifest, write_sums
from services.indexer.exports.wire import (
    CONTENT_HEAD,
    HEAD,
    Ending,
    ExportReport,
    FileEnd,
    FileHead,
    Made,
    SentItem,
    Task,
)
from services.indexer.exports.zip_output import ZipOutput
from shared.contracts.exports import KindExported, LeftOut, MediaExported

T = TypeVar("T")
#: The bytes of a file; at last, how it ended.
Pieces = Generator[bytes, None, FileEnd]

#: More items than this are told as large documents to the zip.
_MANY_ITEMS = 100_000
_OUT_BYTES = 256 * 1024
_PROGRESS_ITEMS = 500
_items = msgspec.json.Decoder(list[SentItem]).decode

#: What became of a file, by artifact and number: where it is, or why not, or both.
Fates = dict[tuple[str, int], Media]


class Broken(Exception):  # noqa: N818 -- the end of the conversation, whoever's fault it is
    """The indexer is gone, or says something that is no frame."""


class FrameOutput:
    """The way out: bytes of the zip as frames, and what is said between them."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._waiting = bytearray()

    def write(self, data: bytes, /) -> int:
        """Append bytes of the zip."""
        self._waiting += data
        if len(self._waiting) >= _OUT_BYTES:
            self.flush()
        return len(data)

    def flush(self) -> None:
        """Send what was gathered."""
        if self._waiting:
            self._send(wire.ZIP, self._waiting)
            self._waiting.clear()

    def say(self, kind: bytes, what: msgspec.Struct) -> None:
        """Send a message."""
        self._send(kind, msgspec.json.encode(what))

    def _send(self, kind: bytes, body: bytes | bytearray) -> None:
        self._target.write(HEAD.pack(kind, len(body)))
        self._target.write(body)
        self._target.flush()


class Export:
    """One export at work."""

    def __init__(self, task: Task, output: FrameOutput) -> None:
        self._about = task.about
        self._output = output
        self._zip = ZipOutput(
            output,
            made_at=task.about.made_at,
            zone=task.about.zone,
            is_large=task.about.total > _MANY_ITEMS,
        )
        self._format: Format = find_format(task.format)(self._zip, task.about)
        self._group: Group | None = None
        self._has_begun = False
        self._fates: Fates = {}
        self._contents: dict[int, bytes] = {}
        self._read: Counter[str] = Counter()
        self._written: Counter[str] = Counter()
        self._left_out: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._media_written = self._media_bytes = 0
        self._told = 0

    def begin_group(self, group: Group) -> None:
        """Go on to the next group."""
        self._end_group()
        self._group = group

    def take_file(self, head: FileHead, pieces: Pieces) -> FileEnd:
        """Write a file as the format wants it; the last piece is followed by how it ended."""
        assert self._group is not None
        place = None
        with suppress(Exception):
            place = self._format.place(self._group, head.artifact, head.n, head.size_bytes)
        if place is None:
            return _copy(pieces, len)
        with self._zip.member(
            place.path, modified_at=place.modified_at, size_bytes=head.size_bytes
        ) as sink:
            end = _copy(pieces, sink.write)
        self._fates[head.artifact.id, head.n] = Media(path=place.path, reason=end.reason)
        self._media_written += 1
        self._media_bytes += self._zip.members[-1].size_bytes
        return end

    def take_content(self, n: int, content: bytes) -> None:
        """Keep a file's bytes for the item that comes next."""
        self._contents[n] = content

    def take_items(self, items: list[SentItem]) -> None:
        """Write items of the group."""
        assert self._group is not None
        if not self._has_begun:
            self._format.begin_group(self._group)
            self._has_begun = True
        for sent in items:
            self._take(sent)
        done = self._read.total()
        if done - self._told >= _PROGRESS_ITEMS:
            self._told = done
            self._output.say(wire.PROGRESS, Made(items=done))

    def _take(self, sent: SentItem) -> None:
        artifact = sent.artifact
        contents, self._contents = self._contents, {}
        self._read[artifact.kind] += 1
        item = Item(artifact=artifact, media=self._media_of(sent, contents), contents=contents)
        try:
            reason = self._format.add(item)
        except (MemoryError, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 -- a record that cannot be written costs itself
            reason = f"It could not be written in this format ({type(error).__name__})."
        if reason is None:
            self._written[artifact.kind] += 1
        else:
            self._left_out[artifact.kind][reason] += 1

    def _media_of(self, sent: SentItem, contents: Mapping[int, bytes]) -> dict[int, Media]:
        media = {}
        for attachment in sent.artifact.attachments:
            n = attachment.n
            fate = self._fates.get((sent.artifact.id, n))
            if fate is None and n not in contents:
                fate = Media(reason=sent.reasons.get(n))
            media[n] = fate or Media()
        return media

    def finish(self, ending: Ending) -> ExportReport:
        """Write what is about everything, and say what was made."""
        self._end_group()
        self._format.end()
        report = ExportReport(
            kinds=self._kinds(ending),
            media=MediaExported(
                written=self._media_written,
                written_bytes=self._media_bytes,
                left_out=ending.media_left_out,
                locked=ending.locked,
            ),
            members=len(self._zip.members),
            notes=[*ending.notes, *self._format.notes()],
        )
        write_manifest(self._zip, self._about, report, ending, self._format.name)
        write_sums(self._zip)
        self._zip.close()
        self._output.flush()
        return report

    def _end_group(self) -> None:
        if self._has_begun:
            self._format.end_group()
        self._has_begun = False
        if not self._format.spans_groups:
            self._fates.clear()

    def _kinds(self, ending: Ending) -> list[KindExported]:
        reports = []
        for kind in sorted({*self._read, *ending.left_out}):
            beside = ending.left_out.get(kind, [])
            reports.append(
                KindExported(
                    kind=kind,
                    read=self._read[kind] + sum(one.count for one in beside),
                    written=self._written[kind],
                    left_out=[
                        *(
                            LeftOut(reason=reason, count=count)
                            for reason, count in self._left_out[kind].most_common()
                        ),
                        *beside,
                    ],
                )
            )
        return reports


def work(source: BinaryIO, target: BinaryIO) -> None:
    """Write the export that is asked for. Raises ``Broken`` when it cannot come to its end."""
    kind, body = _frame(source)
    if kind != wire.TASK:
        raise Broken
    task = _decode(body, Task)
    find_format(task.format).prepare()
    lock_in(memory_bytes=task.memory_bytes, cpu_seconds=task.cpu_seconds)
    output = FrameOutput(target)
    export = Export(task, output)
    while True:
        kind, body = _frame(source)
        if kind == wire.ITEMS:
            export.take_items(_items(body))
        elif kind == wire.GROUP:
            export.begin_group(_decode(body, Group))
        elif kind == wire.FILE:
            export.take_file(_decode(body, FileHead), _pieces(source))
        elif kind == wire.CONTENT:
            (n,) = CONTENT_HEAD.unpack_from(body)
            export.take_content(n, body[CONTENT_HEAD.size :])
        elif kind == wire.END:
            report = export.finish(_decode(body, Ending))
            output.say(wire.REPORT, report)
            return
        else:
            raise Broken


def _pieces(source: BinaryIO) -> Pieces:
    """Yield the bytes of a file; returns its end."""
    while True:
        kind, body = _frame(source)
        if kind == wire.DATA:
            yield body
        elif kind == wire.FILE_END:
            return _decode(body, FileEnd)
        else:
            raise Broken


def _copy(pieces: Pieces, write: Callable[[bytes], object]) -> FileEnd:
    while True:
        try:
            write(next(pieces))
        except StopIteration as stop:
            end: FileEnd = stop.value
            return end


def _frame(source: BinaryIO) -> tuple[bytes, bytes]:
    head = source.read(HEAD.size)
    if len(head) < HEAD.size:
        raise Broken
    kind, size = HEAD.unpack(head)
    body = source.read(size) if size <= wire.MOST_FRAME_BYTES else b""
    if len(body) < size:
        raise Broken
    return kind, body


def _decode(body: bytes, of: type[T]) -> T:
    return msgspec.json.decode(body, type=of)


def main() -> None:
    """Work; whatever goes wrong is an exit code."""
    try:
        work(sys.stdin.buffer, sys.stdout.buffer)
    except BaseException as error:  # noqa: BLE001 -- a traceback would quote what it was reading
        sys.exit(3 if isinstance(error, MemoryError) else 1)

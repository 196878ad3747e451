"""The content of a note as the phone keeps it: compressed, a text and runs of what it looks like.

Lengths of runs are in units of UTF-16. Called for notes, for cells of tables, and for what was
decrypted.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import msgspec

from services.indexer.kinds.protobuf import Message, ProtobufError

#: What Notes keeps of a long note with its history is a few megabytes.
MOST_BYTES = 16 * 1024 * 1024
#: A phone writes a run for every second of typing.
MOST_RUNS = 200_000
_GZIP = zlib.MAX_WBITS + 32


class _Paragraph(NamedTuple):
    style: int | None = None
    align: int | None = None
    indent: int = 0
    is_quote: bool = False
    done: bool | None = None


_PLAIN = _Paragraph()


class BodyError(Exception):
    """The bytes are no content of a note."""


class Run(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """*length* units of text that are alike; numbers are the phone's own."""

    length: int
    style: int | None = None
    align: int | None = None
    indent: int = 0
    is_quote: bool = False
    #: Of a checklist; None outside of one.
    done: bool | None = None
    weight: int = 0
    underline: bool = False
    strike: bool = False
    script: int = 0
    link: str | None = None
    color: tuple[float, float, float] | None = None
    highlight: int | None = None
    #: The attachment that stands here, and its type.
    attachment: str | None = None
    uti: str | None = None


class Body(msgspec.Struct, frozen=True):
    """A text with U+FFFC where attachments stand, and its runs.

    Not whole: what the end of the text looks like could not be read.
    """

    text: str
    runs: tuple[Run, ...]
    is_whole: bool = True


def unpack(data: bytes) -> bytes:
    """Return what is compressed in *data*; raises BodyError, also for more than a note has."""
    inflate = zlib.decompressobj(_GZIP)
    try:
        content = inflate.decompress(data, MOST_BYTES)
    except zlib.error:
        raise BodyError("not compressed") from None
    if inflate.unconsumed_tail:
        raise BodyError("too long")
    if not inflate.eof:
        raise BodyError("cut short")
    return content


def read_body(data: bytes) -> Body:
    """Return the text and runs of a note's compressed content; raises BodyError."""
    try:
        note = Message(unpack(data)).find(2, 3)
        if note is None:
            raise BodyError("no note")
        return read_note(note)
    except ProtobufError as error:
        raise BodyError(str(error)) from None


def read_note(note: Message) -> Body:
    """Return text and runs of the message that a note or a cell is.

    A run that cannot be read costs the looks of what is behind it, and no text.
    """
    runs: list[Run] = []
    # Runs of one paragraph say the same of it, and most paragraphs of a note are alike.
    paragraphs: dict[bytes | None, _Paragraph] = {None: _PLAIN}
    try:
        for run in note.each(5):
            if len(runs) == MOST_RUNS:
                return Body(note.text(2) or "", tuple(runs), False)
            runs.append(_run(run, paragraphs))
    except ProtobufError:
        return Body(note.text(2) or "", tuple(runs), False)
    return Body(note.text(2) or "", tuple(runs))


def _run(run: Message, paragraphs: dict[bytes | None, _Paragraph]) -> Run:
    attachment, color = run.message(12), run.message(10)
    said = run.content(2)
    paragraph = paragraphs.get(said)
    if paragraph is None:
        assert said is not None
        paragraph = paragraphs[said] = _paragraph(run.nested(said))
    return Run(
        length=max(run.signed(1) or 0, 0),
        style=paragraph.style,
        align=paragraph.align,
        indent=paragraph.indent,
        is_quote=paragraph.is_quote,
        done=paragraph.done,
        weight=run.integer(5) or 0,
        underline=bool(run.integer(6)),
        strike=bool(run.integer(7)),
        script=run.signed(8) or 0,
        link=run.text(9) or None,
        highlight=run.integer(14),
        attachment=None if attachment is None else attachment.text(1),
        uti=None if attachment is None else attachment.text(2),
        color=None if color is None else _color(color),
    )


def _paragraph(paragraph: Message) -> _Paragraph:
    checklist = paragraph.message(5)
    return _Paragraph(
        style=paragraph.signed(1),
        align=paragraph.integer(2),
        indent=max(paragraph.signed(4) or 0, 0),
        is_quote=bool(paragraph.integer(8)),
        done=None if checklist is None else bool(checklist.integer(2)),
    )


def _color(color: Message) -> tuple[float, float, float]:
    red, green, blue = (color.real(number) or 0.0 for number in (1, 2, 3))
    return red, green, blue

"""The text of a message out of its ``attributedBody``, with the attributes of its runs.

Three ways, tried in this order: a pattern for the plain one-part text that nearly all messages
are, the whole typedstream, and a search for the string alone when the stream is damaged.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from services.indexer.kinds.message.typedstream import Instance, TypedStream, TypedStreamError

_STRING_HEAD = re.compile(
    rb"\x04\x0bstreamtyped\x81\xe8\x03\x84\x01@\x84\x84\x84"
    rb"(?:\x19NSMutableAttributedString\x00\x84\x84)?\x12NSAttributedString\x00\x84\x84"
    rb"\x08NSObject\x00\x85\x92\x84\x84\x84(?:\x0fNSMutableString\x01\x84\x84)?"
    rb"\x08NSString\x01[\x94\x95]\x84\x01\+",
    re.DOTALL,
)
# One run whose only attribute is "part 0".
_PLAIN_TAIL = re.compile(
    rb"\x86\x84\x02iI\x01([\x00-\x7f]|\x81..|\x82....)\x92\x84\x84\x84\x0cNSDictionary\x00."
    rb"\x84\x01i\x01\x92\x84..\x1d__kIMMessagePartAttributeName\x86"
    rb"\x92\x84\x84\x84\x08NSNumber\x00\x84\x84\x07NSValue\x00.\x84\x01\*\x84..\x00\x86\x86\x86\Z",
    re.DOTALL,
)
_RUN_HEAD = b"\x86\x84\x02iI\x01"
_MOST_RUNS = 20_000


class Run(msgspec.Struct, frozen=True, gc=False):
    """A stretch of text; ``start`` and ``length`` in UTF-16 units, as on the phone."""

    start: int
    length: int
    attributes: dict[str, Any]


class AttributedText(msgspec.Struct, frozen=True):
    """Text and its runs; no runs means plain. ``is_whole`` is false when the end is lost."""

    text: str
    runs: tuple[Run, ...] = ()
    is_whole: bool = True


class PlainBodies:
    """Reads plain texts by comparing what surrounds them with what surrounded the last one.

    On a phone that is the same for nearly all of them but for two lengths.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._head = self._tail = b""

    def text_of(self, data: bytes) -> bytes | None:
        """Return the bytes of a plain one-part text, or None for anything else."""
        head, tail = self._head, self._tail
        if head and data.startswith(head) and data.endswith(tail):
            start = len(head) + 1
            length = data[start - 1]
            if length < 0x81:
                end = start + length
                # What comes between text and tail: where the run begins, and its length.
                if data[end : end + 6] == _RUN_HEAD and (
                    len(data) == end + 7 + len(tail) and data[end + 6] < 0x80
                ):
                    return data[start:end]
        return self._learn(data)

    def _learn(self, data: bytes) -> bytes | None:
        head = _STRING_HEAD.match(data)
        found = None if head is None else _counted(data, head.end())
        if head is None or found is None:
            return None
        tail = _PLAIN_TAIL.match(data, found[1])
        if tail is None:
            return None
        self._head, self._tail = data[: head.end()], data[tail.end(1) :]
        return data[found[0] : found[1]]


def decode_attributed_text(data: bytes) -> AttributedText | None:
    """Return the text of a typedstream, or None when there is no telling what it was."""
    plain = _decode_plain(data)
    if plain is not None:
        return AttributedText(plain)
    try:
        return _decode_stream(data)
    except (TypedStreamError, RecursionError, ValueError):
        return rescue_text(data)


def _decode_plain(data: bytes) -> str | None:
    head = _STRING_HEAD.match(data)
    if head is None:
        return None
    found = _counted(data, head.end())
    if found is None or _PLAIN_TAIL.match(data, found[1]) is None:
        return None
    return data[found[0] : found[1]].decode("utf-8", "replace")


def _counted(data: bytes, at: int) -> tuple[int, int] | None:
    """Return where the counted bytes at *at* begin and end."""
    if at >= len(data):
        return None
    length = data[at]
    at += 1
    if length == 0x81:
        length, at = int.from_bytes(data[at : at + 2], "little"), at + 2
    elif length == 0x82:
        length, at = int.from_bytes(data[at : at + 4], "little"), at + 4
    elif 0x83 <= length < 0x92:
        return None
    return at, at + length


def _decode_stream(data: bytes) -> AttributedText:
    root = TypedStream(data).read_root()
    if isinstance(root, str):
        return AttributedText(root)
    if not isinstance(root, Instance) or "NSAttributedString" not in root.classes:
        raise TypedStreamError("no attributed string")
    groups = iter(root.groups)
    text = next((values[0] for encoding, values in groups if encoding == "@"), None)
    if not isinstance(text, str):
        raise TypedStreamError("an attributed string without its string")
    runs: list[Run] = []
    known: dict[int, dict[str, Any]] = {}
    start = 0
    pending: tuple[int, int] | None = None
    for encoding, values in groups:
        if encoding == "iI" and len(values) == 2:
            if pending is not None:  # an earlier run's attributes again
                start = _add_run(runs, start, pending[1], known.get(pending[0], {}))
            pending = (values[0], values[1])
        elif encoding == "@" and pending is not None:
            attributes = values[0] if isinstance(values[0], dict) else {}
            known[pending[0]] = attributes
            start = _add_run(runs, start, pending[1], attributes)
            pending = None
        if len(runs) > _MOST_RUNS:
            raise TypedStreamError("too many runs")
    if pending is not None:
        _add_run(runs, start, pending[1], known.get(pending[0], {}))
    return AttributedText(text, tuple(runs))


def _add_run(runs: list[Run], start: int, length: int, attributes: dict[str, Any]) -> int:
    runs.append(Run(start, length, attributes))
    return start + length


def rescue_text(data: bytes) -> AttributedText | None:
    """Find the first string of a damaged stream by its look; whole unless the bytes end in it."""
    name = data.find(b"NSString")
    if name < 0:
        name = data.find(b"NSMutableString")
    plus = data.find(b"+", name) if name >= 0 else -1
    found = _counted(data, plus + 1) if plus >= 0 else None
    if found is None:
        return None
    start, end = found
    text = data[start:end].decode("utf-8", "ignore")
    return AttributedText(text, is_whole=end <= len(data)) if text else None

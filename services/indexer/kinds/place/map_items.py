"""Addresses in what Maps keeps of places and routes.

Nobody published these messages. What readers agree upon: wherever a field 101 stands, its field 2
has the lines of an address as the texts of field 11, or is a text itself. Everything is bounded:
a reader was known to hang on these.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.indexer.kinds.protobuf import Message, ProtobufError, read_message

#: Contents that are looked at in one blob; a route through ten places has some thousand.
_MOST_CONTENTS = 3_000
_DEEPEST = 14
_LARGEST_BYTES = 512 * 1024
_LONGEST_LINE = 200
_MOST_LINES = 12
_MOST_ADDRESSES = 30
_PLACE, _DETAILS, _LINES = 101, 2, 11


def addresses_in(blob: object) -> tuple[str, ...]:
    """Return the addresses in a blob in their order, each once; none for what is no message."""
    if not isinstance(blob, bytes) or len(blob) > _LARGEST_BYTES:
        return ()
    message = read_message(blob)
    if message is None:
        return ()
    found: dict[str, None] = {}
    try:
        for address in _walk(message, [_MOST_CONTENTS], 0):
            found[address] = None
            if len(found) >= _MOST_ADDRESSES:
                break
    except (ProtobufError, RecursionError):
        pass
    return tuple(found)


def _walk(message: Message, left: list[int], depth: int) -> Iterator[str]:
    for number in message.numbers:
        for content in message.contents(number):
            left[0] -= 1
            if left[0] < 0:
                return
            # What is text is not taken apart; most messages hold a byte that no text has.
            if len(content) < 4 or depth >= _DEEPEST or _line(content) is not None:
                continue
            try:
                nested = message.nested(content)
            except ProtobufError:
                continue
            address = _address(nested) if number == _PLACE else None
            if address is not None:
                yield address
            else:
                yield from _walk(nested, left, depth + 1)


def _address(place: Message) -> str | None:
    for content in place.contents(_DETAILS)[:_MOST_LINES]:
        line = _line(content)
        if line is not None:
            return line
        try:
            details = place.nested(content)
        except ProtobufError:
            continue
        lines = [line for one in details.contents(_LINES)[:_MOST_LINES] if (line := _line(one))]
        if lines:
            return ", ".join(dict.fromkeys(lines))
    return None


def _line(content: bytes) -> str | None:
    """Return a content that is a line of text, or None."""
    if not 2 <= len(content) <= _LONGEST_LINE:
        return None
    try:
        line = content.decode().strip()
    except UnicodeDecodeError:
        return None
    return line if len(line) >= 2 and line.isprintable() else None

"""Pages as bytes: every item is encoded once, and a page ends before the bus's payload limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from shared.contracts.indexer import Artifact, Hit

Item = TypeVar("Item")

_encode = msgspec.json.Encoder().encode
#: Room for what surrounds the items: cursors, facets, headers.
_RESERVED_BYTES = 64 * 1024
_SHORT_TEXT_CHARACTERS = 20_000
#: Pages with more text than this take longer to make than others should wait.
_LONG_CHARACTERS = 100_000


class Cut(Generic[Item]):
    """The first of some items that fit together, encoded, and how many they are."""

    def __init__(
        self,
        items: Iterable[Item],
        *,
        most_bytes: int,
        shorten: Callable[[Item], object] | None = None,
    ) -> None:
        """Take items while they fit; one that is too large by itself is shortened, not lost."""
        room = most_bytes - _RESERVED_BYTES
        self.parts: list[bytes] = []
        self.is_whole = True
        for item in items:
            body = _encode(item)
            if len(body) > room and not self.parts and shorten is not None:
                body = _encode(shorten(item))
            elif len(body) > room:
                self.is_whole = False
                break
            room -= len(body) + 1
            self.parts.append(body)
        self.count = len(self.parts)


async def fit(
    items: Iterable[Item],
    *,
    rows: Sequence[Mapping[str, Any]],
    most_bytes: int,
    shorten: Callable[[Item], object],
) -> Cut[Item]:
    """Cut artifacts made of *rows*; beside the event loop where there is much to encode."""

    def take() -> Cut[Item]:
        return Cut(items, most_bytes=most_bytes, shorten=shorten)

    size = sum(len(row["text"] or "") + len(row["payload"]) for row in rows)
    return await asyncio.to_thread(take) if size > _LONG_CHARACTERS else take()


def assemble(parts: Iterable[bytes], fields: Mapping[str, object]) -> bytes:
    """Return one JSON object with ``items`` and the other *fields*."""
    pieces = [b'{"items":[']
    for part in parts:
        pieces += [part, b","]
    if len(pieces) > 1:
        del pieces[-1]
    pieces.append(b"]")
    for name, value in fields.items():
        pieces += [b",", _encode(name), b":", _encode(value)]
    pieces.append(b"}")
    # Copied once: a page may have eight megabytes.
    return b"".join(pieces)


def shorten_artifact(artifact: Artifact) -> Artifact:
    """Return *artifact* without what makes it too large for one reply, and saying so."""
    return msgspec.structs.replace(
        artifact,
        text=None if artifact.text is None else artifact.text[:_SHORT_TEXT_CHARACTERS],
        title=None if artifact.title is None else artifact.title[:500],
        payload={"shortened": True},
        attachments=artifact.attachments[:100],
    )


def shorten_hit(hit: Hit) -> Hit:
    """Return *hit* with a shortened artifact."""
    return msgspec.structs.replace(hit, artifact=shorten_artifact(hit.artifact))

"""Pages as bytes: every item is encoded once, and a page ends before the bus's payload limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

import msgspec

from shared.contracts.indexer import Artifact, Hit

Item = TypeVar("Item")

_encode = msgspec.json.Encoder().encode
#: Room for what surrounds the items: cursors, facets, headers.
_RESERVED_BYTES = 64 * 1024
_SHORT_TEXT_CHARACTERS = 20_000


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


def assemble(parts: Iterable[bytes], fields: Mapping[str, object]) -> bytes:
    """Return one JSON object with ``items`` and the other *fields*."""
    rest = b"".join(b"," + _encode(name) + b":" + _encode(value) for name, value in fields.items())
    return b'{"items":[' + b",".join(parts) + b"]" + rest + b"}"


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

"""What is packed inside messages: attributed texts, keyed archives, summaries."""

from __future__ import annotations

import contextlib
import plistlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.indexer.kinds.keyed_archive import load_archive
from services.indexer.kinds.message.attributed_text import decode_attributed_text
from services.indexer.kinds.message.balloons import (
    describe_balloon,
    read_poll,
    read_votes,
    readable_text,
)
from services.indexer.kinds.message.rich_text import plain_text
from services.indexer.kinds.message.summary import read_summary
from services.indexer.staging import encode_json
from tests.hostile import seeds
from tests.hostile.mutations import (
    anywhere,
    mutate,
    property_list_spots,
)
from tests.hostile.reader import Reader


class TypedStreams(Reader):
    """Attributed texts of messages."""

    name = "typedstream"
    errors = ()

    def open(self, folder: Path) -> None:
        self._seeds = seeds.typedstreams()

    def damage(self, chance: random.Random) -> bytes:
        return mutate(chance.choice(self._seeds), chance, others=self._seeds, spots=anywhere)

    def read(self, damaged: Any, scratch: Path) -> None:
        decoded = decode_attributed_text(damaged)
        if decoded is not None:
            assert len(decoded.text) <= len(damaged)
            encode_json([plain_text(decoded.text), len(decoded.runs)])


class Archives(Reader):
    """Keyed archives and summaries: app messages, link previews, polls, edits."""

    name = "keyed archive"
    errors = ()

    def open(self, folder: Path) -> None:
        self._seeds = seeds.archives()

    def damage(self, chance: random.Random) -> bytes:
        content = chance.choice(self._seeds)
        if chance.random() < 0.3:
            with contextlib.suppress(Exception):
                value = _tangled(plistlib.loads(content), chance)
                return plistlib.dumps(value, fmt=plistlib.FMT_BINARY)
        return mutate(content, chance, others=self._seeds, spots=property_list_spots)

    def read(self, damaged: Any, scratch: Path) -> None:
        root = load_archive(damaged)
        for bundle in _BUNDLES:
            app = describe_balloon(bundle, damaged)
            encode_json([app, readable_text(app)])
        encode_json([read_poll(root), read_votes(damaged), read_summary(damaged)])


_BUNDLES = (
    "com.apple.messages.URLBalloonProvider",
    "com.apple.DigitalTouchBalloonProvider",
    "com.apple.messages.MSMessageExtensionBalloonPlugin:0000000000:com.apple.messages.Polls",
    "com.apple.messages.MSMessageExtensionBalloonPlugin:0000000000:com.example.game",
)


def _tangled(value: Any, chance: random.Random) -> Any:
    """Replace values anywhere by others from anywhere, shared ones, and references."""
    places: list[tuple[Any, Any]] = []
    pending = [value]
    while pending and len(places) < 5000:
        one = pending.pop()
        keys: Sequence[Any] = list(one) if isinstance(one, dict) else range(len(one))
        places += [(one, key) for key in keys]
        pending += [one[key] for key in keys if isinstance(one[key], dict | list)]
    for _ in range(chance.choice((1, 3, 10))):
        holder, key = chance.choice(places)
        other, other_key = chance.choice(places)
        holder[key] = chance.choice(
            (
                other[other_key],
                plistlib.UID(chance.randrange(40)),
                plistlib.UID(2**32 - 1),
                2**64 - 1,
                -(2**63),
                float("nan"),
                "\ud800",
                "a\0b",
                b"bplist00",
                [other[other_key]] * 3,
                {"NS.objects": [plistlib.UID(1), plistlib.UID(2)], "NS.keys": [plistlib.UID(1)]},
            )
        )
    return value

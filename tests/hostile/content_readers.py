"""What is packed inside records: attributed texts, keyed archives, summaries, protobufs."""

from __future__ import annotations

import contextlib
import plistlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deploy.demo.minted_protobuf import protobuf, varint
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
from services.indexer.kinds.protobuf import Message, ProtobufError
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


class Protobufs(Reader):
    """Messages of protocol buffers, and whatever can be taken for a message in them."""

    name = "protobuf"
    errors = (ProtobufError,)

    def open(self, folder: Path) -> None:
        self._seeds = seeds.protobufs()

    def damage(self, chance: random.Random) -> bytes:
        content = chance.choice(self._seeds)
        if chance.random() < 0.3:
            # A length that is absurd, or nearly right, before what is whole.
            claim = chance.choice((len(content), len(content) + 1, 2**31, 2**32, 2**63, 2**64 - 1))
            content = (
                varint(chance.choice((1, 2, 15, 2**29 - 1)) << 3 | 2) + varint(claim) + content
            )
        for _ in range(chance.choice((0, 0, 0, 1, 45))):
            content = protobuf({chance.choice((1, 2, 3)): content})
        return mutate(content, chance, others=self._seeds, spots=anywhere)

    def read(self, damaged: Any, scratch: Path) -> None:
        # The outermost one may be refused, which is said; those inside are left out.
        pending = [Message(damaged)]
        while pending:
            message = pending.pop()
            for number in message.numbers:
                encode_json([message.texts(number), message.integers(number)])
                assert -(2**63) <= (message.signed(number) or 0) < 2**63
                message.real(number)
                with contextlib.suppress(ProtobufError):
                    pending += message.messages(number)


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

"""What a run leaves out because it is known, on stores that are as no phone writes them."""

from __future__ import annotations

import io
import random
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.indexer.memory import DIGEST_BYTES, FINGERPRINT_BYTES
from services.indexer.parsing.frames import WorkerRequest
from services.indexer.parsing.parse_worker import parse
from tests.hostile import seeds
from tests.hostile.mutations import mutate, sqlite_spots
from tests.hostile.rows import disturb
from tests.unit.kinds.collected import SMS

Pair = tuple[bytes, bytes]
_TABLES = ("message", "message", "chat", "handle", "attachment", "chat_message_join")


class Run:
    """One run of the worker in this process."""

    def __init__(self, content: bytes, folder: Path, *, known: bytes | None = None) -> None:
        store, self._groups, self._known = folder / "sms.db", folder / "groups", folder / "known"
        store.write_bytes(content)
        if known is not None:
            self._known.write_bytes(known)
        output = io.BytesIO()
        parse(
            WorkerRequest(
                kind="message", device="d", region="DE", files={SMS: str(store)},
                remember=str(self._groups), known=None if known is None else str(self._known),
            ),
            output,
        )  # fmt: skip
        self.pairs: list[Pair] = []
        self.lapsed: set[bytes] = set()
        self.said: set[bytes] = set()
        for kind, body in _frames(output.getvalue()):
            self.said.add(kind)
            if kind == b"A":
                self.pairs += [(row[0], row[1][:DIGEST_BYTES]) for row in _tuples(body)]
            elif kind == b"L":
                self.lapsed = {
                    body[at : at + FINGERPRINT_BYTES]
                    for at in range(0, len(body), FINGERPRINT_BYTES)
                }
            elif kind == b"R":
                self.report: dict[str, Any] = msgspec.json.decode(body)

    def groups(self) -> dict[bytes, tuple[bytes, list[Pair]]]:
        """By fingerprint: the counts as the next run gets them, and what became of it."""
        found = {}
        for _, fingerprint, *counts, keys, digests in _tuples(self._groups.read_bytes()[19:-2]):
            pairs = [
                (key, digests[n * DIGEST_BYTES : (n + 1) * DIGEST_BYTES])
                for n, key in enumerate(keys.split(b"\n") if keys else [])
            ]
            found[fingerprint] = (b"".join(counts), pairs)
        return found


def _frames(data: bytes) -> list[tuple[bytes, bytes]]:
    frames, at = [], 0
    while at < len(data):
        kind, length = struct.unpack_from(">cI", data, at)
        frames.append((kind, data[at + 5 : at + 5 + length]))
        at += 5 + length
    return frames


def _tuples(data: bytes) -> list[list[bytes]]:
    tuples, at = [], 0
    while at < len(data):
        (count,) = struct.unpack_from(">h", data, at)
        at += 2
        fields = []
        for _ in range(count):
            (length,) = struct.unpack_from(">i", data, at)
            at += 4
            fields.append(data[at : at + max(0, length)])
            at += max(0, length)
        tuples.append(fields)
    return tuples


@pytest.mark.parametrize("way", ["bytes", "rows"])
def test_what_is_known_and_what_is_parsed_are_together_what_is_there(
    tmp_path: Path, way: str
) -> None:
    relied = refused = 0
    for store in seeds.message_stores()[:2]:
        first = Run(store, tmp_path)
        assert b"M" in first.said
        left = first.groups()
        known = b"".join(fingerprint + counts for fingerprint, (counts, _) in left.items())
        for seed in range(12):
            chance = random.Random(f"{way} {seed}")
            hurt = (
                mutate(store, chance, spots=sqlite_spots)
                if way == "bytes"
                else disturb(store, chance, tables=_TABLES)
            )
            whole = Run(hurt, tmp_path)
            part = Run(hurt, tmp_path, known=known)
            if b"M" not in part.said:
                refused += 1
                assert part.report["state"] == "failed"
                continue
            relied += 1
            assert part.report == whole.report
            kept = [pair for one in left.keys() - part.lapsed for pair in left[one][1]]
            assert Counter(kept + part.pairs) == Counter(whole.pairs)
    assert relied > 3
    assert refused > 0 or way == "rows"

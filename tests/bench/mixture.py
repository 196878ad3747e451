"""What else phones hold beside messages, in the numbers in which they hold it.

Payloads, titles, files and threads are what parsers make of generated stores; texts are of the
same words as those of messages, and of the length that texts of the kind have.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from services.indexer.staging import StagedArtifact, StagedThread
from tests.bench.stores import STORES
from tests.unit.kinds.collected import Collected, parse

#: Of a thousand artifacts, and how many words the texts have.
SHARES = {
    "message": (550, (1, 18)),
    "whatsapp": (200, (1, 18)),
    "photo": (90, (2, 8)),
    "web_visit": (60, (4, 10)),
    "interaction": (50, (2, 4)),
    "health": (30, (2, 6)),
    "call": (10, (2, 3)),
    "note": (5, (20, 120)),
    "calendar_event": (3, (3, 20)),
    "contact": (2, (2, 5)),
}
_PATTERNS = 200


def counts(total: int) -> dict[str, int]:
    """Return how many artifacts of each kind a phone of *total* artifacts has."""
    return {kind: total * share // 1000 for kind, (share, _) in SHARES.items()}


def read_patterns(kind: str) -> Collected:
    """Return what the parser of *kind* makes of a small store."""
    with tempfile.TemporaryDirectory(prefix="ks-bench-") as folder:
        files = {f"{file.domain}/{file.relative_path}": file for file in STORES[kind][0](_PATTERNS)}
        return parse(
            kind,
            {name: file.content for name, file in files.items() if file.content[:6] == b"SQLite"},
            Path(folder),
        )


def artifacts(
    kind: str,
    patterns: Sequence[StagedArtifact],
    *,
    device: int,
    count: int,
    words: Sequence[str],
    weights: Sequence[float],
    first_us: int,
    span_us: int,
) -> Iterator[StagedArtifact]:
    """Yield artifacts of one kind in the order of time."""
    chance = random.Random(f"{device}/{kind}")
    fewest, most = SHARES[kind][1]
    for number in range(count):
        text = " ".join(chance.choices(words, cum_weights=weights, k=chance.randint(fewest, most)))
        pattern = patterns[number % len(patterns)]
        yield msgspec.structs.replace(
            pattern,
            key=f"{device:08X}-{number:012X}",
            text=text,
            occurred_at_us=first_us + number * span_us // count,
        )


def threads_of(found: Collected) -> list[StagedThread]:
    """Return the threads that artifacts of these patterns lie in, each once."""
    described = {thread.key: thread for thread in found.threads}
    for artifact in found.artifacts:
        key = artifact.thread_key
        if key is not None and key not in described:
            described[key] = StagedThread(
                key=key, title=None, is_group=False, participants=[], services=[], raw_keys=[]
            )
    return list(described.values())

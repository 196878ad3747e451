"""What each kind gives of each version of iOS, as read here and now, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from services.indexer.kinds import PARSERS
from services.indexer.kinds.protocol import UnsupportedStoreError
from services.indexer.staging import encode_json
from tests.kinds.stores import Stores
from tests.unit.kinds.collected import parse

_INTRODUCTION = """# Kinds

Written by `python -m tests.kinds --report docs/kinds.md`, which reads every store at hand with the
parsers as they are: the demo phone's, and those of the public samples. Columns are versions of iOS
(libraries of macOS count as the iOS of their year), the first line says how many artifacts were
read there. A dot means that at least one of them has the field; a blank may mean that no such thing
is in the sample. No content is copied.
"""
_COMMON = ("time", "title", "text", "sender", "conversation or folder", "attachments", "links")


@dataclass
class Reading:
    """One store as it was read; ``note`` is what the report of an index run would say."""

    stores: Stores
    artifacts: int
    fields: frozenset[str]
    common: frozenset[str]
    note: str
    refused: bool = False


def read(stores: Stores, folder: Path) -> Reading:
    """Run the kind's parser over copies of *stores* in *folder*."""
    try:
        found = parse(stores.kind, dict(stores.files), folder, region="US", listing=[])
    except UnsupportedStoreError as error:
        return Reading(stores, 0, frozenset(), frozenset(), str(error), refused=True)
    fields: set[str] = set()
    common: set[str] = set()
    for artifact in found.artifacts:
        payload = msgspec.json.decode(encode_json(artifact.payload))
        fields.update(name for name, value in payload.items() if value not in (None, [], {}, ""))
        said = (
            artifact.occurred_at_us, artifact.title, artifact.text,
            artifact.sender_handle or artifact.is_me, artifact.thread_key, artifact.attachments,
            artifact.has_link,
        )  # fmt: skip
        common.update(name for name, value in zip(_COMMON, said, strict=True) if value)
    return Reading(
        stores, len(found.artifacts), frozenset(fields), frozenset(common), found.tally.sentences()
    )


def write_table(readings: Sequence[Reading]) -> str:
    """Return the page."""
    parts = [_INTRODUCTION]
    for kind, parser in PARSERS.items():
        own = [reading for reading in readings if reading.stores.kind == kind]
        parts.append(f"## `{kind}`: {parser.title}\n\n{parser.note}\n")
        if parser.encrypted_only:
            parts.append("Phones put it into encrypted backups only.\n")
        if not own:
            parts.append("No store of this kind was at hand.\n")
            continue
        parts.append(_table(own))
    return "\n".join(parts)


def _table(own: Sequence[Reading]) -> str:
    versions = sorted({reading.stores.version for reading in own}, key=_order)
    counts = [
        str(sum(one.artifacts for one in own if one.stores.version == version))
        for version in versions
    ]
    lines = [
        f"| field | {' | '.join(versions)} |",
        f"| --- |{' --- |' * len(versions)}",
        f"| *artifacts* | {' | '.join(counts)} |",
    ]
    for name in (*_COMMON, *sorted(set().union(*(reading.fields for reading in own)))):
        of = [
            {one.stores.version for one in own if name in (one.common if at else one.fields)}
            for at in (True, False)
        ][0 if name in _COMMON else 1]
        if of:
            shown = name if name in _COMMON else f"`{name}`"
            dots = " | ".join("•" if version in of else " " for version in versions)
            lines.append(f"| {shown} | {dots} |")
    return "\n".join(lines) + "\n"


def _order(version: str) -> tuple[float, str]:
    try:
        return float(version), version
    except ValueError:
        return 0.0, version

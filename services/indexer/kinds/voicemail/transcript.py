"""The phone's transcript of a voicemail: an archived object in a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.indexer.kinds.keyed_archive import load_archive
from services.indexer.kinds.values import float_of, int_of, text_of
from services.indexer.kinds.voicemail.payload import Segment, Transcript

#: Some minutes of speech are some dozen kilobytes.
_LARGEST_BYTES = 2 * 1024 * 1024
_MOST_SEGMENTS = 5000
_LONGEST_TEXT = 100_000


def read_transcript(path: Path) -> Transcript | None:
    """Return the transcript in the file *path*; None when it cannot be read, or says nothing."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except OSError:
        return None
    root = load_archive(content) if len(content) <= _LARGEST_BYTES else None
    if not isinstance(root, dict):
        return None
    said = root.get("transcriptionString")
    segments = _segments(root.get("segments"))
    text = text_of(said) if isinstance(said, str) else None
    if text is None:
        text = " ".join(segment.text for segment in segments) or None
    if text is None:
        return None
    return Transcript(
        text=text[:_LONGEST_TEXT],
        confidence=float_of(root.get("confidence")),
        rating=int_of(root.get("confidenceRating")),
        segments=segments,
    )


def _segments(found: Any) -> tuple[Segment, ...]:
    if not isinstance(found, list):
        return ()
    return tuple(
        Segment(
            text=text[:_LONGEST_TEXT],
            at_seconds=float_of(one.get("timestamp")),
            duration_seconds=float_of(one.get("duration")),
            confidence=float_of(one.get("confidence")),
        )
        for one in found[:_MOST_SEGMENTS]
        if isinstance(one, dict)
        and isinstance(one.get("substring"), str)
        and (text := text_of(one["substring"])) is not None
    )

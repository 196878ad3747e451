"""Long statements: one file per subject, in it one statement per ``-- name:`` line."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def statement(file: str, name: str) -> str:
    """Return the statement called *name* in ``<file>.sql``."""
    return _statements(file)[name]


@cache
def _statements(file: str) -> dict[str, str]:
    text = resources.files(__package__).joinpath(f"{file}.sql").read_text("utf-8")
    parts = text.split("-- name: ")[1:]
    return {
        name.strip(): body.strip() for name, _, body in (part.partition("\n") for part in parts)
    }

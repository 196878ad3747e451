"""Long statements: one file per subject, in it one statement per ``-- name:`` line.

A line ``-- use: <file> <name>`` in one stands for another: a part that several have.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

_USE = re.compile(r"^ *-- use: (\w+) (\w+)$", re.MULTILINE)


@cache
def statement(file: str, name: str) -> str:
    """Return the statement called *name* in ``<file>.sql``."""
    return _USE.sub(lambda use: statement(use[1], use[2]), _statements(file)[name])


@cache
def _statements(file: str) -> dict[str, str]:
    text = resources.files(__package__).joinpath(f"{file}.sql").read_text("utf-8")
    parts = text.split("-- name: ")[1:]
    return {
        name.strip(): body.strip() for name, _, body in (part.partition("\n") for part in parts)
    }

"""Cursors and the size of pages. Pure."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from shared.contracts.problems import bad_request
from shared.contracts.requests import MAX_LIMIT

Item = TypeVar("Item")


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where a page ended: the last item's date (null for none) and identity."""

    at: dt.datetime | None
    id: str


def read_cursor(cursor: str | None) -> Position | None:
    """Return where the last page ended. Anything but a cursor of ours is a bad request."""
    if cursor is None:
        return None
    try:
        position = msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=Position)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        raise bad_request("The cursor is not one that this list gave out.") from None
    # Both are legal JSON, and nothing that Postgres takes.
    if "\0" in position.id or (position.at is not None and position.at.tzinfo is None):
        raise bad_request("The cursor is not one that this list gave out.")
    return position


def write_cursor(position: Position) -> str:
    """Return *position* as an opaque text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode()


def checked_limit(limit: int) -> int:
    """Return *limit* if it is within the contract's bounds."""
    if not 1 <= limit <= MAX_LIMIT:
        raise bad_request(f"The limit must be between 1 and {MAX_LIMIT}.", limit=limit)
    return limit


def fitting(items: Sequence[Item], *, max_bytes: int) -> Sequence[Item]:
    """Return as many of the first items as fit into a reply of *max_bytes*, at least one.

    A page may be shorter than asked for; its cursor continues where it ends.
    """
    room = max_bytes
    for number, item in enumerate(items):
        room -= len(msgspec.json.encode(item)) + 1
        if room < 0:
            return items[: max(number, 1)]
    return items


def without(items: Iterable[Item], *, max_bytes: int, lighter: Iterable[Item]) -> list[Item]:
    """Return *items*, or the *lighter* ones when they are too much for one reply."""
    heavy = list(items)
    return heavy if len(msgspec.json.encode(heavy)) <= max_bytes else list(lighter)

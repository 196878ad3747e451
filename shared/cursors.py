"""Opaque cursors: what a page ended with, so that the next one begins after it."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from shared.contracts.problems import bad_request
from shared.contracts.requests import MAX_LIMIT, Page

Item = TypeVar("Item")
Place = TypeVar("Place", bound=msgspec.Struct)

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_LARGEST_ID = 2**63 - 1


class TimePlace(msgspec.Struct, frozen=True, array_like=True):
    """A row in an order by time and id, and the way the page goes from there."""

    at_us: int
    id: int
    backward: bool = False

    @property
    def at(self) -> dt.datetime:
        """The time as Postgres takes it."""
        return _EPOCH + self.at_us * _MICROSECOND


def place_of(at: dt.datetime, row_id: int, *, backward: bool = False) -> TimePlace:
    """Return the place of a row, exact to the microsecond."""
    return TimePlace((at - _EPOCH) // _MICROSECOND, row_id, backward)


class CreatedPlace(msgspec.Struct, frozen=True, array_like=True):
    """A row in an order by ``created_at`` and ``id`` (a UUID), newest first."""

    at_us: int
    id: str


def created_cursor(created_at: dt.datetime, row_id: UUID | str) -> str:
    """Return the cursor behind a row of such an order; all services write the same ones."""
    return write_cursor(CreatedPlace(place_of(created_at, 0).at_us, str(row_id)))


def read_created(cursor: str | None) -> tuple[dt.datetime | None, UUID | None]:
    """Return what the rows of the page are older than; nulls for the first page."""
    if cursor is None:
        return None, None
    place = read_cursor(cursor, CreatedPlace)
    return TimePlace(place.at_us, 0).at, UUID(place.id)


def created_page(
    rows: Sequence[Mapping[str, Any]], *, limit: int, show: Callable[[Any], Item]
) -> Page[Item]:
    """Return the first *limit* of *rows* in such an order as people see them; one more says more.

    Rows have ``created_at`` and ``id``.
    """
    page = rows[:limit]
    cursor = None
    if len(rows) > limit:
        cursor = created_cursor(page[-1]["created_at"], page[-1]["id"])
    return Page(items=[show(row) for row in page], next_cursor=cursor)


def write_cursor(place: msgspec.Struct) -> str:
    """Return *place* as opaque text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def read_cursor(text: str, kind: type[Place]) -> Place:
    """Return the place in *text*; anything that was not a cursor is a bad request."""
    try:
        body = base64.b64decode(
            text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True
        )
        place = msgspec.json.decode(body, type=kind)
        for name in place.__struct_fields__:
            _check(name, getattr(place, name))
    except (binascii.Error, ValueError, OverflowError, msgspec.MsgspecError):
        raise bad_request("The cursor is not one that was given out.") from None
    return place


def _check(name: str, value: object) -> None:
    """Refuse with ValueError or OverflowError what a forged cursor holds and Postgres cannot."""
    if isinstance(value, int) and not -_LARGEST_ID <= value <= _LARGEST_ID:
        raise ValueError(name)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(name)
    if isinstance(value, str) and "\0" in value:
        raise ValueError(name)
    if name == "at_us" and isinstance(value, int):
        _ = _EPOCH + value * _MICROSECOND
    if name == "id" and isinstance(value, str):
        UUID(value)


def read_id(text: str, what: str) -> int:
    """Return a row number given as decimal text."""
    if not (text.isascii() and text.isdigit()) or int(text[:20]) > _LARGEST_ID or len(text) > 19:
        raise bad_request(f"That is not the id of a {what}.")
    return int(text)


def read_limit(limit: int) -> int:
    """Return *limit* if it is within the bounds of every listing."""
    if not 1 <= limit <= MAX_LIMIT:
        raise bad_request(f"limit must be between 1 and {MAX_LIMIT}.")
    return limit

"""What a cell of a phone's table may mean: SQLite stores anything in any column.

These are called some twenty times for each record: what a cell nearly always holds is asked first.
"""

from __future__ import annotations

from math import isfinite

_LARGEST = 2**63
_BLANK = "\0 \t\r\n"


def text_of(value: object) -> str | None:
    """Return a string that says something, or None."""
    if value is None:
        return None
    if type(value) is str:
        return value.strip(_BLANK) or None
    if isinstance(value, int | float):
        value = str(value)
    if not isinstance(value, str):
        return None
    return value.strip(_BLANK) or None


def int_of(value: object) -> int | None:
    """Return a whole number that fits into 64 bits, or None; digits count, fractions are cut."""
    if value is None:
        return None
    if type(value) is int:
        return value if -_LARGEST <= value < _LARGEST else None
    if isinstance(value, str):
        value = float_of(value) if len(value) < 40 else None
    if isinstance(value, float):
        value = int(value) if isfinite(value) else None
    return value if isinstance(value, int) and -_LARGEST <= value < _LARGEST else None


def float_of(value: object) -> float | None:
    """Return a finite number, or None."""
    if value is None:
        return None
    if type(value) is float:
        return value if isfinite(value) else None
    if isinstance(value, str) and len(value) < 40:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, int):
        return float(value) if abs(value) < _LARGEST else None
    return value if isinstance(value, float) and isfinite(value) else None


def flag_of(value: object) -> bool:
    """Return whether a number says yes; anything else says no."""
    if type(value) is int:
        return value != 0
    return isinstance(value, int | float) and value != 0 and value == value  # noqa: PLR0124 -- NaN


def uuid_of(value: object) -> str | None:
    """Return an identity of 16 bytes as Apple writes it in text; a text stays as it is."""
    if isinstance(value, bytes):
        if len(value) != 16:
            return None
        digits = value.hex().upper()
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return text_of(value) if isinstance(value, str) else None


def coordinates_of(latitude: object, longitude: object) -> tuple[float, float] | None:
    """Return a place on Earth in degrees; -180/-180 and 0/0 are the phone's words for none."""
    north, east = float_of(latitude), float_of(longitude)
    if north is None or east is None or not (-90 <= north <= 90 and -180 <= east <= 180):
        return None
    return None if north == east == 0 else (north, east)

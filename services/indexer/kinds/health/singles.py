"""Measurements that are told one by one: weighings and the like."""

from __future__ import annotations

from array import array
from typing import NamedTuple

#: More weighings and the like than a family of years; two dozen bytes each.
_MOST_MEASUREMENTS = 200_000


class Single(NamedTuple):
    """A measurement that is told by itself."""

    data_id: int
    type_raw: int
    at: float
    value: float
    provenance: int | None


class Singles:
    """Measurements in columns, 32 bytes each."""

    def __init__(self) -> None:
        """Begin with none."""
        self._ids = array("q")
        self._types = array("q")
        self._times = array("d")
        self._values = array("d")
        self._provenances = array("q")
        self.left_out = 0

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, data_id: int, type_raw: int, at: float, value: float, provenance: int) -> None:
        """Take one, if there is room."""
        if len(self._ids) >= _MOST_MEASUREMENTS:
            self.left_out += 1
            return
        self._ids.append(data_id)
        self._types.append(type_raw)
        self._times.append(at)
        self._values.append(value)
        self._provenances.append(provenance)

    def order(self) -> list[int]:
        """Return their places in the order of time."""
        return sorted(range(len(self._ids)), key=lambda at: (self._times[at], self._ids[at]))

    def __getitem__(self, at: int) -> Single:
        return Single(
            self._ids[at],
            self._types[at],
            self._times[at],
            self._values[at],
            self._provenances[at],
        )

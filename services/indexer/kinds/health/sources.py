"""Who recorded a sample: provenances with the time zone, and the apps and devices behind them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from services.indexer.kinds.database import Database
from services.indexer.kinds.health.payload import Origin
from services.indexer.kinds.health.zones import Zones
from services.indexer.kinds.protocol import Tally, UnsupportedStoreError
from services.indexer.kinds.records import Record, walk
from services.indexer.kinds.values import int_of, text_of

#: A phone of ten years has some thousand; every update of an app makes one.
_MOST_PROVENANCES = 200_000
_MOST_SOURCES = 50_000
#: Sources that days tell apart; the rest counts as one.
MOST_NAMES = 4_000
_LONGEST = 200
_NONE = "__NONE__"

_PROVENANCE = (
    "rowid",
    "source_id",
    "device_id",
    "source_version",
    "tz_name",
    "origin_product_type",
)
_SOURCE = ("rowid", "name", "product_type", "bundle_id")
_DEVICE = ("rowid", "name", "manufacturer", "model", "hardware", "firmware", "software")


class Provenance(NamedTuple):
    """Numbers of the zone and of the name of the source, and where the rest is found."""

    zone: int = 0
    source: int = 0
    source_row: int | None = None
    device_row: int | None = None
    version: str | None = None
    product: str | None = None


NOBODY = Provenance()


class Sources:
    """All provenances of a store."""

    def __init__(self, zones: Zones) -> None:
        """Begin with none."""
        self.zones = zones
        #: Names by their number; 0 is nobody.
        self.names: list[str | None] = [None]
        self._numbers: dict[str | None, int] = {None: 0}
        self._sources: dict[int, Record] = {}
        self._devices: dict[int, Record] = {}
        self.provenances: dict[int, Provenance] = {}

    def read_names(self, database: Database, tally: Tally) -> None:
        """Take the apps and devices of one of the two stores; the first that names one counts."""
        for table, columns, into in (
            ("sources", _SOURCE, self._sources),
            ("source_devices", _DEVICE, self._devices),
        ):
            for row in walk(database, table, columns, tally):
                number = int_of(row["rowid"])
                if number is not None and len(into) < _MOST_SOURCES:
                    into.setdefault(number, row)

    def read_provenances(self, database: Database, tally: Tally) -> None:
        """Take the provenances; after the names."""
        for row in walk(database, "data_provenances", _PROVENANCE, tally):
            number = int_of(row["rowid"])
            if number is None or len(self.provenances) >= _MOST_PROVENANCES:
                continue
            source = int_of(row["source_id"])
            self.provenances[number] = Provenance(
                zone=self.zones.number(_word(row["tz_name"])),
                source=self._number(_word(self._sources.get(source or 0, {}).get("name"))),
                source_row=source,
                device_row=int_of(row["device_id"]),
                version=_word(row["source_version"]),
                product=_word(row["origin_product_type"]),
            )

    def _number(self, name: str | None) -> int:
        known = self._numbers.get(name)
        if known is None:
            if len(self.names) >= MOST_NAMES:
                return 0
            known = self._numbers[name] = len(self.names)
            self.names.append(name)
        return known

    def find(self, row: object) -> Provenance:
        """Return a provenance by its number in the store."""
        return self.provenances.get(row, NOBODY) if isinstance(row, int) else NOBODY

    def origin(self, provenance: Provenance) -> Origin | None:
        """Return who recorded something, or None when nobody is known."""
        device = self._devices.get(provenance.device_row or 0, {})
        source = self._sources.get(provenance.source_row or 0, {})
        origin = Origin(
            source=_word(source.get("name")),
            device=_word(device.get("name")) or _word(device.get("model")),
            manufacturer=_word(device.get("manufacturer")),
            hardware=_word(device.get("hardware"))
            or provenance.product
            or _word(source.get("product_type")),
            software=_word(device.get("software")) or provenance.version,
        )
        return None if origin == Origin() else origin


def _word(value: object) -> str | None:
    word = text_of(value)
    return None if word is None or word == _NONE else word[:_LONGEST]


def read_sources(database: Database, beside: Path | None, zones: Zones, tally: Tally) -> Sources:
    """Return the sources of a store; newer phones keep the names in a store *beside* it."""
    sources = Sources(zones)
    if beside is not None:
        try:
            with Database(beside) as other:
                sources.read_names(other, tally)
        except UnsupportedStoreError:
            tally.note("The list of Health's sources could not be read.")
    sources.read_names(database, tally)
    sources.read_provenances(database, tally)
    if zones.has_unknown:
        tally.note("A time zone is not known here; days are those of UTC.")
    return sources

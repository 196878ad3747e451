"""Health's two stores with the Medical ID, and the store of Maps."""

from __future__ import annotations

import random
from pathlib import Path

from deploy.demo.health import DOMAIN, MEDICAL_ID, SAMPLES, SOURCES, demo_health, medical_id
from deploy.demo.health_database import many_samples
from deploy.demo.places import DOMAIN as MAPS_DOMAIN
from deploy.demo.places import STORE, demo_places
from deploy.demo.places_database import Form, many_places
from tests.hostile.mutations import mutate, property_list_spots, sqlite_spots
from tests.hostile.rows import Value, change_value, disturb
from tests.hostile.workers import Stores

_SAMPLES, _SOURCES, _MEDICAL_ID = (
    f"{DOMAIN}/{SAMPLES}",
    f"{DOMAIN}/{SOURCES}",
    f"{DOMAIN}/{MEDICAL_ID}",
)
_TABLES = (
    "samples", "samples", "samples", "quantity_samples", "quantity_samples", "category_samples",
    "category_samples", "objects", "objects", "data_provenances", "data_provenances", "workouts",
    "workouts", "workout_activities", "workout_statistics", "workout_events", "metadata_keys",
    "metadata_values", "activity_caches", "quantity_sample_series", "quantity_series_data",
    "quantity_sample_statistics", "location_series_data", "data_series", "associations",
    "unit_strings", "sources", "source_devices", "clinical_record_samples",
)  # fmt: skip
_ZONES = (
    "../../../etc/passwd", "/etc/localtime", "GMT+9999", "UTC-18:59", "Europe/Zurich/" * 40,
    "Mars/Olympus", "posixrules", "America/Argentina/Buenos_Aires", "GMT-0330", "\0", "zone.tab",
)  # fmt: skip
_MOMENTS = (
    -662_688_000.0,
    3_755_203_199.9,
    743_000_000,
    "743000000",
    1e308,
    -1.0,
    743_000_000.0 + 86_399,
)
_NAMES = ("ZHISTORYITEM", "ZHISTORYITEM", "ZMIXINMAPITEM", "ZMIXINMAPITEM", "ZFAVORITEITEM",
          "ZCOLLECTION", "ZCOLLECTIONITEM", "Z_7PLACES", "Z_5PLACES", "ZVISIT",
          "ZVISITEDLOCATION", "Z_PRIMARYKEY")  # fmt: skip
_FORMS: tuple[Form, ...] = ("14", "15", "26")


class Healths(Stores):
    """One or several of the three files damaged, or gone."""

    name = "health (worker)"
    kind = "health"

    def open(self, folder: Path) -> None:
        made = [
            demo_health(later=False, form="15"),
            demo_health(later=True, form="17"),
            many_samples(400),
        ]
        self._pairs = [one.to_bytes() for one in made]
        self._seeds = [samples for samples, _ in self._pairs]
        self._medical_id = medical_id(later=True)

    def damage(self, chance: random.Random) -> dict[str, bytes]:
        samples, sources = chance.choice(self._pairs)
        medical = self._medical_id
        draw = chance.random()
        if draw < 0.7:
            samples = disturb(samples, chance, tables=_TABLES, change=_change)
        if 0.65 < draw < 0.9:
            samples = mutate(samples, chance, others=self._seeds, spots=sqlite_spots)
        if draw > 0.85:
            medical = mutate(medical, chance, spots=property_list_spots)
        if sources is not None and 0.8 < draw < 0.95:
            sources = disturb(sources, chance, tables=_TABLES[-3:], change=_change)
        stores = {_SAMPLES: samples, _MEDICAL_ID: medical}
        if sources is not None and chance.random() < 0.9:
            stores[_SOURCES] = sources
        if chance.random() < 0.1:
            del stores[_SAMPLES]
        elif chance.random() < 0.5:
            del stores[_MEDICAL_ID]
        return stores


class Places(Stores):
    """The store of Maps in its forms."""

    name = "places (worker)"
    kind = "place"

    def open(self, folder: Path) -> None:
        self._seeds = [demo_places(later=form == "26", form=form).to_bytes() for form in _FORMS]
        self._seeds.append(many_places(60))

    def damage(self, chance: random.Random) -> dict[str, bytes]:
        content = chance.choice(self._seeds)
        draw = chance.random()
        if draw < 0.7:
            content = disturb(content, chance, tables=_NAMES, change=_change)
        if draw > 0.65:
            content = mutate(content, chance, others=self._seeds, spots=sqlite_spots)
        stores = {f"{MAPS_DOMAIN}/{STORE}": content}
        if chance.random() < 0.2:
            stores[f"AppDomain-com.apple.Maps/Library/Maps/{STORE}"] = chance.choice(self._seeds)
        return stores


def _change(value: Value, chance: random.Random) -> Value:
    if isinstance(value, str) and chance.random() < 0.3:
        return chance.choice(_ZONES)
    if isinstance(value, float) and chance.random() < 0.3:
        return chance.choice(_MOMENTS)
    return change_value(value, chance)

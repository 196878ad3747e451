"""Stores of health for tests, and what is read of them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.health import (
    DOMAIN,
    MEDICAL_ID,
    SAMPLES,
    SOURCES,
    demo_health,
    medical_id,
)
from deploy.demo.health_database import HealthDatabase
from deploy.demo.health_schema import Form
from tests.unit.kinds.collected import Collected, parse

STORE, NAMES, CARD = (f"{DOMAIN}/{path}" for path in (SAMPLES, SOURCES, MEDICAL_ID))


FORMS: tuple[Form, ...] = ("15", "17")


NOON = dt.datetime(2024, 7, 20, 10, 0, tzinfo=dt.UTC)


HOUR = dt.timedelta(hours=1)


def run(database: HealthDatabase, folder: Path, *, card: bytes | None = None) -> Collected:
    samples, sources = database.to_bytes()
    files: dict[str, bytes | Path] = {STORE: samples}
    if sources is not None:
        files[NAMES] = sources
    if card is not None:
        files[CARD] = card
    return parse("health", files, folder)


def started(form: Form = "17", zone: str = "Europe/Zurich") -> tuple[HealthDatabase, int]:
    database = HealthDatabase(form=form)
    return database, database.source("Watch", product="Watch6,2", device="Watch", zone=zone)


def measure(found: Collected, key: str, name: str) -> dict[str, Any]:
    measures = found.payload(key)["measures"]
    return next(one for one in measures if one["name"] == name)


def workout(found: Collected) -> dict[str, Any]:
    return next(
        found.payload(one.key)["workout"] for one in found.artifacts if one.thread_key == "workouts"
    )


@pytest.fixture(name="demo", scope="module", params=FORMS)
def fixture_demo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Collected:
    return run(
        demo_health(later=False, form=request.param),
        tmp_path_factory.mktemp("health"),
        card=medical_id(later=False),
    )

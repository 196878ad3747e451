"""Calendars for tests, and what is read of them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.calendar_database import (
    CalendarDatabase,
)
from deploy.demo.calendar_events import demo_calendar
from deploy.demo.calendar_schema import Form
from services.indexer.staging import StagedArtifact
from tests.unit.kinds.collected import Collected, parse

STORE = "HomeDomain/Library/Calendar/Calendar.sqlitedb"


FORMS: tuple[Form, ...] = ("8", "10", "26")


AT = dt.datetime(2024, 5, 1, 12, 30, tzinfo=dt.UTC)


def run(database: CalendarDatabase | bytes, folder: Path, **more: Any) -> Collected:
    content = database if isinstance(database, bytes) else database.to_bytes()
    return parse("calendar_event", {STORE: content}, folder, **more)


def named(found: Collected, title: str) -> tuple[StagedArtifact, dict[str, Any]]:
    artifact = next(one for one in found.artifacts if one.title == title)
    return artifact, found.payload(artifact.key)


@pytest.fixture(name="empty")
def fixture_empty() -> CalendarDatabase:
    return CalendarDatabase()


@pytest.fixture(name="work")
def fixture_work(empty: CalendarDatabase) -> int:
    return empty.calendar(empty.account("Cloud"), "Work")


@pytest.fixture(name="demo", params=FORMS, scope="module")
def fixture_demo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Collected:
    return run(demo_calendar(form=request.param), tmp_path_factory.mktemp("demo"))


@pytest.fixture(name="newest", scope="module")
def fixture_newest(tmp_path_factory: pytest.TempPathFactory) -> Collected:
    return run(demo_calendar(), tmp_path_factory.mktemp("demo"))

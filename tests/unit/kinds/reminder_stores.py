"""Stores of reminders for tests, and what is read of them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.reminders import (
    CLOUD,
    DOMAIN,
    LOCAL,
    PICTURE,
    demo_cloud,
    demo_local,
)
from deploy.demo.reminders_database import RemindersDatabase
from deploy.demo.reminders_schema import Form
from services.indexer.kinds.backup_files import file_id_of
from services.indexer.staging import StagedArtifact
from tests.unit.kinds.collected import Collected, parse

STORE = f"{DOMAIN}/{CLOUD}"


CALENDAR = "HomeDomain/Library/Calendar/Calendar.sqlitedb"


FORMS: tuple[Form, ...] = ("13", "26")


AT = dt.datetime(2024, 5, 1, 12, 30, tzinfo=dt.UTC)


PICTURES = [
    {
        "domain": DOMAIN,
        "relative_path": PICTURE,
        "file_id": file_id_of(DOMAIN, PICTURE),
        "size_bytes": 321,
    }
]


def run(store: RemindersDatabase | bytes, folder: Path, **more: Any) -> Collected:
    content = store if isinstance(store, bytes) else store.to_bytes()
    return parse("reminder", {STORE: content}, folder, **more)


def named(found: Collected, title: str) -> tuple[StagedArtifact, dict[str, Any]]:
    artifact = next(one for one in found.artifacts if one.title == title)
    return artifact, found.payload(artifact.key)


@pytest.fixture(name="empty")
def fixture_empty() -> RemindersDatabase:
    return RemindersDatabase("Cloud")


@pytest.fixture(name="demo", params=FORMS, scope="module")
def fixture_demo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Collected:
    stores = {
        STORE: demo_cloud(form=request.param).to_bytes(),
        f"{DOMAIN}/{LOCAL}": demo_local(form=request.param).to_bytes(),
    }
    folder = tmp_path_factory.mktemp("demo")
    return parse("reminder", stores, folder, listing=PICTURES)


@pytest.fixture(name="newest", scope="module")
def fixture_newest(tmp_path_factory: pytest.TempPathFactory) -> Collected:
    return run(demo_cloud(), tmp_path_factory.mktemp("demo"))

"""Stores of WhatsApp for tests, and what is read of them."""

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.container import PhoneFile
from deploy.demo.whatsapp_chats import (
    DOMAIN,
    demo_files,
)
from deploy.demo.whatsapp_database import (
    WhatsAppDatabase,
)
from tests.unit.kinds.collected import Collected, parse

CHATS, CONTACTS, CALLS, LIDS = (
    f"{DOMAIN}/{name}.sqlite" for name in ("ChatStorage", "ContactsV2", "CallHistory", "LID")
)

OLD_DOMAIN = "AppDomain-net.whatsapp.WhatsApp"
AT = dt.datetime(2024, 5, 1, 12, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


def lines(files: list[PhoneFile]) -> list[dict[str, Any]]:
    return [
        {
            "domain": file.domain,
            "relative_path": file.relative_path,
            "file_id": hashlib.sha1(
                f"{file.domain}-{file.relative_path}".encode(), usedforsecurity=False
            ).hexdigest(),
            "size_bytes": len(file.content),
            "present": True,
        }
        for file in files
    ]


def stores(files: list[PhoneFile]) -> dict[str, bytes | Path]:
    return {
        f"{file.domain}/{file.relative_path}": file.content
        for file in files
        if file.relative_path.endswith(".sqlite")
    }


def read(
    store: WhatsAppDatabase, folder: Path, *, listed: list[PhoneFile] | None = None, **more: bytes
) -> Collected:
    """Parse a store of chats; *more* are the stores beside it."""
    names = {"contacts": CONTACTS, "calls": CALLS, "lids": LIDS}
    beside = {names[name]: content for name, content in more.items()}
    listing = None if listed is None else lines(listed)
    return parse("whatsapp", {CHATS: store.to_bytes(), **beside}, folder, listing=listing)


def events(found: Collected) -> list[dict[str, Any]]:
    payloads = [found.payload(artifact.key) for artifact in found.artifacts]
    return [payload["event"] for payload in payloads if payload["type"] == "event"]


@pytest.fixture(name="demo", scope="module")
def fixture_demo(tmp_path_factory: pytest.TempPathFactory) -> Collected:
    files = demo_files(later=False)
    folder = tmp_path_factory.mktemp("demo")
    return parse("whatsapp", stores(files), folder, listing=lines(files))

"""Lists of calls for tests, and what is read of them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from deploy.demo.calls import demo_files
from deploy.demo.calls_database import CallsDatabase, Form
from tests.unit.kinds.collected import Collected, parse

MAIN = "HomeDomain/Library/CallHistoryDB/CallHistory.storedata"


TEMPORARY = "HomeDomain/Library/CallHistoryDB/CallHistoryTemp.storedata"


OLD = "WirelessDomain/Library/CallHistory/call_history.db"


AT = dt.datetime(2024, 5, 1, 12, 30, 15, 250_000, tzinfo=dt.UTC)


MINUTE = dt.timedelta(minutes=1)


JONAS, YUKI = "+15550142001", "+819012345678"


FORMS: tuple[Form, ...] = ("10", "18", "26")


def run(
    database: CallsDatabase, folder: Path, *, region: str | None = "US", **beside: bytes
) -> Collected:
    files: dict[str, bytes | Path] = {MAIN: database.to_bytes()}
    named = {"temporary": TEMPORARY, "old": OLD}
    files |= {named[name]: content for name, content in beside.items()}
    return parse("call", files, folder, region=region)


def only(found: Collected) -> dict[str, Any]:
    (artifact,) = found.artifacts
    return found.payload(artifact.key)


def demo(folder: Path, *, later: bool) -> Collected:
    files: dict[str, bytes | Path] = {
        f"{file.domain}/{file.relative_path}": file.content for file in demo_files(later=later)
    }
    return parse("call", files, folder)

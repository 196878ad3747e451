"""Logs: what may be seen, whatever a caller hands over."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
import structlog

from shared.settings import LogSettings, Secret
from shared.telemetry import configure_logging
from shared.telemetry.redaction import describe_error, is_private, scrub


class Message(msgspec.Struct):
    text: str


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    yield io.StringIO()
    # Logging is set up for the whole process: other files of it read what is really printed.
    structlog.reset_defaults()


@pytest.fixture
def log(stream: io.StringIO) -> structlog.typing.FilteringBoundLogger:
    return configure_logging(
        LogSettings(level="debug", format="json"), service="test", stream=stream
    )


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    "key",
    [
        *("passphrase", "api_token", "nkey_seed", "password", "key", "text", "body", "device_name"),
        *("phone_number", "handle", "sender_handle", "title", "query", "relative_path", "dsn"),
        *("apiToken", "Text", "reply_text", "serial", "participants"),
    ],
)
def test_a_key_that_may_hold_a_secret_or_content_shows_no_value(
    log: structlog.typing.FilteringBoundLogger, stream: io.StringIO, key: str
) -> None:
    assert is_private(key)
    log.debug("seen", **{key: "hunter2", "nested": {key: ["hunter2"]}})
    assert "hunter2" not in stream.getvalue()


def test_identifiers_counts_and_times_are_shown(
    log: structlog.typing.FilteringBoundLogger, stream: io.StringIO
) -> None:
    backup = uuid.uuid4()
    log.info("indexed", backup_id=backup, job_id="j", rows=3, seconds=0.5, root=Path("/vault"))
    (line,) = lines(stream)
    assert line["event"] == "indexed"
    assert line["backup_id"] == str(backup)
    assert (line["rows"], line["seconds"], line["root"]) == (3, 0.5, "/vault")
    assert line["service"] == "test"


def test_objects_are_shown_by_their_type_only(
    log: structlog.typing.FilteringBoundLogger, stream: io.StringIO
) -> None:
    log.info("seen", thing=Message(text="hunter2"), data_bytes=b"hunter2", secret=Secret("hunter2"))
    assert "hunter2" not in stream.getvalue()
    assert lines(stream)[0]["thing"] == "<Message>"


def test_an_exception_is_shown_by_type_and_place_without_its_words(
    log: structlog.typing.FilteringBoundLogger, stream: io.StringIO
) -> None:
    def fail() -> None:
        try:
            {}["hunter2"]
        except KeyError as error:
            raise ValueError("also hunter2") from error

    try:
        fail()
    except ValueError:
        log.exception("failed")
    (line,) = lines(stream)
    assert line["error"] == "ValueError from KeyError"
    assert ".fail:" in line["at"][-1]
    assert "hunter2" not in stream.getvalue()


def test_a_database_error_is_shown_with_its_sqlstate(
    log: structlog.typing.FilteringBoundLogger, stream: io.StringIO
) -> None:
    error = asyncpg.UniqueViolationError("Key (handle)=(hunter2) already exists")
    assert describe_error(error) == "UniqueViolationError[23505]"
    log.warning("refused", error=error)
    assert "hunter2" not in stream.getvalue()


def test_libraries_say_that_and_where_but_not_what(
    log: structlog.typing.FilteringBoundLogger, stream: io.StringIO
) -> None:
    logging.getLogger("asyncpg").error("row %s", "hunter2", exc_info=ValueError("hunter2"))
    logging.getLogger("uvicorn.access").info("GET /api/search?q=hunter2")
    logging.getLogger("httpx").debug("hunter2")
    (line,) = lines(stream)
    assert (line["event"], line["library"], line["error"]) == (
        "library_warning",
        "asyncpg",
        "ValueError",
    )
    assert "hunter2" not in stream.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "call +49 170 1234567 now",
        "nats://user:hunter2@host:4222",
        "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY",
        "write to someone@example.org",
    ],
)
def test_secrets_and_numbers_of_known_looks_are_masked_in_any_text(text: str) -> None:
    shown = scrub(text)
    for part in ("1234567", "hunter2", "SUACSSL3", "someone@"):
        assert part not in shown


def test_long_text_is_cut(log: structlog.typing.FilteringBoundLogger, stream: io.StringIO) -> None:
    log.info("seen", reason="x" * 5000)
    assert len(lines(stream)[0]["reason"]) < 400


async def test_ids_bound_in_a_task_appear_in_its_lines_only(
    log: structlog.typing.FilteringBoundLogger, stream: io.StringIO
) -> None:
    async def work(number: int) -> None:
        with structlog.contextvars.bound_contextvars(job_id=number):
            await asyncio.sleep(0)
            log.info("worked")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work(1))
        tasks.create_task(work(2))
    log.info("after")
    assert [line.get("job_id") for line in lines(stream)] == [1, 2, None]


def test_the_console_format_hides_the_same(stream: io.StringIO) -> None:
    log = configure_logging(LogSettings(level="debug"), service="test", stream=stream)
    log.debug("seen", passphrase="hunter2", rows=1)
    assert "hunter2" not in stream.getvalue()
    assert "rows=1" in stream.getvalue()

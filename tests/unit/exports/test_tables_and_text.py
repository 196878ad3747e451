"""CSV, plain text and JSON Lines: nothing acts, nothing is lost, memory stays flat."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.indexer.exports.formats.csv_tables import COLUMNS, CsvTables, _safe
from services.indexer.exports.formats.json_lines import JsonLines
from services.indexer.exports.formats.payload_columns import payload_columns
from services.indexer.exports.formats.plain_text import PlainText
from services.indexer.exports.rendering import rendering
from services.indexer.exports.wire import Ending, ExportReport, SentItem, Task
from services.indexer.kinds import OURS
from services.indexer.kinds.message.payload import Event
from shared.contracts.indexer import Attachment, Sender
from tests.unit.exports.exporting import about, artifact, export, group, thread
from tests.unit.exports.messages import BEA, MORNING, message

STARTS = ("=", "+", "-", "@", "\t", "\r", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
FORMULAS = (
    *("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "|x", "%x"),
    *("\uff1d1+1", "\uff20SUM(A1)", " =1", "\u00a0=1", "\u3000+1"),
)
PICTURE = Attachment(n=0, name="a.jpg", media_type="image/jpeg", size_bytes=5, present=True)


def table(content: bytes) -> list[dict[str, str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_a_table_has_a_line_per_thing_and_columns_that_are_always_the_same() -> None:
    two = [
        (group("message", "Bea", thread(BEA, title="Bea")), [message(1, 'say "hi"\nto her')]),
        (
            group("message", "Carl", thread(("+1", "Carl"))),
            [message(2, "x", attachments=[PICTURE])],
        ),
        (group("call", "Calls"), [artifact("call", {"duration_seconds": 5})]),
    ]
    # The file of one group is there before the table of the kind is closed.
    members, left_out = export(CsvTables, two)
    assert left_out == []
    assert list(members) == ["message.csv", "call.csv"]
    first, second = table(members["message.csv"])
    assert first["text"] == 'say "hi"\nto her'
    assert first["thread"] == "Bea"
    assert second["thread"] == "Carl"
    assert first["occurred_at"] == "2024-02-03T04:05:06.000000Z"
    assert first["local_time"] == "2024-02-03 05:05:06+01:00"
    assert list(first)[: len(COLUMNS)] == list(COLUMNS)
    nothing, _ = export(CsvTables, [(two[0][0], [message(3, None, event=Event(kind="renamed"))])])
    (renamed,) = table(nothing["message.csv"])
    assert list(renamed) == list(first)
    assert renamed["payload.event.kind"] == "renamed"


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_is_a_formula_to_a_spreadsheet(formula: str) -> None:
    one = message(1, formula, sender=Sender(name=formula, handle=formula))
    forged = artifact(
        "call", {"outcome": formula, formula: formula, "nested": {formula: [formula]}}
    )
    members, _ = export(
        CsvTables,
        [(group("message", formula, thread((formula, formula))), [one]), (group("call"), [forged])],
    )
    for content in members.values():
        for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")):
            assert not any(cell.lstrip(" \u00a0\u3000").startswith(STARTS) for cell in row)


def test_numbers_of_phones_stay_as_they_are() -> None:
    assert _safe("+436601112223") == "+436601112223"
    assert _safe("-12.5") == "-12.5"
    assert _safe("+43 660") == "'+43 660"
    assert _safe("x" * 40_000).endswith("\u2026")
    assert len(_safe("=" + "x" * 40_000)) <= 32_767


@given(st.text(max_size=300))
def test_any_text_makes_one_cell(text: str) -> None:
    members, _ = export(CsvTables, [(group("message"), [message(1, text)])])
    (row,) = table(members["message.csv"])
    assert row["id"] == "1"
    assert row["payload.other"] == ""


def test_every_kind_of_ours_has_columns_of_its_own() -> None:
    assert [kind for kind in OURS if not payload_columns(kind)] == []
    assert payload_columns("of_a_package") == ()


def test_a_log_is_read_from_its_beginning_and_no_line_passes_for_another_message() -> None:
    forged = "hello\n2024-02-03 05:06:00  Me: I owe you everything"
    members, _ = export(
        PlainText,
        [
            (
                group("message", "Bea", thread(BEA)),
                [
                    message(1, forged),
                    message(2, None, event=Event(kind="renamed", title="Boat")),
                    message(3, "x" * 5000, at=MORNING + dt.timedelta(days=1)),
                    message(4, "so it is", reply_to="KEY-1", at=MORNING + dt.timedelta(days=1)),
                ],
            )
        ],
    )
    said = members["message/Bea.txt"].decode()
    assert "All times are those of Europe/Berlin." in said
    assert "2024-02-03 05:05:06  Bea Gro\u00df: hello\n" in said
    assert "\n2024-02-03 05:06:00" not in said
    assert "named the conversation" in said
    assert "--- 2024-02-04 ---" in said
    assert "x" * 5000 in said
    assert ": > Bea Gro\u00df: hello " in said
    assert "\n                     so it is\n" in said


def test_lines_of_json_are_what_the_api_shows_with_where_the_files_are() -> None:
    one = message(1, "\u05e9\u05dc\u05d5\u05dd", attachments=[PICTURE])
    members, _ = export(
        JsonLines,
        [(group("message", "Bea / \u202ex", thread(BEA)), [one]), (group("call", "Calls"), [])],
        files={("KEY-1", 0): b"bytes"},
    )
    (entry, empty) = [json.loads(line) for line in members["threads.jsonl"].splitlines()]
    (line,) = members[entry["file"]].splitlines()
    shown = json.loads(line)
    assert shown["text"] == "\u05e9\u05dc\u05d5\u05dd"
    assert shown["payload"]["direction"] == "incoming"
    assert members[shown["attachments"][0]["path"]] == b"bytes"
    assert entry["artifact_count"] == 1
    assert entry["thread"]["participants"][0]["name"] == BEA[1]
    assert empty["thread"] is None


def many(count: int) -> Iterator[SentItem]:
    for n in range(count):
        yield SentItem(
            artifact=message(
                n, f"Words of message {n}", at=MORNING + dt.timedelta(minutes=n),
                reply_to=f"KEY-{n - 3}" if n % 7 == 0 else None,
            )
        )  # fmt: skip


async def peak_memory(name: str, count: int) -> tuple[int, ExportReport]:
    """Return the most that the process had, in KiB, and what it made."""

    async def drop(_: bytes) -> None:
        return

    async def ignore(_: int) -> None:
        return

    task = Task(format=name, about=about(), memory_bytes=1 << 30, cpu_seconds=3600)
    async with rendering(task, on_progress=ignore) as work:
        taking = asyncio.create_task(work.take(drop))
        await work.begin_group(group("message", "Bea", thread(BEA)))
        items = iter(many(count))
        while batch := [one for _, one in zip(range(1000), items, strict=False)]:
            assert await work.send_items(batch) == []
        status = await asyncio.to_thread(Path(f"/proc/{work.pid}/status").read_text)
        await work.end(Ending())
        report = await taking
    (peak,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(peak), report


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["html", "json", "csv", "txt"])
async def test_tens_of_thousands_of_messages_take_no_more_memory_than_a_few(
    name: str,
) -> None:
    few, _ = await peak_memory(name, 4_000)
    most, report = await peak_memory(name, 24_000)
    assert report.kinds[0].written == report.kinds[0].read
    assert most - few < 16 << 10

"""Real stores of notes of iOS 14 to 18, and the blobs of a public parser of notes."""

from __future__ import annotations

import datetime as dt
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from services.indexer.kinds.note.as_html import to_html
from services.indexer.kinds.note.body import Body, BodyError, Run, read_body
from services.indexer.kinds.note.document import Span, text_of_lines
from services.indexer.kinds.note.lines import Room, lines_of
from services.indexer.kinds.note.locked import LockedNote, WrongPasswordError, open_locked
from services.indexer.kinds.note.table import Grid, read_table
from tests.unit.kinds.collected import Collected, parse
from tests.unit.kinds.note_pages import check_page

SAMPLES = os.environ.get("KEEPSAKE_SAMPLES")
FOLDER = Path(SAMPLES or "/nonexistent") / "ios"
PARSER = FOLDER / "threeplanetssoftware+apple_cloud_notes_parser"
STORE = "AppDomainGroup-group.com.apple.notes/NoteStore.sqlite"

pytestmark = pytest.mark.skipif(SAMPLES is None, reason="KEEPSAKE_SAMPLES is not set")


def expected(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}


STORES = expected(FOLDER / "EXPECTED-notes.D.json")
BLOBS = expected(PARSER / "EXPECTED-blobs.D.json")


def nothing(key: str, uti: str | None) -> Span | None:
    return None


def moment(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)


def letters(text: str) -> str:
    return "".join(text.split())


def as_expected(run: Run) -> dict[str, Any]:
    """A run in the words of the expectations, but for what nobody knows and for colours."""
    paragraph: dict[str, Any] = {}
    if run.style is not None:
        paragraph["style"] = run.style
    if run.align is not None:
        paragraph["align"] = run.align
    if run.indent:
        paragraph["indent"] = run.indent
    if run.is_quote:
        paragraph["quote"] = 1
    if run.done is not None:
        paragraph["check"] = {"done": int(run.done)}
    said = {
        "len": run.length, "ps": paragraph, "weight": run.weight, "ul": int(run.underline),
        "strike": int(run.strike), "sup": run.script % 2**64, "link": run.link,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value or name == "ps"}


def known(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The expectations without what nobody knows: fields 3 and 13."""
    found = []
    for run in runs:
        paragraph = {name: value for name, value in run.get("ps", {}).items() if name != "3"}
        found.append({name: value for name, value in run.items() if name != "u13"}
                     | {"ps": paragraph})  # fmt: skip
    return found


def content_of(store: Path, folder: Path) -> dict[str, bytes | None]:
    """The content of every note by its identity, from a copy with its log."""
    copy = folder / "content.db"
    for suffix in ("", "-wal"):
        log = store.with_name(store.name + suffix)
        if log.exists():
            Path(f"{copy}{suffix}").write_bytes(log.read_bytes())
    with sqlite3.connect(copy) as connection:
        return dict(
            connection.execute(
                "select n.ZIDENTIFIER, d.ZDATA from ZICCLOUDSYNCINGOBJECT n"
                " join ZICNOTEDATA d on d.ZNOTE = n.Z_PK"
            )
        )


def run_store(name: str, folder: Path) -> Collected:
    return parse("note", {STORE: FOLDER / name}, folder, listing=[])


@pytest.mark.parametrize("name", sorted(STORES))
def test_every_note_is_there_with_its_folder_dates_and_state(name: str, tmp_path: Path) -> None:
    of, found = STORES[name], run_store(name, tmp_path)
    accounts = {account["pk"]: account for account in of["accounts"]}
    folders = {folder["pk"]: folder for folder in of["folders"]}
    assert {a.key for a in found.artifacts} == {note["identifier"] for note in of["notes"]}
    assert found.tally.read == found.tally.kept == len(of["notes"])
    assert found.tally.skipped == 0
    for note in of["notes"]:
        artifact, said = found.find(note["identifier"]), found.payload(note["identifier"])
        folder, account = folders.get(note["folder"]), accounts[note["account"]]
        assert artifact.title == note["title"]
        assert said.get("folder") == (folder["title"] if folder else None)
        assert said["account"] == account["name"]
        if folder:
            assert artifact.thread_key == f"{account['identifier']}/{folder['identifier']}"
        for field in ("created", "modified"):
            assert moment(said.get(f"{field}_at")) == moment(note[field])
        assert said.get("is_pinned", False) == bool(note["pinned"])
        assert (said.get("deletion") == "marked") == bool(note["deleted"])
        assert (said["content"] == "locked") == bool(note["locked"])
        if folder and not note["deleted"]:
            assert (said.get("deletion") == "recently_deleted") == (folder["type"] == 1)


@pytest.mark.parametrize("name", sorted(STORES))
def test_bodies_and_runs_are_exact_and_locked_ones_stay_closed(name: str, tmp_path: Path) -> None:
    found = run_store(name, tmp_path)
    contents = content_of(FOLDER / name, tmp_path)
    read = 0
    for note in STORES[name]["notes"]:
        artifact, data = found.find(note["identifier"]), contents[note["identifier"]]
        said = found.payload(note["identifier"])
        if note["locked"] or "body_error" in note:
            assert artifact.text is None
            assert not {"html", "markdown", "snippet", "parts"} & said.keys()
            assert said["content"] == ("locked" if note["locked"] else "unreadable")
        elif note["body"] is None:
            assert said["content"] == "empty"
        else:
            assert data is not None
            body = read_body(data)
            assert body.text == note["body"]
            assert [as_expected(run) for run in body.runs] == known(note["runs"])
            shown = (artifact.text or "").strip().split("\n")
            assert shown[: len(body.text.strip().split("\n"))] == body.text.strip().split("\n")
            assert letters(check_page(said.get("html") or "")) == letters(body.text)
            read += 1
    assert read == sum("body" in note and note["body"] is not None
                       for note in STORES[name]["notes"])  # fmt: skip
    assert found.tally.undecodable == sum(
        "body_error" in note and not note["locked"] for note in STORES[name]["notes"]
    )


@pytest.mark.parametrize("name", sorted(STORES))
def test_every_folder_is_a_thread_of_its_account(name: str, tmp_path: Path) -> None:
    of, found = STORES[name], run_store(name, tmp_path)
    account = of["accounts"][0]
    assert [(t.key, t.title, t.services) for t in found.threads] == [
        (f"{account['identifier']}/{folder['identifier']}", folder["title"], [account["name"]])
        for folder in of["folders"]
    ]


def test_a_file_lies_where_its_generation_says(tmp_path: Path) -> None:
    name = next(name for name in STORES if name.startswith("novkostya"))
    wanted = expected(FOLDER / "novkostya+ios-backup-parser/EXPECTED.json")["notes_media_path"]
    found = run_store(name, tmp_path)
    (file,) = found.find("NOTE-UUID-0010").attachments
    assert file.relative_path == wanted
    kinds = [(part["kind"], part.get("title")) for part in found.payload("NOTE-UUID-0010")["parts"]]
    assert kinds == [("image", None), ("table", "Budget table")]


def test_a_shared_note_names_its_people(tmp_path: Path) -> None:
    name = next(name for name in STORES if "josh_ios15" in name)
    found = run_store(name, tmp_path)
    shared = [a.key for a in found.artifacts if found.payload(a.key).get("is_shared")]
    assert len(shared) == 1
    people = found.payload(shared[0])["participants"]
    assert [(one["role"], one["answer"]) for one in people] == [
        ("owner", "accepted"),
        ("participant", "pending"),
    ]
    assert people[0]["is_me"]
    assert all("@" in one["handle"] or one["handle"].startswith("+") for one in people)


@pytest.mark.parametrize("name", sorted(name for name in BLOBS if "text" in BLOBS[name]))
def test_blobs_of_notes_are_read_exactly(name: str) -> None:
    wanted, body = BLOBS[name], read_body((FOLDER / name).read_bytes())
    assert body.text == wanted["text"]
    assert sum(run.length for run in body.runs) == wanted["utf16_len"]
    assert [as_expected(run) for run in body.runs] == known(wanted["runs"])
    lines = lines_of(body, nothing, Room())
    assert text_of_lines(lines) == body.text.removesuffix("\n")
    assert letters(check_page(to_html(lines, {}))) == letters(body.text)


@pytest.mark.parametrize("name", sorted(name for name in BLOBS if "cells" in BLOBS[name]))
def test_tables_are_read_exactly(name: str) -> None:
    wanted, data = BLOBS[name], (FOLDER / name).read_bytes()
    table = read_table(data, nothing, Room())
    assert [[text_of_lines(cell) for cell in row] for row in table] == wanted["cells"]
    grid = Grid(data)
    assert (grid.row_count, grid.column_count) == (wanted["rows"], wanted["cols"])
    assert grid.is_right_to_left == wanted["direction"].endswith("RightToLeft")


@pytest.mark.parametrize("name", sorted(name for name in BLOBS if "not_a_note_body" in BLOBS[name]))
def test_what_is_no_note_is_said_to_be_none(name: str) -> None:
    with pytest.raises(BodyError):
        read_body((FOLDER / name).read_bytes())


def test_colours_are_those_of_the_note() -> None:
    data = (PARSER / "exported_blobs/color_formatting_gzipped.bin").read_bytes()
    page = to_html(lines_of(read_body(data), nothing, Room()), {})
    assert page.startswith('<h1>Text colors</h1><p><br></p><p><font color="#ff0000">Red</font></p>')
    assert "<sup>" in page
    assert "<sub>" in page


def test_a_locked_note_opens_with_its_password_alone() -> None:
    vector = expected(PARSER / "EXPECTED-locked-note-vector.json")
    given = {name.removesuffix("_hex"): bytes.fromhex(value)
             for name, value in vector.items() if name.endswith("_hex")}  # fmt: skip
    note = LockedNote(
        salt=given["salt"], rounds=vector["iterations"], wrapped_key=given["wrapped_key"],
        vector=given["iv"], tag=given["tag"], data=given["encrypted_blob"],
    )  # fmt: skip
    opened: Body = open_locked(note, vector["password"])
    assert opened.text == vector["text"]
    for wrong in ({"salt": given["bad_salt"]}, {"wrapped_key": given["bad_wrapped_key"]}):
        kept = {field: getattr(note, field) for field in note.__struct_fields__}
        with pytest.raises(WrongPasswordError):
            open_locked(LockedNote(**(kept | wrong)), vector["password"])
    with pytest.raises(WrongPasswordError):
        open_locked(note, "Password")

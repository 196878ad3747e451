"""All that people are told when something is wrong is explained in docs/troubleshooting.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from gateway.problems import _BY_STATUS
from services.indexer.kinds.message import attachment_files

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "troubleshooting.md").read_text()
_TYPE = re.compile(r"/problems/[a-z][a-z-]*")


@cache
def calls() -> list[tuple[str, ast.Call]]:
    """Every call in the product, by the last part of the name of what is called."""
    return list(_calls())


def _calls() -> Iterator[tuple[str, ast.Call]]:
    for house in ("gateway", "services", "shared"):
        for path in sorted((ROOT / house).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    called = node.func
                    if isinstance(called, ast.Attribute):
                        yield called.attr, node
                    elif isinstance(called, ast.Name):
                        yield called.id, node


def texts(node: ast.expr | None) -> list[str]:
    """The constant parts of a text; what is filled in is left out."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return [part for value in node.values for part in texts(value)]
    return []


def problem_types() -> set[str]:
    found = {f"/problems/{slug}" for slug, _ in _BY_STATUS.values()}
    for name, call in calls():
        if name in {"problem", "_problem"} and call.args:
            found |= {f"/problems/{slug}" for slug in texts(call.args[0])}
        for value in (*call.args, *(one.value for one in call.keywords)):
            found |= {text for text in texts(value) if _TYPE.fullmatch(text)}
    return found


def notes() -> set[str]:
    """Sentences of index reports."""
    found: set[str] = set()
    for name, call in calls():
        given = {one.arg: one.value for one in call.keywords}
        if name in {"UnsupportedStoreError", "WorkerError", "note"} and call.args:
            found.update(texts(call.args[0]))
        elif name == "finish" and len(call.args) > 2:
            found.update(texts(call.args[2]))
        found.update(texts(given.get("note")))
    return {text for text in found if len(text.strip(" .()")) > 3}


def codes() -> set[str]:
    """Names of what is odd about a backup."""
    found: set[str] = set()
    for name, call in calls():
        if name == "_finding":
            found.update(texts(call.args[0]))
        elif name in {"BackupProblem", "Finding"}:
            found.update(texts({one.arg: one.value for one in call.keywords}.get("code")))
    return found


def is_reason(name: str) -> bool:
    return name.strip("_") in {
        *("NOT_DOWNLOADED", "TEMPORARY", "NOT_IN_BACKUP", "BLOB_MISSING", "LIST_UNKNOWN"),
        "IS_FOLDER",
    }


def test_every_problem_has_its_line() -> None:
    types = problem_types()
    assert len(types) > 25
    explained = set(_TYPE.findall(DOCUMENT))
    assert types - explained == set()
    # And what is explained exists.
    assert explained - types == set()


# Not a case each: whoever collects the tests would have to read the whole product for their names.
def test_every_note_of_an_index_report_is_explained() -> None:
    found = notes()
    assert len(found) > 100
    assert {note for note in found if note.strip() not in DOCUMENT} == set()


def test_everything_that_is_said_of_a_backup_is_explained() -> None:
    found = codes()
    assert len(found) > 15
    # Some codes are put together: info_missing, info_damaged.
    said = {code: f"`{code}{'' if code.endswith('_') else '`'}" for code in found}
    assert {code for code, words in said.items() if words not in DOCUMENT} == set()


@pytest.mark.parametrize(
    "reason", sorted(value for name, value in vars(attachment_files).items() if is_reason(name))
)
def test_every_reason_why_an_attachment_is_not_there_is_explained(reason: str) -> None:
    assert reason in DOCUMENT


def test_every_line_about_a_problem_says_what_to_do() -> None:
    rows = [line for line in DOCUMENT.splitlines() if line.startswith("| `/problems/")]
    assert len(rows) > 20
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) in {3, 4}, row
        assert all(cells), row

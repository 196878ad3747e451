"""The phones of ``make demo``: eight years of a family, backup by backup."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.demo.container import PhoneFile
from deploy.demo.family.device import apps_of
from deploy.demo.family.life import REVISIONS, Revision
from deploy.demo.family.phones import files_of
from deploy.demo.installed_apps import info_plist
from services.indexer.kinds import OURS
from services.indexer.kinds.backup_files import file_id_of
from tests.unit.kinds.collected import Collected, parse

_FIRST, _BEFORE, _AFTER, _LAST_BUT_ONE, _LAST = (REVISIONS[number] for number in (0, 1, 2, -2, -1))
#: Maps keeps its store in backups since iOS 14.
_LACKING = {_FIRST: {"place"}}
_FEWEST = {"message": 1500, "photo": 400, "health": 600, "call": 400, "whatsapp": 300}
#: Of what was there before the new phone was set up, so much is on it.
_FORGOTTEN = {"open_tab", "interaction", "data_usage", "wifi_network", "permission", "voicemail"}

# Whole phones are made and read: some seconds each where nothing else is at work.
pytestmark = pytest.mark.timeout(1200)

Read = Callable[[Revision, str], Collected]


@pytest.fixture(scope="module", name="read")
def fixture_read(tmp_path_factory: pytest.TempPathFactory) -> Read:
    phones: dict[Revision, list[PhoneFile]] = {}
    found: dict[tuple[Revision, str], Collected] = {}

    def read(revision: Revision, kind: str) -> Collected:
        if (revision, kind) not in found:
            if revision not in phones:
                phones[revision] = files_of(revision)
            folder = tmp_path_factory.mktemp(kind)
            found[revision, kind] = _read(revision, phones[revision], kind, folder)
        return found[revision, kind]

    return read


def _read(revision: Revision, files: list[PhoneFile], kind: str, folder: Path) -> Collected:
    stores: dict[str, bytes | Path] = {
        name: file.content
        for file in files
        if any(
            one.is_among([name := f"{file.domain}/{file.relative_path}"])
            for one in OURS[kind].files
        )
    }
    if kind == "installed_app":
        stores["/Info.plist"] = info_plist(apps_of(revision))
    listing = [
        {
            "domain": file.domain,
            "relative_path": file.relative_path,
            "file_id": file_id_of(file.domain, file.relative_path),
            "size_bytes": len(file.content),
            "present": True,
        }
        for file in files
    ]
    apps = [
        {"bundle_id": app.bundle_id, "name": app.name, "version": app.version}
        for app in apps_of(revision)
    ]
    return parse(kind, stores, folder, listing=listing, apps=apps)


@pytest.mark.parametrize("revision", [_FIRST, _LAST], ids=lambda one: one.folder)
def test_every_kind_is_on_the_phone_at_every_backup(revision: Revision, read: Read) -> None:
    counts = {}
    for kind in sorted(set(OURS) - _LACKING.get(revision, set())):
        found = read(revision, kind)
        counts[kind] = len(found.artifacts)
        assert found.tally.undecodable == 0, (kind, found.tally.notes)
        newest = max((one.occurred_at_us or 0 for one in found.artifacts), default=0)
        # What is planned may lie ahead.
        if kind not in {"calendar_event", "reminder"}:
            assert newest <= revision.at.timestamp() * 1_000_000, kind
    assert [kind for kind, count in counts.items() if not count] == []
    assert {kind: counts[kind] for kind, least in _FEWEST.items() if counts[kind] < least} == {}


def test_the_new_phone_has_what_the_old_one_had(read: Read) -> None:
    for kind in sorted(set(OURS) - _FORGOTTEN):
        before, after = (
            {one.key for one in read(revision, kind).artifacts} for revision in (_BEFORE, _AFTER)
        )
        assert len(before & after) >= 0.9 * len(before), kind
    assert _BEFORE.phone.udid != _AFTER.phone.udid


def test_from_one_backup_to_the_next_things_come_and_go(read: Read) -> None:
    for kind in ("message", "photo", "note", "call", "web_visit", "reminder"):
        before, after = (
            {one.key for one in read(revision, kind).artifacts}
            for revision in (_LAST_BUT_ONE, _LAST)
        )
        assert after - before, kind
        assert before - after, kind


def test_what_was_deleted_is_in_the_trash_for_a_month(read: Read) -> None:
    photos = read(_LAST_BUT_ONE, "photo")
    trashed = {one.key for one in photos.artifacts if photos.payload(one.key).get("is_trashed")}
    assert trashed
    assert not trashed & {one.key for one in read(_LAST, "photo").artifacts}
    messages = read(_LAST, "message")
    deleted = [one for one in messages.artifacts if messages.payload(one.key).get("deleted_at")]
    assert deleted
    gone = {one.key for one in read(_LAST_BUT_ONE, "message").artifacts} - {
        one.key for one in messages.artifacts
    }
    assert gone


def test_notes_have_versions(read: Read) -> None:
    before, after = (read(revision, "note") for revision in (_LAST_BUT_ONE, REVISIONS[3]))
    books = next(one for one in after.artifacts if one.title == "Books I read")
    later = before.find(books.key)
    assert (later.text or "").startswith(books.text or "?")
    assert len(later.text or "") > len(books.text or "")


def test_the_phones_are_the_same_in_every_process() -> None:
    here = hashlib.sha256()
    for file in files_of(REVISIONS[4]):
        here.update(f"{file.domain}/{file.relative_path} {file.modified_at}".encode())
        here.update(file.content)
    program = """
import hashlib
from deploy.demo.family.life import REVISIONS
from deploy.demo.family.phones import files_of
here = hashlib.sha256()
for file in files_of(REVISIONS[4]):
    here.update(f"{file.domain}/{file.relative_path} {file.modified_at}".encode())
    here.update(file.content)
print(here.hexdigest())
"""
    there = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
        # Whatever depends on the order of a set would differ.
        env=os.environ | {"PYTHONHASHSEED": "4711"},
    )
    assert there.stdout.strip() == here.hexdigest()

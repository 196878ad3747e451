import plistlib
import subprocess
import sys
from pathlib import Path

from deploy.demo.phone import phone_files
from tests.unit.kinds.collected import BOOK, IMAGES, SMS, Collected, parse


def messages(folder: Path, *, later: bool) -> Collected:
    files = {
        f"{file.domain}/{file.relative_path}": file.content for file in phone_files(later=later)
    }
    return parse("message", {SMS: files[SMS]}, folder)


def test_the_phone_is_the_same_every_time() -> None:
    assert phone_files() == phone_files()


def test_four_weeks_later_messages_came_changed_and_went(tmp_path: Path) -> None:
    first = {a.key: a for a in messages(tmp_path, later=False).artifacts}
    second = {a.key: a for a in messages(tmp_path, later=True).artifacts}
    assert second.keys() - first.keys() == {"DEMO-0900", "DEMO-0901"}
    assert first.keys() - second.keys() == {"DEMO-0012", "DEMO-0204"}
    changed = {key for key in first.keys() & second.keys() if first[key].text != second[key].text}
    assert changed == {"DEMO-0109"}


def test_both_address_books_are_read(tmp_path: Path) -> None:
    for later, count in ((False, 6), (True, 7)):
        files = {f"{f.domain}/{f.relative_path}": f.content for f in phone_files(later=later)}
        found = parse("contact", {BOOK: files[BOOK], IMAGES: files[IMAGES]}, tmp_path)
        assert len(found.artifacts) == count
        assert sum(found.payload(a.key)["has_image"] for a in found.artifacts) == 3


def test_the_command_writes_an_encrypted_and_a_plain_backup(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.demo", str(tmp_path / "backups"), "--messages", "20"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
        timeout=60,
    )
    flags = [
        plistlib.loads((Path(line) / "Manifest.plist").read_bytes())["IsEncrypted"]
        for line in done.stdout.splitlines()
    ]
    assert flags == [True, False]

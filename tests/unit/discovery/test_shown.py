import pytest

from services.discovery.masking import masked
from services.discovery.paging import Position, fitting, read_cursor, write_cursor
from services.discovery.watching import is_telling
from shared.contracts.problems import ProblemError

BACKUP = "/root/00008110-000A1B2C3D4E5F60"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("+49 170 1234567", "+•• ••• •••••67"),
        ("SAMPLE000001", "••••••••••01"),
        ("1234", "••••"),
        ("", ""),
        (None, None),
    ],
)
def test_numbers_are_masked_but_for_their_end(value: str | None, shown: str | None) -> None:
    assert masked(value) == shown


def test_a_cursor_leads_back_to_where_it_was_written() -> None:
    position = Position(at=None, id="x")
    assert read_cursor(write_cursor(position)) == position
    assert read_cursor(None) is None


@pytest.mark.parametrize("cursor", ["", "x", "é", "e30=", "bnVsbA=="])
def test_a_forged_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(ProblemError):
        read_cursor(cursor)


def test_a_page_ends_where_a_reply_is_full_but_is_never_empty() -> None:
    items = ["x" * 100] * 10
    assert len(fitting(items, max_bytes=350)) == 3
    assert len(fitting(items, max_bytes=10)) == 1
    assert len(fitting(items, max_bytes=10_000)) == 10
    assert fitting([], max_bytes=10) == []


@pytest.mark.parametrize(
    ("path", "is_wanted"),
    [
        (f"{BACKUP}/Status.plist", True),
        (f"{BACKUP}/Manifest.db", True),
        (f"{BACKUP}/Snapshot", True),
        (BACKUP, True),
        ("/root/new phone", True),
        (f"{BACKUP}/ab", False),
        (f"{BACKUP}/0123456789abcdef0123456789abcdef01234567", False),
        (f"{BACKUP}/Manifest.db-journal", False),
        ("/root/.DS_Store", False),
        ("/root/upload.tmp", False),
    ],
)
def test_only_plists_and_neighbours_are_worth_a_look(path: str, is_wanted: bool) -> None:  # noqa: FBT001
    watched = frozenset({"/root", BACKUP})
    assert is_telling(path, backups=frozenset({BACKUP}), watched=watched) == is_wanted

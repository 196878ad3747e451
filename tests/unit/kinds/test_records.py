"""What all kinds read with: values of any type, records of any quality, stores of Core Data."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.indexer.kinds.core_data import Entities, Join, column_like, find_join
from services.indexer.kinds.database import Database
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Records, by_number, key_of, walk
from services.indexer.kinds.values import coordinates_of, float_of, int_of, text_of, uuid_of
from services.indexer.staging import StagedArtifact
from tests.unit.kinds.collected import Collected, store


class Nothing(msgspec.Struct):
    """A payload that says nothing."""


def artifact(key: str) -> StagedArtifact:
    return StagedArtifact(key=key, payload=Nothing())


def test_a_bad_record_costs_one_record() -> None:
    sink = Collected()
    records = Records(sink, total=4)
    records.keep(lambda: artifact("a"))
    records.keep(lambda: artifact({}["key"]))
    records.keep(lambda: None)
    records.keep(lambda: artifact("a"))
    records.keep(lambda: artifact("b"))
    records.finish()
    tally = sink.tally
    assert [one.key for one in sink.artifacts] == ["a", "b"]
    assert (tally.read, tally.kept, tally.skipped, tally.undecodable) == (5, 2, 2, 1)
    assert tally.sentences() == (
        "A record could not be understood (KeyError). Several records claim the same identity."
    )


def test_columns_that_a_version_lacks_are_empty(tmp_path: Path) -> None:
    path = store(tmp_path, "create table ZCALL(Z_PK, ZOLD)", "insert into ZCALL values (7, 'x')")
    tally = Tally()
    with Database(path) as database:
        assert list(walk(database, "ZCALL", ("Z_PK", "ZOLD", "ZNEW"), tally)) == [
            {"Z_PK": 7, "ZOLD": "x", "ZNEW": None}
        ]
        assert by_number(database, "ZCALL", ("ZOLD",), tally) == {7: {"Z_PK": 7, "ZOLD": "x"}}
        assert list(walk(database, "ZOTHER", ("Z_PK",), tally)) == []
    assert tally.notes == {}


def test_a_damaged_table_is_read_as_far_as_possible_and_said_to_be_damaged(tmp_path: Path) -> None:
    path = store(
        tmp_path,
        "create table t(a)",
        "with recursive n(x) as (select 1 union all select x + 1 from n where x < 5000) "
        "insert into t select printf('%0200d', x) from n",
    )
    content = bytearray(path.read_bytes())
    middle = len(content) // 8192 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(content)
    tally = Tally()
    with Database(path) as database:
        found = len(list(walk(database, "t", ("a",), tally)))
    assert 0 < found < 5000
    assert list(tally.notes) == ["Part of a table is damaged; what could be read was read."]


def test_names_of_core_data_are_found_whatever_digits_they_have(tmp_path: Path) -> None:
    path = store(
        tmp_path,
        "create table Z_PRIMARYKEY(Z_ENT, Z_NAME, Z_SUPER)",
        "insert into Z_PRIMARYKEY values (3, 'Object', 0), (4, 'Note', 3), (5, 'Locked', 4), "
        "(6, 'Circle', 7), (7, 'Loop', 6)",
        "create table Z_28ASSETS(Z_28ALBUMS, Z_3ASSETS, Z_FOK_3ASSETS)",
        "create table Z_28ASSETSX(Z_28ALBUMS, Z_3ASSETS)",
        "create table ZOBJECT(ZACCOUNT7, ZACCOUNT12, ZACCOUNTS)",
    )
    with Database(path) as database:
        entities = Entities(database)
        assert entities.number("Note") == 4
        assert entities.numbers("Object") == {3, 4, 5}
        assert entities.numbers("Loop") == {6, 7}
        assert entities.numbers("Nothing") == frozenset()
        assert find_join(database, "Z_#ASSETS", "Z_#ALBUMS", "Z_#ASSETS") == Join(
            "Z_28ASSETS", "Z_28ALBUMS", "Z_3ASSETS"
        )
        assert find_join(database, "Z_#KEYWORDS", "Z_#ALBUMS", "Z_#ASSETS") is None
        assert column_like(database, "ZOBJECT", "ZACCOUNT#") == "ZACCOUNT7"
        assert column_like(database, "ZOBJECT", "ZFOLDER#") is None


@pytest.mark.parametrize(
    ("value", "as_int", "as_float", "as_text"),
    [
        (1, 1, 1.0, "1"),
        (1.9, 1, 1.9, "1.9"),
        ("12", 12, 12.0, "12"),
        (" x\0", None, None, "x"),
        ("", None, None, None),
        ("9" * 50, None, None, "9" * 50),
        (float("nan"), None, None, "nan"),
        (float("inf"), None, None, "inf"),
        (2**70, None, None, str(2**70)),
        (b"1", None, None, None),
        (None, None, None, None),
    ],
)
def test_a_cell_may_hold_anything(
    value: Any, as_int: int | None, as_float: float | None, as_text: str | None
) -> None:
    assert (int_of(value), float_of(value), text_of(value)) == (as_int, as_float, as_text)


def test_a_place_is_on_earth() -> None:
    assert coordinates_of(47.4, "8.5") == (47.4, 8.5)
    for nowhere in ((-180, -180), (0, 0), (91, 0), (None, 3), (float("nan"), 1)):
        assert coordinates_of(*nowhere) is None


def test_an_identity_of_bytes_is_written_as_apple_writes_it() -> None:
    assert uuid_of(bytes(range(16))) == "00010203-0405-0607-0809-0A0B0C0D0E0F"
    assert uuid_of("ABC") == "ABC"
    assert uuid_of(b"short") is None


def test_what_has_no_identity_is_known_by_what_it_says() -> None:
    assert key_of(1, "a", None) == key_of(1, "a", None) != key_of(1, "a", "")

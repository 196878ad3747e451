"""Rows that are read in batches by their numbers, and the rows that belong to them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from services.indexer.kinds import batched_rows
from services.indexer.kinds.batched_rows import BatchedRows, Parts, ordered_numbers
from services.indexer.kinds.database import Database
from services.indexer.kinds.protocol import Tally
from tests.unit.kinds.collected import store

_COUNT = "with recursive n(x) as (select 1 union all select x + 1 from n where x < {}) "


def test_a_damaged_table_is_read_from_both_ends(tmp_path: Path) -> None:
    path = store(
        tmp_path,
        "create table t(Z_PK integer primary key, ZDATE, ZNAME)",
        _COUNT.format(5000) + "insert into t select x, -x, printf('%0200d', x) from n",
    )
    content = bytearray(path.read_bytes())
    middle = len(content) // 8192 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(content)
    tally = Tally()
    with Database(path) as database:
        numbers = ordered_numbers(database, "t", tally, key="Z_PK", by="ZDATE")
    assert {1, 5000} <= set(numbers)
    assert 4900 < len(numbers) < 5000
    assert list(tally.notes) == ["Part of a table is damaged; what could be read was read."]


def test_unreadable_rows_of_a_batch_are_counted_and_the_others_read(tmp_path: Path) -> None:
    path = store(
        tmp_path,
        "create table t(Z_PK integer primary key, ZDATE, ZNAME)",
        "create index by_date on t(ZDATE)",
        _COUNT.format(100) + "insert into t select x, -x, printf('%01000d', x) from n",
    )
    content = bytearray(path.read_bytes())
    begin = content.index(b"%01000d" % 50) // 4096 * 4096
    content[begin : begin + 4096] = b"\xff" * 4096
    path.write_bytes(content)
    tally = Tally()
    with Database(path) as database:
        # The index tells the numbers of all rows, those on the damaged page as well.
        numbers = ordered_numbers(database, "t", tally, key="Z_PK", by="ZDATE")
        rows = BatchedRows(database, "t", ("ZNAME",), tally, key="Z_PK").read(numbers)
    assert list(numbers) == list(range(100, 0, -1))
    assert [row["Z_PK"] for row in rows] == [
        number for number in numbers if number in {row["Z_PK"] for row in rows}
    ]
    assert 0 < tally.undecodable == 100 - len(rows) < 10


def test_a_number_that_a_forged_table_has_again_and_again_is_asked_for_once(tmp_path: Path) -> None:
    path = store(
        tmp_path,
        "create table t(Z_PK, ZDATE)",
        "insert into t values (2, 1), (1, 2), (2, 3), ('x', 4), (null, 5), (1, 6)",
    )
    with Database(path) as database:
        assert list(ordered_numbers(database, "t", Tally(), key="Z_PK", by="ZDATE")) == [2, 1]


def test_one_record_with_too_many_parts_costs_no_other_its_own(tmp_path: Path) -> None:
    path = store(
        tmp_path,
        "create table p(owner, what)",
        _COUNT.format(3000) + "insert into p select 1, x from n",
        "insert into p values (2, 'kept')",
    )
    tally = Tally()
    with Database(path) as database:
        found = Parts(database, "p", ("what",), tally, of="owner").read([1, 2])
    assert len(found[1]) == 2000
    assert found[2] == [{"what": "kept"}]
    assert list(tally.notes) == ["A record claims to have more parts than any has."]


def test_parts_of_a_forged_record_are_not_looked_at_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = store(
        tmp_path,
        "create table p(owner, what)",
        _COUNT.format(3000) + "insert into p select 1, x from n",
        "insert into p values (2, 'beyond')",
    )
    monkeypatch.setattr(batched_rows, "_MOST_LOOKED_AT", 2500)
    tally = Tally()
    with Database(path) as database:
        found = Parts(database, "p", ("what",), tally, of="owner").read([1, 2])
    assert {number: len(rows) for number, rows in found.items()} == {1: 2000}
    assert list(tally.notes) == ["A record claims to have more parts than any has."]


@pytest.mark.parametrize(
    ("columns", "made"),
    [
        ("Z_PK integer primary key, ZDATE real", []),
        ("Z_PK INTEGER PRIMARY KEY DESC, ZDATE real", []),
        ("Z_PK text primary key", []),
        ("Z_PK integer, ZDATE real", ["keepsake_ZTHING_Z_PK"]),
        ("Z_PK integer, ZDATE real, primary key (ZDATE, Z_PK)", ["keepsake_ZTHING_Z_PK"]),
    ],
)
def test_a_column_that_is_quick_to_look_up_gets_no_second_index(
    columns: str, made: list[str], tmp_path: Path
) -> None:
    path = store(tmp_path, f"create table ZTHING ({columns})")
    with Database(path) as database:
        assert database.is_indexed("ZTHING", "Z_PK") == (not made)
        database.ensure_index("ZTHING", "Z_PK")
        assert database.is_indexed("ZTHING", "Z_PK")
    connection = sqlite3.connect(path)
    listed = connection.execute("select name from sqlite_master where type = 'index'").fetchall()
    connection.close()
    assert [name for (name,) in listed if name.startswith("keepsake_")] == made

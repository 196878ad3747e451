"""Notes that are broken, nameless or hostile: each costs no more than itself."""

import sqlite3
from pathlib import Path

import pytest

from deploy.demo.notes import (
    demo_notes,
)
from deploy.demo.notes_body import note_data, piece, stands
from deploy.demo.notes_database import NotesDatabase, many_notes
from services.indexer.kinds.note import parts
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import parse
from tests.unit.kinds.note_pages import check_page
from tests.unit.kinds.note_stores import AT, NEW, OLD, listed, made


def test_a_broken_body_costs_the_body(tmp_path: Path) -> None:
    def build(store: NotesDatabase, folder: int, account: int) -> None:
        for number, data in enumerate((b"not gzip", note_data([piece("x")])[:-9], "text", 5)):
            note = store.note(folder, None, account=account, at=AT, title=f"T{number}",
                              ZIDENTIFIER=f"N{number}")  # fmt: skip
            store.execute("update ZICNOTEDATA set ZDATA = ? where ZNOTE = ?", (data, note))

    found = made(tmp_path, build)
    assert [a.title for a in found.artifacts] == ["T0", "T1", "T2", "T3"]
    assert {found.payload(a.key)["content"] for a in found.artifacts} == {"unreadable"}
    assert found.tally.undecodable == 4
    assert found.tally.notes == {"The text of a note could not be read.": 4}


def test_parts_of_a_broken_body_are_kept(tmp_path: Path) -> None:
    def build(store: NotesDatabase, folder: int, account: int) -> None:
        note = store.note(folder, b"broken", account=account, at=AT, title="T", ZIDENTIFIER="N")
        store.media(store.attachment(note, "public.png", "P"), "a.png", "M")
        store.attachment(note, "com.apple.notes.table", "T", mergeable=b"broken")

    found = made(tmp_path, build)
    assert [part["is_loose"] for part in found.payload("N")["parts"]] == [True, True]
    assert found.payload("N")["content"] == "unreadable"
    assert "A table in a note could not be read." in found.tally.notes


def test_an_unknown_type_is_a_file_with_its_name(tmp_path: Path) -> None:
    def build(store: NotesDatabase, folder: int, account: int) -> None:
        note = store.note(folder, [stands("A", "org.example.future"), stands("B", "x.y-image")],
                          account=account, at=AT, title="T", ZIDENTIFIER="N")  # fmt: skip
        store.media(store.attachment(note, "org.example.future", "A"), "plan.future", "M1")
        store.media(store.attachment(note, "x.y-image", "B"), "b.raw", "M2")

    found = made(tmp_path, build)
    one, other = found.payload("N")["parts"]
    assert (one["kind"], one["uti"], other["kind"]) == ("file", "org.example.future", "image")
    assert found.find("N").attachments[0].name == "plan.future"
    assert "plan.future" in (found.find("N").text or "")


def test_a_deleted_attachment_and_one_of_another_note_are_not_shown(tmp_path: Path) -> None:
    def build(store: NotesDatabase, folder: int, account: int) -> None:
        body = [piece("a"), stands("GONE", "public.png"), stands("OTHERS", "public.png")]
        note = store.note(folder, body, account=account, at=AT, ZIDENTIFIER="N")
        other = store.note(folder, "b", account=account, at=AT, ZIDENTIFIER="O")
        store.attachment(note, "public.png", "GONE", ZMARKEDFORDELETION=1)
        store.attachment(other, "public.png", "OTHERS")

    found = made(tmp_path, build)
    assert found.payload("N")["html"] == "<p>a</p>"
    assert "parts" not in found.payload("N")


def test_galleries_that_hold_themselves_end(tmp_path: Path) -> None:
    def build(store: NotesDatabase, folder: int, account: int) -> None:
        note = store.note(folder, [stands("A", "com.apple.notes.gallery")], account=account, at=AT,
                          title="T", ZIDENTIFIER="N")  # fmt: skip
        one = store.attachment(note, "com.apple.notes.gallery", "A")
        other = store.attachment(note, "com.apple.notes.gallery", "B", ZPARENTATTACHMENT=one)
        store.change(one, ZPARENTATTACHMENT=other)

    assert len(made(tmp_path, build).payload("N")["parts"]) == 2


def test_folders_that_lie_in_each_other_end(tmp_path: Path) -> None:
    def build(store: NotesDatabase, folder: int, account: int) -> None:
        other = store.folder("Inner", account, parent=folder)
        store.change(folder, ZPARENT=other)
        store.note(folder, "a", account=account, at=AT, ZIDENTIFIER="N")

    assert 0 < len(made(tmp_path, build).payload("N")["folders"]) <= 20


def test_a_note_without_folder_or_account_stands_alone(tmp_path: Path) -> None:
    def build(store: NotesDatabase, folder: int, account: int) -> None:
        store.note(999, "a", account=999, at=AT, ZIDENTIFIER="N")
        store.note(folder, "b", account=999, at=AT, ZIDENTIFIER="M")

    found = made(tmp_path, build)
    assert found.find("N").thread_key is None
    assert "account" not in found.payload("N")
    assert found.payload("M")["account"] == "iCloud"


def test_a_note_without_an_identity_is_known_by_when_it_was_made(tmp_path: Path) -> None:
    def build(store: NotesDatabase, folder: int, account: int) -> None:
        store.note(folder, "a", account=account, at=AT, ZIDENTIFIER=None)
        note = store.note(folder, "b", account=account, at=AT, ZIDENTIFIER=None)
        store.change(note, ZCREATIONDATE3=None)

    first, again = made(tmp_path, build), made(tmp_path, build)
    assert [a.key for a in first.artifacts] == [a.key for a in again.artifacts]
    assert first.artifacts[0].key.startswith("digest:")
    assert first.tally.skipped == 1
    assert first.tally.notes == {"A record has no identity of its own.": 1}


def test_an_identity_that_comes_twice_counts_once(tmp_path: Path) -> None:
    def build(store: NotesDatabase, folder: int, account: int) -> None:
        store.execute("drop index Z_ICCloudSyncingObject_UNIQUE_identifier")
        for text in ("first", "second"):
            store.note(folder, text, account=account, at=AT, ZIDENTIFIER="N")

    found = made(tmp_path, build)
    assert [a.text for a in found.artifacts] == ["first"]
    assert found.tally.notes == {"Several records claim the same identity.": 1}


def test_dates_that_are_none_cost_the_date(tmp_path: Path) -> None:
    def build(store: NotesDatabase, folder: int, account: int) -> None:
        for number, date in enumerate(("not a date", -63114076800, 64092211200, None, 0)):
            note = store.note(folder, "n", account=account, at=AT, ZIDENTIFIER=f"N{number}")
            store.change(note, ZCREATIONDATE3=date, ZMODIFICATIONDATE1=date)

    found = made(tmp_path, build)
    assert len(found.artifacts) == 5
    assert {a.occurred_at_us for a in found.artifacts} == {None}


def test_columns_are_found_by_their_values_not_by_their_digits(tmp_path: Path) -> None:
    def build(store: NotesDatabase, folder: int, account: int) -> None:
        note = store.note(folder, "later\nbody", account=account, at=AT, ZIDENTIFIER="N")
        # As a version to come might deal the digits out.
        store.execute(
            "update ZICCLOUDSYNCINGOBJECT set ZCREATIONDATE2 = ZCREATIONDATE3,"
            " ZCREATIONDATE3 = null, ZACCOUNT5 = ZACCOUNT7, ZACCOUNT7 = null,"
            " ZTITLE = ZTITLE1, ZTITLE1 = null where Z_PK = ?",
            (note,),
        )

    found = made(tmp_path, build)
    assert found.find("N").title == "later"
    assert found.payload("N")["created_at"] == "2024-05-01T12:00:00Z"
    assert found.payload("N")["account"] == "iCloud"


def test_missing_columns_cost_what_they_say(tmp_path: Path) -> None:
    notes = demo_notes(later=False)
    there = [row[1] for row in notes.database.connection.execute(
        "pragma table_info(ZICCLOUDSYNCINGOBJECT)")]  # fmt: skip
    notes.database.execute("drop index ZICCLOUDSYNCINGOBJECT_ZNOTE_INDEX")
    needed = {"Z_PK", "Z_ENT", "ZIDENTIFIER", "ZISPASSWORDPROTECTED"}
    for column in there:
        if column not in needed:
            notes.database.execute(f"alter table ZICCLOUDSYNCINGOBJECT drop column {column}")
    found = parse("note", {NEW: notes.database.to_bytes()}, tmp_path, listing=[])
    assert len(found.artifacts) == 10
    assert found.find("NOTE-OLD-NUMBERS").title == "Old numbers"
    assert found.payload("NOTE-LOCKED")["content"] == "locked"


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("drop table ZICCLOUDSYNCINGOBJECT", "The database has no table of notes."),
        ("drop table ZICNOTEDATA", "The database has no table of what is in the notes."),
        ("delete from Z_PRIMARYKEY", "The database does not say which of its rows are notes."),
        ("drop table Z_PRIMARYKEY", "The database does not say which of its rows are notes."),
    ],
)
def test_a_store_without_its_tables_is_not_read(
    statement: str, sentence: str, tmp_path: Path
) -> None:
    store = NotesDatabase()
    store.execute(statement)
    with pytest.raises(UnsupportedStoreError, match=sentence):
        parse("note", {NEW: store.to_bytes()}, tmp_path)


def test_a_backup_without_any_store_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedStoreError, match="The backup has no store of notes"):
        parse("note", {}, tmp_path)


def test_hostile_values_in_every_column_cost_no_more_than_their_note(tmp_path: Path) -> None:
    values = ("<script>", b"\xff\x00" * 9, -(2**63), 2**63 - 1, 1e308, "\0\u202e")
    for number, value in enumerate(values):
        notes = demo_notes(later=False)
        columns = [row[1] for row in notes.database.connection.execute(
            "pragma table_info(ZICCLOUDSYNCINGOBJECT)")]  # fmt: skip
        kept = {"Z_PK", "Z_ENT", "ZIDENTIFIER", "ZISPASSWORDPROTECTED", "ZMARKEDFORDELETION"}
        change = ", ".join(f"{name} = :v" for name in columns if name not in kept)
        notes.database.connection.execute(
            f"update ZICCLOUDSYNCINGOBJECT set {change} where Z_PK % 2 = :odd",
            {"v": value, "odd": number % 2},
        )
        found = parse("note", {NEW: notes.database.to_bytes()}, tmp_path, listing=listed(notes))
        assert found.tally.read == 10
        assert len(found.artifacts) >= 5
        for artifact in found.artifacts:
            check_page(found.payload(artifact.key).get("html", ""))


def test_a_note_has_so_many_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_MOST_PARTS", 3)

    def build(store: NotesDatabase, folder: int, account: int) -> None:
        note = store.note(folder, [stands(f"A{n}", "public.png") for n in range(9)],
                          account=account, at=AT, title="T", ZIDENTIFIER="N")  # fmt: skip
        for number in range(9):
            store.attachment(note, "public.png", f"A{number}")

    said = made(tmp_path, build).payload("N")
    assert len(said["parts"]) == 3
    assert said["is_cut"]


def test_a_broken_old_store_costs_itself_only_where_there_is_a_new_one(tmp_path: Path) -> None:
    store = NotesDatabase().to_bytes()
    found = parse("note", {NEW: store, OLD: b"broken"}, tmp_path)
    assert found.tally.notes == {"The old store of notes could not be read.": 1}
    with pytest.raises(UnsupportedStoreError):
        parse("note", {OLD: b"broken"}, tmp_path)


def test_a_damaged_page_costs_what_is_on_it(tmp_path: Path) -> None:
    content = bytearray(many_notes(300))
    with sqlite3.connect(":memory:") as connection:
        connection.deserialize(bytes(content))
        size = connection.execute("pragma page_size").fetchone()[0]
    # In the middle of the file lie rows of one of the two tables.
    for page in range(len(content) // size // 2, len(content) // size // 2 + 3):
        content[page * size : page * size + 64] = b"\xff" * 64
    found = parse("note", {NEW: bytes(content)}, tmp_path)
    assert 0 < len(found.artifacts) <= 300
    assert found.tally.notes

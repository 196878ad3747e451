import datetime as dt
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.notes import (
    ACCOUNT,
    DOMAIN,
    OLD_DOMAIN,
    OLD_STORE,
    SECRET,
    STORE,
    DemoNotes,
    demo_files,
    demo_notes,
    old_notes,
)
from deploy.demo.notes_body import TITLE, note_data, piece, share_data, stands
from deploy.demo.notes_database import NotesDatabase, OldNotesDatabase, many_notes
from deploy.demo.notes_schema import Form
from services.indexer.kinds.backup_files import NOT_DOWNLOADED, NOT_IN_BACKUP, file_id_of
from services.indexer.kinds.note import parts
from services.indexer.kinds.protocol import UnsupportedStoreError
from services.indexer.staging import encode_row
from tests.unit.kinds.collected import Collected, parse
from tests.unit.kinds.note_pages import check_page

NEW = f"{DOMAIN}/{STORE}"
OLD = f"{OLD_DOMAIN}/{OLD_STORE}"
AT = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
FORMS: tuple[Form, ...] = ("26", "15", "13", "11")


def listed(notes: DemoNotes) -> list[dict[str, Any]]:
    return [
        {
            "domain": file.domain, "relative_path": file.relative_path,
            "file_id": file_id_of(file.domain, file.relative_path),
            "size_bytes": len(file.content), "present": True,
        }
        for file in notes.files
    ]  # fmt: skip


def demo(folder: Path, form: Form = "26", *, later: bool = False) -> Collected:
    notes = demo_notes(later=later, form=form)
    return parse("note", {NEW: notes.database.to_bytes()}, folder, listing=listed(notes))


Build = Callable[[NotesDatabase, int, int], None]


def made(folder: Path, build: Build) -> Collected:
    store = NotesDatabase()
    account = store.account("iCloud", "ACCOUNT")
    build(store, store.folder("Notes", account, ZIDENTIFIER="FOLDER"), account)
    return parse("note", {NEW: store.to_bytes()}, folder, listing=[])


def paths(found: Collected, key: str) -> list[str | None]:
    return [file.relative_path for file in found.find(key).attachments]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_notes(form: Form, tmp_path: Path) -> None:
    found = demo(tmp_path, form)
    assert found.tally.kept == found.tally.read == 10
    assert found.tally.undecodable == 0
    assert found.tally.notes == {}
    assert [a.key for a in found.artifacts] == [
        "NOTE-OLD-NUMBERS", "NOTE-LOCKED", "NOTE-LOCKED-BY-CODE", "NOTE-RECIPE", "NOTE-VET",
        "NOTE-EMPTY", "NOTE-PACKING", "NOTE-REPAIR", "NOTE-SKETCH", "NOTE-PAPERS",
    ]  # fmt: skip
    said = found.payload("NOTE-REPAIR")
    assert (said["account"], said["folder"], said["folders"]) == ("iCloud", "Repairs", ["Boat"])
    assert said["created_at"] == "2024-07-24T18:30:00Z"
    assert said["modified_at"] == "2024-07-24T19:20:00Z"
    assert found.find("NOTE-REPAIR").occurred_at_us == 1721848800 * 10**6
    assert "| Planks \\| oak | **240.00** |" in said["markdown"]
    assert "Planks | oak\t240.00" in (found.find("NOTE-REPAIR").text or "")
    assert found.find("NOTE-PACKING").thread_key == f"{ACCOUNT}/DefaultFolder-CloudKit"


def test_folders_are_threads_with_their_account(tmp_path: Path) -> None:
    threads = {thread.key: thread for thread in demo(tmp_path).threads}
    assert {key: (t.title, t.services) for key, t in threads.items()} == {
        f"{ACCOUNT}/DefaultFolder-CloudKit": ("Notes", ["iCloud"]),
        f"{ACCOUNT}/TrashFolder-CloudKit": ("Recently Deleted", ["iCloud"]),
        f"{ACCOUNT}/FOLDER-BOAT": ("Boat", ["iCloud"]),
        f"{ACCOUNT}/FOLDER-REPAIRS": ("Repairs", ["iCloud"]),
        "LocalAccount/DefaultFolder-LocalAccount": ("Notes", ["On My iPhone"]),
    }


def test_checklists_count_and_tags_links_and_pins_are_told(tmp_path: Path) -> None:
    found = demo(tmp_path)
    said = found.payload("NOTE-PACKING")
    assert (said["items"], said["items_done"], said["is_pinned"]) == (4, 1, True)
    assert said["tags"] == ["#lake"]
    assert said["links"] == ["applenotes:note/note-repair"]
    assert '<span class="hashtag">#lake</span>' in said["html"]
    assert found.find("NOTE-PACKING").has_link
    assert not found.find("NOTE-OLD-NUMBERS").has_link
    assert said["snippet"].startswith("Before we leave Charge the lamp")


@pytest.mark.parametrize("form", FORMS)
def test_files_are_found_where_each_version_keeps_them(form: Form, tmp_path: Path) -> None:
    found = demo(tmp_path, form)
    for key, roles in (
        ("NOTE-REPAIR", ["original", "preview", "original"]),
        ("NOTE-SKETCH", ["drawing"]),
        ("NOTE-PAPERS", ["document", "original", "original"]),
    ):
        files = found.find(key).attachments
        assert [file.present for file in files] == [True] * len(roles), files
        said = found.payload(key)
        assert [file["role"] for part in said["parts"] for file in part.get("files", [])] == roles
        numbers = [file["n"] for part in said["parts"] for file in part.get("files", [])]
        assert numbers == list(range(len(roles)))
    assert "768x576" in str(paths(found, "NOTE-REPAIR")[1])
    pages = [path for path in paths(found, "NOTE-PAPERS") if path and path.endswith(".jpg")]
    assert [str(path).rpartition("/")[2] for path in pages] == ["page-front.jpg", "page-back.jpg"]


def test_parts_say_what_they_are(tmp_path: Path) -> None:
    found = demo(tmp_path)
    table, photo, invoice, link = found.payload("NOTE-REPAIR")["parts"]
    assert (table["kind"], table["rows"], table["columns"]) == ("table", 3, 2)
    assert (photo["kind"], photo["uti"], photo["text"]) == ("image", "public.jpeg", "OAK 40 mm")
    assert (photo["width"], photo["height"], photo["size_bytes"]) == (1600, 1200, 4096)
    assert (invoice["kind"], invoice["title"]) == ("pdf", "Invoice 17.pdf")
    assert (link["kind"], link["url"]) == ("link", "https://yard.example/planks")
    assert "files" not in link
    scan, gallery, *pages = found.payload("NOTE-PAPERS")["parts"]
    assert (scan["kind"], gallery["kind"]) == ("scan", "gallery")
    assert [page["parent"] for page in pages] == [1, 1]
    voice = found.payload("NOTE-VET")["parts"][1]
    assert (voice["kind"], voice["duration_seconds"]) == ("audio", 12.5)
    assert found.payload("NOTE-SKETCH")["is_quick_note"]


def test_what_the_phone_read_in_pictures_is_found_by_the_search(tmp_path: Path) -> None:
    found = demo(tmp_path)
    for key, words in (
        ("NOTE-REPAIR", "OAK 40 mm"),
        ("NOTE-REPAIR", "https://yard.example/planks"),
        ("NOTE-SKETCH", "buoy 14, two lines aft"),
        ("NOTE-PAPERS", "hull and mast"),
        ("NOTE-VET", "half a tablet"),
        ("NOTE-RECIPE", "おにぎり"),
    ):
        assert words in (found.find(key).text or "")


def test_html_names_files_by_their_part_and_is_safe(tmp_path: Path) -> None:
    found = demo(tmp_path)
    assert (
        '<figure class="image" data-part="1"><figcaption>plank.jpg'
        in (found.payload("NOTE-REPAIR")["html"])
    )
    for artifact in found.artifacts:
        check_page(found.payload(artifact.key).get("html", ""))


def test_a_file_that_is_not_in_the_backup_says_why(tmp_path: Path) -> None:
    found = demo(tmp_path)
    (photo,) = found.find("NOTE-RECIPE").attachments
    assert (photo.name, photo.present, photo.reason) == ("IMG_2001.HEIC", False, NOT_IN_BACKUP)
    assert photo.size_bytes == 812_345
    card = found.find("NOTE-VET").attachments[0]
    assert (card.name, card.reason) == ("Dr. Zoë Größl", NOT_DOWNLOADED)
    assert found.tally.missing_files == 2


def test_locked_notes_are_told_by_title_and_folder_only(tmp_path: Path) -> None:
    found = demo(tmp_path)
    for key, title, lock in (
        ("NOTE-LOCKED", "Boathouse", "password"),
        ("NOTE-LOCKED-BY-CODE", "Codes", "device_passcode"),
    ):
        artifact, said = found.find(key), found.payload(key)
        assert (artifact.title, artifact.text, artifact.attachments) == (title, None, [])
        assert said.keys() == {
            "content", "lock", "account", "account_type", "folder", "created_at", "modified_at",
        }  # fmt: skip
        assert (said["content"], said["lock"]) == ("locked", lock)
        assert SECRET.encode() not in encode_row(artifact)
        assert b"When we met" not in encode_row(artifact)


def test_nothing_in_a_locked_note_is_shown_though_rows_lie_open(tmp_path: Path) -> None:
    def build(store: NotesDatabase, folder: int, account: int) -> None:
        note = store.note(
            folder, [piece("Locked\n", TITLE), piece("secret")], account=account, at=AT,
            title="Locked", ZIDENTIFIER="N", ZISPASSWORDPROTECTED=1, ZSNIPPET="secret",
        )  # fmt: skip
        photo = store.attachment(note, "public.jpeg", "P", ZTITLE="secret", ZOCRSUMMARY="secret")
        store.media(photo, "secret.jpg", "M")
        store.inline(note, "hashtag", "T", "#secret")

    found = made(tmp_path, build)
    assert b"secret" not in encode_row(found.find("N"))
    assert found.payload("N")["content"] == "locked"


def test_what_is_encrypted_counts_as_locked_whatever_the_note_says(tmp_path: Path) -> None:
    def build(store: NotesDatabase, folder: int, account: int) -> None:
        store.note(folder, b"\x01\x02\x03", account=account, at=AT, title="N", ZIDENTIFIER="N")
        store.note(folder, "open again", account=account, at=AT, ZIDENTIFIER="O")
        store.execute("update ZICNOTEDATA set ZCRYPTOTAG = x'00'")

    found = made(tmp_path, build)
    assert found.find("O").text == "open again"
    assert found.payload("N")["lock"] == "password"
    assert found.tally.undecodable == 0


def test_deleted_notes_stay_with_their_state(tmp_path: Path) -> None:
    found = demo(tmp_path)
    assert found.payload("NOTE-OLD-NUMBERS")["deletion"] == "recently_deleted"
    assert found.payload("NOTE-EMPTY")["deletion"] == "marked"
    assert found.payload("NOTE-EMPTY")["content"] == "empty"
    assert "deletion" not in found.payload("NOTE-PACKING")


def test_shared_notes_name_their_owner_and_people(tmp_path: Path) -> None:
    found = demo(tmp_path)
    said = found.payload("NOTE-RECIPE")
    assert (said["is_shared"], said["is_of_others"]) == (True, True)
    assert found.find("NOTE-RECIPE").sender_handle == "+819012345678"
    assert [(one["name"], one["role"]) for one in said["participants"]] == [
        ("Yuki Tanaka", "owner"),
        ("Mira Sandoval", "participant"),
    ]
    assert said["mentions"] == [{"text": "@Mira", "handle": "mira.sandoval@example.com"}]


def test_a_note_of_ones_own_that_is_shared_has_no_sender(tmp_path: Path) -> None:
    def build(store: NotesDatabase, folder: int, account: int) -> None:
        share = share_data(
            [("Mira S", "mira@example.com", 1, True), ("Yuki T", "y@e.com", 9, False)]
        )
        store.note(folder, "x", account=account, at=AT, ZIDENTIFIER="N", ZSERVERSHAREDATA=share)
        store.note(folder, "y", account=account, at=AT, ZIDENTIFIER="B", ZSERVERSHAREDATA=b"broken")
        store.folder("Ours", account, ZIDENTIFIER="F", ZSERVERSHAREDATA=share)

    found = made(tmp_path, build)
    said = found.payload("N")
    assert said["is_shared"]
    assert "is_of_others" not in said
    assert found.find("N").sender_handle is None
    assert said["participants"][1]["raw"] == [9, 2, 3]
    assert found.payload("B")["is_shared"]
    assert found.tally.notes == {"With whom a note is shared could not be read.": 1}
    ours = next(thread for thread in found.threads if thread.title == "Ours")
    assert (ours.is_group, ours.participants) == (True, ["mira@example.com", "y@e.com"])


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


def test_the_old_store_is_read_too(tmp_path: Path) -> None:
    found = parse("note", {OLD: old_notes()}, tmp_path)
    (note,) = found.artifacts
    assert (note.key, note.title) == ("old:OLD-WINES", "Wines")
    assert (
        note.text
        == "Wines\nTwo bottles of Chasselas & bread\ncheese\ncellar\nhttps://cellar.example/"
    )
    said = found.payload(note.key)
    assert "alert" not in said["html"]
    assert (said["account"], said["folder"]) == ("mira@mail.example", "Notes")
    assert note.thread_key == found.threads[0].key == "old:mira@mail.example/Notes"


def test_old_notes_may_be_deleted_empty_or_nameless(tmp_path: Path) -> None:
    store = OldNotesDatabase()
    of = store.store("mail", "Notes")
    store.note(of, "gone", "<p>x</p>", at=AT, guid="A", ZDELETEDFLAG=1)
    store.note(of, "empty", None, at=AT, guid="B")
    store.note(of, "nameless", "text", at=AT, guid=None)
    store.note(of, "for the server", "x", at=AT, guid="C", ZISBOOKKEEPINGENTRY=1)
    store.note(of, "no identity", "x", at=AT, guid=None, ZCREATIONDATE=None)
    gone = store.note(of, "without its body", "x", at=AT, guid="D")
    store.connection.execute("delete from ZNOTEBODY where ZOWNER = ?", (gone,))
    found = parse("note", {OLD: store.to_bytes()}, tmp_path)
    assert found.payload("old:A")["deletion"] == "marked"
    assert found.payload("old:B")["content"] == "empty"
    assert found.payload("old:D")["content"] == "unreadable"
    assert found.artifacts[2].key.startswith("old:digest:")
    assert (found.tally.kept, found.tally.skipped, found.tally.undecodable) == (4, 2, 1)


def test_a_broken_old_store_costs_itself_only_where_there_is_a_new_one(tmp_path: Path) -> None:
    store = NotesDatabase().to_bytes()
    found = parse("note", {NEW: store, OLD: b"broken"}, tmp_path)
    assert found.tally.notes == {"The old store of notes could not be read.": 1}
    with pytest.raises(UnsupportedStoreError):
        parse("note", {OLD: b"broken"}, tmp_path)


def test_four_weeks_later_some_notes_came_changed_and_went(tmp_path: Path) -> None:
    first, second = demo(tmp_path), demo(tmp_path, later=True)
    one = {a.key: encode_row(a) for a in first.artifacts}
    two = {a.key: encode_row(a) for a in second.artifacts}
    assert two.keys() - one.keys() == {"NOTE-AUTUMN"}
    assert one.keys() - two.keys() == {"NOTE-OLD-NUMBERS"}
    assert {key for key in one.keys() & two.keys() if one[key] != two[key]} == {"NOTE-PACKING"}
    assert second.payload("NOTE-PACKING")["items_done"] == 3


def test_opening_a_note_changes_nothing(tmp_path: Path) -> None:
    notes = demo_notes(later=False)
    before = parse("note", {NEW: notes.database.to_bytes()}, tmp_path)
    notes.database.execute("update ZICCLOUDSYNCINGOBJECT set ZLASTOPENEDDATE = 745000000.5")
    after = parse("note", {NEW: notes.database.to_bytes()}, tmp_path)
    assert [encode_row(a) for a in before.artifacts] == [encode_row(a) for a in after.artifacts]


def test_the_demo_phone_has_the_files_that_its_notes_name(tmp_path: Path) -> None:
    for later in (False, True):
        files = {f"{f.domain}/{f.relative_path}": f.content for f in demo_files(later=later)}
        listing = [
            {"domain": name.split("/", 1)[0], "relative_path": name.split("/", 1)[1],
             "file_id": file_id_of(*name.split("/", 1)), "size_bytes": len(content)}
            for name, content in files.items()
        ]  # fmt: skip
        stores = {name: files[name] for name in (NEW, OLD)}
        found = parse("note", stores, tmp_path, listing=listing)
        assert found.tally.kept == 11
        assert found.tally.missing_files == 2


def test_many_notes_come_in_the_order_of_time(tmp_path: Path) -> None:
    found = parse("note", {NEW: many_notes(300)}, tmp_path)
    dates = [a.occurred_at_us for a in found.artifacts]
    assert len(dates) == 300
    assert dates == sorted(dates, key=lambda date: date or 0)
    assert {found.payload(a.key)["tags"][0] for a in found.artifacts} == {
        f"#pier{number}" for number in range(50)
    }


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

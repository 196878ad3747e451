"""Notes: what every form of the store says, locked and deleted ones, and stores of old phones."""

from pathlib import Path

import pytest

from deploy.demo.notes import (
    ACCOUNT,
    SECRET,
    demo_files,
    demo_notes,
    old_notes,
)
from deploy.demo.notes_body import TITLE, piece, share_data
from deploy.demo.notes_database import NotesDatabase, OldNotesDatabase, many_notes
from deploy.demo.notes_schema import Form
from services.indexer.kinds.backup_files import NOT_DOWNLOADED, NOT_IN_BACKUP, file_id_of
from services.indexer.staging import encode_row
from tests.unit.kinds.collected import parse
from tests.unit.kinds.note_pages import check_page
from tests.unit.kinds.note_stores import AT, FORMS, NEW, OLD, demo, made, paths


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

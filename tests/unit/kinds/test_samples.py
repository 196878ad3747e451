"""The public samples: what real phones wrote, against what is known to be in it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from services.indexer.kinds.message.attributed_text import decode_attributed_text
from services.indexer.kinds.message.balloons import describe_balloon, read_votes
from services.indexer.kinds.message.summary import read_summary
from tests.unit.kinds.collected import BOOK, IMAGES, SMS, parse

pytestmark = pytest.mark.skipif(
    not os.environ.get("KEEPSAKE_SAMPLES"), reason="KEEPSAKE_SAMPLES is not set"
)
IOS = Path(os.environ.get("KEEPSAKE_SAMPLES", "/nowhere")) / "ios"
BLOBS = IOS / "ReagentX+imessage-exporter"
PROPERTIES = {
    3: "phones", 4: "emails", 5: "addresses", 12: "dates", 13: "messengers", 22: "urls",
    23: "related", 46: "social",
}  # fmt: skip


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        if "NSData_len" in value:
            return ("data", value["NSData_len"])
        return value.get("NSURL") or {key: plain(item) for key, item in value.items()}
    return ("data", len(value)) if isinstance(value, bytes) else value


def test_every_typedstream_gives_its_text_and_runs() -> None:
    expected = json.loads((BLOBS / "EXPECTED-typedstream.D.json").read_text())
    assert len(expected) > 40
    for name, known in expected.items():
        decoded = decode_attributed_text((BLOBS / "test_data/typedstream" / name).read_bytes())
        assert decoded is not None, name
        assert decoded.text == known["text"], name
        assert decoded.is_whole, name
        assert len(decoded.text.encode("utf-16-le")) // 2 == known["utf16_len"], name
        runs = [(r.start, r.length, plain(r.attributes)) for r in decoded.runs]
        if runs:  # a plain text is read without looking at its one run
            assert runs == [
                (r["start"], r["len"], {k: plain(v) for k, v in r["attrs"].items()})
                for r in known["runs"]
            ], name


def test_every_edit_history_is_read() -> None:
    for name, known in json.loads((BLOBS / "EXPECTED-edited.D.json").read_text()).items():
        summary = read_summary((BLOBS / "test_data/edited_message" / name).read_bytes())
        assert summary is not None, name
        expected = [
            (int(part), version["text"], round(version["d"] + 978307200, 3))
            for part, versions in known["ec"].items()
            for version in versions
        ]
        assert [
            (edit.part, edit.text, round(edit.at.timestamp(), 3) if edit.at else None)
            for edit in summary.edits
        ] == expected, name
        assert list(summary.unsent_parts) == (known["rp"] or []), name
        assert summary.is_unsent is (name == "Deleted.plist"), name


def test_every_app_message_says_what_it_is() -> None:
    folder = BLOBS / "test_data/app_message"
    for file in folder.glob("*.plist"):
        app = describe_balloon("com.apple.messages.MSMessageExtensionBalloonPlugin:0:x",
                               file.read_bytes())  # fmt: skip
        if not file.name.startswith(("Translation", "PollVote")):
            assert app.title, file.name
    polls = "com.apple.messages.MSMessageExtensionBalloonPlugin:0:com.apple.messages.Polls"
    poll = describe_balloon(polls, (folder / "PollCreate.plist").read_bytes())
    votes = read_votes((folder / "PollVote.plist").read_bytes())
    assert len(poll.options) == 4
    assert votes[0][1] in {option.id for option in poll.options}


def test_every_link_preview_says_where_it_leads() -> None:
    for group in ("url_message", "music_message", "app_store", "shared_placemark",
                  "collaboration_message"):  # fmt: skip
        for file in (BLOBS / "test_data" / group).glob("*.plist"):
            link = describe_balloon("com.apple.messages.URLBalloonProvider", file.read_bytes())
            assert link.url, file.name
            assert link.url.startswith("https://"), file.name
            assert link.title or file.name == "Reminder.plist"


def test_the_ios_18_fixture_reads_as_expected(tmp_path: Path) -> None:
    base = IOS / "novkostya+ios-backup-parser"
    known = json.loads((base / "EXPECTED.json").read_text())["messages"]
    found = parse("message", {SMS: base / "messages/testdata/messages.1.sms.db"}, tmp_path)
    texts = {artifact.key: artifact.text for artifact in found.artifacts}
    for number, text in known["texts"].items():
        if number != "7":  # a tapback: part of message 2
            assert texts[f"fx-msg-{int(number):04d}"] == text, number
    assert found.payload("fx-msg-0002")["reactions"][0]["kind"] == "love"
    assert found.payload("fx-msg-0003")["reply_to"] == "fx-msg-0001"
    assert found.payload("fx-msg-0009")["text_unknown"] is True
    assert found.find("fx-msg-0006").attachments[0].reason is not None
    assert {thread.title for thread in found.threads} == {None, "Fixture Group"}


def test_the_macos_15_database_is_read(tmp_path: Path) -> None:
    found = parse("message", {SMS: BLOBS / "test_data/db/test.db"}, tmp_path)
    assert found.tally.read == found.tally.kept == 3
    assert found.tally.undecodable == 0
    sticker = found.payload("0355C6E1-D0C8-4212-AA87-DD8AE4FD1203")["attachment_info"][0]
    assert sticker["is_sticker"] is True
    translated = found.payload("56FE94B9-2345-4A3C-A57F-949BDDDDF9FF")["translations"][0]
    assert (translated["language"], translated["source_language"]) == ("fr_FR", "en_US")


def test_a_database_of_two_tables_is_read(tmp_path: Path) -> None:
    path = IOS / "mvt-project+mvt/ios_backup/3d/3d0d7e5fb2ce288813306e4d4636395e047a3d28"
    found = parse("message", {SMS: path}, tmp_path)
    assert found.tally.kept == 1
    assert found.artifacts[0].has_link
    assert found.artifacts[0].sender_handle == "apple"


def test_every_address_book_equals_what_is_known(tmp_path: Path) -> None:
    everything = json.loads((IOS / "EXPECTED-contacts.D.json").read_text())
    assert len(everything) >= 3
    for number, (name, known) in enumerate(everything.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        files: dict[str, bytes | Path] = {BOOK: IOS / name}
        images = (IOS / name).with_name("AddressBookImages.sqlitedb")
        if images.exists():
            files[IMAGES] = images
        found = parse("contact", files, folder)
        assert len(found.artifacts) == len(known["persons"]), name
        for person in known["persons"]:
            payload = found.payload(person["guid"])
            for column, field in (("First", "first_name"), ("Last", "last_name"),
                                  ("Organization", "organization"), ("Note", "note"),
                                  ("Nickname", "nickname")):  # fmt: skip
                assert payload.get(field) == person.get(column), (name, person["guid"])
            for kind, field in PROPERTIES.items():
                values = [v for v in person["values"] if v["property"] == kind]
                assert len(payload.get(field, [])) == len(values), (name, person["guid"], field)
                if field in {"phones", "emails", "urls"}:
                    assert [v["value"] for v in payload.get(field, [])] == [
                        v["value"] for v in values
                    ]
            created = person["created"]
            assert (payload.get("created_at") or "")[:19] == (created or "")[:19]


def test_pictures_of_a_real_phone_are_found(tmp_path: Path) -> None:
    base = IOS / "abrignoni+iLEAPP/josh_ios15_ffs/mobile/Library/AddressBook"
    found = parse("contact", {BOOK: base / "AddressBook.sqlitedb",
                              IMAGES: base / "AddressBookImages.sqlitedb"}, tmp_path)  # fmt: skip
    pictures = [p for a in found.artifacts if (p := found.payload(a.key))["has_image"]]
    assert {p["image"]["media_type"] for p in pictures} == {"image/png", "image/jpeg"}
    assert [p["first_name"] for p in pictures if p["is_me"]] == ["This Is"]

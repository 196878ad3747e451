import datetime as dt
from pathlib import Path

import pytest

from deploy.demo.contacts import ADDRESS, DATE, EMAIL, MESSENGER, PHONE, ContactsDatabase
from deploy.demo.pictures import jpeg_like, png
from services.indexer.kinds.address_book import read_date
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import BOOK, IMAGES, Collected, parse


def run(book: ContactsDatabase, folder: Path) -> Collected:
    return parse(
        "contact", {BOOK: book.to_bytes(), IMAGES: book.images_to_bytes()}, folder, region="DE"
    )


def test_a_card_is_read_with_all_that_is_on_it(tmp_path: Path) -> None:
    book = ContactsDatabase()
    store = book.store("Cloud")
    person = book.person(
        store=store, guid="C", First="Zoë", Last="Größl", Middle="M", Nickname="Zo", Note="vet",
        Birthday="-725889600.0",
        values=[
            (PHONE, "_$!<Mobile>!$_", "0171 1234567"),
            (EMAIL, "custom", "Zoe@Example.com"),
            (ADDRESS, "_$!<Home>!$_", {"street": "Am See 1", "City": "Wien", "ZIP": "1010"}),
            (MESSENGER, None, {"service": "Jabber", "username": "zo"}),
            (DATE, "_$!<Anniversary>!$_", "0"),
        ],
    )  # fmt: skip
    book.me(store, person)
    book.group("Friends", [person])
    found = run(book, tmp_path)
    payload = found.payload("C")
    assert found.find("C").title == "Zoë Größl"
    assert payload["handles"] == ["+491711234567", "zoe@example.com"]
    assert payload["phones"] == [
        {"value": "0171 1234567", "label": "Mobile", "handle": "+491711234567"}
    ]
    assert payload["addresses"] == [
        {"label": "Home", "street": "Am See 1", "city": "Wien", "postal_code": "1010"}
    ]
    assert payload["messengers"] == [{"username": "zo", "service": "Jabber"}]
    assert payload["dates"] == [{"date": "2001-01-01", "label": "Anniversary"}]
    assert (payload["birthday"], payload["is_me"], payload["store"]) == (
        "1977-12-31",
        True,
        "Cloud",
    )
    assert payload["groups"] == ["Friends"]
    text = found.find("C").text or ""
    for word in ("Zoë M Größl", "Zo", "vet", "+491711234567", "Wien", "Friends", "Jabber zo"):
        assert word in text


@pytest.mark.parametrize(
    ("columns", "title"),
    [
        ({"First": "由紀", "Last": "田中"}, "田中由紀"),
        ({"Organization": "Acme", "First": "X", "Kind": 1}, "Acme"),
        ({"Organization": "Acme"}, "Acme"),
        ({"Nickname": "Zo"}, "Zo"),
        ({"DisplayName": "Shown"}, "Shown"),
        ({}, None),
    ],
)
def test_a_card_without_a_full_name_has_a_title(
    tmp_path: Path, columns: dict[str, object], title: str | None
) -> None:
    book = ContactsDatabase()
    book.person(guid="C", **columns)
    assert run(book, tmp_path).find("C").title == title


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (str((dt.date(1604, 4, 1) - dt.date(2001, 1, 1)).days * 86400 + 43200), "--04-01"),
        ("1990-04-01", "1990-04-01"),
        ("1604-04-01T12:00:00Z", "--04-01"),
        (0, "2001-01-01"),
        ("soon", None),
        (None, None),
        (1e300, None),
    ],
)
def test_birthdays_may_lack_their_year(value: object, expected: str | None) -> None:
    assert read_date(value) == expected


def test_cards_of_hidden_accounts_are_left_out_and_counted(tmp_path: Path) -> None:
    book = ContactsDatabase()
    book.person(store=book.store("Off", is_enabled=False), First="A")
    book.person(store=book.store("Directory", type_=0x0100_0003), First="B")
    book.person(store=99, guid="C", First="C")
    found = run(book, tmp_path)
    assert [artifact.key for artifact in found.artifacts] == ["C"]
    assert found.tally.skipped == 2


def test_cards_shown_as_one_know_each_other(tmp_path: Path) -> None:
    book = ContactsDatabase()
    one, other = book.person(guid="A", First="A"), book.person(guid="B", First="A")
    book.link(one, other)
    found = run(book, tmp_path)
    assert found.payload("A")["unified_with"] == ["B"]
    assert found.payload("B")["is_preferred"] is False


def test_pictures_are_described_and_only_small_ones_kept(tmp_path: Path) -> None:
    book = ContactsDatabase()
    book.picture(book.person(guid="A"), jpeg_like(1, 300_000), (0, png(1, width=20, height=20)))
    book.picture(book.person(guid="B"), png(2), (5, jpeg_like(2, 90_000)))
    found = run(book, tmp_path)
    image = found.payload("A")["image"]
    assert (image["media_type"], image["size_bytes"]) == ("image/jpeg", 300_000 - 0)
    assert image["thumbnail_media_type"] == "image/png"
    assert "thumbnail" not in found.payload("B")["image"]


def test_odd_values_cost_no_more_than_their_record(tmp_path: Path) -> None:
    book = ContactsDatabase()
    book.person(guid="A", First="good", values=[(PHONE, None, "1")])
    book.person(guid="B", First=b"\xff\xfe", Birthday="x" * 9, CreationDate="never", PersonLink="z")
    book.execute("insert into ABMultiValue(record_id, property, label, value) values (1, 3, 77, 5)")
    book.execute("insert into ABMultiValue(record_id, property, value) values (1, 'x', x'ff')")
    found = run(book, tmp_path)
    assert found.tally.read == 2
    assert [phone["value"] for phone in found.payload("A")["phones"]] == ["1", "5"]


def test_a_database_without_people_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedStoreError):
        parse("contact", {BOOK: b"SQLite format 3\0"}, tmp_path)

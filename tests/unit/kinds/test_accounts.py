"""Accounts: what the phone is signed in to, without anything that signs in."""

import datetime as dt
from pathlib import Path

import pytest

from deploy.demo.accounts import (
    COPY,
    STORE,
    AccountsDatabase,
    archived,
    demo_accounts,
    demo_files,
    many_accounts,
)
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import Collected, parse

AT = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
MAIN, SECOND = f"HomeDomain/{STORE}", f"HomeDomain/{COPY}"


def run(database: AccountsDatabase | bytes, folder: Path) -> Collected:
    content = database if isinstance(database, bytes) else database.to_bytes()
    return parse("account", {MAIN: content}, folder)


def demo(folder: Path, *, later: bool) -> Collected:
    files: dict[str, bytes | Path] = {
        f"{file.domain}/{file.relative_path}": file.content for file in demo_files(later=later)
    }
    return parse("account", files, folder)


def key_of(found: Collected, title: str) -> str:
    return next(one.key for one in found.artifacts if one.title == title)


def test_an_account_has_its_type_its_owner_and_what_it_is_used_for(tmp_path: Path) -> None:
    found = demo(tmp_path, later=False)
    key = key_of(found, "Harbour: mira@harbour.example")
    assert found.payload(key) == {
        "type": "com.apple.account.IMAPMail",
        "type_name": "IMAPMail",
        "description": "Harbour",
        "username": "mira@harbour.example",
        "handle": "mira@harbour.example",
        "owner_bundle_id": "com.apple.mobilemail",
        "owner_name": "Mail",
        "is_active": True,
        "is_authenticated": True,
        "is_visible": True,
        "services": ["Mail"],
        "full_name": "Mira Sandoval",
        "emails": ["mira@harbour.example", "crew@harbour.example"],
        "server": "imap.harbour.example",
        "created_at": "2022-05-20T19:00:00Z",
    }
    lines = (found.find(key).text or "").split("\n")
    assert {"IMAPMail", "Harbour", "crew@harbour.example", "imap.harbour.example"} <= set(lines)


def test_an_account_below_another_one_names_it(tmp_path: Path) -> None:
    found = demo(tmp_path, later=False)
    cloud = key_of(found, "iCloud: mira.sandoval@example.com")
    below = found.payload(key_of(found, "CardDAV"))
    assert below["parent_key"] == cloud
    assert below["parent_name"] == "iCloud: mira.sandoval@example.com"
    assert below["authentication_type"] == "parent"
    assert below["server"] == "contacts.cloud.example"
    assert found.payload(cloud)["services"] == [
        "Backup", "Calendars", "Contacts", "Keychain", "Notes", "Photos",
    ]  # fmt: skip
    assert found.payload(cloud)["full_name"] == "Mira Sandoval"


def test_cookies_and_identities_are_nowhere(tmp_path: Path) -> None:
    for later in (False, True):
        (tmp_path / str(later)).mkdir()
        found = demo(tmp_path / str(later), later=later)
        said = repr([(found.payload(one.key), one.text, one.title) for one in found.artifacts])
        assert "invented-cookie" not in said
        assert "000123" not in said


def test_what_only_the_copy_has_was_removed_since(tmp_path: Path) -> None:
    found = demo(tmp_path, later=True)
    assert [one.title for one in found.artifacts] == [
        "iCloud: mira.sandoval@example.com",
        "CardDAV",
        "iTunes Store: mira.sandoval@example.com",
        "Gmail: mira.s@mail.example",
        "Harbour: mira@harbour.example",
    ]
    removed = [one.title for one in found.artifacts if found.payload(one.key).get("is_removed")]
    assert removed == ["Harbour: mira@harbour.example"]
    gmail = found.payload(key_of(found, "Gmail: mira.s@mail.example"))
    assert gmail["rejected_at"] == "2024-08-30T05:00:00Z"
    assert (found.tally.read, found.tally.kept, found.tally.skipped) == (5, 5, 0)


def test_an_account_that_only_the_copy_has_says_so(tmp_path: Path) -> None:
    store = demo_accounts(later=False)
    store.execute("delete from ZACCOUNT where ZUSERNAME = 'mira@harbour.example'")
    copy = demo_accounts(later=False).to_bytes()
    found = parse("account", {MAIN: store.to_bytes(), SECOND: copy}, tmp_path)
    assert found.payload(key_of(found, "Harbour: mira@harbour.example"))["is_removed"] is True
    assert sum("is_removed" in found.payload(one.key) for one in found.artifacts) == 1
    assert (found.tally.read, found.tally.kept, found.tally.skipped) == (4, 4, 0)


def test_without_the_store_the_copy_counts(tmp_path: Path) -> None:
    copy = demo_accounts(later=False).to_bytes()
    found = parse("account", {SECOND: copy}, tmp_path)
    assert len(found.artifacts) == 4
    assert not any("is_removed" in found.payload(one.key) for one in found.artifacts)


def test_a_damaged_store_is_replaced_by_the_copy(tmp_path: Path) -> None:
    copy = demo_accounts(later=False).to_bytes()
    found = parse("account", {MAIN: b"garbage" * 600, SECOND: copy}, tmp_path)
    assert len(found.artifacts) == 4
    assert found.tally.sentences() == "One of several lists of accounts could not be read."


def test_accounts_come_in_the_order_in_which_they_were_set_up(tmp_path: Path) -> None:
    found = run(many_accounts(450), tmp_path)
    times = [one.occurred_at_us or 0 for one in found.artifacts]
    assert times == sorted(times)
    assert len(times) == 450
    last = found.payload(found.artifacts[-1].key)
    assert (last["full_name"], last["services"]) == ("User 449", ["Mail"])


@pytest.mark.parametrize("digits", [6, 7, 12])
def test_the_digits_of_entities_are_looked_up(tmp_path: Path, digits: int) -> None:
    database = AccountsDatabase(digits=digits)
    database.account("Google", at=AT, username="a@b.example", services=["Mail", "Bookmarks"])
    found = run(database, tmp_path)
    assert found.payload(found.artifacts[0].key)["services"] == ["Mail", "Safari"]


def test_a_description_that_is_the_user_name_gives_way_to_the_type(tmp_path: Path) -> None:
    database = AccountsDatabase()
    database.account("iTunesStore", at=AT, username="a@b.example", description="a@b.example")
    database.account("iTunesStore", at=AT, username="a@b.example", ZACCOUNTTYPE=None)
    database.account("iTunesStore", at=AT, ZACCOUNTTYPE=None)
    titles = [one.title for one in run(database, tmp_path).artifacts]
    assert titles == ["iTunes Store: a@b.example", "a@b.example", None]


def test_a_number_for_a_user_name_is_one_that_people_have(tmp_path: Path) -> None:
    database = AccountsDatabase()
    database.account("IdentityServices", at=AT, username="(555) 014-2000")
    found = run(database, tmp_path)
    assert found.payload(found.artifacts[0].key)["handle"] == "+15550142000"


def test_an_account_without_an_identity_gets_one_of_what_it_says(tmp_path: Path) -> None:
    database = AccountsDatabase()
    database.account("Google", at=AT, username="a@b.example", ZIDENTIFIER=None)
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    first = run(database, tmp_path / "1").artifacts[0].key
    assert first.startswith("digest:")
    database.execute("update ZACCOUNT set Z_PK = 77")
    assert run(database, tmp_path / "2").artifacts[0].key == first


@pytest.mark.parametrize(
    "change",
    [
        "drop table ZACCOUNTTYPE",
        "drop table ZACCOUNTPROPERTY",
        "drop table ZDATACLASS",
        "drop table Z_2ENABLEDDATACLASSES",
        "alter table ZACCOUNT drop column ZVISIBLE",
        "alter table ZACCOUNT drop column ZDATE",
        "alter table ZACCOUNT drop column ZPARENTACCOUNT",
        "alter table ZACCOUNTPROPERTY drop column ZKEY",
        "alter table ZACCOUNTTYPE drop column ZACCOUNTTYPEDESCRIPTION",
        "update ZACCOUNT set ZPARENTACCOUNT = Z_PK",
        "update ZACCOUNT set ZPARENTACCOUNT = 'x', ZACCOUNTTYPE = x'00', ZDATE = 'now'",
        "update ZACCOUNTPROPERTY set ZVALUE = 5",
        "update ZDATACLASS set ZNAME = x'62706c6973743030'",
    ],
)
def test_what_is_missing_or_odd_costs_what_it_held(tmp_path: Path, change: str) -> None:
    database = demo_accounts(later=False)
    database.execute(change)
    found = run(database, tmp_path)
    assert len(found.artifacts) == 4
    assert found.tally.undecodable == 0


def test_a_store_without_accounts_is_not_this_one(tmp_path: Path) -> None:
    database = demo_accounts(later=False)
    database.execute("drop table ZACCOUNT")
    with pytest.raises(UnsupportedStoreError, match="no table of accounts"):
        run(database, tmp_path)


def test_properties_of_a_hostile_length_are_cut(tmp_path: Path) -> None:
    database = AccountsDatabase()
    database.account(
        "Google", at=AT, username="u" * 100_000,
        properties={
            "FullUserName": "n" * 10_000, "EmailAddresses": [f"{n}@x" for n in range(900)],
            "Hostname": "h" * 100_000,
        },
    )  # fmt: skip
    found = run(database, tmp_path)
    payload = found.payload(found.artifacts[0].key)
    assert len(payload["full_name"]) == 500
    assert len(payload["emails"]) == 50
    assert "server" not in payload  # longer than any value
    assert len(payload["handle"]) == 500


def test_a_plain_text_property_counts_as_well_as_an_archived_one(tmp_path: Path) -> None:
    database = AccountsDatabase()
    number = database.account("Google", at=AT)
    database.insert("ZACCOUNTPROPERTY", ZOWNER=number, ZKEY="FullUserName", ZVALUE="Mira")
    database.insert(
        "ZACCOUNTPROPERTY", ZOWNER=number, ZKEY="Hostname", ZVALUE=archived("h.example")
    )
    found = run(database, tmp_path)
    payload = found.payload(found.artifacts[0].key)
    assert (payload["full_name"], payload["server"]) == ("Mira", "h.example")

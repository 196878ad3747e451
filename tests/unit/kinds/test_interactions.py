import datetime as dt
from pathlib import Path

import pytest

from deploy.demo.interactions import STORE, InteractionsDatabase, demo_interactions
from deploy.demo.minted_database import cocoa_seconds
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import Collected, parse

NAME = f"HomeDomain/{STORE}"
AT = dt.datetime(2024, 7, 20, 7, 45, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
SMS, WHATSAPP = "com.apple.MobileSMS", "net.whatsapp.WhatsApp"


def run(db: InteractionsDatabase, folder: Path) -> Collected:
    return parse("interaction", {NAME: db.to_bytes()}, folder, region="US")


def handles(found: Collected, key: str) -> list[str]:
    return [one["handle"] for one in found.payload(key).get("recipients", [])]


def test_who_called_whom_is_read_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    db = InteractionsDatabase()
    jonas = db.person("Jonas Sandoval", "(555) 014-2001", ZPERSONID="P1")
    yuki = db.person("田中 由紀", "Yuki@Example.com")
    number = db.interaction(
        SMS, at=AT, to=[jonas, yuki], seconds=12.5, ZUUID="KEY", ZMECHANISM=4, ZISRESPONSE=1,
        ZDOMAINIDENTIFIER="iMessage;+;chat100", ZGROUPNAME="Lake weekend", ZACCOUNT="me",
        ZTARGETBUNDLEID="com.example.other", ZCONTENTURL="https://ferry.example.org/",
    )  # fmt: skip
    db.attach(number, ZUTI="public.png", ZSIZEINBYTES=9000, ZCONTENTTEXT="Lake.png",
              ZCONTENTURL="file:///Lake.png", ZPHOTOLOCALIDENTIFIER="PHOTO")  # fmt: skip
    found = run(db, tmp_path)
    artifact = found.find("KEY")
    assert found.payload("KEY") == {
        "type": "interaction",
        "app": SMS,
        "app_name": "Messages",
        "target_app": "com.example.other",
        "direction": "outgoing",
        "is_response": True,
        "recipients": [
            {"handle": "+15550142001", "name": "Jonas Sandoval", "person_key": "P1"},
            {"handle": "yuki@example.com", "name": "田中 由紀"},
        ],
        "recipient_count": 2,
        "group": "Lake weekend",
        "conversation": "iMessage;+;chat100",
        "account": "me",
        "started_at": "2024-07-20T07:45:00Z",
        "ended_at": "2024-07-20T07:45:12.500000Z",
        "duration_seconds": 12.5,
        "content_url": "https://ferry.example.org/",
        "attachments": [
            {"type": "public.png", "text": "Lake.png", "url": "file:///Lake.png",
             "size_bytes": 9000, "photo_key": "PHOTO"}
        ],
        "raw": {"mechanism": 4},
    }  # fmt: skip
    assert (artifact.title, artifact.thread_key) == ("Lake weekend", SMS)
    assert (artifact.is_me, artifact.sender_handle) == (True, None)
    text = (artifact.text or "").split("\n")
    assert {"Jonas Sandoval", "+15550142001", "田中 由紀", "Lake.png"} <= set(text)
    assert [(thread.key, thread.title) for thread in found.threads] == [(SMS, "Messages")]


def test_who_came_to_the_owner_is_the_sender(tmp_path: Path) -> None:
    db = InteractionsDatabase()
    jojo = db.person("Jojo", "15550142001@s.whatsapp.net")
    db.interaction(WHATSAPP, at=AT, sender=jojo, ZUUID="KEY")
    found = run(db, tmp_path)
    artifact, payload = found.find("KEY"), found.payload("KEY")
    # As the person is known in every other kind.
    assert (artifact.sender_handle, artifact.is_me) == ("+15550142001", False)
    assert (payload["direction"], payload["sender"]["name"]) == ("incoming", "Jojo")
    assert artifact.title == "Jojo"


def test_a_direction_without_a_word_keeps_its_number(tmp_path: Path) -> None:
    db = InteractionsDatabase()
    db.interaction(SMS, at=AT, ZUUID="KEY", ZDIRECTION=3)
    payload = run(db, tmp_path).payload("KEY")
    assert "direction" not in payload
    assert payload["raw"] == {"direction": 3}


def several(*, exchanged: bool) -> InteractionsDatabase:
    """Ten interactions, each with one of five people, two with three of them."""
    db = InteractionsDatabase(exchanged=exchanged)
    people = [db.person(f"P{number}", f"p{number}@example.org") for number in range(5)]
    for number in range(10):
        to = people[:3] if number in {3, 7} else [people[number % 5]]
        db.interaction(SMS, at=AT + number * MINUTE, to=to, ZUUID=f"K{number}")
    return db


@pytest.mark.parametrize("exchanged", [False, True])
def test_recipients_are_right_whichever_way_round_their_ends_are(
    tmp_path: Path, *, exchanged: bool
) -> None:
    found = run(several(exchanged=exchanged), tmp_path)
    for number in range(10):
        expected = (
            ["p0@example.org", "p1@example.org", "p2@example.org"]
            if number in {3, 7}
            else [f"p{number % 5}@example.org"]
        )
        assert handles(found, f"K{number}") == expected
    said = "The two ends of recipients are exchanged in this store." in found.tally.notes
    assert said is exchanged


def test_the_names_of_the_ends_count_where_both_ways_would_do(tmp_path: Path) -> None:
    db = InteractionsDatabase()
    a, b = db.person("A", "a@example.org"), db.person("B", "b@example.org")
    db.interaction(SMS, at=AT, to=[b], ZUUID="K1")
    db.interaction(SMS, at=AT, to=[a], ZUUID="K2")
    found = run(db, tmp_path)
    assert handles(found, "K1") == ["b@example.org"]
    assert handles(found, "K2") == ["a@example.org"]


def test_other_numbers_of_entities_are_found(tmp_path: Path) -> None:
    db = InteractionsDatabase()
    jonas = db.person("Jonas", "jonas@example.org")
    number = db.interaction(SMS, at=AT, to=[jonas], ZUUID="KEY")
    db.attach(number, ZUTI="public.png")
    db.execute("alter table Z_2INTERACTIONRECIPIENT rename to Z_4INTERACTIONRECIPIENT")
    for old, new in (("Z_2RECIPIENTS", "Z_4RECIPIENTS"),
                     ("Z_3INTERACTIONRECIPIENT", "Z_6INTERACTIONRECIPIENT")):  # fmt: skip
        db.execute(f"alter table Z_4INTERACTIONRECIPIENT rename column {old} to {new}")
    found = run(db, tmp_path)
    assert handles(found, "KEY") == ["jonas@example.org"]
    assert found.payload("KEY")["attachments"] == [{"type": "public.png"}]


def test_totals_of_people_outlive_what_the_phone_forgot(tmp_path: Path) -> None:
    db = InteractionsDatabase()
    db.person(
        "Jonas", "+15550142001", ZINCOMINGSENDERCOUNT=412, ZINCOMINGRECIPIENTCOUNT=4,
        ZOUTGOINGRECIPIENTCOUNT=398, ZFIRSTINCOMINGSENDERDATE=cocoa_seconds(AT),
        ZLASTOUTGOINGRECIPIENTDATE=cocoa_seconds(AT + MINUTE),
    )  # fmt: skip
    db.person("Again", "+15550142001", ZINCOMINGSENDERCOUNT=1)
    db.person("Nobody", "+15550142009")
    found = run(db, tmp_path)
    assert [artifact.key for artifact in found.artifacts] == [
        "person:+15550142001",
        "person:+15550142001#2",
    ]
    assert found.payload("person:+15550142001") == {
        "type": "person",
        "person": {"handle": "+15550142001", "name": "Jonas"},
        "totals": {
            "received": 412,
            "received_with_others": 4,
            "sent": 398,
            "first_received_at": "2024-07-20T07:45:00Z",
            "last_sent_at": "2024-07-20T07:46:00Z",
        },
    }
    assert found.artifacts[0].occurred_at_us is None


def test_an_interaction_without_an_identity_is_known_by_what_it_says(tmp_path: Path) -> None:
    def keys(name: str, *, more: bool) -> set[str]:
        folder = tmp_path / name
        folder.mkdir()
        db = InteractionsDatabase()
        if more:
            db.person("New", "new@example.org")
            db.interaction(SMS, at=AT - MINUTE, ZUUID=None)
        jonas = db.person("Jonas", "jonas@example.org")
        db.interaction(SMS, at=AT, sender=jonas, ZUUID=None)
        db.interaction(SMS, at=AT, to=[jonas], ZUUID=None)
        return {artifact.key for artifact in run(db, folder).artifacts}

    before, after = keys("a", more=False), keys("b", more=True)
    assert len(before) == 2
    assert before < after


def test_interactions_come_in_the_order_of_time(tmp_path: Path) -> None:
    db = InteractionsDatabase()
    for number in (3, 1, 2):
        db.interaction(SMS, at=AT + number * MINUTE, ZUUID=str(number))
    assert [artifact.key for artifact in run(db, tmp_path).artifacts] == ["1", "2", "3"]


def test_odd_values_cost_no_more_than_their_record(tmp_path: Path) -> None:
    db = InteractionsDatabase()
    jonas = db.person(b"\xff", "x" * 50_000, ZPERSONID="\0")  # type: ignore[arg-type]
    db.interaction(SMS, at="soon", sender=999, to=[jonas, 998], ZUUID="A", ZGROUPNAME="g" * 90_000)
    db.interaction(None, at=1e300, ZUUID=bytes(range(16)), ZMECHANISM="x", ZENDDATE=-5)
    db.interaction(SMS, at=AT, seconds=1e9, ZUUID="C", sender="text", ZRECIPIENTCOUNT=-4)  # type: ignore[arg-type]
    found = run(db, tmp_path)
    assert (found.tally.kept, found.tally.undecodable) == (3, 0)
    assert len(found.payload("A")["group"]) == 4_000
    assert len(found.payload("A")["recipients"][0]["handle"]) == 1_000
    assert found.find("00010203-0405-0607-0809-0A0B0C0D0E0F").occurred_at_us is None
    assert "duration_seconds" not in found.payload("C")


def test_columns_and_tables_that_a_version_lacks_say_nothing(tmp_path: Path) -> None:
    db = InteractionsDatabase()
    jonas = db.person("Jonas", "jonas@example.org")
    db.interaction(SMS, at=AT, sender=jonas, ZUUID="KEY", ZMECHANISM=4)
    for column in ("ZUUID", "ZMECHANISM", "ZGROUPNAME", "ZTARGETBUNDLEID", "ZRECIPIENTCOUNT"):
        db.execute(f"alter table ZINTERACTIONS drop column {column}")
    for table in ("Z_2INTERACTIONRECIPIENT", "Z_1INTERACTIONS", "ZATTACHMENT", "Z_PRIMARYKEY"):
        db.execute(f"drop table {table}")
    (artifact,) = run(db, tmp_path).artifacts
    assert (artifact.sender_handle, artifact.title) == ("jonas@example.org", "Jonas")


def test_apps_have_the_names_that_the_backup_lists(tmp_path: Path) -> None:
    db = InteractionsDatabase()
    db.interaction(WHATSAPP, at=AT, ZUUID="KEY")
    line = {"bundle_id": WHATSAPP, "name": "WhatsApp", "version": "24.1", "domains": [],
            "file_count": 1}  # fmt: skip
    found = parse("interaction", {NAME: db.to_bytes()}, tmp_path, apps=[line])
    assert found.payload("KEY")["app_name"] == "WhatsApp"
    assert [thread.title for thread in found.threads] == ["WhatsApp"]


@pytest.mark.parametrize("content", [b"SQLite format 3\0", b"", None])
def test_what_holds_no_interactions_is_refused(tmp_path: Path, content: bytes | None) -> None:
    with pytest.raises(UnsupportedStoreError):
        parse("interaction", {} if content is None else {NAME: content}, tmp_path)


@pytest.mark.parametrize("exchanged", [False, True])
def test_the_demo_phone_forgot_its_oldest_call(tmp_path: Path, *, exchanged: bool) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    before = run(demo_interactions(later=False, exchanged=exchanged), tmp_path / "a")
    after = run(demo_interactions(later=True, exchanged=exchanged), tmp_path / "b")
    gone = {a.key for a in before.artifacts} - {a.key for a in after.artifacts}
    assert [before.payload(key)["duration_seconds"] for key in gone] == [312.4]
    assert len(after.artifacts) == len(before.artifacts)
    group = next(a for a in after.artifacts if a.title == "Lake weekend" and a.is_me)
    assert handles(after, group.key) == ["+15550142001", "+819012345678"]

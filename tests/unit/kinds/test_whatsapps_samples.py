"""The public samples of WhatsApp, cell by cell against what is known to be in them."""

import base64
import datetime as dt
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.indexer.kinds.whatsapp.jids import read_jid
from tests.unit.kinds.collected import Collected, parse

pytestmark = pytest.mark.skipif(
    not os.environ.get("KEEPSAKE_SAMPLES"), reason="KEEPSAKE_SAMPLES is not set"
)
IOS = Path(os.environ.get("KEEPSAKE_SAMPLES", "/nowhere")) / "ios"
ILEAPP = IOS / "abrignoni+iLEAPP"
DOMAIN = "AppDomainGroup-group.net.whatsapp.WhatsApp.shared"
OWN, OTHER = "+19195794674", "+19198887386"
TYPES = {0: "text", 1: "image", 5: "location", 6: "event", 10: "event"}
EVENTS = {(6, 12): "group_created", (6, 2): "member_added", (10, 2): "encryption_notice"}
OUTCOMES = {0: "ended"}


def samples(folder: str) -> dict[str, bytes | Path]:
    """The stores of WhatsApp in an image of a phone."""
    found = (ILEAPP / folder).rglob("*.sqlite")
    names = {"ChatStorage.sqlite", "ContactsV2.sqlite", "CallHistory.sqlite"}
    return {f"{DOMAIN}/{path.name}": path for path in found if path.name in names}


@pytest.fixture(name="expected", scope="module")
def fixture_expected() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = json.loads(
        (ILEAPP / "EXPECTED-whatsapp-josh_ios15.json").read_text()
    )
    return found


@pytest.fixture(name="josh", scope="module")
def fixture_josh(tmp_path_factory: pytest.TempPathFactory) -> Collected:
    return parse("whatsapp", samples("josh_ios15_ffs"), tmp_path_factory.mktemp("josh"))


def handle(jid: str | None) -> str | None:
    known = read_jid(jid)
    return None if known is None else known.number or str(known)


def exact(cell: float | None) -> int | None:
    """Microseconds since 1970 of a date in seconds since 2001, without any rounding on the way.

    The moments that are written out in the expected file were added up in binary, and some of
    them are a microsecond late.
    """
    return None if cell is None else round(Decimal(cell) * 1_000_000) + 978_307_200_000_000


def microseconds(at: str | None) -> int | None:
    if at is None:
        return None
    passed = dt.datetime.fromisoformat(at) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return passed // dt.timedelta(microseconds=1)


def test_every_message_of_the_sample_is_exactly_what_is_known(
    josh: Collected, expected: dict[str, list[dict[str, Any]]]
) -> None:
    media = {row["Z_PK"]: row for row in expected["ZWAMEDIAITEM"]}
    chats = {row["Z_PK"]: row for row in expected["sessions"]}
    messages = [a for a in josh.artifacts if a.key.startswith(("whatsapp:in:", "whatsapp:out:"))]
    assert len(messages) == len(expected["messages"]) == 32
    for row in expected["messages"]:
        way = "out" if row["ZISFROMME"] else "in"
        artifact = josh.find(f"whatsapp:{way}:{row['ZSTANZAID']}")
        payload = josh.payload(artifact.key)
        assert artifact.text == row.get("ZTEXT"), row["Z_PK"]
        assert artifact.is_me == bool(row["ZISFROMME"])
        assert artifact.occurred_at_us == exact(row["ZMESSAGEDATE"])
        assert artifact.occurred_at_us == pytest.approx(microseconds(row["_date"]), abs=1)
        sent = microseconds(payload.get("sent_at") or payload.get("received_at"))
        assert sent == exact(row.get("ZSENTDATE"))
        assert sent == (row["_sent"] and pytest.approx(microseconds(row["_sent"]), abs=1))
        assert ("sent_at" in payload) == (bool(row["ZISFROMME"]) and row["_sent"] is not None)
        assert payload["type"] == TYPES[row["ZMESSAGETYPE"]]
        assert payload["status_code"] == row["ZMESSAGESTATUS"]
        jid = chats[row["ZCHATSESSION"]]["ZCONTACTJID"]
        assert artifact.thread_key == f"whatsapp:{handle(jid)}"
        if row["ZISFROMME"] or jid.endswith("@g.us"):
            assert artifact.sender_handle is None
        else:
            assert artifact.sender_handle == handle(row["ZFROMJID"]) == OTHER
        if payload["type"] == "event":
            assert payload["event"] == {"kind": EVENTS[row["ZMESSAGETYPE"], row["ZGROUPEVENTTYPE"]]}
        _check_media(artifact, payload, row, media.get(row.get("ZMEDIAITEM", 0)))


def _check_media(artifact: Any, payload: dict[str, Any], row: Any, media: Any) -> None:
    if row["ZMESSAGETYPE"] == 1:
        (file,) = artifact.attachments
        assert file.relative_path == f"Message/{media['ZMEDIALOCALPATH']}"
        assert (file.media_type, file.size_bytes) == (media["ZVCARDSTRING"], media["ZFILESIZE"])
        assert payload["attachment_info"] == [
            {
                "n": 0,
                "width": int(media["ZLATITUDE"]),
                "height": int(media["ZLONGITUDE"]),
                "sha256": base64.b64decode(media["ZVCARDNAME"]).hex(),
            }
        ]
    else:
        assert artifact.attachments == ()
    if row["ZMESSAGETYPE"] == 5:
        assert payload["place"] == {
            "latitude": media["ZLATITUDE"], "longitude": media["ZLONGITUDE"],
        }  # fmt: skip
    else:
        assert "place" not in payload


def test_the_answer_the_reaction_and_the_receipts_of_the_sample_are_read(josh: Collected) -> None:
    answer = josh.payload("whatsapp:out:3A05BCEAE15CB80C6E30")
    assert answer["reply_to"] == "whatsapp:in:3A26649A0A496377CB01"
    assert answer["quote"] == {
        "type": "text", "text": "Makes sense with all the test data you generate.", "by": OTHER,
    }  # fmt: skip
    assert josh.payload("whatsapp:in:3A26649A0A496377CB01")["reactions"] == [
        {"emoji": "👍", "at": "2023-05-02T16:00:29.311000Z", "is_me": True}
    ]
    payloads = [josh.payload(a.key) for a in josh.artifacts]
    assert len([p for p in payloads if "reactions" in p]) == 1
    assert len([p for p in payloads if "reply_to" in p]) == 1
    sent = [p for p in payloads if p["direction"] == "outgoing" and p["type"] != "call"]
    assert {receipt["by"] for p in sent for receipt in p["receipts"]} == {OTHER}
    assert {p["status"] for p in sent} == {"read"}


def test_every_chat_of_the_sample_with_its_members(
    josh: Collected, expected: dict[str, list[dict[str, Any]]]
) -> None:
    assert len(josh.threads) == len(expected["sessions"]) == 5
    groups = {row["ZCHATSESSION"]: row for row in expected["ZWAGROUPINFO"]}
    for row in expected["sessions"]:
        address = handle(row["ZCONTACTJID"])
        thread = next(t for t in josh.threads if t.key == f"whatsapp:{address}")
        assert thread.title == row["ZPARTNERNAME"]
        assert thread.raw_keys == [row["ZCONTACTJID"]]
        kind = "group" if row["ZSESSIONTYPE"] else "direct"
        chat = josh.payload(f"whatsapp:chat:{kind}:{address}")["chat"]
        assert chat["type"] == kind
        members = [m for m in expected["ZWAGROUPMEMBER"] if m["ZCHATSESSION"] == row["Z_PK"]]
        assert [
            (m["handle"], m.get("is_admin", False), m.get("is_former", False))
            for m in chat.get("members", [])
        ] == [(handle(m["ZMEMBERJID"]), bool(m["ZISADMIN"]), not m["ZISACTIVE"]) for m in members]
        assert {m["handle"] for m in chat.get("members", []) if m.get("is_me")} <= {OWN}
        if row["Z_PK"] in groups:
            created = groups[row["Z_PK"]]
            assert chat.get("creator") == handle(created.get("ZCREATORJID"))
            seconds = created["ZCREATIONDATE"] + 978_307_200
            assert microseconds(chat["created_at"]) == seconds * 1_000_000
    direct = josh.payload(f"whatsapp:chat:direct:{OTHER}")["chat"]
    about = next(c for c in expected["contacts"] if c.get("ZABOUTTEXT"))
    assert direct["about"] == about["ZABOUTTEXT"]


def test_every_call_of_the_sample(
    josh: Collected, expected: dict[str, list[dict[str, Any]]]
) -> None:
    together = {row["Z_PK"]: row for row in expected["ZWAAGGREGATECALLEVENT"]}
    calls = [a for a in josh.artifacts if josh.payload(a.key)["type"] == "call"]
    assert len(calls) == len(expected["ZWACDCALLEVENT"]) == 4
    for artifact, row in zip(calls, expected["ZWACDCALLEVENT"], strict=True):
        group, call = together[row["Z1CALLEVENTS"]], josh.payload(artifact.key)["call"]
        assert artifact.thread_key == f"whatsapp:{OTHER}"
        assert artifact.is_me == (not group["ZINCOMING"])
        assert call["is_video"] == bool(group["ZVIDEO"])
        assert call["outcome"] == OUTCOMES[row["ZOUTCOME"]]
        assert call["duration_seconds"] == row["ZDURATION"]
        assert (call["received_bytes"], call["sent_bytes"]) == (
            row["ZBYTESRECEIVED"], row["ZBYTESSENT"],
        )  # fmt: skip
        assert call["creator"] == handle(row["ZGROUPCALLCREATORUSERJIDSTRING"])
        assert call["participants"] == [{"handle": OTHER, "outcome": "ended", "outcome_code": 0}]
        assert artifact.occurred_at_us == exact(row["ZDATE"])


def test_what_another_reader_recorded_of_the_sample_is_the_same(josh: Collected) -> None:
    recorded = json.loads(
        next((ILEAPP / "expected").glob("whatsApp.whatsAppMessages.josh*.json")).read_text()
    )["data"]
    messages = [a for a in josh.artifacts if a.key.startswith(("whatsapp:in:", "whatsapp:out:"))]
    ours = sorted(((a.occurred_at_us or 0) // 1_000_000, a.text or "", a.is_me) for a in messages)
    theirs = sorted((row[0], row[5] or "", row[1] == "Local User") for row in recorded)
    assert ours == theirs


def test_nothing_of_the_sample_is_left_out(josh: Collected) -> None:
    tally = josh.tally
    assert (tally.read, tally.kept, tally.skipped, tally.undecodable) == (41, 41, 0, 0)
    assert tally.notes == {}


def test_the_small_sample_is_read_with_its_private_identity(tmp_path: Path) -> None:
    folder = IOS / "mvt-project+mvt" / "ios_backup"
    found = parse(
        "whatsapp",
        {
            f"{DOMAIN}/ChatStorage.sqlite": folder / "7c/7c7fba66680ef796b916b067077cc246adacf01d",
            f"{DOMAIN}/ContactsV2.sqlite": folder / "b8/b8548dc30aa1030df0ce18ef08b882cf7ab5212f",
            f"{DOMAIN}/LID.sqlite": folder / "e7/e794f6ffcc3c222535f47684a63d5178da3c4500",
        },
        tmp_path,
    )
    messages = [a for a in found.artifacts if found.payload(a.key)["type"] == "text"]
    assert [(a.text, a.sender_handle, a.is_me, a.thread_key, a.has_link) for a in messages] == [
        ("Hi", "+14155550100", False, "whatsapp:+14155550100", False),
        ("Check https://example.org/news", None, True, "whatsapp:+14155550100", True),
        ("Welcome", "+14155550101", False, "whatsapp:120000000000000001@g.us", False),
    ]
    assert [(t.title, t.raw_keys) for t in found.threads] == [
        ("Alice Example", ["100000000000001@lid"]),
        ("Example Group", ["120000000000000001@g.us"]),
    ]
    assert (found.tally.kept, found.tally.notes) == (5, {})


def test_contact_cards_of_the_sample_are_read() -> None:
    from services.indexer.kinds.handles import Handles
    from services.indexer.kinds.whatsapp.vcards import read_cards

    texts = [
        path.read_text() for path in sorted((IOS / "KnugiHK+WhatsApp-Chat-Exporter").rglob("*.vcf"))
    ]
    cards = [card for text in texts for card in text.split("END:VCARD") if "BEGIN" in card]
    assert len(cards) >= 6
    contacts = [read_cards(card, None, Handles("US"))[0] for card in cards]
    named = {contact.name: [phone.handle for phone in contact.phones] for contact in contacts}
    assert named["Sample Contact"] == ["+85288888888"]
    assert named["Yard Lawn Guy, Jose Lopez"] == ["+15673334444"]
    assert named["John Butler 🌟💫🌟"] == ["+15556667777"]
    nameless = [contact.organization for contact in contacts if contact.name is None]
    assert nameless[0] == "Airline Contact #'s"

import base64
from pathlib import Path
from typing import Any

import vobject

from deploy.demo.phone import phone_files
from services.indexer.exports.formats.vcf import FORMAT as VCF
from services.indexer.kinds.contact_payload import (
    Account,
    ContactPayload,
    Image,
    Labelled,
    LabelledDate,
    PostalAddress,
)
from tests.unit.exports.exporting import artifact, artifacts_of, export, group
from tests.unit.kinds.collected import BOOK, IMAGES, parse


def card(title: str = "Bea", **said: Any) -> tuple[str, Any]:
    """Return a card as it is written, unfolded, and as a reader that is not ours finds it."""
    fields: dict[str, Any] = {"type": "person", "handles": (), "has_image": False, "is_me": False}
    members, left_out = export(
        VCF,
        [
            (
                group("contact", "Contacts"),
                [artifact("contact", ContactPayload(**{**fields, **said}), title=title)],
            )
        ],
    )
    assert not left_out
    text = members["Contacts.vcf"].decode()
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    cards = list(vobject.readComponents(text))
    assert len(cards) == 1
    return text.replace("\r\n ", ""), cards[0]


def test_a_card_is_of_version_4_with_numbers_by_their_types() -> None:
    text, read = card(
        "Dr. Bea Groß",
        first_name="Bea", last_name="Groß", prefix="Dr.",
        phones=(
            Labelled(value="+49 30 1", label="mobile"),
            Labelled(value="+49 30 2", label="home fax"),
            Labelled(value="+49 30 3", label="Boat; house"),
        ),
        emails=(Labelled(value="bea@example.org", label="work"),),
        addresses=(
            PostalAddress(
                label="home", street="Hauptstr. 1\nHinterhaus", city="Köln, am Rhein",
                postal_code="50667", country="Germany",
            ),
        ),
    )  # fmt: skip
    assert text.startswith("BEGIN:VCARD\r\nVERSION:4.0\r\n")
    assert read.version.value == "4.0"
    assert read.fn.value == "Dr. Bea Groß"
    assert (read.n.value.family, read.n.value.given, read.n.value.prefix) == ("Groß", "Bea", "Dr.")
    mobile, fax, boat = read.contents["tel"]
    assert mobile.params["TYPE"] == ["cell"]
    assert fax.params["TYPE"] == ["home,fax"]
    assert boat.value == "+49 30 3"
    assert f"{boat.group}.X-ABLABEL:Boat\\; house" in text
    assert read.email.params["TYPE"] == ["work"]
    assert read.adr.value.street == "Hauptstr. 1\nHinterhaus"
    assert read.adr.value.city == "Köln, am Rhein"


def test_birthdays_may_have_no_year() -> None:
    assert "\r\nBDAY:--0415\r\n" in card(birthday="--04-15")[0]
    assert "\r\nBDAY:19840229\r\n" in card(birthday="1984-02-29")[0]
    assert "BDAY" not in card(birthday="someday")[0]
    assert "BDAY" not in card(birthday="--13-01")[0]


def test_people_dates_groups_and_accounts_are_kept() -> None:
    text, read = card(
        related=(Labelled(value="Ida", label="mother"), Labelled(value="Max", label="Godfather")),
        dates=(
            LabelledDate(date="2001-06-01", label="anniversary"),
            LabelledDate(date="2011-06-01", label="anniversary"),
            LabelledDate(date="--12-24", label="first met"),
        ),
        groups=("Family, near", "Camping"),
        social=(Account(service="Mastodon", username="bea", url="https://example.org/@bea"),),
        messengers=(Account(service="Jabber", username="bea@example.org"),),
        nickname="Bee", organization="Acme", department="R; D", note="a\nb",
    )  # fmt: skip
    lines = text.split("\r\n")
    assert "RELATED;TYPE=parent;VALUE=text:Ida" in " ".join(lines)
    assert [line for line in lines if line.startswith("ANNIVERSARY")] == ["ANNIVERSARY:20010601"]
    assert any(line.endswith(".X-ABDATE:20110601") for line in lines)
    assert any(line.endswith(".X-ABDATE:--1224") for line in lines)
    assert "CATEGORIES:Family\\, near,Camping" in lines
    assert read.categories.value == ["Family, near", "Camping"]
    assert "X-SOCIALPROFILE;TYPE=Mastodon;X-USER=bea:https://example.org/@bea" in lines
    assert "IMPP;X-SERVICE-TYPE=Jabber:jabber:bea@example.org" in lines
    assert read.org.value == ["Acme", "R; D"]
    assert read.note.value == "a\nb"


def test_a_picture_is_in_the_card_and_anything_else_is_not() -> None:
    picture = base64.b64encode(b"\xff\xd8\xff" * 40).decode()
    text, _ = card(
        image=Image(
            media_type="image/jpeg", size_bytes=120, thumbnail=picture,
            thumbnail_media_type="image/jpeg",
        )
    )  # fmt: skip
    assert f"\r\nPHOTO:data:image/jpeg;base64,{picture}\r\n" in text
    for wrong in ("not base64!\r\nEVIL:1", picture):
        media_type = "image/svg+xml" if wrong == picture else "image/jpeg"
        image = Image(
            media_type="image/jpeg", size_bytes=1, thumbnail=wrong,
            thumbnail_media_type=media_type,
        )  # fmt: skip
        assert "PHOTO" not in card(image=image)[0]


def test_no_name_begins_a_property_of_its_own() -> None:
    evil = "x\r\nEND:VCARD\r\nBEGIN:VCARD\nNOTE:evil\x00\u2028\x85;,\\ \"^'"
    text, read = card(
        evil,
        first_name=evil, nickname=evil, organization=evil, note=evil, groups=(evil,),
        phones=(Labelled(value=evil, label=evil),),
        urls=(Labelled(value=f"https://example.org/{evil}", label=evil),),
        related=(Labelled(value=evil, label=evil),),
        addresses=(PostalAddress(street=evil, label=evil),),
        social=(Account(service=evil, username=evil, url=evil),),
        messengers=(Account(service=evil, username=evil),),
    )  # fmt: skip
    assert [line for line in text.split("\r\n") if line.startswith(("BEGIN", "END"))] == [
        "BEGIN:VCARD",
        "END:VCARD",
    ]
    assert not [line for line in text.split("\r\n") if line.startswith("NOTE:evil")]
    assert read.n.value.given.startswith("x\nEND:VCARD")


def test_every_card_of_the_demo_phone_is_read_back(tmp_path: Path) -> None:
    files = {f"{f.domain}/{f.relative_path}": f.content for f in phone_files()}
    found = parse("contact", {BOOK: files[BOOK], IMAGES: files[IMAGES]}, tmp_path)
    members, left_out = export(VCF, artifacts_of("contact", found))
    assert not left_out
    read = [one for text in members.values() for one in vobject.readComponents(text.decode())]
    assert {one.fn.value for one in read} == {a.title for a in found.artifacts}
    assert sum("photo" in one.contents for one in read) == 3


def test_a_record_that_is_none_costs_itself() -> None:
    fields = ContactPayload(type="person", handles=(), has_image=False, is_me=False)
    _, left_out = export(
        VCF, [(group("contact"), [artifact("contact", {"type": 1}), artifact("contact", fields)])]
    )
    assert left_out == ["ValidationError"]

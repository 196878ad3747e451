"""One contact as a vCard 4.0 (RFC 6350)."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Iterable

import msgspec

from services.indexer.exports.formats.cleaning import one_line
from services.indexer.exports.formats.content_lines import line, listed, structured, text, uri
from services.indexer.kinds.contact_payload import Account, ContactPayload, Labelled
from shared.contracts.indexer import Artifact

#: Words that vCard has for kinds of numbers, by what phones call them.
_PHONES = {
    "mobile": "cell", "iphone": "cell", "home": "home", "work": "work", "pager": "pager",
    "main": "voice", "home fax": "home,fax", "work fax": "work,fax", "other fax": "fax",
}  # fmt: skip
_PLACES = {"home": "home", "work": "work"}
_RELATIONS = {
    "mother": "parent", "father": "parent", "parent": "parent", "brother": "sibling",
    "sister": "sibling", "sibling": "sibling", "son": "child", "daughter": "child",
    "child": "child", "spouse": "spouse", "wife": "spouse", "husband": "spouse",
    "partner": "spouse", "friend": "friend", "assistant": "agent", "manager": "colleague",
    "colleague": "colleague",
}  # fmt: skip
_DATE = re.compile(r"(?:(\d{4})-|--)(\d\d)-(\d\d)")
_PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/heic", "image/webp"})
#: Of each property of a card.
_MOST = 200
_SCHEME = re.compile(r"[^a-z0-9+.-]+")


def card_of(artifact: Artifact) -> bytes:
    """Return the card. Raises for payloads that are no such thing."""
    return b"".join(_lines(artifact))


def _lines(artifact: Artifact) -> Iterable[bytes]:
    card = msgspec.convert(artifact.payload, ContactPayload)
    yield b"BEGIN:VCARD\r\nVERSION:4.0\r\nPRODID:-//Keepsake//Keepsake//EN\r\n"
    yield line("KIND", "org" if card.type == "company" else "individual")
    yield from _uid(artifact.key)
    yield line("FN", text(_full_name(artifact, card)))
    yield from _names(card)
    labels = _Labels()
    for phone in card.phones[:_MOST]:
        yield from labels.line("TEL", text(phone.value), phone.label, _PHONES)
    for mail in card.emails[:_MOST]:
        yield from labels.line("EMAIL", text(mail.value), mail.label, _PLACES)
    for address in card.addresses[:_MOST]:
        street = "\n".join(filter(None, (address.street, address.sub_locality)))
        country = address.country or address.country_code
        place = (None, None, street, address.city, address.state, address.postal_code, country)
        yield from labels.line("ADR", structured(place), address.label, _PLACES)
    for url in card.urls[:_MOST]:
        yield from labels.line("URL", uri(url.value), url.label, _PLACES)
    yield from _dates(card, labels)
    for other in card.related[:_MOST]:
        yield from labels.line(
            "RELATED", text(other.value), other.label, _RELATIONS, {"VALUE": "text"}
        )
    yield from _profiles(card, labels)
    yield from _rest(card)
    yield b"END:VCARD\r\n"


def _dates(card: ContactPayload, labels: _Labels) -> Iterable[bytes]:
    has_anniversary = False
    for date in card.dates[:_MOST]:
        if (written := _date(date.date)) is None:
            continue
        # There may be one.
        if not has_anniversary and (date.label or "").lower() == "anniversary":
            has_anniversary = True
            yield line("ANNIVERSARY", written)
        else:
            yield from labels.line("X-ABDATE", written, date.label, {})


def _names(card: ContactPayload) -> Iterable[bytes]:
    parts = (card.last_name, card.first_name, card.middle_name, card.prefix, card.suffix)
    if any(parts):
        yield line("N", structured(parts))
    for name, value in (
        ("NICKNAME", card.nickname),
        ("TITLE", card.job_title),
        ("NOTE", card.note),
        ("X-MAIDENNAME", card.previous_family_name),
        ("X-PHONETIC-FIRST-NAME", card.phonetic_first_name),
        ("X-PHONETIC-MIDDLE-NAME", card.phonetic_middle_name),
        ("X-PHONETIC-LAST-NAME", card.phonetic_last_name),
        ("X-PHONETIC-ORG", card.phonetic_organization),
    ):
        if value:
            yield line(name, text(value))
    if card.organization or card.department:
        where = [card.organization, card.department]
        yield line("ORG", structured(where if card.department else where[:1]))


def _profiles(card: ContactPayload, labels: _Labels) -> Iterable[bytes]:
    for profile in card.social[:_MOST]:
        value = uri(profile.url or "") or _account(profile)
        if value:
            service = one_line(profile.service or profile.label, most=60)
            said = {"TYPE": service, "X-USER": one_line(profile.username)}
            yield line("X-SOCIALPROFILE", value, said)
    for messenger in card.messengers[:_MOST]:
        if value := _account(messenger):
            named = {"X-SERVICE-TYPE": one_line(messenger.service, most=60)}
            yield from labels.line("IMPP", value, messenger.label, _PLACES, named)


def _rest(card: ContactPayload) -> Iterable[bytes]:
    if card.birthday is not None and (birthday := _date(card.birthday)) is not None:
        yield line("BDAY", birthday)
    if card.groups:
        yield line("CATEGORIES", listed(card.groups[:_MOST]))
    picture = card.image
    if picture is not None and picture.thumbnail and picture.thumbnail_media_type in _PICTURES:
        try:
            base64.b64decode(picture.thumbnail, validate=True)
        except binascii.Error:
            pass
        else:
            data = f"data:{picture.thumbnail_media_type};base64,{picture.thumbnail}"
            yield line("PHOTO", uri(data))
    if card.modified_at is not None:
        yield line("REV", f"{card.modified_at:%Y%m%dT%H%M%SZ}")


class _Labels:
    """Puts what has a label that vCard has no word for into a group, as phones do."""

    def __init__(self) -> None:
        self._count = 0

    def line(
        self,
        name: str,
        value: str,
        label: str | None,
        words: dict[str, str],
        parameters: dict[str, str] | None = None,
    ) -> Iterable[bytes]:
        said = dict(parameters or {})
        own = one_line(label, most=100)
        if (word := words.get(own.lower())) is not None:
            said["TYPE"] = word
        group = ""
        if own and own.lower() not in {word, "mobile"}:
            self._count += 1
            group = f"item{self._count}"
        yield line(name, value, said, group=group)
        if group:
            yield line("X-ABLABEL", text(own), group=group)


def _full_name(artifact: Artifact, card: ContactPayload) -> str:
    own = " ".join(filter(None, (card.prefix, card.first_name, card.middle_name, card.last_name)))
    first: Labelled | None = next(iter((*card.phones, *card.emails)), None)
    named = artifact.title or own or card.organization or card.nickname
    return one_line(named or (first.value if first else None)) or "(no name)"


def _uid(key: str) -> Iterable[bytes]:
    bare = key.removesuffix(":ABPerson")
    try:
        yield line("UID", f"urn:uuid:{uuid.UUID(bare)}")
    except ValueError:
        yield line("UID", text(one_line(key)), {"VALUE": "text"})


def _date(written: str) -> str | None:
    """Return ``19840401`` or ``--0401``; None for what is no date."""
    found = _DATE.fullmatch(written)
    if found is None or not (1 <= int(found[2]) <= 12 and 1 <= int(found[3]) <= 31):
        return None
    return f"{found[1] or '--'}{found[2]}{found[3]}"


def _account(account: Account) -> str:
    user = uri(one_line(account.username)) or uri(account.url or "")
    scheme = _SCHEME.sub("", (account.service or "").lower())
    if not user or ":" in user:
        return user
    return f"{scheme if scheme[:1].isalpha() else 'x-user'}:{user}"

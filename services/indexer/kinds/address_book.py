"""From the rows of the address book to contacts."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from hashlib import blake2b
from typing import Any

from services.indexer.kinds.address_book_store import (
    Images,
    Store,
    Value,
    read_groups,
    read_people,
    read_stores,
    read_values,
)
from services.indexer.kinds.contact_payload import (
    Account,
    ContactPayload,
    Labelled,
    LabelledDate,
    PostalAddress,
)
from services.indexer.kinds.database import Database
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.phone_time import cocoa_microseconds, cocoa_utc
from services.indexer.kinds.protocol import ParserInputs, Sink, UnsupportedStoreError
from services.indexer.kinds.values import text_of
from services.indexer.staging import StagedArtifact

PHONE, EMAIL, ADDRESS, DATE, MESSENGER, URL, RELATED, SOCIAL = 3, 4, 5, 12, 13, 22, 23, 46
_NO_YEAR = 1604
_COCOA = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
_EAST_ASIAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]+\\Z")
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


def parse_contacts(inputs: ParserInputs, sink: Sink) -> None:
    """Give every contact of the backup to *sink*."""
    book = inputs.find("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb")
    if book is None:
        raise UnsupportedStoreError("The backup has no address book.")
    pictures = inputs.find("HomeDomain", "Library/AddressBook/AddressBookImages.sqlitedb")
    with contextlib.ExitStack() as opened:
        database = opened.enter_context(Database(book))
        images = None
        if pictures is not None:
            try:
                images = opened.enter_context(Database(pictures))
            except UnsupportedStoreError:
                sink.tally.note("The pictures of contacts could not be read.")
        if not database.columns("ABPerson"):
            raise UnsupportedStoreError("The database has no table of people.")
        _Reader(database, images, inputs, sink).run()


class _Reader:
    def __init__(
        self, database: Database, images: Database | None, inputs: ParserInputs, sink: Sink
    ) -> None:
        self._sink = sink
        self._normalise = Handles(inputs.region).normalise
        self._stores: dict[int, Store] = read_stores(database)
        self._me = {store.me for store in self._stores.values() if store.me is not None}
        self._groups = read_groups(database)
        self._values = read_values(database)
        self._images = Images(images)
        self._people = list(read_people(database))
        self._keys: dict[int, str] = {}
        self._linked: dict[int, list[int]] = {}

    def run(self) -> None:
        tally = self._sink.tally
        taken: set[str] = set()
        for rowid, row in self._people:
            self._keys[rowid] = _unique(_key(row), taken)
            link = row["PersonLink"]
            if isinstance(link, int) and link >= 0 and self._is_shown(row):
                self._linked.setdefault(link, []).append(rowid)
        for rowid, row in self._people:
            tally.read += 1
            if not self._is_shown(row):
                tally.skipped += 1
                tally.note("A contact of an account that is off was left out.")
                continue
            try:
                self._sink.artifact(self._contact(rowid, row))
            except Exception as error:  # noqa: BLE001 -- one bad record costs one record
                tally.undecodable += 1
                tally.note(f"A contact could not be understood ({type(error).__name__}).")
        self._sink.progress(len(self._people), len(self._people))

    def _is_shown(self, row: dict[str, Any]) -> bool:
        store = self._stores.get(row["StoreID"])
        return store is None or store.is_shown

    def _contact(self, rowid: int, row: dict[str, Any]) -> StagedArtifact:
        payload = self._payload(rowid, row)
        return StagedArtifact(
            key=self._keys[rowid],
            occurred_at_us=cocoa_microseconds(row["CreationDate"]),
            title=display_name(payload) or text_of(row["DisplayName"]),
            text=_searchable(payload),
            payload=payload,
            has_link=bool(payload.urls),
        )

    def _payload(self, rowid: int, row: dict[str, Any]) -> ContactPayload:
        values = self._values.get(rowid, [])
        phones = self._labelled(values, PHONE, is_handle=True)
        emails = self._labelled(values, EMAIL, is_handle=True)
        handles = (item.handle for item in (*phones, *emails) if item.handle)
        store = self._stores.get(row["StoreID"])
        image = self._images.find(rowid)
        link = row["PersonLink"]
        others = self._linked.get(link, []) if isinstance(link, int) else []
        return ContactPayload(
            type="company" if row["Kind"] == 1 else "person",
            handles=tuple(dict.fromkeys(handles)),
            has_image=image is not None,
            is_me=rowid in self._me,
            first_name=text_of(row["First"]),
            middle_name=text_of(row["Middle"]),
            last_name=text_of(row["Last"]),
            prefix=text_of(row["Prefix"]),
            suffix=text_of(row["Suffix"]),
            nickname=text_of(row["Nickname"]),
            previous_family_name=text_of(row["PreviousFamilyName"]),
            phonetic_first_name=text_of(row["FirstPhonetic"]),
            phonetic_middle_name=text_of(row["MiddlePhonetic"]),
            phonetic_last_name=text_of(row["LastPhonetic"]),
            phonetic_organization=text_of(row["OrganizationPhonetic"]),
            organization=text_of(row["Organization"]),
            department=text_of(row["Department"]),
            job_title=text_of(row["JobTitle"]),
            note=text_of(row["Note"]),
            birthday=read_date(row["Birthday"]),
            phones=phones,
            emails=emails,
            urls=self._labelled(values, URL),
            related=self._labelled(values, RELATED),
            addresses=tuple(_address(value) for value in values if value.property == ADDRESS),
            dates=tuple(
                LabelledDate(date=date, label=value.label)
                for value in values
                if value.property == DATE and (date := read_date(value.value)) is not None
            ),
            social=_accounts(values, SOCIAL),
            messengers=_accounts(values, MESSENGER),
            groups=tuple(self._groups.get(rowid, ())),
            store=None if store is None else store.name,
            unified_with=tuple(self._keys[other] for other in others if other != rowid),
            is_preferred=row["IsPreferredName"] != 0,
            image=image,
            created_at=cocoa_utc(row["CreationDate"]),
            modified_at=cocoa_utc(row["ModificationDate"]),
        )

    def _labelled(
        self, values: list[Value], kind: int, *, is_handle: bool = False
    ) -> tuple[Labelled, ...]:
        return tuple(
            Labelled(
                value=text,
                label=value.label,
                handle=self._normalise(text) if is_handle else None,
            )
            for value in values
            if value.property == kind and (text := text_of(value.value)) is not None
        )


def _key(row: dict[str, Any]) -> str:
    """Return the card's own identity; before iOS 6 there is none but what is on it."""
    key = text_of(row["guid"]) or text_of(row["ExternalUUID"])
    if key is not None:
        return key
    said = repr([row[name] for name in ("First", "Last", "Organization", "CreationDate")])
    digest = blake2b(said.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return f"no-guid:{digest}"


def _unique(key: str, taken: set[str]) -> str:
    unique, count = key, 1
    while unique in taken:
        count += 1
        unique = f"{key}#{count}"
    taken.add(unique)
    return unique


def display_name(contact: ContactPayload) -> str | None:
    """Return the name for people: first and last, the company's, or whatever else there is."""
    first, last = contact.first_name, contact.last_name
    if first and last and _EAST_ASIAN.match(first) and _EAST_ASIAN.match(last):
        person: str | None = f"{last}{first}"
    else:
        person = " ".join(name for name in (first, last) if name) or None
    names = [person, contact.nickname, contact.middle_name, contact.organization]
    if contact.type == "company":
        names.insert(0, contact.organization)
    names.extend(item.value for item in (*contact.emails, *contact.phones))
    return next((name for name in names if name), None)


def read_date(value: Any) -> str | None:
    """Return ``1990-04-01``, or ``--04-01`` where the phone knows no year (it writes 1604)."""
    if isinstance(value, str):
        iso = _ISO_DATE.match(value)
        if iso is not None:
            return f"--{iso[2]}-{iso[3]}" if int(iso[1]) == _NO_YEAR else iso[0]
    try:
        seconds = float(value)
        day = _COCOA + dt.timedelta(seconds=seconds)
    except (TypeError, ValueError, OverflowError):
        return None
    return day.strftime("--%m-%d") if day.year == _NO_YEAR else day.strftime("%Y-%m-%d")


def _address(value: Value) -> PostalAddress:
    part = value.entries.get
    return PostalAddress(
        label=value.label,
        street=part("street"),
        sub_locality=part("sublocality"),
        city=part("city"),
        state=part("state"),
        postal_code=part("zip"),
        country=part("country"),
        country_code=part("countrycode"),
    )


def _accounts(values: list[Value], kind: int) -> tuple[Account, ...]:
    return tuple(
        Account(
            username=value.entries.get("username") or text_of(value.value),
            service=value.entries.get("service"),
            label=value.label,
            url=value.entries.get("url"),
        )
        for value in values
        if value.property == kind
    )


def _searchable(contact: ContactPayload) -> str:
    """Return every word under which one may look for a contact, each thing on a line."""
    lines: list[str | None] = [
        " ".join(
            name
            for name in (
                contact.prefix, contact.first_name, contact.middle_name, contact.last_name,
                contact.suffix,
            )
            if name
        ),
        contact.nickname, contact.previous_family_name, contact.phonetic_first_name,
        contact.phonetic_middle_name, contact.phonetic_last_name, contact.phonetic_organization,
        contact.organization, contact.department, contact.job_title,
    ]  # fmt: skip
    for item in (*contact.phones, *contact.emails, *contact.urls, *contact.related):
        lines.append(item.value)
        if item.handle != item.value:
            lines.append(item.handle)
    for place in contact.addresses:
        parts = (place.street, place.sub_locality, place.postal_code, place.city, place.state,
                 place.country)  # fmt: skip
        lines.append(", ".join(part for part in parts if part))
    lines.extend(
        " ".join(part for part in (account.service, account.username) if part)
        for account in (*contact.social, *contact.messengers)
    )
    lines.extend(contact.groups)
    lines.append(contact.note)
    return "\n".join(dict.fromkeys(line for line in lines if line))

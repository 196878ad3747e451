"""Who is who: private identities resolved to numbers, and the names that the phone knows."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import NamedTuple

from services.indexer.kinds.database import Database
from services.indexer.kinds.phone_time import cocoa_microseconds
from services.indexer.kinds.protocol import Tally, UnsupportedStoreError
from services.indexer.kinds.records import walk
from services.indexer.kinds.values import float_of
from services.indexer.kinds.whatsapp.jids import Jid, read_jid, word
from services.indexer.kinds.whatsapp.push_names import sent_by

#: Of names and of private identities; far more than anybody meets, and some 100 MB.
MOST_PEOPLE = 300_000
_PAIRS = "ZWAPHONENUMBERLIDPAIR"
_OWN_ROWS = 200
_DIALLED = "+()-./ \u00a0\u2010\u2011\u202f"


def is_name(said: str) -> bool:
    """Whether this is more than a number in place of a name."""
    return not all(character.isdigit() or character in _DIALLED for character in said)


class About(NamedTuple):
    """What somebody says about himself, and since when, in microseconds since 1970."""

    text: str
    at_us: int | None


class People:
    """Handles and names by identity."""

    def __init__(self) -> None:
        """Know nobody."""
        self._numbers: dict[str, str] = {}
        self._since: dict[str, float] = {}
        self._names: dict[str, str] = {}
        self._handles: dict[object, str | None] = {}
        self.about: dict[str, About] = {}
        #: The handle of the owner of the phone, where the store says it.
        self.own: str | None = None

    def pair(self, lid: object, number: object, since: object = None) -> None:
        """Learn that a private identity is a number's; of several the newest counts."""
        private, public = read_jid(lid), read_jid(number)
        if private is None or public is None or not public.user.removeprefix("+").isdigit():
            return
        at = float_of(since) or 0.0
        if private.user not in self._numbers or at > self._since.get(private.user, 0.0):
            if len(self._numbers) >= MOST_PEOPLE:
                return
            self._numbers[private.user] = public.user.removeprefix("+")
            self._since[private.user] = at

    def name(self, handle: str | None) -> str | None:
        """Return the name of somebody, or None."""
        return None if handle is None else self._names.get(handle)

    def learn(self, handle: str | None, name: str | None) -> None:
        """Learn a name, unless a better source gave one. A number is no name."""
        if handle is None or name is None or len(self._names) >= MOST_PEOPLE:
            return
        if is_name(name):
            self._names.setdefault(handle, name)

    def handle(self, value: object) -> str | None:
        """Return the handle of a cell's identity: E.164, or the identity where it has no number."""
        try:
            return self._handles[value]
        except KeyError:
            jid = read_jid(value)
            handle = None if jid is None else self.handle_of(jid)
            if len(self._handles) < MOST_PEOPLE:
                self._handles[value] = handle
            return handle
        except TypeError:
            return None

    def handle_of(self, jid: Jid) -> str:
        """Return the handle of an identity."""
        if jid.server == "lid":
            number = self._numbers.get(jid.user)
            if number is not None:
                return Jid(number, "s.whatsapp.net").number or str(jid)
        return jid.number or str(jid)

    def person(self, value: object) -> str | None:
        """Return the handle of a cell's identity when that is a person, or None."""
        jid = read_jid(value)
        return self.handle(value) if jid is not None and jid.is_person else None

    def mentioned(self, digits: str) -> str | None:
        """Return who is meant by the digits of a mention, as far as the phone knows somebody."""
        if digits in self._numbers:
            return self.handle_of(Jid(digits, "lid"))
        handle = Jid(digits, "s.whatsapp.net").number
        return handle if handle is not None and handle in self._names else None


def read_people(chats: Database, contacts: Path | None, lids: Path | None, tally: Tally) -> People:
    """Return who is known: pairs of LID.sqlite and of the chats, names from contacts first."""
    people = People()
    if lids is not None:
        try:
            with Database(lids) as database:
                _read_pairs(database, people, tally)
        except UnsupportedStoreError:
            tally.note("WhatsApp's list of private identities could not be read.")
    _read_pairs(chats, people, tally)
    if contacts is not None:
        try:
            with Database(contacts) as database:
                _read_contacts(database, people, tally)
        except UnsupportedStoreError:
            tally.note("WhatsApp's contacts could not be read.")
    return people


def read_other_names(chats: Database, people: People, tally: Tally) -> None:
    """Learn what chats and members call people, and last how they call themselves."""
    for row in walk(chats, "ZWACHATSESSION", ("ZCONTACTJID", "ZPARTNERNAME"), tally):
        people.learn(people.person(row["ZCONTACTJID"]), word(row["ZPARTNERNAME"]))
    columns = ("ZMEMBERJID", "ZCONTACTNAME", "ZFIRSTNAME")
    for row in walk(chats, "ZWAGROUPMEMBER", columns, tally):
        name = word(row["ZCONTACTNAME"]) or word(row["ZFIRSTNAME"])
        if name is not None:
            people.learn(people.person(row["ZMEMBERJID"]), name)
    for row in walk(chats, "ZWAPROFILEPUSHNAME", ("ZJID", "ZPUSHNAME"), tally):
        people.learn(people.person(row["ZJID"]), word(row["ZPUSHNAME"]))


def read_own(chats: Database, people: People, tally: Tally) -> None:
    """Learn who the owner of the phone is: who gets what comes in, or sends what goes out."""
    counts: dict[str, int] = {}
    for column, is_me in (("ZTOJID", 0), ("ZPUSHNAME", 1)):
        if counts or not {column, "ZISFROMME"} <= chats.columns("ZWAMESSAGE"):
            continue
        rest = f"where ZISFROMME = {is_me} and {column} is not null limit {_OWN_ROWS}"
        for row in walk(chats, "ZWAMESSAGE", (column,), tally, rest=rest):
            said = sent_by(word(row[column])) if is_me else row[column]
            handle = people.person(said)
            if handle is not None:
                counts[handle] = counts.get(handle, 0) + 1
    if counts:
        people.own = max(sorted(counts), key=counts.__getitem__)


def _read_pairs(database: Database, people: People, tally: Tally) -> None:
    rows = walk(database, _PAIRS, ("ZLID", "ZPHONENUMBER", "ZTIMESTAMP"), tally)
    for row in islice(rows, MOST_PEOPLE):
        people.pair(row["ZLID"], row["ZPHONENUMBER"], row["ZTIMESTAMP"])


_CONTACT_COLUMNS = (
    "ZWHATSAPPID", "ZLID", "ZFULLNAME", "ZGIVENNAME", "ZLASTNAME", "ZBUSINESSNAME", "ZABOUTTEXT",
    "ZABOUTTIMESTAMP",
)  # fmt: skip


def _read_contacts(database: Database, people: People, tally: Tally) -> None:
    table, rest = "ZWAADDRESSBOOKCONTACT", "order by Z_PK"
    for row in islice(
        walk(database, table, ("ZLID", "ZWHATSAPPID"), tally, rest=rest), MOST_PEOPLE
    ):
        people.pair(row["ZLID"], row["ZWHATSAPPID"])
    for row in islice(walk(database, table, _CONTACT_COLUMNS, tally, rest=rest), MOST_PEOPLE):
        handle = people.person(row["ZWHATSAPPID"]) or people.person(row["ZLID"])
        parts = (word(row["ZGIVENNAME"]), word(row["ZLASTNAME"]))
        name = word(row["ZFULLNAME"]) or " ".join(part for part in parts if part) or None
        people.learn(handle, name or word(row["ZBUSINESSNAME"]))
        about = word(row["ZABOUTTEXT"])
        if handle is not None and about is not None:
            at_us = cocoa_microseconds(row["ZABOUTTIMESTAMP"])
            people.about.setdefault(handle, About(about, at_us))

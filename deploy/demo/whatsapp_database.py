"""Builds the stores of WhatsApp: chats with messages of every type, contacts, calls, identities."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.demo.messages_schema import columns_of
from deploy.demo.minted_database import MintedTables
from deploy.demo.minted_protobuf import Fields, protobuf
from deploy.demo.whatsapp_schema import Schema, create_tables

_COCOA = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
_UNIX = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
OWN = "15550142000@s.whatsapp.net"


def cocoa(at: dt.datetime) -> float:
    """Return a moment as Core Data keeps it."""
    return (at - _COCOA) / dt.timedelta(seconds=1)


def milliseconds(at: dt.datetime) -> int:
    """Return a moment as reactions keep it."""
    return (at - _UNIX) // dt.timedelta(milliseconds=1)


def person(number: str) -> str:
    """Return the identity of a number."""
    return f"{number.removeprefix('+')}@s.whatsapp.net"


def compact(number: str) -> bytes:
    """Return a number as receipts keep it: two digits in a byte, ``f`` behind an odd count."""
    digits = number.removeprefix("+").partition("@")[0]
    odd = len(digits) % 2
    return bytes([0x81 if odd else 0x01]) + bytes.fromhex(f"{digits}f" if odd else digits)


def quoting(
    stanza: str, by: str, *, text: str | None = None, message: Fields | None = None
) -> dict[int, Any]:
    """Return the details of a message that answers another one."""
    return {5: stanza, 6: by, 19: message if message is not None else {1: text or ""}}


def poll(
    question: str,
    options: Sequence[str],
    *,
    votes: Mapping[str, Sequence[int]] = {},
    own: Sequence[int] = (),
) -> dict[int, Any]:
    """Return what ZRECEIPTINFO says of a poll; votes are numbers of options by identity."""
    return {
        8: {
            2: question,
            3: [{1: option} for option in options],
            5: [{1: list(choices), 4: jid} for jid, choices in votes.items()],
            6: {1: list(own)} if own else None,
        }
    }


@dataclass
class WhatsAppStore(MintedTables):
    """One of the stores in the making."""

    store: str = "chats"
    schema: Schema = "2025"
    _columns: dict[str, frozenset[str]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Open an empty database in memory."""
        self.begin()
        create_tables(self.connection, self.store, self.schema)

    def insert(self, table: str, **values: Any) -> int:
        """Add a row; what the schema lacks is left out. Returns its number, 0 for no table."""
        there = self._columns.get(table)
        if there is None:
            there = self._columns[table] = columns_of(self.connection, table)
        if not there:
            return 0
        kept = {"Z_ENT": 1, "Z_OPT": 1} | {k: v for k, v in values.items() if k in there}
        return super().insert(table, **kept)


@dataclass
class WhatsAppDatabase(WhatsAppStore):
    """ChatStorage.sqlite in the making."""

    seed: int = 1

    def __post_init__(self) -> None:
        """Open an empty store."""
        super().__post_init__()
        self._random = random.Random(self.seed)  # noqa: S311 -- the same phone every time
        self._sort: dict[int, int] = {}

    def stanza(self) -> str:
        """Return the next identity of a message."""
        return f"3A{self._random.getrandbits(72):018X}"

    def chat(self, jid: str, name: str | None = None, *, form: int = 0, **columns: Any) -> int:
        """Add a chat; *form* is 0 direct, 1 group, 2 list, 3 status, 4 community, 5 channel."""
        values = {
            "ZCONTACTJID": jid, "ZPARTNERNAME": name, "ZSESSIONTYPE": form, "ZARCHIVED": 0,
            "ZREMOVED": 0, "ZHIDDEN": 0, "ZUNREADCOUNT": 0, "ZFLAGS": 256,
        }  # fmt: skip
        return self.insert("ZWACHATSESSION", **(values | columns))

    def group(
        self,
        jid: str,
        name: str,
        *,
        created_at: dt.datetime,
        creator: str = OWN,
        form: int = 1,
        **columns: Any,
    ) -> int:
        """Add a group with what is known about it."""
        chat = self.chat(jid, name, form=form, **columns)
        info = self.insert(
            "ZWAGROUPINFO", ZCHATSESSION=chat, ZCREATIONDATE=cocoa(created_at),
            ZSUBJECTTIMESTAMP=cocoa(created_at), ZCREATORJID=creator, ZOWNERJID=creator, ZSTATE=0,
        )  # fmt: skip
        self.execute("update ZWACHATSESSION set ZGROUPINFO = ? where Z_PK = ?", (info, chat))
        return chat

    def member(
        self, chat: int, jid: str, *, name: str = "", is_admin: bool = False, is_active: bool = True
    ) -> int:
        """Add somebody to a group."""
        return self.insert(
            "ZWAGROUPMEMBER", ZCHATSESSION=chat, ZMEMBERJID=jid, ZCONTACTNAME=name,
            ZISADMIN=int(is_admin), ZISACTIVE=int(is_active), ZCONTACTABID=0,
        )  # fmt: skip

    def message(
        self,
        chat: int,
        text: str | None = None,
        *,
        at: dt.datetime,
        jid: str | None = None,
        member: int | None = None,
        form: int = 0,
        event: int = 0,
        stanza: str | None = None,
        media: Mapping[str, Any] | None = None,
        metadata: Fields | bytes | None = None,
        receipts: Fields | bytes | None = None,
        **columns: Any,
    ) -> int:
        """Add a message: of *jid* when that is given, else one's own.

        *media* are columns of ZWAMEDIAITEM; *metadata* and *receipts* the fields of its blobs.
        """
        is_me = jid is None
        when = cocoa(at)
        self._sort[chat] = self._sort.get(chat, 0) + 1
        note: dict[int, Any] = {1: int(when) + 978_307_200, 3: OWN if is_me else None, 4: is_me}
        values: dict[str, Any] = {
            "ZCHATSESSION": chat, "ZTEXT": text, "ZMESSAGEDATE": when, "ZSENTDATE": when + 0.25,
            "ZISFROMME": int(is_me), "ZMESSAGETYPE": form, "ZGROUPEVENTTYPE": event,
            "ZMESSAGESTATUS": 0 if form in {6, 10} else 8, "ZSORT": self._sort[chat],
            "ZFROMJID": jid, "ZGROUPMEMBER": member, "ZSTANZAID": stanza or self.stanza(),
            "ZFLAGS": 16777280 if is_me else 16777216,
            # Rows of the app itself name who they are for.
            "ZTOJID": OWN if form in {6, 10} and not is_me else None,
            "ZPUSHNAME": base64.b64encode(protobuf(note)).decode(),
        }  # fmt: skip
        number = self.insert("ZWAMESSAGE", **(values | columns))
        if media is not None or metadata is not None:
            blob = metadata if isinstance(metadata, bytes | None) else protobuf(metadata)
            item = self.insert(
                "ZWAMEDIAITEM", **({"ZMESSAGE": number, "ZMETADATA": blob} | dict(media or {}))
            )
            self.execute("update ZWAMESSAGE set ZMEDIAITEM = ? where Z_PK = ?", (item, number))
        if receipts is not None and self.schema != "2014":
            blob = receipts if isinstance(receipts, bytes) else protobuf(receipts)
            info = self.insert("ZWAMESSAGEINFO", ZMESSAGE=number, ZRECEIPTINFO=blob)
            self.execute("update ZWAMESSAGE set ZMESSAGEINFO = ? where Z_PK = ?", (info, number))
        return number

    def link(self, message: int, url: str, *, title: str | None, summary: str | None) -> None:
        """Add the preview of a link to a message."""
        self.insert(
            "ZWAMESSAGEDATAITEM", ZMESSAGE=message, ZINDEX=0, ZTYPE=1, ZCONTENT1=url,
            ZMATCHEDTEXT=url, ZTITLE=title, ZSUMMARY=summary,
        )  # fmt: skip


def media_columns(
    path: str | None, media_type: str, content: bytes = b"", **columns: Any
) -> dict[str, Any]:
    """Return the columns of a file; the digest of its content stands in the name of a card."""
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    values = {
        "ZMEDIALOCALPATH": path, "ZVCARDSTRING": media_type, "ZFILESIZE": len(content),
        "ZVCARDNAME": digest if content else None, "ZLATITUDE": 0.0, "ZLONGITUDE": 0.0,
        "ZMOVIEDURATION": 0, "ZCLOUDSTATUS": 4,
    }  # fmt: skip
    return values | columns


def contacts_store(people: Sequence[Mapping[str, Any]], *, schema: Schema = "2025") -> bytes:
    """Return ContactsV2.sqlite; each of *people* are columns of a contact."""
    store = WhatsAppStore("contacts", schema)
    for number, columns in enumerate(people):
        store.insert("ZWAADDRESSBOOKCONTACT", **({"ZSORT": number * 1000} | dict(columns)))
    return store.to_bytes()


def lids_store(pairs: Mapping[str, str], *, at: dt.datetime) -> bytes:
    """Return LID.sqlite: numbers by private identity."""
    store = WhatsAppStore("lids")
    for lid, number in pairs.items():
        store.insert(
            "ZWAPHONENUMBERLIDPAIR", ZLID=lid.partition("@")[0],
            ZPHONENUMBER=number.removeprefix("+"), ZTIMESTAMP=cocoa(at),
        )  # fmt: skip
    return store.to_bytes()


@dataclass
class CallsDatabase(WhatsAppStore):
    """CallHistory.sqlite in the making."""

    store: str = "calls"

    def call(
        self,
        people: Sequence[str],
        *,
        at: dt.datetime,
        is_incoming: bool,
        seconds: float = 0.0,
        is_video: bool = False,
        outcome: int = 0,
        call_id: str | None = None,
        group: str | None = None,
        **columns: Any,
    ) -> int:
        """Add a call with the others in it; outcome 0 ended, 1 missed, 2 failed, 4 rejected."""
        together = self.insert(
            "ZWAAGGREGATECALLEVENT", ZINCOMING=int(is_incoming), ZMISSED=int(outcome == 1),
            ZVIDEO=int(is_video), ZFIRSTDATE=cocoa(at), ZMISSEDREASON=1,
        )  # fmt: skip
        values = {
            "ZDATE": cocoa(at), "ZDURATION": seconds, "ZOUTCOME": outcome, "Z1CALLEVENTS": together,
            "ZCALLIDSTRING": call_id, "ZGROUPJIDSTRING": group,
            "ZGROUPCALLCREATORUSERJIDSTRING": people[0] if is_incoming and people else OWN,
            "ZBYTESRECEIVED": int(seconds * 1200), "ZBYTESSENT": int(seconds * 1100),
        }  # fmt: skip
        number = self.insert("ZWACDCALLEVENT", **(values | columns))
        for jid in people:
            self.insert(
                "ZWACDCALLEVENTPARTICIPANT", Z1PARTICIPANTS=number, ZJIDSTRING=jid, ZOUTCOME=outcome
            )
        return number


def many_messages(count: int, *, seed: int = 5) -> bytes:
    """Return a store with *count* messages in ten chats, as quickly as SQLite takes them."""
    store = WhatsAppDatabase(seed=seed)
    chats = [store.chat(person(f"1555020{n:04d}"), f"Neighbour {n}") for n in range(10)]
    store.connection.executemany(
        "insert into ZWAMESSAGE (Z_PK, Z_ENT, ZCHATSESSION, ZISFROMME, ZMESSAGEDATE, ZSENTDATE, "
        "ZMESSAGETYPE, ZMESSAGESTATUS, ZSORT, ZFLAGS, ZFROMJID, ZSTANZAID, ZTEXT, ZMEDIAITEM, "
        "ZMESSAGEINFO) values (?, 9, ?, ?, ?, ?, ?, 8, ?, 16777216, ?, ?, ?, ?, ?)",
        _many(count, chats, random.Random(seed)),  # noqa: S311 -- the same store every time
    )
    receipt = protobuf({2: [{1: compact("15550200001"), 4: 0, 5: 3}], 3: 1_700_000_000, 4: 2})
    store.connection.execute(
        "insert into ZWAMESSAGEINFO (Z_PK, ZMESSAGE, ZRECEIPTINFO) "
        "select ZMESSAGEINFO, Z_PK, ? from ZWAMESSAGE where ZMESSAGEINFO is not null",
        (receipt,),
    )
    store.connection.execute(
        "insert into ZWAMEDIAITEM (Z_PK, ZMESSAGE, ZMEDIALOCALPATH, ZVCARDSTRING, ZFILESIZE, "
        "ZLATITUDE, ZLONGITUDE) select ZMEDIAITEM, Z_PK, 'Media/' || ZSTANZAID || '.jpg', "
        "'image/jpeg', 40000, 1200, 1600 from ZWAMESSAGE where ZMEDIAITEM is not null"
    )
    return store.to_bytes()


_WORDS = (
    "boat", "harbour", "tomorrow", "bread", "train", "late", "thanks", "photo", "garden", "tea",
    "Größe", "déjà", "明日", "🍒", "keys", "school", "rain", "dinner", "call", "soon",
)  # fmt: skip


def _many(count: int, chats: Sequence[int], chance: random.Random) -> Iterator[tuple[Any, ...]]:
    start = cocoa(dt.datetime(2017, 1, 1, tzinfo=dt.UTC))
    step = 2500 * 86_400 / max(count, 1)
    for number in range(1, count + 1):
        chat = number * 7 % len(chats)
        is_me = number % 2
        at = start + number * step
        text = " ".join(chance.choices(_WORDS, k=chance.randrange(2, 16)))
        has_file = number % 12 == 0
        yield (
            number, chats[chat], is_me, at, at + 0.2, 1 if has_file else 0, number,
            None if is_me else person(f"1555020{chat:04d}"), f"3A{chance.getrandbits(72):018X}",
            None if has_file else text, number if has_file else None, number if is_me else None,
        )  # fmt: skip

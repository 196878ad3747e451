"""Who had to do with whom on the demo phone: interactionC.db."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from deploy.demo.container import PhoneFile
from deploy.demo.minted_database import MintedDatabase, cocoa_seconds

DOMAIN = "HomeDomain"
STORE = "Library/CoreDuet/People/interactionC.db"
_DAY, _MINUTE = dt.timedelta(days=1), dt.timedelta(minutes=1)
_AT = dt.datetime(2024, 7, 20, 7, 45, tzinfo=dt.UTC)
_MESSAGES, _PHONE, _MAIL = "com.apple.MobileSMS", "com.apple.InCallService", "com.apple.mobilemail"
_WHATSAPP = "net.whatsapp.WhatsApp"
_SCHEMA = """
create table Z_PRIMARYKEY (Z_ENT integer primary key, Z_NAME varchar, Z_SUPER integer,
Z_MAX integer);
create table ZATTACHMENT (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZSIZEINBYTES integer, ZCLOUDIDENTIFIER varchar, ZCONTENTTEXT varchar,
ZPHOTOLOCALIDENTIFIER varchar, ZUTI varchar, ZCONTENTURL blob, ZIDENTIFIER blob);
create table ZCONTACTS (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZDISPLAYTYPE integer, ZINCOMINGRECIPIENTCOUNT integer, ZINCOMINGSENDERCOUNT integer,
ZOUTGOINGRECIPIENTCOUNT integer, ZPERSONIDTYPE integer, ZTYPE integer, ZCREATIONDATE timestamp,
ZFIRSTINCOMINGRECIPIENTDATE timestamp, ZFIRSTINCOMINGSENDERDATE timestamp,
ZFIRSTOUTGOINGRECIPIENTDATE timestamp, ZLASTINCOMINGRECIPIENTDATE timestamp,
ZLASTINCOMINGSENDERDATE timestamp, ZLASTOUTGOINGRECIPIENTDATE timestamp,
ZCUSTOMIDENTIFIER varchar, ZDISPLAYNAME varchar, ZIDENTIFIER varchar, ZPERSONID varchar);
create table ZINTERACTIONS (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZDIRECTION integer, ZISRESPONSE integer, ZMECHANISM integer, ZRECIPIENTCOUNT integer,
ZSENDER integer, ZCREATIONDATE timestamp, ZENDDATE timestamp, ZSTARTDATE timestamp,
ZUPDATEDATE timestamp, ZACCOUNT varchar, ZBUNDLEID varchar, ZCONTENTURL varchar,
ZDERIVEDINTENTIDENTIFIER varchar, ZDOMAINIDENTIFIER varchar, ZGROUPNAME varchar,
ZLOCATIONUUID varchar, ZNSUSERNAME varchar, ZTARGETBUNDLEID varchar, ZUUID varchar);
create table Z_1INTERACTIONS (Z_1ATTACHMENTS integer, Z_3INTERACTIONS integer,
primary key (Z_1ATTACHMENTS, Z_3INTERACTIONS));
create table Z_2INTERACTIONRECIPIENT (Z_2RECIPIENTS integer, Z_3INTERACTIONRECIPIENT integer,
primary key (Z_2RECIPIENTS, Z_3INTERACTIONRECIPIENT));
insert into Z_PRIMARYKEY values (1, 'Attachment', 0, 0), (2, 'Contacts', 0, 0),
(3, 'Interactions', 0, 0), (4, 'Keywords', 0, 0), (5, 'Version', 0, 0);
"""


class InteractionsDatabase(MintedDatabase):
    """interactionC.db; *exchanged*: with the ends of recipients the wrong way round."""

    def __init__(self, *, exchanged: bool = False, seed: int = 1) -> None:
        """Make empty tables."""
        super().__init__(_SCHEMA, seed=seed)
        self._exchanged = exchanged

    def person(self, name: str | None, identifier: str | None, **columns: Any) -> int:
        """Add a person; return the number."""
        return self.insert("ZCONTACTS", ZDISPLAYNAME=name, ZIDENTIFIER=identifier, **columns)

    def interaction(
        self,
        app: str | None,
        *,
        at: dt.datetime | float | str | None,
        sender: int | None = None,
        to: Sequence[int] = (),
        seconds: float = 0.0,
        **columns: Any,
    ) -> int:
        """Note an interaction: incoming from *sender*, or outgoing; return its number."""
        when = cocoa_seconds(at) if isinstance(at, dt.datetime) else at
        given: dict[str, Any] = {
            "ZDIRECTION": 1 if sender is None else 0,
            "ZRECIPIENTCOUNT": len(to) or 1,
            "ZUUID": self.uuid(),
            "ZENDDATE": when + seconds if isinstance(when, float) else when,
        }
        number = self.insert(
            "ZINTERACTIONS", ZBUNDLEID=app, ZSTARTDATE=when, ZSENDER=sender, **(given | columns)
        )
        for person in to:
            left, right = (number, person) if self._exchanged else (person, number)
            self.insert(
                "Z_2INTERACTIONRECIPIENT", Z_2RECIPIENTS=left, Z_3INTERACTIONRECIPIENT=right
            )
        return number

    def attach(self, interaction: int, **columns: Any) -> None:
        """Note something that was sent along."""
        number = self.insert("ZATTACHMENT", **columns)
        self.insert("Z_1INTERACTIONS", Z_1ATTACHMENTS=number, Z_3INTERACTIONS=interaction)


def demo_interactions(*, later: bool, exchanged: bool = False) -> InteractionsDatabase:
    """Note what the family did; with *later* four weeks on: the oldest is forgotten by then."""
    db = InteractionsDatabase(exchanged=exchanged, seed=71)
    ago = cocoa_seconds(_AT - 900 * _DAY)
    jonas = db.person(
        "Jonas Sandoval", "+15550142001", ZPERSONID="DEMO-JONAS", ZINCOMINGSENDERCOUNT=412,
        ZOUTGOINGRECIPIENTCOUNT=398 + 12 * later, ZFIRSTINCOMINGSENDERDATE=ago,
        ZLASTINCOMINGSENDERDATE=cocoa_seconds(_AT + 6 * _DAY),
        ZFIRSTOUTGOINGRECIPIENTDATE=ago + 60.0,
        ZLASTOUTGOINGRECIPIENTDATE=cocoa_seconds(_AT + 7 * _DAY),
    )  # fmt: skip
    yuki = db.person(
        "田中 由紀", "+819012345678", ZINCOMINGSENDERCOUNT=88, ZINCOMINGRECIPIENTCOUNT=4
    )
    zoe = db.person("Dr. Zoë Größl", "+436601112223")
    amelie = db.person("Amélie Dubois", "amelie.dubois@example.org", ZOUTGOINGRECIPIENTCOUNT=3)
    jojo = db.person("Jojo", "15550142001@s.whatsapp.net")
    first = db.interaction(_PHONE, at=_AT, to=[jonas], seconds=312.4, ZMECHANISM=2)
    if later:
        db.execute("delete from ZINTERACTIONS where Z_PK = ?", (first,))
    db.interaction(_PHONE, at=_AT + _DAY, sender=zoe, seconds=95.0, ZMECHANISM=2)
    db.interaction(_MESSAGES, at=_AT + 2 * _DAY, sender=jonas, ZMECHANISM=4,
                   ZDOMAINIDENTIFIER="iMessage;-;+15550142001")  # fmt: skip
    db.interaction(_MESSAGES, at=_AT + 2 * _DAY + _MINUTE, to=[jonas], ZMECHANISM=4, ZISRESPONSE=1,
                   ZDOMAINIDENTIFIER="iMessage;-;+15550142001")  # fmt: skip
    group = db.interaction(
        _MESSAGES, at=_AT + 6 * _DAY, to=[jonas, yuki], ZMECHANISM=4, ZGROUPNAME="Lake weekend",
        ZDOMAINIDENTIFIER="iMessage;+;chat100",
    )  # fmt: skip
    db.attach(group, ZUTI="public.png", ZSIZEINBYTES=9000, ZCONTENTTEXT="Lake 4.png")
    db.interaction(_MESSAGES, at=_AT + 6 * _DAY + 5 * _MINUTE, sender=yuki, to=[jonas],
                   ZMECHANISM=4, ZGROUPNAME="Lake weekend")  # fmt: skip
    db.interaction(_WHATSAPP, at=_AT + 7 * _DAY, sender=jojo, ZMECHANISM=4,
                   ZTARGETBUNDLEID=_WHATSAPP)  # fmt: skip
    db.interaction(_MAIL, at=_AT + 8 * _DAY, to=[amelie, zoe], ZMECHANISM=1,
                   ZACCOUNT="mira.sandoval@example.com")  # fmt: skip
    if later:
        db.interaction(_MESSAGES, at=_AT + 31 * _DAY, sender=jonas, ZMECHANISM=4)
    return db


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return the store of the demo phone."""
    return [PhoneFile(DOMAIN, STORE, demo_interactions(later=later).to_bytes())]

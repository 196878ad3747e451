"""Who called whom on the demo phone. Every kind of call occurs at least once."""

from __future__ import annotations

import datetime as dt
from typing import Any

from deploy.demo.calls_database import FACETIME, CallsDatabase, Form
from deploy.demo.container import PhoneFile

DOMAIN = "HomeDomain"
FOLDER = "Library/CallHistoryDB"
JONAS, YUKI, ZOE = "+15550142001", "+819012345678", "+436601112223"
PIZZA, AMELIE, STRANGER = "+15550147777", "amelie.dubois@example.org", "+15550149999"
#: The call from before the phone was first unlocked.
EARLY = "DEMOCALL-0002"
_MINUTE, _DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
_AT = dt.datetime(2024, 7, 20, 7, 45, 12, 250_000, tzinfo=dt.UTC)


def demo_calls(*, later: bool, form: Form = "26") -> CallsDatabase:
    """Make the family's calls; with *later* also those of the next four weeks."""
    db = CallsDatabase(form=form, seed=31)
    is_old = form == "10"
    at = _AT
    storm = "DEMOCALL-0001"
    db.call(JONAS, at=at, seconds=312.4, is_outgoing=True, ZUNIQUE_ID=storm)
    db.call(JONAS, at=at + 30 * _MINUTE, ZREAD=0, ZLOCATION="Portland, OR")
    db.call(JONAS, at=at + 32 * _MINUTE, seconds=45.0, ZLOCATION="Portland, OR")
    db.call(ZOE, at=at + _DAY, ZDISCONNECTED_CAUSE=2, ZISO_COUNTRY_CODE="at")
    db.call(ZOE, at=at + 2 * _DAY, is_answered=True, ZISO_COUNTRY_CODE="at")
    db.call(PIZZA, at=at + 3 * _DAY, is_outgoing=True, ZNAME="Harbour Pizza")
    db.call(None, at=at + 4 * _DAY, seconds=12.0, ZNUMBER_AVAILABILITY=1, ZISO_COUNTRY_CODE=None)
    db.call(YUKI, at=at + 5 * _DAY, seconds=1810.75, kind=8, provider=FACETIME,
            ZFACE_TIME_DATA=184_000_000, ZISO_COUNTRY_CODE="jp")  # fmt: skip
    db.call(AMELIE, at=at + 6 * _DAY, seconds=95.5, kind=16, provider=FACETIME, is_outgoing=True)
    db.call("15550142001@s.whatsapp.net", at=at + 7 * _DAY, seconds=61.0, kind=0,
            provider="net.whatsapp.WhatsApp")  # fmt: skip
    junk: dict[str, Any] = (
        {} if is_old else {"ZJUNKCONFIDENCE": 3, "ZJUNKIDENTIFICATIONCATEGORY": "Telemarketer"}
    )
    db.call(STRANGER, at=at + 8 * _DAY, ZREAD=0, **junk)
    if not is_old:
        group = db.call(
            None, at=at + 9 * _DAY, seconds=2400.0, kind=8, provider=FACETIME,
            others=[JONAS, YUKI, AMELIE], ZPARTICIPANTGROUPUUID=bytes(range(16)),
        )  # fmt: skip
        db.execute(
            "update ZCALLRECORD set ZINITIATOR = ? where Z_PK = ?", (db.handle(JONAS), group)
        )
        db.call("911", at=at + 10 * _DAY, seconds=20.0, is_outgoing=True, ZWASEMERGENCYCALL=1)
    if form == "26":
        db.call(ZOE, at=at + 11 * _DAY, ZHASMESSAGE=1, ZISO_COUNTRY_CODE="at")
    if later:
        _four_weeks_later(db, storm)
    return db


def _four_weeks_later(db: CallsDatabase, gone: str) -> None:
    at = dt.datetime(2024, 8, 21, 18, 0, tzinfo=dt.UTC)
    db.call(AMELIE, at=at, seconds=640.0, kind=16, provider=FACETIME)
    db.call(JONAS, at=at + _DAY, is_outgoing=True)
    # Moved from the other list.
    db.call(JONAS, at=_AT - 3 * _DAY, ZUNIQUE_ID=EARLY)
    # The phone keeps so many calls only, and missed ones were looked at.
    db.execute("delete from ZCALLRECORD where ZUNIQUE_ID = ?", (gone,))
    db.execute("update ZCALLRECORD set ZREAD = 1")


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return both lists of calls; the one for the time before the first unlocking has one."""
    early = CallsDatabase(seed=32)
    if not later:
        early.call(JONAS, at=_AT - 3 * _DAY, ZUNIQUE_ID=EARLY)
    return [
        PhoneFile(DOMAIN, f"{FOLDER}/CallHistory.storedata", demo_calls(later=later).to_bytes()),
        PhoneFile(DOMAIN, f"{FOLDER}/CallHistoryTemp.storedata", early.to_bytes()),
    ]

"""What is to be done on the demo phone. Every feature of Reminders occurs at least once."""

from __future__ import annotations

import datetime as dt
import hashlib
import json

from deploy.demo.calendar_database import CalendarDatabase
from deploy.demo.calendar_database import seconds as calendar_seconds
from deploy.demo.container import PhoneFile
from deploy.demo.pictures import png
from deploy.demo.reminders_database import (
    ARRIVE,
    LEAVE,
    MONTHLY,
    WEEKLY,
    RemindersDatabase,
    seconds,
)
from deploy.demo.reminders_schema import Form

DOMAIN = "AppDomainGroup-group.com.apple.reminders"
CLOUD = "Container_v1/Stores/Data-3B0E2D55-8F41-4C0E-9E1A-6D5B7C2A1F90.sqlite"
LOCAL = "Container_v1/Stores/Data-local.sqlite"
_PICTURE = png(811)
_DIGEST = hashlib.sha512(_PICTURE).hexdigest()
PICTURE = f"Container_v1/Files/Account-3B0E2D55/Attachments/{_DIGEST}.png"
_ZONE = "Europe/Zurich"


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return both stores and a picture; with *later* as they are four weeks on."""
    return [
        PhoneFile(DOMAIN, CLOUD, demo_cloud(later=later).to_bytes()),
        PhoneFile(DOMAIN, LOCAL, demo_local().to_bytes()),
        PhoneFile(
            DOMAIN, PICTURE, _PICTURE, modified_at=dt.datetime(2024, 7, 20, 10, tzinfo=dt.UTC)
        ),
    ]


def demo_cloud(*, later: bool = False, form: Form = "26") -> RemindersDatabase:
    """Write the account's reminders in the form of some version of iOS."""
    store = RemindersDatabase("Home account", form=form, seed=41)
    group = store.list("Around the house", ZISGROUP=1)
    boat = store.list("Boat", ZBADGEEMBLEM=json.dumps({"Emoji": "⛵"}))
    shopping = store.list("Groceries", ZSHARINGSTATUS=1, ZPARENTLIST=group, ZBADGEEMBLEM="basket1")
    store.list(
        "Flagged", entity="REMCDSmartList", ZSMARTLISTTYPE="com.apple.reminders.smartlist.flagged"
    )
    _boat(store, boat, later=later)
    _shopping(store, shopping, later=later)
    if later:
        store.reminder(
            boat,
            "Order a new cover",
            ZCREATIONDATE=seconds(dt.datetime(2024, 8, 22, tzinfo=dt.UTC)),
        )
    return store


def _boat(store: RemindersDatabase, boat: int, *, later: bool) -> None:
    due = dt.datetime(2024, 8, 10, 7, 0, tzinfo=dt.UTC)
    done = dt.datetime(2024, 8, 11, 15, 20, tzinfo=dt.UTC)
    varnish = store.reminder(
        boat, "Varnish the deck", ZNOTES="Two coats. How: https://boats.example.org/varnish",
        ZDUEDATE=seconds(due), ZDISPLAYDATEDATE=seconds(due - dt.timedelta(minutes=15)),
        ZTIMEZONE=_ZONE, ZPRIORITY=1, ZFLAGGED=1, ZISURGENTSTATEENABLEDFORCURRENTUSER=1,
        ZICSURL="https://boats.example.org/paint", ZCOMPLETED=int(later),
        ZCOMPLETIONDATE=seconds(done) if later else None,
        ZDUEDATEDELTAALERTSDATA=json.dumps(
            {"dueDateDeltaAlerts": [
                {"dueDateDeltaUnit": 0, "dueDateDeltaCount": -15, "identifier": "D-1"},
                {"dueDateDeltaUnit": 4, "dueDateDeltaCount": -1, "identifier": "D-2"}]}
        ).encode(),
    )  # fmt: skip
    store.tag(varnish, "boat")
    store.tag(varnish, "Grüße")
    store.link(varnish, "https://paint.example.com/clear")
    store.picture(varnish, "Deck before.png", _DIGEST, ZFILESIZE=len(_PICTURE))
    store.picture(varnish, "Old photo.png", None)
    store.alarm(varnish, "TimeInterval", ZTIMEINTERVAL=-1800.0)
    store.alarm(
        varnish, "Date",
        clock={"year": 2024, "month": 8, "day": 10, "hour": 8, "minute": 30,
               "timeZone": {"identifier": _ZONE}},
    )  # fmt: skip
    store.alarm(
        varnish, "Location", ZTITLE="Bootswerft Enge", ZADDRESS="Mythenquai 9, 8002 Zürich",
        ZLATITUDE=47.3547, ZLONGITUDE=8.5312, ZRADIUS=100.0, ZPROXIMITY=ARRIVE,
    )  # fmt: skip
    store.alarm(
        varnish, "Location", ZTITLE="Home", ZLATITUDE=47.37, ZLONGITUDE=8.54, ZPROXIMITY=LEAVE
    )
    store.alarm(varnish, "Vehicle", ZEVENT=1)
    sand = store.reminder(boat, "Sand it first", ZPARENTREMINDER=varnish)
    # The whole day, by the clock of the phone.
    pump = store.reminder(
        boat, "Check the bilge pump", ZALLDAY=1, ZPRIORITY=9,
        ZDUEDATE=seconds(dt.datetime(2024, 8, 15, 22, 0, tzinfo=dt.UTC)),
    )  # fmt: skip
    store.repeat(
        pump, MONTHLY, ZINTERVAL=2, ZOCCURRENCECOUNT=12, ZDAYSOFTHEMONTH=[15, -1],
        ZMONTHSOFTHEYEAR=[4, 8],
    )  # fmt: skip
    store.reminder(
        boat, "Sell the old outboard", ZMARKEDFORDELETION=1, ZPRIORITY=5,
        ZDUEDATE=seconds(dt.datetime(2024, 7, 1, 10, tzinfo=dt.UTC)),
    )  # fmt: skip
    if store.form == "26":
        store.section(boat, "Before the season", varnish, sand)
        store.section(boat, "Every month", pump)


def _shopping(store: RemindersDatabase, shopping: int, *, later: bool) -> None:
    milk = store.reminder(
        shopping, "Oat milk for 由紀", ZTIMEZONE=_ZONE,
        ZDUEDATE=seconds(dt.datetime(2024, 8, 3, 16, 0, tzinfo=dt.UTC)),
    )  # fmt: skip
    store.repeat(
        milk, WEEKLY, ZENDDATE=seconds(dt.datetime(2024, 12, 24, tzinfo=dt.UTC)),
        ZDAYSOFTHEWEEK=[{"dayOfTheWeek": 7, "weekNumber": 0}, {"dayOfTheWeek": 2, "weekNumber": 1}],
    )  # fmt: skip
    store.assign(milk, shopping, "Jonas", "Sandoval", "mailto:Jonas@example.com")
    cherries = store.reminder(shopping, "Cherries from the neighbours")
    if later:
        table = "ZREMCDREMINDER" if store.form == "26" else "ZREMCDOBJECT"
        store.execute(f"delete from {table} where Z_PK = ?", (cherries,))  # noqa: S608 -- own names
    store.reminder(
        shopping, "Dog food", ZCOMPLETED=1,
        ZCOMPLETIONDATE=seconds(dt.datetime(2024, 7, 30, 17, 5, tzinfo=dt.UTC)),
    )  # fmt: skip


def demo_local(*, form: Form = "26") -> RemindersDatabase:
    """Write the reminders that are kept on the phone alone; entities have other numbers here."""
    store = RemindersDatabase("local", form=form, seed=42, shift=7)
    store.reminder(store.list("Reminders"), "Call Dr. Größl about Pixel")
    return store


def old_tasks() -> CalendarDatabase:
    """Write reminders as iOS 12 and before kept them: in the calendar's database."""
    db = CalendarDatabase(form="10", seed=43)
    cloud = db.account("Home account")
    chores = db.calendar(cloud, "Chores", colour="#CC73E1")
    db.event(db.calendar(cloud, "Family"), "Picnic", start=dt.date(2018, 5, 6))
    tyres = db.task(
        chores, "Winter tyres", description="The garage opens at eight", priority=1,
        due_date=calendar_seconds(dt.datetime(2018, 10, 20, 6, 0, tzinfo=dt.UTC)),
        due_tz=_ZONE, url="https://tyres.example.org",
    )  # fmt: skip
    db.repeat(tyres, 4, specifier="O=10")
    db.alarm(tyres, trigger_date=calendar_seconds(dt.datetime(2018, 10, 20, 6, tzinfo=dt.UTC)))
    leave = db.alarm(tyres, proximity=2, trigger_interval=0)
    place = db.place("Office", latitude=47.38, longitude=8.53, radius=150.0, alarm_owner_id=leave)
    db.execute("update Alarm set location_id = ? where ROWID = ?", (place, leave))
    db.task(
        chores, "Water the plants",
        completion_date=calendar_seconds(dt.datetime(2018, 4, 2, 9, tzinfo=dt.UTC)),
    )  # fmt: skip
    db.task(
        chores, "Tax return", due_all_day=1, due_tz="_float",
        due_date=calendar_seconds(dt.date(2018, 6, 30)),
    )  # fmt: skip
    return db

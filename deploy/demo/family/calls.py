"""Who called whom, the voicemails and voice memos that were left, and what the phone noted of it.

Phones keep the last thousand calls, and forget interactions after some weeks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from deploy.demo import calls, interactions, voice_memos, voicemails
from deploy.demo.calls_database import FACETIME, TELEPHONY, CallsDatabase, Form
from deploy.demo.container import PhoneFile
from deploy.demo.family.life import (
    AMELIE,
    BEN,
    DAY,
    JONAS,
    PEOPLE,
    ROSA,
    TOMAS,
    TRIPS,
    YUKI,
    ZOE,
    Person,
    Revision,
    chance,
    clock,
    days_between,
    is_quiet,
    key,
)
from deploy.demo.family.talk import said_on
from deploy.demo.phone import FIRST_RUN, LATER_RUN
from deploy.demo.recordings import amr, m4a_like

_MOST_CALLS = 1000
_NOTED_DAYS = 45
_MESSAGES, _PHONE = "com.apple.MobileSMS", "com.apple.InCallService"
#: Who is called how often, in calls a day.
_RHYTHM = ((TOMAS, 0.3), (ROSA, 0.25), (JONAS, 0.12), (ZOE, 0.02), (BEN, 0.08), (AMELIE, 0.05))


class _Call(NamedTuple):
    key: str
    person: Person
    at: dt.datetime
    seconds: float
    is_outgoing: bool
    is_video: bool


@cache
def _calls_on(day: dt.date) -> tuple[_Call, ...]:
    return tuple(sorted(_drawn(day), key=lambda one: one.at))


def _drawn(day: dt.date) -> Iterator[_Call]:
    dice = chance("calls", day)
    for person, often in (*_RHYTHM, (YUKI, 0.03)):
        draw, kind, length = dice.random(), dice.random(), dice.uniform(20, 1500)
        at = clock(day, dice.uniform(8 * 60, 21 * 60))
        if draw < often * (2 if is_quiet(day) else 1) and person.is_known(day):
            seconds = 0.0 if kind < 0.2 else round(length, 1)
            yield _Call(key("call", day, person.number), person, at, seconds, kind > 0.55,
                        person is YUKI or (is_quiet(day) and kind > 0.8))  # fmt: skip


def _all_calls(revision: Revision) -> list[_Call]:
    return [one for day in revision.days for one in _calls_on(day) if one.at <= revision.at]


def files_of(revision: Revision) -> list[PhoneFile]:
    """Return the lists of calls, voicemails, voice memos and interactions."""
    later = revision.at >= LATER_RUN
    form: Form = "26" if revision.version >= 26 else "18" if revision.version >= 13 else "10"
    has_story = revision.at >= FIRST_RUN
    db = (
        calls.demo_calls(later=later, form=form) if has_story else CallsDatabase(form=form, seed=31)
    )
    for one in _all_calls(revision)[-_MOST_CALLS:]:
        db.call(
            one.person.number, at=one.at, seconds=one.seconds, is_outgoing=one.is_outgoing,
            kind=8 if one.is_video else 1, provider=FACETIME if one.is_video else TELEPHONY,
            ZUNIQUE_ID=one.key,
        )  # fmt: skip
    listed = f"{calls.FOLDER}/CallHistory.storedata"
    return [
        PhoneFile(calls.DOMAIN, listed, db.to_bytes()),
        *_voicemails(revision),
        *_memos(revision),
        PhoneFile(interactions.DOMAIN, interactions.STORE, _interactions(revision).to_bytes()),
    ]


def _voicemails(revision: Revision) -> list[PhoneFile]:
    if revision.at >= FIRST_RUN:
        return voicemails.demo_files(later=revision.at >= LATER_RUN)
    db, files = voicemails.VoicemailDatabase(), []
    missed = [one for one in _all_calls(revision) if not one.seconds and not one.is_outgoing]
    words = ("Call me back please it is nothing bad", "The parcel is at the neighbours",
             "We are late start without us", "I have the tickets")  # fmt: skip
    flags = voicemails.HEARD | voicemails.DOWNLOADED | voicemails.TRANSCRIBED
    for number, one in enumerate(missed):
        # Left unheard of for half a year, they are gone.
        if one.at < revision.at - 180 * DAY:
            continue
        row = db.voicemail(
            one.person.number, at=one.at + dt.timedelta(minutes=1), seconds=14, flags=flags
        )
        said = words[number % len(words)].split()
        for name, content in ((f"{row}.amr", amr(0.4)),
                              (f"{row}.transcript", voicemails.transcript(said))):  # fmt: skip
            files.append(PhoneFile(voicemails.DOMAIN, f"{voicemails.FOLDER}/{name}", content,
                                   modified_at=one.at))  # fmt: skip
    return [
        PhoneFile(voicemails.DOMAIN, f"{voicemails.FOLDER}/voicemail.db", db.to_bytes()),
        *files,
    ]


def _memos(revision: Revision) -> list[PhoneFile]:
    """A recording from each journey, and Lena's piano once a year."""
    later = revision.at >= LATER_RUN
    if revision.at >= FIRST_RUN:
        list_ = voice_memos.demo_recordings(later=later)
    else:
        list_ = voice_memos.DemoRecordings(voice_memos.RecordingsDatabase(form="14", seed=41))
    told = [(f"{trip.place.city}, {trip.title}", trip.first + DAY, 24.5 + trip.nights)
            for trip in TRIPS]  # fmt: skip
    told += [("Lena plays the piano", dt.date(year, 12, 20), 80.0) for year in range(2018, 2027)]
    for title, day, seconds in sorted(told, key=lambda one: one[1]):
        at = clock(day, 18 * 60)
        if at > revision.at:
            continue
        name = f"{day:%Y%m%d} 180000-{key('memo', day)[:8]}.m4a"
        list_.database.recording(title, at=at, name=name, seconds=seconds,
                                 ZUNIQUEID=key("memo", day, title))  # fmt: skip
        list_.files.append(
            PhoneFile(voice_memos.DOMAIN, f"{voice_memos.FOLDER}/{name}",
                      m4a_like(day.toordinal(), 2000), modified_at=at)
        )  # fmt: skip
    return list_.all_files()


def _interactions(revision: Revision) -> interactions.InteractionsDatabase:
    # What the phone noted in the story's summer is forgotten two years later.
    if FIRST_RUN <= revision.at < LATER_RUN:
        db = interactions.demo_interactions(later=False)
    else:
        db = interactions.InteractionsDatabase(seed=71)
    people = _people(db, revision)
    since = revision.at.date() - _NOTED_DAYS * DAY
    for day in days_between(since, revision.at.date()):
        for said in said_on(day):
            person = people.get(said.person)
            if person is not None and said.at <= revision.at:
                db.interaction(
                    _MESSAGES, at=said.at, sender=None if said.is_me else person,
                    to=[person] if said.is_me else (), ZMECHANISM=4, ZGROUPNAME=said.group,
                    ZUUID=key("interaction", said.key),
                )  # fmt: skip
        for one in _calls_on(day):
            person = people.get(one.person)
            if person is not None and one.at <= revision.at:
                db.interaction(
                    _PHONE, at=one.at, sender=None if one.is_outgoing else person,
                    to=[person] if one.is_outgoing else (), seconds=one.seconds, ZMECHANISM=2,
                    ZUUID=key("interaction", one.key),
                )  # fmt: skip
    return db


def _people(db: interactions.InteractionsDatabase, revision: Revision) -> dict[Person, int]:
    """Note how often everybody wrote, since ever; return their numbers."""
    counts: dict[Person, list[int]] = {one: [0, 0] for one in PEOPLE}
    for day in revision.days:
        for said in said_on(day):
            if said.at <= revision.at and said.person in counts:
                counts[said.person][said.is_me] += 1
    people = {}
    for person, (incoming, outgoing) in counts.items():
        if incoming or outgoing:
            # The story knows some of them.
            known = db.number("select Z_PK from ZCONTACTS where ZIDENTIFIER = ?", (person.number,))
            people[person] = known or db.person(
                person.name, person.number, ZPERSONID=key("person", person.name),
                ZINCOMINGSENDERCOUNT=incoming, ZOUTGOINGRECIPIENTCOUNT=outgoing,
            )  # fmt: skip
    return people

"""Notes that grow over the years: each backup has its own version of them, and some are gone."""

from __future__ import annotations

import datetime as dt

from deploy.demo.container import PhoneFile
from deploy.demo.family.life import DAY, TRIPS, Revision, chance, clock, days_between, key
from deploy.demo.notes import (
    DOMAIN,
    OLD_DOMAIN,
    OLD_STORE,
    STORE,
    DemoNotes,
    demo_notes,
    old_notes,
)
from deploy.demo.notes_body import CHECK, DOTTED, HEADING, TITLE, Piece, piece
from deploy.demo.notes_schema import Form
from deploy.demo.phone import FIRST_RUN, LATER_RUN

_BOOKS = (
    "The Waves", "Der Zauberberg", "Kokoro", "Moby-Dick", "L'Étranger", "Homo faber", "Middlemarch",
    "The Sea, the Sea", "Kafka am Strand", "Momo", "To the Lighthouse", "Der Steppenwolf", "Emma",
    "La Peste", "Snow Country", "Heidi", "The Old Man and the Sea", "Stiller", "Austerlitz",
)  # fmt: skip
_RECIPES = (
    ("Plum cake", "plums, 1 kg", "flour, 250 g", "butter, cold"),
    ("Onigiri", "rice, 2 cups", "nori", "umeboshi"),
    ("Lentil soup", "lentils, red", "carrots", "cumin, a lot"),
    ("Rösti", "potatoes of yesterday", "butter", "patience"),
    ("Rosa's goulash", "onions, as much as meat", "paprika", "four hours"),
    ("Pancakes", "eggs, 4", "milk", "a hungry child"),
)


def files_of(revision: Revision) -> list[PhoneFile]:
    """Return the stores and the files of notes."""
    forms: tuple[tuple[int, Form], ...] = ((17, "26"), (15, "15"), (13, "13"))
    form: Form = next((one for version, one in forms if revision.version >= version), "11")
    if revision.at >= FIRST_RUN:
        notes = demo_notes(later=revision.at >= LATER_RUN, form=form)
    else:
        notes = DemoNotes(form)
    _grow(notes, revision)
    files = [PhoneFile(DOMAIN, STORE, notes.database.to_bytes()), *notes.files]
    # Left over from a phone before these, and moved along.
    return [*files, PhoneFile(OLD_DOMAIN, OLD_STORE, old_notes())]


def _note(
    notes: DemoNotes, title: str, pieces: list[Piece], *, made: dt.date, changed: dt.date,
    revision: Revision, folder: int | None = None,
) -> None:  # fmt: skip
    at, edited = clock(made, 20 * 60), clock(changed, 21 * 60)
    if at <= revision.at:
        notes.database.note(
            folder or notes.notes, [piece(f"{title}\n", TITLE), *pieces], account=notes.cloud,
            at=at, edited=min(max(edited, at), revision.at), ZIDENTIFIER=key("note", title, made),
        )  # fmt: skip


def _grow(notes: DemoNotes, revision: Revision) -> None:
    today = revision.at.date()
    months = (today.year - 2018) * 12 + today.month
    read = [f"{book}\n" for book in _BOOKS[: 1 + months // 6]]
    _note(
        notes, "Books I read", [piece(book, DOTTED) for book in read],
        made=dt.date(2018, 1, 20), changed=dt.date(2018 + (months - 1) // 12, 6, 1),
        revision=revision,
    )  # fmt: skip
    recipes: list[Piece] = []
    for title, *parts in _RECIPES[: 1 + months // 18]:
        recipes += [piece(f"{title}\n", HEADING), *(piece(f"{part}\n", DOTTED) for part in parts)]
    _note(notes, "Recipes", recipes, made=dt.date(2018, 3, 4), changed=today - 40 * DAY,
          revision=revision)  # fmt: skip
    for year in range(2018, today.year + 1):
        made = dt.date(year, 11, 2)
        is_over = today >= dt.date(year, 12, 27)
        # Mira deletes the list when it is of no use any more, but for last year's.
        if made > today or year < today.year - 1:
            continue
        names = ("Lena", "Tomas", "Rosa", "Jonas", "Yuki", "Pixel")
        wishes = ("a book", "socks", "a lamp", "the blue scarf", "tea", "a telescope", "a bone")
        dice = chance("wishes", made)
        lines = [piece(f"{name}: {dice.choice(wishes)}\n", CHECK, done=is_over) for name in names]
        _note(notes, f"Presents {year}", lines, made=made,
              changed=dt.date(year, 12, 23) if is_over else made, revision=revision)  # fmt: skip
    for made in days_between(today - 51 * DAY, today):
        # A list for every second Saturday, thrown away three weeks later.
        if made.weekday() != 4 or made.isocalendar().week % 2:
            continue
        things = ("bread", "oats", "onions", "tea", "cheese", "rice")
        wanted = chance("shopping", made).sample(things, 4)
        _note(notes, f"Saturday {made + DAY}", [piece(f"{one}\n", CHECK) for one in wanted],
              made=made, changed=made, revision=revision,
              folder=notes.trash if (today - made).days > 21 else None)  # fmt: skip
    for trip in TRIPS:
        made = trip.first - 10 * DAY
        packed = today >= trip.first
        things = ("passports", "charger", "toothbrushes", "Pixel to Rosa", "sun cream", "books")
        lines = [piece(f"{thing}\n", CHECK, done=packed) for thing in things]
        # In the trash for a month after half a year, then gone.
        age = (today - trip.last).days
        if age < 180:
            _note(notes, f"Packing: {trip.title} {trip.first.year}", lines, made=made,
                  changed=trip.first - DAY if packed else made, revision=revision)  # fmt: skip
        elif age < 210:
            _note(notes, f"Packing: {trip.title} {trip.first.year}", lines, made=made,
                  changed=trip.first - DAY, revision=revision, folder=notes.trash)  # fmt: skip
        diary = [
            piece(f"Day {number + 1}: {text}\n")
            for number, text in enumerate(_diary(trip.first, trip.nights))
            if trip.first + number * DAY <= today
        ]
        _note(notes, f"Diary: {trip.title} {trip.first.year}", diary, made=trip.first,
              changed=min(trip.last, today), revision=revision)  # fmt: skip


def _diary(first: dt.date, nights: int) -> list[str]:
    dice = chance("diary", first)
    begins = ("Woke up to", "Walked through", "All day", "In the evening", "Nothing but", "At last")
    what = ("rain and fog", "the old town", "the sea", "a long table with friends", "sleep",
            "the best soup of my life", "the museum, twice", "snow up to the knees")  # fmt: skip
    return [f"{dice.choice(begins)} {dice.choice(what)}." for _ in range(nights + 1)]

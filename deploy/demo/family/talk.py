"""What the family writes to each other: short exchanges with a rhythm, day by day.

A line that begins with ``>`` is Mira's, one with ``<`` that of the other side. Words in braces are
drawn, or follow from the day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

from deploy.demo.family.life import (
    AMELIE,
    BEN,
    DAY,
    JONAS,
    LENA,
    NADIA,
    PEOPLE,
    ROSA,
    TOMAS,
    YUKI,
    Person,
    chance,
    clock,
    is_quiet,
    key,
    place_on,
    trip_on,
)

FAMILY = "Family"
CREW = "Boat crew"
#: Who is in the groups besides Mira.
GROUPS: dict[str, tuple[Person, ...]] = {
    FAMILY: (TOMAS, JONAS, ROSA),
    CREW: (JONAS, YUKI),
}


@dataclass(frozen=True)
class Said:
    """One message: in a group or with *person*, who wrote it unless Mira did."""

    key: str
    at: dt.datetime
    text: str
    person: Person
    is_me: bool
    group: str | None = None
    #: What the other side answers with a tapback, as its number.
    tapback: int | None = None
    #: What stood there first, where it was edited.
    before: str | None = None
    is_unsent: bool = False
    picture: int | None = None
    answers: str | None = None
    is_code: bool = field(default=False)


_WORDS = {
    "thing": (
        "bread", "the parcel", "milk and onions", "the bicycle", "Lena", "the keys", "the tickets",
        "the tent", "cherries", "Pixel's pills", "the cake", "charcoal", "the library books",
    ),
    "time": ("at six", "at half past seven", "at noon", "around four", "at 18:15", "after work"),
    "when": ("tomorrow", "on Saturday", "on Thursday", "next week", "after the holidays",
             "tonight"),
    "food": (
        "Rösti", "pizza by the pier", "onigiri", "lentil soup", "plum cake", "raclette", "curry",
        "asparagus", "fondue", "pancakes",
    ),
    "weather": (
        "raining again", "so much snow", "sun at last", "fog down to the lake", "a thunderstorm",
        "warm enough to swim", "wind like at sea",
    ),
    "place": (
        "the pier", "the café by the bridge", "the station, platform 7", "the boathouse", "home",
        "the school", "the market", "the clinic",
    ),
    "mood": ("Wonderful!", "Good.", "👍", "Thank you! 🙏", "Perfect, see you then", "Okay", "❤️"),
}  # fmt: skip

_TOMAS = (
    ("> Can you pick up {thing} on the way?", "< Sure. {mood}"),
    ("< Home {time}. Shall I cook?", "> Yes please, {food}", "< {mood}"),
    ("> Where did you put {thing}?", "< By the door, under the blue umbrella"),
    ("< The train is late. Start without me", "> We wait. It is {food}"),
    ("> Lena has a fever, I stay at home today", "< I call the school", "> {mood}"),
    ("< Parents' evening is {when} {time}. Can you go?", "> I have the late shift, can you?",
     "< I will"),
    ("> It is {weather} here", "< Here too. Take the coat"),
    ("< Did you pay the rent?", "> On the first, as always", "< {mood}"),
    ("> Pixel ate the slipper. The good one", "< Which foot?", "> Both"),
    ("< Shall we go to {place} {when}?", "> With the boat?", "< If there is no storm"),
)  # fmt: skip
_JONAS = (
    ("< How is the boat?", "> Dry, for once", "< {mood}"),
    ("> The cover tore again. Do you have the number of the yard?", "< I send it to you",
     "< +1 555 014 7700"),
    ("< Are you coming {when}?", "> Yes, we bring {thing}", "< And the grill?", "> And the grill"),
    ("> Mother asks whether you eat enough", "< Tell her {food}, every day"),
    ("< It is {weather}. Sailing {when}?", "> {mood}"),
    ("< Look what I found in the cellar", "< Grandmother's letters, a whole box",
     "> Keep them dry!"),
    ("> The outboard does not start", "< Fuel? Filter? Prayer?", "> The filter. It was the filter"),
)  # fmt: skip
_ROSA = (
    ("< When do you come to eat?", "> {when}, {time}", "< I make {food}"),
    ("< My telephone does not ring any more", "> The little switch on the side, Mama",
     "< Now it does"),
    ("> Did you see the doctor?", "< {when}", "> You said that last week"),
    ("< Thank you for the flowers, they still stand", "> ❤️"),
    ("< How is Lena at school?", "> She reads under the blanket again", "< Like you"),
    ("< It is {weather}, do not go out with the boat", "> We are at home, Mama"),
)  # fmt: skip
_YUKI = (
    ("< 今日は寒いですね。", "> It is {weather}", "< 体に気をつけて。"),
    ("> What was the name of the tea?", "< 抹茶 from Teehaus Matsu",
     "> The whole house smells of it"),
    ("< 写真ありがとう。湖がきれい", "> Come and swim in it"),
    ("> When do you fly?", "< 来月の12日", "> We fetch you {time}"),
    ("< お誕生日おめでとう to Pixel 🐕", "> Pixel says thank you"),
)  # fmt: skip
_AMELIE = (
    ("< Tu viens à Lausanne {when} ?", "> With pleasure. {mood}"),
    ("> Do you still have the book about knots?", "< Chez moi, sur le piano"),
    ("< Regarde les étoiles ce soir, c'est incroyable", "> I see clouds",
     "< Alors regarde mieux 😄"),
    ("> Concert {when}?", "< Oui ! {time}", "> {mood}"),
)  # fmt: skip
_NADIA = (
    ("< Can you take my shift {when}?", "> If you take the Sunday", "< Deal"),
    ("> The autoclave beeps", "< Turn it off and pray", "> Off. Praying"),
    ("< Three cats and a parrot this morning", "> The parrot again?", "< It knows my name now"),
)  # fmt: skip
_BEN = (
    ("< The meeting is moved to {when}", "> Okay"),
    ("> I send you the list {time}", "< Thanks"),
)  # fmt: skip
_LENA = (
    ("< can i stay at Mila's tonight", "> Home {time}", "< pleaaaase", "> ... eight. Not later"),
    ("> Where are you?", "< {place}", "> {mood}"),
    ("< mum the bus left without me", "> I come. Wait at {place}"),
    ("< what is for dinner", "> {food}", "< 🥳"),
)  # fmt: skip
_FAMILY = (
    ("> Who is here {when}?", "< I am", "< Me too, I bring {food}"),
    ("< Has anybody seen {thing}?", "> In the boathouse", "< {mood}"),
    ("< It is {weather} in Zürich", "> And in the mountains it shines"),
    ("> Lena lost a tooth!", "< At last 🦷", "< Bravo Lena!"),
    ("< Grandmother's birthday: we meet {time} at {place}", "> We bring the cake"),
)  # fmt: skip
_WEEKEND = (
    ("< Who brings {thing}?", "> I do", "< {mood}"),
    ("> Ferry or car this year?", "< Ferry!", "< フェリー 🚢"),
)  # fmt: skip
#: Who writes how often, in exchanges a day.
_RHYTHM: tuple[tuple[Person, str | None, Sequence[Sequence[str]], float], ...] = (
    (TOMAS, None, _TOMAS, 0.55),
    (JONAS, None, _JONAS, 0.16),
    (ROSA, None, _ROSA, 0.16),
    (YUKI, None, _YUKI, 0.07),
    (AMELIE, None, _AMELIE, 0.06),
    (NADIA, None, _NADIA, 0.1),
    (BEN, None, _BEN, 0.12),
    (LENA, None, _LENA, 0.45),
    (TOMAS, FAMILY, _FAMILY, 0.14),
    (JONAS, CREW, _WEEKEND, 0.03),
)


@cache
def said_on(day: dt.date) -> tuple[Said, ...]:
    """Return all messages of *day* in the order of time."""
    dice = chance("messages", day)
    found = [*_exchanges(day, dice), *_of_the_day(day, dice)]
    return tuple(sorted(found, key=lambda one: (one.at, one.key)))


def _exchanges(day: dt.date, dice: Random) -> Iterator[Said]:
    for person, group, bank, often in _RHYTHM:
        share = often * (1.7 if is_quiet(day) else 1.0)
        # What is drawn does not depend on whether they know each other yet.
        draw, exchange = dice.random(), dice.choice(bank)
        minutes = dice.uniform(7 * 60, 21.5 * 60)
        if draw < share and person.is_known(day):
            yield from _lines(day, dice, (person, group), exchange, minutes)


def _lines(
    day: dt.date, dice: Random, where: tuple[Person, str | None], lines: Sequence[str],
    minutes: float,
) -> Iterator[Said]:  # fmt: skip
    person, group = where
    said: list[Said] = []
    others = GROUPS.get(group or "", (person,))
    for number, line in enumerate(lines):
        is_me = line.startswith(">")
        by = others[number % len(others)]
        text = line[2:].format_map({name: dice.choice(words) for name, words in _WORDS.items()})
        draw = dice.random()
        said.append(
            Said(
                key=key("message", day, person.number, group, number),
                at=clock(day, minutes),
                text=text,
                person=by,
                is_me=is_me,
                group=group,
                tapback=2000 + int(draw * 400) % 5 if draw < 0.06 else None,
                before=f"{text[:-2]}." if 0.06 < draw < 0.075 and is_me else None,
                is_unsent=0.075 < draw < 0.08,
                answers=said[-1].key if said and 0.2 < draw < 0.25 else None,
            )
        )
        minutes += dice.uniform(0.3, 6)
    yield from said


def _one(
    what: str, day: dt.date, minutes: float, person: Person, text: str, *, is_me: bool = True,
    **more: Any,
) -> Said:  # fmt: skip
    return Said(
        key=key(what, day, person.number), at=clock(day, minutes), text=text, person=person,
        is_me=is_me, **more,
    )  # fmt: skip


def _of_the_day(day: dt.date, dice: Random) -> Iterator[Said]:
    """What is written because of what day it is."""
    first, second, third, draw, number, at = (dice.random() for _ in range(6))
    yield from _on_the_way(day, [8 * 60 + 780 * one for one in (first, second, third)])
    yield from _birthdays(day)
    if (day.month, day.day) == (12, 24):
        yield _one("christmas", day, 17 * 60, ROSA, "Merry Christmas, the tree stands 🎄",
                   is_me=False, group=FAMILY)  # fmt: skip
    if (day.month, day.day) == (1, 1):
        yield _one("year", day, 6, JONAS, f"A good {day.year} to all of you 🥂", group=FAMILY)
    if draw < 0.1 and day > dt.date(2019, 1, 1):
        code = 100_000 + int(number * 900_000)
        yield _one("code", day, 8 * 60 + 780 * at, BANK, f"Your code is {code}", is_me=False,
                   is_code=True)  # fmt: skip


def _on_the_way(day: dt.date, minutes: Sequence[float]) -> Iterator[Said]:
    trip, place = trip_on(day), place_on(day)
    if trip is None:
        return
    at_home = TOMAS if trip.companion is not TOMAS else ROSA
    if day == trip.first:
        text = f"We are in {place.city}! {place.street}, top floor"
        yield _one("arrived", day, minutes[0], at_home, text)
        yield _one("glad", day, minutes[0] + 9, at_home, "Safe and sound, good. Send pictures!",
                   is_me=False)  # fmt: skip
    else:
        number = (day - trip.first).days
        yield _one("picture", day, minutes[1], at_home, f"\ufffc{trip.title}, day {number + 1}",
                   picture=number)  # fmt: skip
    if day == trip.last:
        yield _one("home", day, minutes[2], at_home, f"On the way home from {place.city}")


def _birthdays(day: dt.date) -> Iterator[Said]:
    for person in PEOPLE:
        if person.birthday is not None and person.has_birthday(day):
            years = day.year - person.birthday.year
            text = f"Happy birthday {person.first}! {years} already 🎂🎉"
            yield _one("birthday", day, 7.5 * 60, person, text, tapback=2000)
            yield _one("thanks", day, 8.1 * 60, person, "Thank you!! See you at the cake",
                       is_me=False)  # fmt: skip
    # Mira's own.
    if (day.month, day.day) == (5, 17):
        for number, person in enumerate((TOMAS, JONAS, ROSA, YUKI)):
            yield _one("to me", day, 7 * 60 + number * 11, person, "Happy birthday Mira! 🎈",
                       is_me=False)  # fmt: skip


#: Sends codes by SMS, which Mira deletes after three days.
BANK = Person("Bank", "51234")


def deleted_on(said: Said) -> dt.date | None:
    """Return the day on which Mira deleted a message, if she does."""
    return said.at.date() + 3 * DAY if said.is_code else None

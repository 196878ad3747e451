"""What is written in WhatsApp: the parents of Lena's class, the neighbours, and Amélie."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from deploy.demo.container import PhoneFile
from deploy.demo.family.life import AMELIE, DAY, NADIA, Person, Revision, chance, clock, key
from deploy.demo.family.pictures import picture
from deploy.demo.phone import FIRST_RUN, LATER_RUN
from deploy.demo.whatsapp_chats import DOMAIN, DemoChats, demo_chats, files_beside
from deploy.demo.whatsapp_database import (
    WhatsAppDatabase,
    contacts_store,
    media_columns,
    person,
)

_CLASS, _HOUSE = "120363040000000101@g.us", "120363040000000102@g.us"
_MILA = Person("Mila's mother", "+41795550111")
_OTTO = Person("Otto Frei", "+41795550112")
_SARA = Person("Sara Iten", "+41795550113")
_GROUPS: dict[str, tuple[str, tuple[Person, ...]]] = {
    _CLASS: ("Parents of the Seefeld class", (_MILA, _SARA)),
    _HOUSE: ("Lindenweg 12", (_OTTO, _SARA)),
}
_WORDS = {
    "child": ("Mila", "Lena", "Noah", "Aylin", "Finn", "Lea"),
    "thing": ("gym bag", "blue jacket", "recorder", "lunch box", "atlas", "left shoe"),
    "when": ("tomorrow", "on Monday", "next week", "on Friday at eight"),
    "what": ("the swimming lesson", "the excursion", "the theatre", "the flea market"),
    "where": ("in the cellar", "on the stairs", "by the bins", "in the laundry room"),
}
_CLASS_TALK = (
    ("< Does anybody know when {what} is?", "> {when}"),
    ("< {child} has a {thing} that is not {child}'s", "> It is ours, thank you!"),
    ("< Lice again, please look 🪲", "> Looked. Nothing yet"),
    ("< No school {when}, the heating is broken", "< Again??", "> Playground at ten?"),
    ("> Who can drive to {what}?", "< I have two seats", "< Me too"),
)
_HOUSE_TALK = (
    ("< Who left the bicycle {where}?", "> Not ours", "< Mine, sorry"),
    ("< The water is off {when} from nine", "> Thanks for telling"),
    ("> A parcel for Frei is {where}", "< 🙏"),
    ("< Summer party in the yard {when}. Who brings a salad?", "> Potatoes!", "< Bread"),
)
_AMELIE_TALK = (
    ("< Tu as vu la lune ? 🌕", "> Through the roof window, yes"),
    ("> I found your scarf", "< Lequel ?", "> The blue one. Of course"),
    ("< J'ai les billets pour {what}", "> ❤️❤️"),
)
_NADIA_TALK = (
    ("< Lunch {when}?", "> Yes! The market?", "< The market"),
    ("> Did the parrot call?", "< It sings your name now"),
)
_RHYTHM: tuple[tuple[str, Person | None, Sequence[Sequence[str]], float], ...] = (
    (_CLASS, None, _CLASS_TALK, 0.3),
    (_HOUSE, None, _HOUSE_TALK, 0.12),
    (person(AMELIE.number), AMELIE, _AMELIE_TALK, 0.12),
    (person(NADIA.number), NADIA, _NADIA_TALK, 0.1),
)


class _Line(NamedTuple):
    key: str
    chat: str
    at: dt.datetime
    text: str | None
    by: Person | None
    picture: str | None


@cache
def _lines_on(day: dt.date) -> tuple[_Line, ...]:
    return tuple(sorted(_lines(day), key=lambda one: (one.at, one.key)))


def _lines(day: dt.date) -> Iterator[_Line]:
    dice = chance("whatsapp", day)
    for chat, friend, bank, often in _RHYTHM:
        draw, exchange, minutes = dice.random(), dice.choice(bank), dice.uniform(7 * 60, 21 * 60)
        members = (friend,) if friend is not None else _GROUPS[chat][1]
        for number, line in enumerate(exchange):
            text = line[2:].format_map({name: dice.choice(said) for name, said in _WORDS.items()})
            minutes += dice.uniform(0.5, 15)
            at = clock(day, minutes).replace(microsecond=0)
            by = None if line.startswith(">") else members[number % len(members)]
            said = key("whatsapp", day, chat, number)
            if draw < often:
                yield _Line(said, chat, at, text, by, None)
        if draw < often / 12:
            at = clock(day, minutes + 3).replace(microsecond=0)
            yield _Line(key("whatsapp picture", day, chat), chat, at, None, members[0],
                        f"{chat} {day}")  # fmt: skip


def files_of(revision: Revision) -> list[PhoneFile]:
    """Return the stores and media of WhatsApp."""
    later = revision.at >= LATER_RUN
    if revision.at >= FIRST_RUN:
        story, beside = demo_chats(later=later), files_beside(later=later)
    else:
        # The stores beside that of chats came with the story's own people.
        story = DemoChats(WhatsAppDatabase(seed=21))
        listed = [{"ZFULLNAME": one.name, "ZWHATSAPPID": person(one.number)}
                  for one in (AMELIE, NADIA, _OTTO)]  # fmt: skip
        beside = [PhoneFile(DOMAIN, "ContactsV2.sqlite", contacts_store(listed))]
    _write(story, revision)
    chats = PhoneFile(DOMAIN, "ChatStorage.sqlite", story.store.to_bytes())
    return [chats, *beside, *story.files]


def _write(story: DemoChats, revision: Revision) -> None:
    db, chats = story.store, dict[str, int]()
    members: dict[tuple[str, Person], int] = {}
    for chat, friend, _, _ in _RHYTHM:
        known = db.connection.execute(
            "select Z_PK from ZWACHATSESSION where ZCONTACTJID = ?", (chat,)
        ).fetchone()
        if known is not None:
            chats[chat] = int(known[0])
        elif friend is not None:
            chats[chat] = db.chat(chat, friend.name)
        else:
            title, people = _GROUPS[chat]
            made = dt.datetime(2018, 1, 20, 19, tzinfo=dt.UTC)
            chats[chat] = db.group(chat, title, created_at=made, creator=person(people[0].number))
            for one in people:
                members[chat, one] = db.member(chats[chat], person(one.number), name=one.name)
    for day in revision.days:
        for line in _lines_on(day):
            if line.at > revision.at:
                continue
            is_group = line.chat in _GROUPS
            jid = None if line.by is None else line.chat if is_group else person(line.by.number)
            media = None
            # The app was told to keep pictures for three years only.
            if line.picture is not None and line.at > revision.at - 1095 * DAY:
                content = picture(line.picture, width=160, height=120)
                path = (
                    f"Media/{line.chat}/{line.key[0].lower()}/{line.key[1].lower()}/{line.key}.jpg"
                )
                story.file(path, content, line.at)
                media = media_columns(path, "image/jpeg", content)
            elif line.picture is not None:
                media = media_columns(None, "image/jpeg")
            db.message(
                chats[line.chat], line.text, at=line.at, jid=jid,
                member=members.get((line.chat, line.by)) if line.by is not None else None,
                form=0 if line.picture is None else 1, stanza=line.key.replace("-", "")[:20],
                media=media,
            )  # fmt: skip

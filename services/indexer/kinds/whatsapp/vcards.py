"""Contact cards as they are sent: vCard 2.1 to 4, of which names and ways to reach somebody count.

Several cards of one message stand behind each other with a separator of the app's own.
"""

from __future__ import annotations

import quopri
import re

from services.indexer.kinds.handles import Handles
from services.indexer.kinds.whatsapp.jids import Jid, word
from services.indexer.kinds.whatsapp.payload import Labelled, SharedContact

_CARDS = "_$!<VCard-Separator>!$_"
_NAMES = "_$!<Name-Separator>!$_"
#: Nobody sends more cards at once, nor has more numbers.
_MOST_CARDS = 500
_MOST_VALUES = 50
_MOST_LINES = 1000
_MOST_CHARACTERS = 2000
_ESCAPES = re.compile(r"\\([\\;,nN])")
_FOLD = re.compile(r"\r?\n[ \t]")
_SOFT_BREAK = re.compile(r"=\r?\n")
_PLAIN_LABELS = frozenset(
    {"voice", "pref", "internet", "x-internet", "text", "charset", "encoding"}
)


def read_cards(cards: object, names: object, handles: Handles) -> tuple[SharedContact, ...]:
    """Return the people on *cards*; a card without a name gets that of *names*."""
    said, called = word(cards), word(names)
    listed = called.split(_NAMES)[: _MOST_CARDS + 1] if called else []
    texts = said.split(_CARDS)[:_MOST_CARDS] if said else []
    if len(listed) > len(texts) > 0:
        del listed[0]  # what all of them are called together
    found = []
    for number in range(max(len(texts), len(listed))):
        name = word(listed[number]) if number < len(listed) else None
        card = _card(texts[number], handles) if number < len(texts) else SharedContact()
        if card.name is None and name is not None:
            card = SharedContact(
                name=name[:_MOST_CHARACTERS], organization=card.organization, phones=card.phones,
                emails=card.emails,
            )  # fmt: skip
        if card.name or card.phones or card.emails or card.organization:
            found.append(card)
    return tuple(found)


def _card(text: str, handles: Handles) -> SharedContact:
    name = structured = organization = None
    phones: list[Labelled] = []
    emails: list[Labelled] = []
    # Lines are folded by a space at the beginning of the next, or by "=" at their end.
    unfolded = _SOFT_BREAK.sub("", _FOLD.sub("", text[:1_000_000]))
    for line in unfolded.splitlines()[:_MOST_LINES]:
        head, colon, value = line.partition(":")
        if not colon:
            continue
        field, *parameters = head.split(";")
        # "item1.TEL": the group is of no interest.
        key = field.rpartition(".")[2].strip().upper()
        said = _value(value, parameters)
        if not said:
            continue
        if key == "FN":
            name = name or said
        elif key == "N":
            family, given = ([*_parts(value, parameters), "", ""])[:2]
            structured = " ".join(part for part in (given, family) if part)
        elif key == "ORG":
            organization = ", ".join(part for part in _parts(value, parameters) if part)
        elif key == "TEL" and len(phones) < _MOST_VALUES:
            phones.append(_phone(said, parameters, handles))
        elif key == "EMAIL" and len(emails) < _MOST_VALUES:
            emails.append(
                Labelled(value=said, label=_label(parameters), handle=handles.normalise(said))
            )
    return SharedContact(
        name=name or structured or None,
        organization=organization or None,
        phones=tuple(phones),
        emails=tuple(emails),
    )


def _phone(said: str, parameters: list[str], handles: Handles) -> Labelled:
    """Return a number; ``waid`` is the number by which the app knows the person."""
    known = next((p[5:] for p in parameters if p.lower().startswith("waid=")), None)
    handle = None if known is None else Jid(known, "s.whatsapp.net").number
    said = said.removeprefix("tel:")
    return Labelled(value=said, label=_label(parameters), handle=handle or handles.normalise(said))


def _label(parameters: list[str]) -> str | None:
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        if equals and name.strip().lower() != "type":
            continue
        for one in (value if equals else name).lower().split(","):
            label = one.strip(' "')
            if label and label not in _PLAIN_LABELS and len(label) < 40:
                return label
    return None


def _decoded(value: str, parameters: list[str]) -> str:
    if any("QUOTED-PRINTABLE" in parameter.upper() for parameter in parameters):
        value = quopri.decodestring(value.encode("utf-8", "replace")).decode("utf-8", "replace")
    return value[: _MOST_CHARACTERS * 4]


def _plain(text: str) -> str:
    said = _ESCAPES.sub(lambda m: "\n" if m[1] in "nN" else m[1], text)
    return said.strip()[:_MOST_CHARACTERS]


def _value(value: str, parameters: list[str]) -> str:
    return _plain(_decoded(value, parameters))


def _parts(value: str, parameters: list[str]) -> list[str]:
    return [_plain(part) for part in re.split(r"(?<!\\);", _decoded(value, parameters))[:20]]

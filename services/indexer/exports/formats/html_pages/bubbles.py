"""Conversations as people know them: bubbles by sender, reactions, replies, what was edited."""

from __future__ import annotations

import datetime as dt
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from services.indexer.exports.formats.cleaning import one_line
from services.indexer.exports.formats.html_pages.files import show_file
from services.indexer.exports.formats.html_pages.text import (
    clock,
    lines,
    plain,
    relative,
    time,
    when,
)
from services.indexer.exports.formats.protocol import Group, Item
from services.indexer.exports.formats.told import Told, names_of, told

#: Kinds that are shown so.
KINDS = frozenset({"message", "whatsapp"})

#: What an app says of these is in the extras; their text is what a search finds them by.
_TOLD_BY_EXTRAS = ("location", "contact", "poll", "call")
#: Files that are no piece of the message by themselves.
_BESIDE = ("preview", "hidden", "live_photo")
#: Messages that can be answered by later ones, with what is quoted of them.
_MOST_KNOWN = 5_000
#: Bubbles that follow each other so soon stand closer together.
_CLOSE = dt.timedelta(minutes=5)
#: Nothing but one to three emoji is shown large.
_EMOJI = re.compile(
    "(?:[\U0001f1e6-\U0001faff\u2600-\u27bf\u2b50\u2764\u203c\u2049\u231a-\u23ff]"
    "[\ufe0f\u200d\u2640\u2642\U0001f3fb-\U0001f3ff]*\\s?){1,3}"
)


class _Known(NamedTuple):
    address: str
    who: str
    text: str


class Conversation:
    """The bubbles of one thread, over all of its pages."""

    def __init__(self, group: Group, zone: dt.tzinfo) -> None:
        self._zone = zone
        self._names = names_of(group.thread)
        self._is_group = group.thread is None or group.thread.is_group
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._last_who: str | None = None
        self._last_at: dt.datetime | None = None

    def show(self, item: Item, *, page: str, depth: int) -> str:
        """Return *item* as HTML, on the page of that name."""
        artifact = item.artifact
        at = None if artifact.occurred_at is None else artifact.occurred_at.astimezone(self._zone)
        said = told(artifact, self._names, lambda moment: when(moment.astimezone(self._zone)))
        anchor = f"a{artifact.id}"
        said = _without_echo(item, said)
        if said.event is not None:
            self._last_who = None
            shown = f" {time(at, clock(at))}" if at else ""
            return f'<p class="event" id="{anchor}" dir="ltr">{plain(said.event)}{shown}</p>\n'
        who = self._who(item)
        side = "mine" if said.is_mine else "them"
        follows = self._follows(who + side, at)
        quote = self._quote(item, said, page)
        self._remember(artifact.key, _Known(f"{page}#{anchor}", who, one_line(said.text, most=160)))
        classes = " ".join(
            ["row", side, *["on"] * follows, *["removed"] * (artifact.removed_at is not None)]
        )
        out = [f'<div class="{classes}" id="{anchor}">']
        if not follows and not said.is_mine and self._is_group:
            out.append(f'<div class="who" dir="auto">{plain(who, most=80)}</div>')
        out.append(quote)
        out += self._body(item, said, depth)
        if said.reactions:
            marks = "".join(f'<span dir="ltr">{plain(one)}</span>' for one in said.reactions)
            out.append(f'<div class="marks">{marks}</div>')
        out.append(_small(item, said, at))
        out.append("</div>\n")
        return "".join(out)

    def new_day(self) -> None:
        """Let the next bubble begin anew."""
        self._last_who = None

    def _who(self, item: Item) -> str:
        sender = item.artifact.sender
        if sender is None:
            return ""
        return "Me" if sender.is_me else one_line(sender.name or sender.handle, most=80)

    def _follows(self, who: str, at: dt.datetime | None) -> bool:
        before, last = self._last_who, self._last_at
        self._last_who, self._last_at = who, at
        return before == who and at is not None and last is not None and at - last <= _CLOSE

    def _remember(self, key: str, known: _Known) -> None:
        self._known[key] = known
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def _quote(self, item: Item, said: Told, page: str) -> str:
        payload = item.artifact.payload
        key = payload.get("reply_to")
        known = self._known.get(key) if isinstance(key, str) else None
        if known is not None:
            text = plain(known.text, most=160) or "(without text)"
            where = known.address.removeprefix(page) if known.address.startswith(page) else None
            shown = f"<b>{plain(known.who, most=80)}</b>{text}"
            if where is not None:
                shown = f'<a href="{where}">{shown}</a>'
            return f'<div class="quote" dir="auto">{shown}</div>'
        if said.quote is not None:
            return f'<div class="quote" dir="auto">{plain(said.quote)}</div>'
        if key:
            return '<div class="quote">Reply to a message that is not here</div>'
        return ""

    def _body(self, item: Item, said: Told, depth: int) -> Iterator[str]:
        style = _style(item)
        pieces = list(_pieces(item, said))
        extras = said.extras
        for n, text in pieces:
            if n is not None:
                infos = _infos(item)
                info = infos.get(n, {})
                kind = "sticker" if info.get("is_sticker") else ""
                yield show_file(item, n, depth=depth, kind=kind, preview=_preview(item, n))
                continue
            yield _bubble(text, said, style, extras)
            extras = ()
        if extras:
            yield _bubble("", said, style, extras)
        yield from _live(item, depth)
        if not pieces and not extras and not said.extras:
            yield f'<div class="b none">{_nothing(said)}</div>'


def _without_echo(item: Item, said: Told) -> Told:
    """Return what is said without a text that only says once more what is shown beside it."""
    if item.artifact.kind != "whatsapp" or item.artifact.payload.get("text"):
        return said
    names = {one.name for one in item.artifact.attachments}
    is_echo = item.artifact.payload.get("type") in _TOLD_BY_EXTRAS and said.extras
    return msgspec.structs.replace(said, text="") if is_echo or said.text in names else said


def _bubble(text: str, said: Told, style: str, extras: tuple[str, ...]) -> str:
    subject = f'<span class="subject">{plain(said.subject)}</span>' if said.subject else ""
    if not subject and not extras and _EMOJI.fullmatch(text.strip()):
        return f'<div class="b big">{plain(text)}</div>'
    listed = "".join(f'<li dir="auto">{lines(one)}</li>' for one in extras)
    shown = f'<ul class="extra">{listed}</ul>' if listed else ""
    return f'<div class="b{style}" dir="auto">{subject}{lines(text)}{shown}</div>'


def _pieces(item: Item, said: Told) -> Iterator[tuple[int | None, str]]:
    """Yield the bubbles of a message in their order: a file by its number, or text."""
    infos = _infos(item)
    beside = {n for n, info in infos.items() if info.get("role") in _BESIDE}
    left = [one.n for one in item.artifact.attachments if one.n not in beside]
    parts = item.artifact.payload.get("parts")
    if isinstance(parts, list) and any(isinstance(one, dict) for one in parts):
        has_text = False
        for part in parts:
            numbers = part.get("attachments") or () if isinstance(part, dict) else ()
            for n in numbers:
                if n in left:
                    left.remove(n)
                    yield n, ""
            if isinstance(part, dict) and part.get("text") and said.text:
                has_text = True
                yield None, str(part["text"])
        for n in left:
            yield n, ""
        if said.text and not has_text:
            yield None, said.text
        return
    for n in left:
        yield n, ""
    if said.text:
        yield None, said.text


def _live(item: Item, depth: int) -> Iterator[str]:
    """Yield links to the moving halves of pictures."""
    for n, info in _infos(item).items():
        if info.get("role") == "live_photo" and n in item.media:
            path = item.media[n].path
            if path is not None:
                address = relative(path, depth=depth)
                yield f'<div class="small"><a href="{address}">Live: the moving half</a></div>'


def _infos(item: Item) -> dict[int, dict[str, Any]]:
    infos = item.artifact.payload.get("attachment_info")
    if not isinstance(infos, list):
        return {}
    known = [one for one in infos if isinstance(one, dict) and isinstance(one.get("n"), int)]
    return {one["n"]: one for one in known}


def _preview(item: Item, n: int) -> int | None:
    """Return the attachment that is a small picture of attachment *n*."""
    previews = [one for one, info in _infos(item).items() if info.get("role") == "preview"]
    return previews[0] if len(previews) == 1 and previews[0] != n else None


def _style(item: Item) -> str:
    if item.artifact.kind == "whatsapp":
        return " wa"
    service = str(item.artifact.payload.get("service") or "")
    return "" if service.lower() in ("imessage", "") else " sms"


def _nothing(said: Told) -> str:
    return plain(said.notes[0]) if said.notes else "A message without content"


def _small(item: Item, said: Told, at: dt.datetime | None) -> str:
    shown = [time(at, clock(at))] if at else ["without a time"]
    status = item.artifact.payload.get("status")
    if said.is_mine and isinstance(status, str):
        shown.append(plain(status, most=40))
    if item.artifact.removed_at is not None:
        shown.append("no longer on the phone")
    # What stands in the bubble itself need not be said again.
    unsaid = said.notes[0] if said.notes and not said.text and not said.extras else None
    edits = [one for one in said.notes if one.startswith("Before")]
    rest = [one for one in said.notes if one not in edits and one != unsaid]
    few = [one for one in rest if "\n" not in one and len(one) <= 60]
    shown += [plain(one) for one in few]
    more = _folded("Edited", edits) + _folded("More", [one for one in rest if one not in few])
    joined = " \u00b7 ".join(shown)
    return f'<div class="small">{joined}{more}</div>'


def _folded(title: str, notes: Sequence[str]) -> str:
    if not notes:
        return ""
    listed = "".join(f'<li dir="auto">{lines(one)}</li>' for one in notes)
    return f"<details><summary>{title}</summary><ul>{listed}</ul></details>"

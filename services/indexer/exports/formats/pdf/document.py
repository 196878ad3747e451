"""One document: what stands in it, as data."""

from __future__ import annotations

import datetime as dt
from typing import Any

from services.indexer.exports.formats.answers import Answers
from services.indexer.exports.formats.cleaning import one_line
from services.indexer.exports.formats.pdf.fonts import Fonts
from services.indexer.exports.formats.pdf.pictures import (
    MEDIA_TYPES,
    MOST_PICTURES,
    Picture,
    Pictures,
)
from services.indexer.exports.formats.pdf.setting import set_document
from services.indexer.exports.formats.pdf.wording import (
    breakable,
    cleared,
    is_turned,
    long_day,
    period,
    size_of,
)
from services.indexer.exports.formats.protocol import About, Group, Item
from services.indexer.exports.formats.told import Told, names_of, told
from shared.contracts.indexer import Artifact, Attachment

#: Longer texts are cut: no page was made for them, and other formats have the whole.
MOST_CHARACTERS = 50_000
_MOST_NAMED = 30
#: Around names, whose direction must not reach beyond them.
_APART = "\u2068{}\u2069"
_CONVERSATIONS = frozenset({"message", "whatsapp"})


class Document:
    """Items of one group, as many as one document holds."""

    def __init__(
        self,
        group: Group,
        about: About,
        *,
        part: int,
        fonts: Fonts,
        pictures: Pictures,
        answers: Answers,
    ) -> None:
        self.count = 0
        self.characters = 0
        self.picture_bytes = 0
        self._group = group
        self._about = about
        self._part = part
        self._fonts = fonts
        self._pictures = pictures
        self._answers = answers
        self._names = names_of(group.thread)
        self._missing_before = fonts.missing.total()
        self._items: list[dict[str, Any]] = []
        self._day: dt.date | None = None
        self._first: dt.date | None = None
        self._before: tuple[Any, ...] = ()

    @property
    def days(self) -> tuple[dt.date, dt.date] | None:
        """The first and the last day, or None where nothing has a date."""
        return None if self._first is None or self._day is None else (self._first, self._day)

    def add(self, item: Item) -> None:
        """Add an item. Raises before anything is kept for payloads that are no such thing."""
        artifact = item.artifact
        says = told(artifact, self._names, self._moment)
        if artifact.kind in _CONVERSATIONS:
            says = self._answers.with_quote(artifact, says)
        shown = self._shown(item, says)
        at = artifact.occurred_at
        there = None if at is None else at.astimezone(self._about.zone)
        if there is not None and there.date() != self._day:
            self._day = there.date()
            self._first = self._first or self._day
            self._items.append({"form": "day", "text": long_day(self._day)})
            self._before = ()
        # Bubbles of one person in a row stand close, and the name only over the first.
        before = (shown["form"], shown.get("me"), shown.get("who"))
        if shown["form"] == "message":
            shown["joined"] = before == self._before
            if shown["joined"]:
                shown["who"] = None
        self._before = before
        self._items.append(shown)
        self.count += 1

    def set(self, *, is_only: bool) -> bytes:
        """Return the document as PDF."""
        return set_document(
            self._head(is_only=is_only), self._items, self._fonts, made_at=self._about.made_at
        )

    def _shown(self, item: Item, says: Told) -> dict[str, Any]:
        artifact = item.artifact
        when = "" if artifact.occurred_at is None else self._clock(artifact.occurred_at)
        if says.event is not None:
            return {"form": "event", "time": when, "text": self._line(says.event)}
        is_talk = artifact.kind in _CONVERSATIONS
        pictures, other = self._files(item)
        notes = [*says.notes]
        if is_talk and not (says.text or says.subject or says.extras or notes):
            notes += ["A message without content"] if not (pictures or other) else []
        if artifact.removed_at is not None:
            notes.append(
                f"No longer on the phone: first missing {self._moment(artifact.removed_at)}"
            )
        elif artifact.removed_revision is not None:
            notes.append("No longer on the phone")
        return {
            "form": "message" if is_talk else "entry",
            "me": says.is_mine,
            "look": _look(artifact),
            "who": self._who(artifact, is_talk=is_talk, is_mine=says.is_mine),
            "time": when,
            "quote": self._text(says.quote),
            "subject": self._text(says.subject),
            "body": self._text(says.text),
            "extras": [self._text(one) for one in says.extras],
            "notes": [self._text(one) for one in notes],
            "reactions": [self._line(one) for one in says.reactions],
            "pictures": pictures,
            "files": other,
            "joined": False,
        }

    def _files(self, item: Item) -> tuple[list[Picture], list[dict[str, str]]]:
        pictures: list[Picture] = []
        other = []
        for attachment in item.artifact.attachments:
            name = self._line(attachment.name) or f"File {attachment.n + 1}"
            content = item.contents.get(attachment.n)
            made = None
            if content is not None and len(pictures) < MOST_PICTURES and _is_picture(attachment):
                made = self._pictures.make(content, name)
            if made is not None:
                pictures.append(made)
                self.picture_bytes += len(made.svg)
            else:
                other.append({"name": name, "about": self._line(_about(item, attachment))})
        return pictures, other

    def _head(self, *, is_only: bool) -> dict[str, Any]:
        group, about = self._group, self._about
        title = self._line(group.title) or "Export"
        kind = about.kind_titles.get(group.kind, group.kind)
        lines = []
        if group.thread is not None and group.thread.participants:
            named = [
                f"{_APART.format(one_line(one.name, most=80))} ({one_line(one.handle, most=80)})"
                if one.name
                else one_line(one.handle, most=80)
                for one in group.thread.participants[:_MOST_NAMED]
            ]
            more = len(group.thread.participants) - len(named)
            lines.append(f"With {', '.join(named)}" + (f" and {more} more" if more else ""))
        things = f"{self.count:,} {'item' if self.count == 1 else 'items'} of {kind}"
        span = "" if self.days is None else period(*self.days)
        part = "" if is_only else f", part {self._part}"
        lines.append(f"{things}{part}{span}")
        hashes = "SHA256SUMS beside this document has its SHA-256."
        source = [_source(group), f"Times are those of {about.time_zone}. {hashes}"]
        missing = self._fonts.missing.total() - self._missing_before
        if missing:
            source.append(
                f"{missing:,} characters stand here by their names in [brackets]: the machine that "
                "made this has no font for them. With the Noto fonts installed they are shown."
            )
        return {
            "made": f"made on {self._moment(about.made_at)}",
            "title": title,
            "running": f"{title}{part}",
            # In one line each already: their names keep the marks that hold them apart.
            "lines": [self._fonts.shown(cleared(one)) for one in lines],
            "source": [self._line(one, most=4000) for one in source],
        }

    def _who(self, artifact: Artifact, *, is_talk: bool, is_mine: bool) -> str | None:
        sender, thread = artifact.sender, self._group.thread
        if sender is None or is_mine or (is_talk and thread is not None and not thread.is_group):
            return None
        return self._line(sender.name or sender.handle, most=80) or None

    def _text(self, text: str | None) -> dict[str, Any] | None:
        if not text:
            return None
        kept = text
        if len(text) > MOST_CHARACTERS:
            kept = f"{text[:MOST_CHARACTERS]}\u2026\n[cut: it has {len(text):,} characters]"
        shown = breakable(self._fonts.shown(cleared(kept)))
        self.characters += len(shown)
        return {"text": shown, "rtl": is_turned(kept)}

    def _line(self, text: str | None, *, most: int = 400) -> str:
        return self._fonts.shown(cleared(one_line(text, most=most)))

    def _moment(self, at: dt.datetime) -> str:
        return f"{at.astimezone(self._about.zone):%Y-%m-%d %H:%M}"

    def _clock(self, at: dt.datetime) -> str:
        return f"{at.astimezone(self._about.zone):%H:%M}"


def _look(artifact: Artifact) -> str:
    if artifact.kind == "whatsapp":
        return "whatsapp"
    service = artifact.payload.get("service")
    return "sms" if service in {"SMS", "RCS", "MMS"} else "imessage"


def _is_picture(attachment: Attachment) -> bool:
    return (attachment.media_type or "").startswith(MEDIA_TYPES)


def _about(item: Item, attachment: Attachment) -> str:
    said = [attachment.media_type or "unknown type"]
    if attachment.size_bytes is not None:
        said.append(size_of(attachment.size_bytes))
    media = item.media.get(attachment.n)
    if media is not None and media.path is not None:
        said.append(media.path)
    elif reason := (media.reason if media is not None else None) or attachment.reason:
        said.append(reason)
    return " \u00b7 ".join(said)


def _source(group: Group) -> str:
    device = group.device
    named = device.name or "a device without a name"
    model = f" ({device.model})" if device.model else ""
    if len(group.devices) > 1:
        before = ", ".join(one.name or one.udid for one in group.devices[:-1])
        model += f", with what {before} had before it"
    taken = "" if device.taken_at is None else f", backup of {device.taken_at:%Y-%m-%d %H:%M} UTC"
    revision = "" if device.revision is None else f", revision {device.revision}"
    return f"From {named}{model}, {device.udid}{taken}{revision}."

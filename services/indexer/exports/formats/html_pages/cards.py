"""Everything that is no conversation: a card per thing, with what is known of it as a list."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from services.indexer.exports.formats.html_pages.files import show_files
from services.indexer.exports.formats.html_pages.notes import show_note
from services.indexer.exports.formats.html_pages.text import lines, plain, time, when
from services.indexer.exports.formats.protocol import Item

#: Fields for programs: shown, but folded away.
_TECHNICAL = re.compile(
    r"raw|key|keys|.*_key|.*_raw|.*_code|uid|uti|jid|files|parts|attachment_info|html|markdown"
    r"|.*sha256|.*_id|provider|line_key|identifiers?"
)
#: Of kinds that have very many, those that are not folded away.
_FIRST = {
    "photo": frozenset({"caption", "title", "keywords", "people", "albums", "place", "camera"}),
    "note": frozenset({"folder", "folders", "account", "modified_at", "tags", "participants"}),
}
#: Parts of these are told by one of their fields, where it is there.
_SHORT = {
    "people": ("name",),
    "albums": ("title",),
    "place": ("address", "name"),
    "camera": ("model",),
}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_SECONDS = re.compile(r"(?:.*_)?seconds")
_BYTES = re.compile(r"(?:.*_)?bytes")
_MOST_DEPTH = 6
_MOST_ITEMS = 200


def show_card(item: Item, *, zone: dt.tzinfo, depth: int) -> str:
    """Return *item* as HTML."""
    artifact = item.artifact
    at = None if artifact.occurred_at is None else artifact.occurred_at.astimezone(zone)
    gone = '<span class="tag">no longer on the phone</span>' if artifact.removed_at else ""
    title = plain(artifact.title) or plain((artifact.text or "").partition("\n")[0]) or "Untitled"
    sender = artifact.sender
    who = ""
    if sender is not None:
        name = "Me" if sender.is_me else sender.name or sender.handle
        who = f" \u00b7 {plain(name, most=80)}" if name else ""
    moment = time(at, when(at)) if at else "without a time"
    body, shown = "", set[int]()
    if artifact.kind == "note":
        body, shown = show_note(item, depth=depth)
    beside = _previews(artifact.payload)
    numbers = [one.n for one in artifact.attachments if one.n not in shown and one.n not in beside]
    files = show_files(item, numbers, depth=depth, preview=min(beside, default=None))
    told, technical = _sorted(artifact.payload, artifact.kind)
    if not artifact.payload and artifact.text:
        body += f'<p dir="auto">{lines(artifact.text)}</p>'
    return (
        f'<article id="a{artifact.id}"{" class=removed" if artifact.removed_at else ""}>'
        f'<h3 dir="auto">{title}{gone}</h3><p class="at">{moment}{who}</p>'
        f"{body}{files}{_list(told, zone)}"
        f"{_folded(technical, zone)}</article>\n"
    )


def _previews(payload: Mapping[str, Any]) -> set[int]:
    """Return the files that are small copies of another one, which is there as well."""
    listed = payload.get("files")
    if not isinstance(listed, list):
        return set()
    files = [one for one in listed if isinstance(one, dict)]
    roles = {one.get("n"): one.get("role") for one in files}
    if not {"original", "recording", "voicemail"} & {*roles.values()}:
        return set()
    return {n for n, role in roles.items() if role in ("thumbnail", "preview") and n is not None}


def _sorted(payload: Mapping[str, Any], kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what people ask for, and what is for those who want to know everything."""
    told: dict[str, Any] = {}
    technical: dict[str, Any] = {}
    first = _FIRST.get(kind)
    for name, value in payload.items():
        if value in (None, "", [], {}, False):
            continue
        if name in ("html", "markdown"):
            # Shown as what they are.
            continue
        is_told = name in first if first is not None else not _TECHNICAL.fullmatch(name)
        (told if is_told else technical)[name] = value
    return told, technical


def _folded(fields: Mapping[str, Any], zone: dt.tzinfo) -> str:
    if not fields:
        return ""
    return f"<details><summary>More</summary>{_list(fields, zone)}</details>"


def _list(fields: Mapping[str, Any], zone: dt.tzinfo, depth: int = 0) -> str:
    rows = [
        f'<dt>{_label(name)}</dt><dd dir="auto">{shown}</dd>'
        for name, value in list(fields.items())[:_MOST_ITEMS]
        if value not in (None, "", [], {}, False)
        and not (depth and _TECHNICAL.fullmatch(name))
        and (shown := _value(name, value, zone, depth))
    ]
    return f"<dl>{''.join(rows)}</dl>" if rows else ""


def _label(name: str) -> str:
    name = re.sub(r"_(at|seconds|bytes)$", "", name) or name
    return plain(name.replace("_", " ").strip().capitalize(), most=60)


def _value(name: str, value: Any, zone: dt.tzinfo, depth: int) -> str:
    if depth > _MOST_DEPTH:
        return "\u2026"
    if isinstance(value, Mapping):
        short = next((value[one] for one in _SHORT.get(name, ()) if value.get(one)), None)
        return _list(value, zone, depth + 1) if short is None else plain(str(short))
    if isinstance(value, list):
        return _several(name, value, zone, depth)
    if isinstance(value, str):
        return _moment(value, zone) if _MOMENT.fullmatch(value) else lines(value)
    return "yes" if value is True else _number(name, value)


def _several(name: str, values: list[Any], zone: dt.tzinfo, depth: int) -> str:
    shown = [_value(name, one, zone, depth + 1) for one in values[:_MOST_ITEMS]]
    if len(values) > _MOST_ITEMS:
        shown.append(f"and {len(values) - _MOST_ITEMS:,} more")
    if all(not isinstance(one, dict | list) for one in values) or name in _SHORT:
        return ", ".join(one for one in shown if one)
    return "<ul>" + "".join(f"<li>{one}</li>" for one in shown if one) + "</ul>"


def _moment(text: str, zone: dt.tzinfo) -> str:
    try:
        moment = dt.datetime.fromisoformat(text)
        moment = moment if not text.endswith("Z") else moment.astimezone(zone)
        return time(moment, when(moment))
    except (ValueError, OverflowError):
        return plain(text)


def _number(name: str, value: float) -> str:
    if _SECONDS.fullmatch(name) and 0 <= value < 60:
        return f"{value:.4g} s"
    if _SECONDS.fullmatch(name) and 0 <= value < 10**9:
        minutes, seconds = divmod(round(value), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    if _BYTES.fullmatch(name):
        return f"{value:,.0f} bytes"
    if isinstance(value, int):
        return f"{value:,}" if not name.endswith(("year", "port", "number")) else str(value)
    return f"{value:,.6f}".rstrip("0").rstrip(".")

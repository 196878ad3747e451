"""App messages and link previews: what ``balloon_bundle_id`` and ``payload_data`` say.

Every one gets a text that a person can read, also those of apps that nobody has heard of: an
unknown balloon is named, never dropped.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import unquote

import msgspec

from services.indexer.kinds.keyed_archive import load_archive
from services.indexer.kinds.message.payload import AppMessage, PollOption
from services.indexer.kinds.message.vocabulary import APPLE_APPS, DIGITAL_TOUCHES

_LINK = "com.apple.messages.URLBalloonProvider"
_HANDWRITING = "com.apple.Handwriting.HandwritingProvider"
_DIGITAL_TOUCH = "com.apple.DigitalTouchBalloonProvider"
_CAPTIONS = (
    "image-title",
    "image-subtitle",
    "caption",
    "subcaption",
    "secondary-subcaption",
    "tertiary-subcaption",
)
_LONGEST_FACT = 4000
_MOST_OPTIONS = 200


def is_poll(bundle_id: str | None) -> bool:
    """Whether the balloon is a poll, its votes or its changes."""
    return bundle_id is not None and bundle_id.endswith("com.apple.messages.Polls")


def describe_balloon(bundle_id: str, payload: bytes | None) -> AppMessage:
    """Return what the balloon shows."""
    if bundle_id == _LINK:
        return _describe_link(bundle_id, load_archive(payload))
    if bundle_id == _HANDWRITING:
        return AppMessage(kind="handwriting", bundle_id=bundle_id, title="Handwritten message")
    if bundle_id == _DIGITAL_TOUCH:
        return _describe_touch(bundle_id, payload)
    return _describe_extension(bundle_id, load_archive(payload))


def readable_text(app: AppMessage) -> str | None:
    """Return the balloon in words, or None for a link of which nothing could be read."""
    lines = [line for line in (app.title, *app.captions, app.summary) if line]
    lines.extend(f"• {option.text}" for option in app.options if option.text)
    if app.kind == "link" and app.url:
        lines.append(app.url)
    if not lines and app.kind != "link":
        lines.append(app.app or _last_part(app.bundle_id))
    return "\n".join(dict.fromkeys(lines)) or None


def _text(value: Any) -> str | None:
    """Return a string that says something, however deep it was wrapped."""
    if isinstance(value, dict):
        value = value.get("NSString") or value.get("NS.string")
    if isinstance(value, str) and value.strip():
        return value[:_LONGEST_FACT]
    return None


def _last_part(bundle_id: str) -> str:
    return bundle_id.rsplit(":", 1)[-1]


def _describe_link(bundle_id: str, root: Any) -> AppMessage:
    metadata = root
    for wrapper in ("richLinkMetadata", "metadata"):
        if isinstance(root, dict) and isinstance(root.get(wrapper), dict):
            metadata = root[wrapper]
            break
    if not isinstance(metadata, dict):
        return AppMessage(kind="link", bundle_id=bundle_id)
    special = metadata.get("specialization2") or metadata.get("specialization")
    kind = _special_kind(special.get("$class")) if isinstance(special, dict) else "link"
    facts = _special_facts(special)
    shared = metadata.get("collaborationMetadata")
    if isinstance(shared, dict):
        kind = "collaboration"
        facts = {**_special_facts({"title": shared.get("title")}), **facts}
    return AppMessage(
        kind=kind,
        bundle_id=bundle_id,
        title=_text(metadata.get("title")) or facts.get("name") or facts.get("title"),
        summary=_text(metadata.get("summary")) or _text(metadata.get("selection")),
        site=_text(metadata.get("siteName")),
        url=_text(metadata.get("originalURL")) or _text(metadata.get("URL")),
        captions=tuple(
            facts[name] for name in ("artist", "album", "subtitle", "address") if name in facts
        ),
        facts=facts,
    )


_FACTS = (
    "name",
    "artist",
    "album",
    "lyricExcerpt",
    "subtitle",
    "genre",
    "platform",
    "address",
    "application",
    "title",
)


def _special_facts(special: Any) -> dict[str, str]:
    """Return what a preview knows beside title and summary: a song's artist, a place's address."""
    if not isinstance(special, dict):
        return {}
    inner = special.get("specialization")
    if isinstance(inner, dict):  # a shared object wraps what is shared
        special = {**inner, **special}
    facts: dict[str, str] = {}
    for name in _FACTS:
        fact = special.get(name)
        if isinstance(fact, dict):
            fact = fact.get("lyrics")
        found = _text(fact)
        if found is not None:
            facts[name] = found
    return facts


def _special_kind(class_name: object) -> str:
    if not isinstance(class_name, str):
        return "link"
    if "iTunesMedia" in class_name:
        return "app_store" if "Software" in class_name else "music"
    if "Map" in class_name:
        return "place"
    if "Sharing" in class_name or "Shared" in class_name:
        return "collaboration"
    return "link"


def _describe_touch(bundle_id: str, payload: bytes | None) -> AppMessage:
    # A protobuf whose first field is the kind of touch.
    number = payload[1] if payload and len(payload) > 2 and payload[0] == 0x08 else -1
    touch = DIGITAL_TOUCHES.get(number)
    return AppMessage(
        kind="digital_touch",
        bundle_id=bundle_id,
        title=f"Digital Touch: {touch}" if touch else "Digital Touch message",
        facts={"touch": touch} if touch else {},
    )


def _describe_extension(bundle_id: str, root: Any) -> AppMessage:
    extension = _last_part(bundle_id)
    kind, app = APPLE_APPS.get(extension, ("app", None))
    if not isinstance(root, dict):
        return AppMessage(kind=kind, bundle_id=bundle_id, app=app)
    info = root.get("userInfo")
    captions: list[str] = []
    if isinstance(info, dict):
        captions = [found for name in _CAPTIONS if (found := _text(info.get(name)))]
    title = _text(root.get("ldtext")) or _text(root.get("AccessibilityLabel"))
    poll: tuple[PollOption, ...] = ()
    if kind == "poll":
        asked, poll = read_poll(root)
        title = asked or title
    url = _text(root.get("URL"))
    return AppMessage(
        kind=kind,
        bundle_id=bundle_id,
        app=_text(root.get("an")) or app,
        title=title,
        captions=tuple(dict.fromkeys(line for line in captions if line != title)),
        # Anything but a web address is the app's private state.
        url=url if url and url.startswith(("https://", "http://")) else None,
        options=poll,
    )


def _poll_item(root: Any) -> dict[str, Any]:
    url = root.get("URL") if isinstance(root, dict) else None
    if not isinstance(url, str) or not url.startswith("data:"):
        return {}
    body = unquote(url.partition(",")[2]).split("?", 1)[0]
    try:
        decoded = base64.urlsafe_b64decode(
            body.replace("+", "-").replace("/", "_") + "=" * (-len(body) % 4)
        )
        document = msgspec.json.decode(decoded)
    except (binascii.Error, ValueError, RecursionError):
        return {}
    item = document.get("item") if isinstance(document, dict) else None
    return item if isinstance(item, dict) else {}


def read_poll(root: Any) -> tuple[str | None, tuple[PollOption, ...]]:
    """Return a poll's question and its options, from the archive's root."""
    item = _poll_item(root)
    options = item.get("orderedPollOptions")
    if not isinstance(options, list):
        return _text(item.get("title")), ()
    return _text(item.get("title")), tuple(
        PollOption(
            id=str(option.get("optionIdentifier") or ""),
            text=_text(option.get("text")) or "",
            by=_text(option.get("creatorHandle")),
        )
        for option in options[:_MOST_OPTIONS]
        if isinstance(option, dict)
    )


def read_votes(payload: bytes | None) -> list[tuple[str | None, str]]:
    """Return (handle, option id) of every vote in a vote's payload."""
    votes = _poll_item(load_archive(payload)).get("votes")
    if not isinstance(votes, list):
        return []
    return [
        (_text(vote.get("participantHandle")), str(vote.get("voteOptionIdentifier")))
        for vote in votes[:_MOST_OPTIONS]
        if isinstance(vote, dict) and vote.get("voteOptionIdentifier")
    ]

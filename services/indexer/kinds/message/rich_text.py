"""From the phone's attributed text to what people see: text, bubbles, looks, mentions.

On the phone U+FFFC stands where an attachment is and U+FFFD where an app message is; both leave
the text, and every place behind them moves.
"""

from __future__ import annotations

import msgspec

from services.indexer.kinds.message.attributed_text import AttributedText
from services.indexer.kinds.message.payload import TextRun
from services.indexer.kinds.message.vocabulary import TEXT_EFFECTS

_STYLES = (
    ("__kIMTextBoldAttributeName", "bold"),
    ("__kIMTextItalicAttributeName", "italic"),
    ("__kIMTextUnderlineAttributeName", "underline"),
    ("__kIMTextStrikethroughAttributeName", "strikethrough"),
)


class TransferPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where in the message an attachment stands."""

    guid: str
    part: int | None
    transcript: str | None = None
    width: int | None = None
    height: int | None = None


class RichText(msgspec.Struct, frozen=True, kw_only=True):
    """The readable text and what its runs say."""

    text: str
    #: Text of each part in order, where a message has several.
    parts: tuple[tuple[int, str], ...] = ()
    places: tuple[TransferPlace, ...] = ()
    formatting: tuple[TextRun, ...] = ()
    mentions: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    has_link: bool = False


def plain_text(text: str) -> str:
    """Return *text* without the stand-ins for attachments and app messages.

    U+FFFD beside other characters is no stand-in but what is left of broken bytes.
    """
    if "\ufffc" in text:
        text = text.replace("\ufffc", "")
    return "" if "\ufffd" in text and not text.strip("\ufffd") else text


def read_rich_text(attributed: AttributedText) -> RichText:
    """Return what the runs of *attributed* say."""
    units = attributed.text.encode("utf-16-le", "surrogatepass")
    parts: dict[int, list[str]] = {}
    places: list[TransferPlace] = []
    formatting: list[TextRun] = []
    mentions: list[str] = []
    codes: list[str] = []
    has_link = False
    shown_pieces: list[str] = []
    shown = 0  # UTF-16 units of readable text so far
    for run in attributed.runs:
        piece = units[run.start * 2 : (run.start + run.length) * 2].decode("utf-16-le", "replace")
        attributes = run.attributes
        part = attributes.get("__kIMMessagePartAttributeName")
        part = part if isinstance(part, int) and 0 <= part < 10_000 else None
        guid = attributes.get("__kIMFileTransferGUIDAttributeName")
        if isinstance(guid, str):
            places.append(_place(guid, part, attributes))
        readable = plain_text(piece)
        length = len(readable.encode("utf-16-le", "surrogatepass")) // 2
        shown_pieces.append(readable)
        parts.setdefault(part or 0, []).append(readable)
        look = _look(attributes, shown, length)
        if look is not None and length:
            formatting.append(look)
            has_link = has_link or bool(look.link and look.link.startswith("http"))
            if look.mention and look.mention not in mentions:
                mentions.append(look.mention)
        code = attributes.get("__kIMOneTimeCodeAttributeName")
        if isinstance(code, dict) and isinstance(code.get("code"), str):
            codes.append(code["code"])
        shown += length
    last = attributed.runs[-1] if attributed.runs else None
    rest = units if last is None else units[(last.start + last.length) * 2 :]
    return RichText(
        text="".join(shown_pieces) + plain_text(rest.decode("utf-16-le", "replace")),
        parts=tuple((part, "".join(pieces)) for part, pieces in sorted(parts.items())),
        places=tuple(places),
        formatting=tuple(formatting),
        mentions=tuple(mentions),
        codes=tuple(dict.fromkeys(codes)),
        has_link=has_link,
    )


def _place(guid: str, part: int | None, attributes: dict[str, object]) -> TransferPlace:
    transcript = attributes.get("IMAudioTranscription")
    return TransferPlace(
        guid=guid,
        part=part,
        transcript=transcript if isinstance(transcript, str) else None,
        width=_pixels(attributes.get("__kIMInlineMediaWidthAttributeName")),
        height=_pixels(attributes.get("__kIMInlineMediaHeightAttributeName")),
    )


def _pixels(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and 0 < value < 1_000_000 else None


def _look(attributes: dict[str, object], start: int, length: int) -> TextRun | None:
    styles = tuple(style for name, style in _STYLES if attributes.get(name))
    effect = attributes.get("__kIMTextEffectAttributeName")
    link = attributes.get("__kIMLinkAttributeName")
    mention = attributes.get("__kIMMentionConfirmedMention")
    code = "__kIMOneTimeCodeAttributeName" in attributes
    named = TEXT_EFFECTS.get(effect, "unknown") if isinstance(effect, int) and effect else None
    link = link if isinstance(link, str) else None
    mention = mention if isinstance(mention, str) else None
    if not (styles or named or link or mention or code):
        return None
    return TextRun(
        start=start,
        length=length,
        styles=styles,
        effect=named,
        link=link,
        mention=mention,
        one_time_code=code,
    )

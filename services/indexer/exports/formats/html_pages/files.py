"""Files of an item as a page shows them: pictures, films and sound beside it, or why not."""

from __future__ import annotations

from collections.abc import Sequence

from services.indexer.exports.formats.html_pages.text import plain, relative
from services.indexer.exports.formats.protocol import Item
from shared.contracts.indexer import Attachment

#: What browsers show. Others (HEIC, TIFF, raw ones) are linked to.
_PICTURES = frozenset(
    f"image/{name}" for name in ("jpeg", "png", "gif", "webp", "avif", "bmp", "apng", "jpg")
)
_UNITS = ("B", "kB", "MB", "GB", "TB")


def show_file(item: Item, n: int, *, depth: int, kind: str = "", preview: int | None = None) -> str:
    """Return attachment *n* as a figure; *preview* is another one that stands for its picture."""
    attachment = item.artifact.attachments[n]
    media = item.media[n]
    name = plain(attachment.name, most=120) or "File"
    if media.path is None:
        return _gone(item, n, name, depth=depth, preview=preview)
    address = relative(media.path, depth=depth)
    warning = f" <small>{plain(media.reason)}</small>" if media.reason else ""
    bare = _bare(attachment)
    named = f'<a href="{address}">{name}</a>'
    is_shown = bare in _PICTURES
    shown = address if is_shown else _picture_of(item, preview, depth=depth)
    if shown is not None:
        return (
            f'<figure class="{kind}"><a href="{address}">'
            f'<img src="{shown}" alt="{name}" loading="lazy" decoding="async"></a>'
            f"{_caption(warning if is_shown else named + warning)}</figure>"
        )
    size = f"<small>{_size(attachment.size_bytes)}</small>" if attachment.size_bytes else ""
    if bare.startswith(("video/", "audio/")):
        tag = bare[:5]
        return (
            f'<figure><{tag} controls preload="none" src="{address}"></{tag}>'
            f"{_caption(f'{named} {size}{warning}')}</figure>"
        )
    return (
        f'<figure><a class="file" href="{address}"><span dir="auto">{name}</span>'
        f"{size}{warning}</a></figure>"
    )


def show_files(
    item: Item, numbers: Sequence[int], *, depth: int, preview: int | None = None
) -> str:
    """Return several, side by side; *preview* is of the first."""
    shown = "".join(
        show_file(item, n, depth=depth, preview=preview if n == numbers[0] else None)
        for n in numbers
    )
    return f'<div class="media">{shown}</div>' if shown else ""


def _gone(item: Item, n: int, name: str, *, depth: int, preview: int | None) -> str:
    attachment = item.artifact.attachments[n]
    reason = item.media[n].reason or attachment.reason or "The file is not there."
    shown = _picture_of(item, preview, depth=depth)
    picture = f'<img src="{shown}" alt="{name}" loading="lazy">' if shown else ""
    what = _what(attachment)
    return (
        f'<figure>{picture}<span class="gone"><span dir="auto">{what}{name}</span>'
        f"<small>{plain(reason)}</small></span></figure>"
    )


def _what(attachment: Attachment) -> str:
    bare = _bare(attachment).partition("/")[0]
    return {"image": "Picture: ", "video": "Film: ", "audio": "Sound: "}.get(bare, "")


def _picture_of(item: Item, n: int | None, *, depth: int) -> str | None:
    if n is None or not 0 <= n < len(item.artifact.attachments):
        return None
    media = item.media[n]
    if media.path is None or _bare(item.artifact.attachments[n]) not in _PICTURES:
        return None
    return relative(media.path, depth=depth)


def _bare(attachment: Attachment) -> str:
    return (attachment.media_type or "").partition(";")[0].strip().lower()


def _caption(html: str) -> str:
    return f"<figcaption>{html}</figcaption>" if html.strip() else ""


def _size(size_bytes: int) -> str:
    value = float(size_bytes)
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return ""

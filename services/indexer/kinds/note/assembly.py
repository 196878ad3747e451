"""What a note says in all its forms: text for the search, HTML, Markdown, and what is locked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

import msgspec

from services.indexer.kinds.message.assembly import has_link
from services.indexer.kinds.note.as_html import to_html
from services.indexer.kinds.note.as_markdown import to_markdown
from services.indexer.kinds.note.body import Body
from services.indexer.kinds.note.document import Line, Shown, text_of_lines
from services.indexer.kinds.note.payload import Content, Lock
from services.indexer.kinds.note.store import Content as ContentRow
from services.indexer.kinds.records import Record
from services.indexer.kinds.values import flag_of, int_of
from services.indexer.staging import MOST_TEXT_CHARACTERS

LONGEST_TITLE = 1000
_LONGEST_SNIPPET = 200
_MOST_LINKS = 500
#: A page of this length is shown by no browser at once, and fits into no answer of ours.
_LONGEST_PAGE = 2_000_000
_ARCHIVE = b"bplist00"
_GZIP = b"\x1f\x8b"
#: Wrapped with the password of notes, a key has 24 bytes.
_PASSWORD_KEY_BYTES = 24


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What a note says in all its forms."""

    content: Content
    text: str | None = None
    html: str | None = None
    markdown: str | None = None
    snippet: str | None = None
    first_line: str | None = None
    is_cut: bool = False
    items: int = 0
    items_done: int = 0
    links: tuple[str, ...] = ()


def write(
    lines: Sequence[Line],
    shown: dict[int, Shown],
    *,
    body: Body | None,
    was_cut: bool,
    more: Iterable[str | None] = (),
    links: Iterable[str] = (),
) -> Written:
    """Return all forms of *lines*; *more* is what one may look for beside the text itself.

    *body* is the whole text where only its beginning became lines.
    """
    plain = text_of_lines(tuple(lines), shown)
    if was_cut and body is not None:
        plain = body.text.replace("\ufffc", "")
    plain = plain[:MOST_TEXT_CHARACTERS]
    hidden = dict.fromkeys(islice((*_links(lines), *links), _MOST_LINKS))
    # What the text says already is not said again.
    said = {*plain.split(), *plain.split("\n")}
    found = [word for word in dict.fromkeys((*more, *hidden)) if word and word not in said]
    html, markdown = to_html(lines, shown), to_markdown(lines, shown)
    if max(len(html), len(markdown)) > _LONGEST_PAGE:
        html = markdown = ""
        was_cut = True
    rows = [row for row in plain[: LONGEST_TITLE * 4].split("\n") if row.strip()]
    checks = [line for line in lines if line.form == "check" and not line.is_blank]
    return Written(
        content="text" if plain.strip() or shown else "empty",
        text="\n".join((plain, *found)).strip() or None,
        html=html or None,
        markdown=markdown or None,
        first_line=rows[0].strip()[:LONGEST_TITLE] if rows else None,
        snippet=" ".join(" ".join(rows[1:]).split())[:_LONGEST_SNIPPET] or None,
        is_cut=was_cut,
        items=len(checks),
        items_done=sum(line.is_done for line in checks),
        links=tuple(hidden),
    )


def _links(lines: Iterable[Line]) -> Iterable[str]:
    for line in lines:
        for span in line.spans:
            if span.look.link is not None:
                yield span.look.link


def has_any_link(written: Written) -> bool:
    """Whether a note has a link, or an address in its text."""
    return bool(written.links) or has_link(written.text)


def lock_of(row: Record, content: ContentRow | None) -> Lock | None:
    """Return how a note is locked, by all that says so; None: it is not.

    What is not marked as locked and yet encrypted is locked: its bytes are nothing to be shown.
    """
    is_archive = content is not None and content.head == _ARCHIVE
    # A note that was unlocked again may keep the marks; its bytes are those of a note.
    is_encrypted = content is not None and (
        is_archive or (content.is_encrypted and not content.head.startswith(_GZIP))
    )
    if not flag_of(row["locked"]) and not is_encrypted:
        return None
    wrapped = row["wrapped"]
    has_own_key = isinstance(wrapped, bytes) and len(wrapped) == _PASSWORD_KEY_BYTES
    if is_archive or (wrapped is not None and not has_own_key and not int_of(row["iterations"])):
        return "device_passcode"
    return "password"

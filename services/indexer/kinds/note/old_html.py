"""Notes of phones before iOS 9, which are HTML from mail servers, as lines.

Nothing is kept of it but text, simple looks, lists and safe links. The parser of the standard
library takes minutes for four hundred kilobytes of ``<!--``; here every character is looked at
once, and what is no markup is text.
"""

from __future__ import annotations

import re
from html import unescape

import msgspec

from services.indexer.kinds.note.document import PLAIN, Form, Line, Look, Span
from services.indexer.kinds.note.lines import Room
from services.indexer.kinds.note.links import safe_link

#: Ten pages of text have some 100 kilobytes of this.
MOST_HTML = 1_000_000
_LONGEST_TAG = 10_000
_TAG = re.compile(r"<(?:(/?)([A-Za-z][A-Za-z0-9]{0,20})|[!?/])")
_HREF = re.compile(r"""\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
#: Elements in elements; deeper ones are taken as text of the last.
_DEEPEST = 200
_BLOCKS = frozenset({"div", "p", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote",
                     "pre", "table", "tr", "td", "th", "body", "html", "object"})  # fmt: skip
#: What these hold is no text.
_SILENT = frozenset({"script", "style", "head", "title", "template", "noscript"})
_EMPTY = frozenset({"br", "img", "hr", "meta", "link", "input", "wbr", "col", "area", "base"})
_FORMS: dict[str, Form] = {
    "h1": "title", "h2": "heading", "h3": "subheading", "h4": "subheading", "h5": "subheading",
    "h6": "subheading", "pre": "monospaced",
}  # fmt: skip
_LOOKS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline",
    "s": "strike", "strike": "strike", "del": "strike",
}  # fmt: skip


class _State(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    tag: str = ""
    look: Look = PLAIN
    form: Form = "body"
    indent: int = -1
    item: Form = "dotted"
    is_quote: bool = False
    is_silent: bool = False


class _Reader:
    def __init__(self, room: Room) -> None:
        self.lines: list[Line] = []
        self._room = room
        self._stack = [_State()]
        #: How many of each element are open: most ends of nothing are told at a glance.
        self._open: dict[str, int] = {}
        self._spans: list[Span] = []

    def read(self, content: str) -> tuple[Line, ...]:
        at, end = 0, len(content)
        while at < end:
            start = content.find("<", at)
            if start != at:
                self._data(content[at : end if start < 0 else start])
            if start < 0:
                break
            if content.startswith("<!--", start):
                close = content.find("-->", start + 4)
                at = end if close < 0 else close + 3
                continue
            tag = _TAG.match(content, start)
            close = -1 if tag is None else content.find(">", start)
            if tag is None or close < 0:
                # A sign, not a tag; without any end there is no tag any more.
                self._data("<" if tag is None else content[start:])
                at = start + 1 if tag is None else end
                continue
            if tag[2]:
                name = tag[2].lower()
                if tag[1]:
                    self._end(name)
                else:
                    self._start(name, content[tag.end() : min(close, tag.end() + _LONGEST_TAG)])
            at = close + 1
        self._break()
        return tuple(self.lines)

    def _start(self, tag: str, attributes: str) -> None:
        if tag == "br":
            self._break(always=True)
            return
        if tag in _BLOCKS:
            self._break()
        if tag in _EMPTY or len(self._stack) >= _DEEPEST:
            return
        self._stack.append(self._inner(tag, attributes))
        self._open[tag] = self._open.get(tag, 0) + 1

    def _inner(self, tag: str, attributes: str) -> _State:
        above = self._stack[-1]
        change: dict[str, object] = {"tag": tag}
        if tag in _LOOKS:
            change["look"] = msgspec.structs.replace(above.look, **{_LOOKS[tag]: True})
        elif tag == "a":
            found = _HREF.search(attributes)
            link = safe_link(unescape(found[1] or found[2] or found[3] or "")) if found else None
            change["look"] = msgspec.structs.replace(above.look, link=link or above.look.link)
        elif tag in _FORMS:
            change["form"] = _FORMS[tag]
        elif tag in {"ul", "ol"}:
            change["indent"] = min(above.indent + 1, 12)
            change["item"] = "numbered" if tag == "ol" else "dotted"
        elif tag == "li":
            change["form"] = above.item
        elif tag == "blockquote":
            change["is_quote"] = True
        elif tag in _SILENT:
            change["is_silent"] = True
        return msgspec.structs.replace(above, **change)

    def _end(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._break()
        if not self._open.get(tag):
            return
        while True:
            closed = self._stack.pop().tag
            self._open[closed] -= 1
            if closed == tag:
                return

    def _data(self, data: str) -> None:
        state = self._stack[-1]
        if state.is_silent:
            return
        data = unescape(data)
        for number, row in enumerate(data.split("\n") if state.form == "monospaced" else [data]):
            if number:
                self._break(always=True)
            text = row if state.form == "monospaced" else " ".join(row.split())
            if text and text != row:
                # Space around words separates them from what stands beside.
                text = f"{' ' * row[0].isspace()}{text}{' ' * row[-1].isspace()}"
            if text or (row and self._spans):
                self._add(text or " ", state.look)

    def _add(self, text: str, look: Look) -> None:
        if self._room.spans <= 0:
            self._room.was_cut = True
            return
        self._spans.append(Span(self._room.take(text), look))
        self._room.spans -= 1

    def _break(self, *, always: bool = False) -> None:
        if not self._spans and (not always or self._room.spans <= 0):
            return
        state = self._stack[-1]
        self.lines.append(
            Line(
                spans=tuple(self._spans),
                form=state.form,
                indent=max(state.indent, 0),
                is_quote=state.is_quote,
            )
        )
        self._spans = []
        self._room.spans -= 1


def read_html(content: str, room: Room) -> tuple[Line, ...]:
    """Return the lines of a note that is HTML."""
    if len(content) > MOST_HTML:
        content = content[:MOST_HTML]
        room.was_cut = True
    return _Reader(room).read(content)

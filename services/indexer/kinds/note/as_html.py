"""Notes as HTML that may stand in any page: elements and attributes of a short list, nothing else.

Text and every attribute are escaped, links have been looked at (``links.py``), and no attribute is
taken from a note but ``href`` and a colour that is six digits. There is no style and no script, so
that pages may forbid both. Files are ``figure`` elements with the number of the part in
``data-part``: where its picture is, the page knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from itertools import groupby

from services.indexer.kinds.note.document import (
    HEADINGS,
    LISTS,
    PLAIN,
    Form,
    Line,
    Look,
    Shown,
    Span,
)

_TAGS: dict[Form, str] = {"dotted": "ul", "dashed": "ul", "numbered": "ol", "check": "ul"}
_CLASSES: dict[Form, str] = {"dashed": ' class="dashed"', "check": ' class="checklist"'}


def to_html(lines: Iterable[Line], shown: Mapping[int, Shown]) -> str:
    """Return *lines* as HTML, with what is *shown* in the places of parts by their numbers."""
    out: list[str] = []
    for is_quote, group in groupby(lines, key=lambda line: line.is_quote):
        if is_quote:
            out.append("<blockquote>")
        _blocks(group, shown, out)
        if is_quote:
            out.append("</blockquote>")
    return "".join(out)


def _blocks(lines: Iterable[Line], shown: Mapping[int, Shown], out: list[str]) -> None:
    for kind, group in groupby(lines, key=_kind):
        if kind == "list":
            _lists(group, shown, out)
        elif kind == "monospaced":
            _monospaced(group, shown, out)
        else:
            for line in group:
                _block(line, shown, out)


def _kind(line: Line) -> str:
    return "list" if line.form in LISTS else "monospaced" if line.form == "monospaced" else "block"


def _block(line: Line, shown: Mapping[int, Shown], out: list[str]) -> None:
    level = HEADINGS.get(line.form)
    tag = "p" if level is None or line.is_blank else f"h{level}"
    start = f"<{tag}>" if line.align is None else f'<{tag} class="{line.align}">'
    if not line.spans:
        out.append("<p><br></p>")
        return
    # A figure or a table cannot stand in a paragraph.
    for is_part, group in groupby(line.spans, key=lambda span: span.part is not None):
        spans = tuple(group)
        if is_part:
            out.extend(_part(span, shown) for span in spans)
        elif len(line.spans) == len(spans) or any(span.text.strip() for span in spans):
            out += [start, *map(_span, spans), f"</{tag}>"]


def _monospaced(lines: Iterable[Line], shown: Mapping[int, Shown], out: list[str]) -> None:
    is_open = False
    for line in lines:
        for span in line.spans:
            if (span.part is None) != is_open:
                out.append("</pre>" if is_open else "<pre>")
                is_open = not is_open
            out.append(_span(span) if span.part is None else _part(span, shown))
        if not is_open:
            out.append("<pre>")
            is_open = True
        out.append("\n")
    if is_open:
        out.append("</pre>")


def _lists(lines: Iterable[Line], shown: Mapping[int, Shown], out: list[str]) -> None:
    stack: list[Form] = []
    for line in lines:
        depth = line.indent + 1
        while len(stack) > depth or (len(stack) == depth and stack[-1] != line.form):
            out.append(f"</li></{_TAGS[stack.pop()]}>")
        if len(stack) == depth:
            out.append("</li>")
        while len(stack) < depth:
            out.append(f"<{_TAGS[line.form]}{_CLASSES.get(line.form, '')}>")
            stack.append(line.form)
            if len(stack) < depth:
                out.append("<li>")
        out.append("<li>")
        if line.form == "check":
            out.append(f'<input type="checkbox" disabled{" checked" if line.is_done else ""}> ')
        out.extend(_span(span) if span.part is None else _part(span, shown) for span in line.spans)
    while stack:
        out.append(f"</li></{_TAGS[stack.pop()]}>")


def _span(span: Span) -> str:
    look = span.look
    text = escape(span.text).replace("\u2028", "<br>")
    if look is PLAIN:
        return text
    for tag, attributes in _elements(look):
        text = f"<{tag}{attributes}>{text}</{tag}>"
    return text


def _elements(look: Look) -> Iterable[tuple[str, str]]:
    """Yield what stands around a span, from the inside."""
    if look.script:
        yield ("sup" if look.script > 0 else "sub"), ""
    if look.strike:
        yield "s", ""
    if look.underline:
        yield "u", ""
    if look.italic:
        yield "em", ""
    if look.bold:
        yield "strong", ""
    if look.color is not None:
        # An element of old that needs no style; colours are hexadecimal digits of ours.
        yield "font", f' color="{look.color}"'
    if look.highlight is not None:
        yield "mark", f' class="{look.highlight}"'
    if look.role is not None:
        yield "span", f' class="{look.role}"'
    if look.link is not None:
        yield "a", f' href="{escape(look.link)}" rel="noopener noreferrer nofollow"'


def _part(span: Span, shown: Mapping[int, Shown]) -> str:
    part = shown.get(span.part or 0) or Shown()
    if part.table is not None:
        return _table(part)
    caption = escape(part.caption or "")
    if part.link is not None:
        caption = f'<a href="{escape(part.link)}" rel="noopener noreferrer nofollow">{caption}</a>'
    return (
        f'<figure class="{part.kind}" data-part="{span.part}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _table(part: Shown) -> str:
    out = ["<table><tbody>"]
    for row in part.table or ():
        out.append("<tr>")
        for cell in row:
            out.append("<td>")
            # Cells hold no lists and headings; a table in a cell would be one without an end.
            out.append("<br>".join("".join(map(_cell_span, line.spans)) for line in cell))
            out.append("</td>")
        out.append("</tr>")
    out.append("</tbody></table>")
    return "".join(out)


def _cell_span(span: Span) -> str:
    return _span(span) if span.part is None else ""

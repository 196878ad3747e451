"""Notes as Markdown, for export and for comparing versions: CommonMark with tables and checklists.

Whatever means something in Markdown or HTML is escaped; the only tags are ``<u>``, ``<sup>``,
``<sub>`` and ``<br>``. Colours are left out. Files are ``[name](#part-2)``, pictures with ``!``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import groupby

from services.indexer.kinds.note.document import HEADINGS, LISTS, PLAIN, Line, Look, Shown, Span

_SPECIAL = re.compile(r"([\\`*_\[\]<>~|])|&(?=[#A-Za-z])")
#: At the beginning of a line: headings, quotes, lists, rules, and lines under headings.
_START = re.compile(r"(\s*)([#>+=-]|[0-9]{1,9}(?=[.)]))")
_BACKTICKS = re.compile("`{3,}")
_NEWLINES = re.compile("[\n\r\u2028\u2029]+")
_INDENT = "    "


def to_markdown(lines: Iterable[Line], shown: Mapping[int, Shown]) -> str:
    """Return *lines* as Markdown, with what is *shown* in the places of parts."""
    blocks: list[str] = []
    for is_quote, group in groupby(lines, key=lambda line: line.is_quote):
        inner = _blocks(group, shown)
        if is_quote and inner:
            body = "\n\n".join(inner)
            blocks.append("\n".join(f"> {row}".rstrip() for row in body.split("\n")))
        else:
            blocks += inner
    return "\n\n".join(blocks)


def _blocks(lines: Iterable[Line], shown: Mapping[int, Shown]) -> list[str]:
    blocks: list[str] = []
    for kind, group in groupby(lines, key=_kind):
        if kind == "list":
            blocks.append(_list(group, shown))
        elif kind == "monospaced":
            blocks += _monospaced(list(group), shown)
        else:
            for line in group:
                blocks += _block(line, shown)
    return blocks


def _kind(line: Line) -> str:
    return "list" if line.form in LISTS else "monospaced" if line.form == "monospaced" else "block"


def _block(line: Line, shown: Mapping[int, Shown]) -> list[str]:
    level = HEADINGS.get(line.form)
    mark = "" if level is None else "#" * level + " "
    found: list[str] = []
    for is_part, group in groupby(line.spans, key=lambda span: span.part is not None):
        if is_part:
            found += [block for span in group if (block := _part(span, shown))]
            continue
        text = _spans(group).strip()
        if text:
            found.append(mark + text if mark else _escape_start(text))
    return found


def _escape_start(text: str) -> str:
    found = _START.match(text)
    if found is None:
        return text
    # A number is escaped behind its digits: 1\. is no list.
    if found[2].isdigit():
        return f"{text[: found.end()]}\\{text[found.end() :]}"
    return f"{found[1]}\\{text[found.start(2) :]}"


def _list(lines: Iterable[Line], shown: Mapping[int, Shown]) -> str:
    rows: list[str] = []
    numbers: dict[int, int] = {}
    before: Line | None = None
    for line in lines:
        if before is not None and (before.indent == line.indent and before.form != line.form):
            numbers.pop(line.indent, None)
            if not line.indent:
                rows.append("")  # two lists, one behind the other
        for depth in [depth for depth in numbers if depth > line.indent]:
            del numbers[depth]
        if line.form == "numbered":
            numbers[line.indent] = numbers.get(line.indent, 0) + 1
            mark = f"{numbers[line.indent]}. "
        elif line.form == "check":
            mark = "- [x] " if line.is_done else "- [ ] "
        else:
            mark = "* " if line.form == "dashed" else "- "
        text = _spans(span for span in line.spans if span.part is None).strip()
        rows.append(_INDENT * line.indent + mark + _escape_start(text))
        for span in line.spans:
            if span.part is not None:
                block = _part(span, shown).replace("\n", f"\n{_INDENT * (line.indent + 1)}")
                rows += ["", f"{_INDENT * (line.indent + 1)}{block}"]
        before = line
    return "\n".join(row.rstrip() for row in rows)


def _monospaced(lines: list[Line], shown: Mapping[int, Shown]) -> list[str]:
    text = "\n".join(
        "".join(span.text for span in line.spans if span.part is None) for line in lines
    )
    longest = max((len(ticks) for ticks in _BACKTICKS.findall(text)), default=2)
    fence = "`" * (longest + 1)
    parts = [_part(span, shown) for line in lines for span in line.spans if span.part is not None]
    return [f"{fence}\n{text}\n{fence}", *(part for part in parts if part)]


def _spans(spans: Iterable[Span]) -> str:
    return "".join(map(_span, spans))


def _span(span: Span) -> str:
    # Marks must stand close to a word.
    text = span.text.strip()
    if not text:
        return _NEWLINES.sub(" ", span.text)
    at = span.text.index(text)
    before, after = span.text[:at], span.text[at + len(text) :]
    text = _escape(text)
    if span.look is not PLAIN:
        for start, end in _marks(span.look):
            text = f"{start}{text}{end}"
    return f"{_NEWLINES.sub(' ', before)}{text}{_NEWLINES.sub(' ', after)}"


def _escape(text: str) -> str:
    escaped = _SPECIAL.sub(lambda found: f"\\{found[0]}", text)
    return escaped.replace("\u2028", "<br>").replace("\u2029", "<br>").replace("\r", " ")


def _marks(look: Look) -> Iterable[tuple[str, str]]:
    """Yield what stands around a text, from the inside."""
    if look.script:
        yield ("<sup>", "</sup>") if look.script > 0 else ("<sub>", "</sub>")
    if look.underline:
        yield "<u>", "</u>"
    if look.strike:
        yield "~~", "~~"
    if look.italic:
        yield "*", "*"
    if look.bold:
        yield "**", "**"
    if look.link is not None:
        yield "[", f"](<{look.link}>)"


def _part(span: Span, shown: Mapping[int, Shown]) -> str:
    part = shown.get(span.part or 0) or Shown()
    if part.table is not None:
        return _table(part)
    name = _escape(_NEWLINES.sub(" ", part.caption or part.kind))
    if part.link is not None:
        return f"[{name}](<{part.link}>)"
    return f"{'!' if part.is_picture else ''}[{name}](#part-{span.part})"


def _table(part: Shown) -> str:
    rows = [
        "| " + " | ".join(_cell(cell) for cell in row) + " |" for row in part.table or () if row
    ]
    if not rows or not part.table:
        return ""
    # The first row is shown as a heading: Markdown knows no table without.
    return "\n".join([rows[0], "|" + " --- |" * len(part.table[0]), *rows[1:]])


def _cell(cell: tuple[Line, ...]) -> str:
    return "<br>".join(
        _spans(span for span in line.spans if span.part is None).strip() for line in cell
    )

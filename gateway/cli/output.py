"""Printing: one JSON document, or tables that fit 80 columns."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import click

from gateway.cli.plain_text import plain

if TYPE_CHECKING:
    from rich.console import Console

#: Width when nobody looks: wide enough that a pipe gets whole names.
_PIPE_COLUMNS = 200
_GAP = 2
_NARROWEST = 8

#: Title, justification, and what happens to the column when the terminal is narrow.
Column = tuple[str, Literal["left", "right"], Literal["whole", "cut", "fold"]]


def print_json(document: Any) -> None:
    """Print *document*. A terminal gets ASCII, so that no character in it can act."""
    text = json.dumps(document, indent=2, ensure_ascii=sys.stdout.isatty())
    click.echo(text.encode("utf-8", "replace"))


def console(*, error: bool = False) -> Console:
    """Return a console for stdout or stderr; plain when it is no terminal or NO_COLOR is set."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else _PIPE_COLUMNS
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=width)


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; values are made safe here."""
    from rich.table import Table
    from rich.text import Text

    cells = [[Text(plain(value)) for value in row] for row in rows]
    natural = [
        max([len(title), *(row[number].cell_len for row in cells)])
        for number, (title, _, _) in enumerate(columns)
    ]
    screen = console()
    widths = share_width(natural, [narrow != "whole" for _, _, narrow in columns], screen.width)
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, _GAP, 0, 0))
    for (title, justify, narrow), width in zip(columns, widths, strict=True):
        table.add_column(
            title,
            justify=justify,
            width=width,
            no_wrap=narrow != "fold",
            overflow="fold" if narrow == "fold" else "ellipsis",
        )
    for row in cells:
        table.add_row(*row)
    screen.print(table)


def share_width(natural: Sequence[int], gives_way: Sequence[bool], total: int) -> list[int]:
    """Return column widths for a line of *total*: short columns whole, the others share the rest.

    Columns that may give way get equal parts, and what one does not need goes to the others.
    """
    left = total - _GAP * (len(natural) - 1)
    left -= sum(width for width, gives in zip(natural, gives_way, strict=True) if not gives)
    widths = list(natural)
    flexible = sorted(
        (number for number, gives in enumerate(gives_way) if gives), key=lambda n: natural[n]
    )
    for position, number in enumerate(flexible):
        share = max(left // (len(flexible) - position), _NARROWEST)
        widths[number] = min(natural[number], share)
        left -= widths[number]
    return widths


def say(text: str) -> None:
    """Print a sentence for people on stderr, so that stdout stays clean."""
    click.echo(plain(text), err=True)

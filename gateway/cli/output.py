"""Printing: one JSON document, or tables that fit 80 columns."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
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
#: A name of this length says who is meant; columns that can be spared make room for it.
_COMFORTABLE = 16

#: Title, justification, and what happens to the column when the terminal is narrow.
#: ``spare``: cut, or left out where there is too little room for the others.
Column = tuple[str, Literal["left", "right"], Literal["whole", "cut", "fold", "spare"]]


def print_json(document: Any) -> None:
    """Print *document*. A terminal gets ASCII, so that no character in it can act."""
    text = json.dumps(document, indent=2, ensure_ascii=sys.stdout.isatty())
    click.echo(text.encode("utf-8", "replace"))


def console(*, error: bool = False) -> Console:
    """Return a console for stdout or stderr; plain when it is no terminal or NO_COLOR is set."""
    from rich.console import Console

    class Patient(Console):
        """Leaves a reader who has seen enough to ``main.run``; rich would end with 1."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else _PIPE_COLUMNS
    return Patient(file=stream, highlight=False, markup=False, emoji=False, width=width)


def print_table(
    columns: Sequence[Column], rows: Iterable[Sequence[object]], *, empty: str = ""
) -> None:
    """Print a table; values are made safe here. Without rows, say what is *empty* instead."""
    from rich.table import Table
    from rich.text import Text

    cells = [[Text(plain(value)) for value in row] for row in rows]
    if empty and not cells:
        say(empty)
        return
    natural = [
        max([len(title), *(row[number].cell_len for row in cells)])
        for number, (title, _, _) in enumerate(columns)
    ]
    screen = console()
    kept = spare_columns(natural, [narrow for _, _, narrow in columns], screen.width)
    columns, natural = [columns[n] for n in kept], [natural[n] for n in kept]
    cells = [[row[n] for n in kept] for row in cells]
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


def spare_columns(natural: Sequence[int], narrow: Sequence[str], total: int) -> list[int]:
    """Return which columns to print: all, or without the last spare ones while others suffer."""
    kept = list(range(len(natural)))
    while True:
        widths = share_width(
            [natural[n] for n in kept], [narrow[n] != "whole" for n in kept], total
        )
        suffer = any(
            width < min(natural[n], _COMFORTABLE)
            for n, width in zip(kept, widths, strict=True)
            if narrow[n] != "whole"
        )
        spare = [n for n in kept if narrow[n] == "spare"]
        fits = sum(widths) + _GAP * (len(kept) - 1) <= total
        if not spare or (fits and not suffer):
            return kept
        kept.remove(spare[-1])


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
    click.echo(broken(plain(text)), err=True)


def broken(text: str) -> str:
    """Return *text* in lines that end between words where stderr is a terminal."""
    if not sys.stderr.isatty():
        return text
    return textwrap.fill(
        text,
        shutil.get_terminal_size().columns,
        break_long_words=False,  # commands and paths are copied from here
        break_on_hyphens=False,
    )

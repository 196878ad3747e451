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

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for title, justify, narrow in columns:
        table.add_column(
            title,
            justify=justify,
            no_wrap=narrow != "fold",
            overflow="fold" if narrow == "fold" else "ellipsis",
            # Columns that stay whole leave the others this much at least.
            min_width=8 if narrow == "cut" else None,
        )
    for row in rows:
        table.add_row(*(Text(plain(value)) for value in row))
    console().print(table)


def say(text: str) -> None:
    """Print a sentence for people on stderr, so that stdout stays clean."""
    click.echo(plain(text), err=True)

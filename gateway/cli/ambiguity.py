"""When what a person named means several things: name them all and let the person choose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gateway.cli.failure import NOT_FOUND, Failure


class AmbiguousError(Failure):
    """Several things match; the lines name them."""

    def __init__(self, title: str, lines: Sequence[str]) -> None:
        super().__init__(title, exit_code=2)
        self.lines = "\n".join(f"  {line}" for line in lines)

    def tell(self, *, as_json: bool) -> None:
        """Print the candidates too."""
        super().tell(as_json=as_json)
        if not as_json:
            import click

            click.echo(self.lines, err=True)


def only_match(
    rules: Iterable[Sequence[dict[str, Any]]],
    *,
    several: str,
    line: Callable[[dict[str, Any]], str],
    none: str,
    listed_by: str,
) -> dict[str, Any]:
    """Return the only match of the strictest rule that matches; *rules* are the matches of each.

    Raises ``AmbiguousError`` with *several* and the *line* of each match, or ``Failure`` with
    *none* and what lists them all.
    """
    for matches in rules:
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise AmbiguousError(several, [line(one) for one in matches])
    raise Failure(none, f"`{listed_by}` lists them.", exit_code=NOT_FOUND)

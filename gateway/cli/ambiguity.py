"""When what a person named means several things: name them all and let the person choose."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.cli.failure import Failure


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

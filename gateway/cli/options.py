"""What every command shares: ``--json``, and groups that list when no sub-command is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Options:
    """Options of the whole command line; the context's object."""

    url: str | None = None
    session_fd: int | None = None
    json: bool = False


def options_of(context: click.Context) -> Options:
    """Return the options of the command line that *context* belongs to."""
    options = context.find_root().obj
    assert isinstance(options, Options)
    return options


def json_option(function: F) -> F:
    """Add ``--json``; failures are printed as JSON as well then."""

    def remember(context: click.Context, _: click.Parameter, value: bool) -> bool:  # noqa: FBT001 -- click's signature
        if value:
            options_of(context).json = True
        return value

    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        is_eager=True,
        callback=remember,
        help="Print one JSON document.",
    )(function)


def device_option(function: F) -> F:
    """Add ``--device``; ``device_udid`` says which one is meant."""
    return click.option(
        "--device", metavar="DEVICE", help="Only this device: its UDID, or a part of its name."
    )(function)


def kind_option(function: F) -> F:
    """Add ``--kind``, once."""
    return click.option("--kind", metavar="KIND", help="Only one kind, such as message or photo.")(
        function
    )


def lineage_option(function: F) -> F:
    """Add ``--lineage``, which is a query parameter: ``true`` or left out."""
    return click.option(
        "--lineage",
        flag_value="true",
        default=None,
        help="Phones that follow each other as one history, nothing twice.",
    )(function)


class ListingGroup(click.Group):
    """A group whose command ``list`` is meant when none is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``list`` in front of anything that names no command."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command does whole: click would end it with dots."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, (self.commands[name].help or "").split("\n\n")[0])
                    for name in self.list_commands(ctx)
                ]
            )

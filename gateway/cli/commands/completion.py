"""``keepsake completion``."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for SHELL: eval "$(keepsake completion bash)"."""
    from click.shell_completion import get_completion_class

    from gateway.cli.main import cli

    maker = get_completion_class(shell)
    assert maker is not None
    click.echo(maker(cli, {}, "keepsake", "_KEEPSAKE_COMPLETE").source())

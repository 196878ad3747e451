"""The entry of ``keepsake``: the list of commands, and exit codes.

0 done, 1 failed, 2 wrong usage, 3 not running or not reachable, 4 not found, 5 locked,
6 wrong passphrase, 7 throttled.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, NoReturn

import click

from gateway.cli.failure import Failure
from gateway.cli.options import Options

#: Name → module, attribute, help. The help stands here so that ``--help`` imports nothing.
_COMMANDS = {
    "up": ("starting", "up", "Start everything; Ctrl-C stops it."),
    "status": ("status", "status", "Show whether every part answers."),
    "backups": ("backups", "backups", "List backups; --refresh scans the folders now."),
    "unlock": ("sessions", "unlock", "Open an encrypted backup with its passphrase."),
    "lock": ("sessions", "lock", "Forget the keys of a backup, or of all."),
    "ls": ("files", "ls", "List files, domains or apps of a backup."),
    "get": ("download", "get", "Download a file."),
    "index": ("indexing", "index", "Index a backup so that it can be read and searched."),
    "rules": ("rules", "rules", "Index backups by rule, without being asked each time."),
    "devices": ("devices", "devices", "List devices; what changed between backups, and gaps."),
    "lineage": ("lineage", "lineage", "List phones that follow each other; confirm or decline."),
    "gone": ("gone", "gone", "List what is on a phone no more, and why."),
    "threads": ("threads", "threads", "List conversations; read one with 'threads show'."),
    "note": ("notes", "note", "Read a note; a locked one with its own passphrase."),
    "people": ("people", "people", "List people over all devices; merge, split, rename, undo."),
    "search": ("search", "search", "Search everything that is indexed."),
    "export": ("export", "export", "Take things out: html, json, csv, txt and other formats."),
    "archive": ("archive", "archive", "Archives: what is copied where; run, browse, get."),
    "restore": ("restore", "restore", "Get an archive, or some of it, back into a folder."),
    "jobs": ("jobs", "jobs", "List long-running work; show, log, cancel, retry."),
    "token": ("tokens", "token", "Create, list and revoke API tokens."),
    "completion": ("completion", "completion", "Print the completion script for a shell."),
}

_EPILOG = """\
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not running, 4 not found, 5 locked,
6 wrong passphrase, 7 throttled. Environment: KEEPSAKE_URL, KEEPSAKE_API_TOKEN,
KEEPSAKE_DATA_DIR, KEEPSAKE_SESSION, NO_COLOR."""


class _Commands(click.Group):
    """Imports a command's module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        command = getattr(importlib.import_module(f"gateway.cli.commands.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, _, about) in _COMMANDS.items()])


@click.group(
    cls=_Commands,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--url", metavar="URL", help="Address of Keepsake, if it is not on this machine.")
@click.option(
    "--session-fd",
    type=click.IntRange(min=0),
    metavar="N",
    help="Read the session token from this file descriptor.",
)
@click.version_option(package_name="keepsake", prog_name="keepsake")
@click.pass_context
def cli(ctx: click.Context, url: str | None, session_fd: int | None) -> None:
    """Your iPhone backups: find, unlock, browse, read, search."""
    ctx.obj = Options(url=url, session_fd=session_fd)


def run(arguments: list[str]) -> int:
    """Run one command line and return the exit code."""
    options: list[Any] = []
    try:
        with cli.make_context("keepsake", arguments) as context:
            try:
                cli.invoke(context)
            finally:
                options.append(context.obj)
    except click.exceptions.Exit as asked:
        return asked.exit_code
    except click.UsageError as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return 130
    except Failure as failure:
        failure.tell(as_json=bool(options and options[0] and options[0].json))
        return failure.exit_code
    except BrokenPipeError:
        # The reader (head, less) has seen enough; nothing more can be written, nor flushed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 0


def main() -> NoReturn:
    """Run the command line of this process."""
    if "_KEEPSAKE_COMPLETE" in os.environ:
        cli.main(prog_name="keepsake")  # a shell asks for completions; click answers and exits
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)

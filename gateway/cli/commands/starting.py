"""``keepsake up``."""

from __future__ import annotations

import os
import sys

import click


@click.command()
def up() -> None:
    """Start everything and stay in the foreground; Ctrl-C stops it."""
    sys.stdout.flush()
    # -P: a folder named "deploy" where the user happens to be is not ours.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "deploy.local"])  # noqa: S606 -- replaces us

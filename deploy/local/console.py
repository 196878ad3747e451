"""What ``keepsake up`` says on the terminal: few lines, for the person who started it."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from deploy.local.token import token_file
from shared.settings import Settings, default_data_dir


class Voice:
    """Writes to standard output; plain lines where that is not a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """Say one thing."""
        self._console.print(Text(f"  {line}", style="dim"))

    def starting(self, settings: Settings) -> None:
        """Say what is started, on which data."""
        self._console.print(Text.assemble(("Keepsake", "bold"), f" on {settings.data_dir}"))

    def ready(self, settings: Settings, *, url: str) -> None:
        """Say where it is, how to sign in, what to type next, how to stop."""
        folders = [str(path) for path in settings.backup_paths]
        token = (
            "the value of KEEPSAKE_API_TOKEN"
            if settings.api_token is not None
            else f"in {token_file(settings)}"
        )
        rows = {
            "Address": url,
            "API token": token,
            "Backups": ", ".join(folders) or "no folder is watched; set KEEPSAKE_BACKUP_PATHS",
        }
        if self._console.is_terminal:
            rows["Next"] = "in a second terminal:" + "".join(
                f"\n            {line}" for line in _next_commands(settings)
            )
        rows["Stop"] = "Ctrl-C"
        said = Text("Keepsake is ready", style="bold green")
        for name, value in rows.items():
            said = Text.assemble(said, "\n", (f"  {name:<10}", "bold"), value)
        # In one piece: services write to the same terminal.
        self._console.print(said)

    def stopping(self) -> None:
        """Say that the stop has begun."""
        self.say("Stopping")

    def stopped(self) -> None:
        """Say that nothing runs any more."""
        self._console.print(Text("Keepsake has stopped", style="bold"))


def _next_commands(settings: Settings) -> list[str]:
    """Return what a person can type into a shell that knows nothing of this one."""
    lines = []
    if settings.data_dir != default_data_dir():
        lines.append(f"export KEEPSAKE_DATA_DIR={shlex.quote(str(settings.data_dir))}")
    beside = Path(sys.executable).with_name("keepsake")
    if shutil.which("keepsake") is None and beside.exists():
        lines.append(f"export PATH={shlex.quote(str(beside.parent))}:$PATH")
    return [*lines, "keepsake backups"]

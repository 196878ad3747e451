"""What ``keepsake up`` says on the terminal: few lines, for the person who started it."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from deploy.local.token import token_file
from shared.settings import Settings


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
        """Say where it is, how to sign in, how to stop."""
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
            "Stop": "Ctrl-C",
        }
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

"""What a person reads at the terminal when everything runs."""

import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from deploy.local.console import Voice
from shared.settings import Settings


class Pieces(io.StringIO):
    """Remembers what was written at once."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def write(self, text: str) -> int:
        self.written.append(text)
        return super().write(text)


def test_where_it_is_and_how_to_stop_it_are_said_in_one_piece(tmp_path: Path) -> None:
    pieces = Pieces()
    settings = Settings.load({"HOME": str(tmp_path), "KEEPSAKE_DATA_DIR": str(tmp_path)})
    Voice(Console(file=pieces, width=300)).ready(settings, url="http://127.0.0.1:8080")
    (said,) = [piece for piece in pieces.written if piece.strip()]
    assert said.splitlines() == [
        "Keepsake is ready",
        "  Address   http://127.0.0.1:8080",
        f"  API token in {tmp_path}/api-token",
        "  Backups   no folder is watched; set KEEPSAKE_BACKUP_PATHS",
        "  Stop      Ctrl-C",
    ]


def said_at_a_terminal(environ: dict[str, str]) -> list[str]:
    terminal = io.StringIO()
    console = Console(file=terminal, width=300, force_terminal=True, color_system=None)
    Voice(console).ready(Settings.load(environ), url="http://127.0.0.1:8080")
    return terminal.getvalue().splitlines()


def test_who_started_it_at_a_terminal_can_copy_what_to_type_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "two words"
    folder.mkdir()
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/keepsake")
    said = said_at_a_terminal({"KEEPSAKE_DATA_DIR": str(folder)})
    at = said.index("  Next      in a second terminal:")
    assert said[at + 1 : at + 4] == [
        f"            export KEEPSAKE_DATA_DIR='{folder}'",
        "            keepsake backups",
        "  Stop      Ctrl-C",
    ]


def test_a_vault_in_the_usual_place_needs_no_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    said = said_at_a_terminal({"XDG_DATA_HOME": str(tmp_path)})
    rest = said[said.index("  Next      in a second terminal:") + 1 : -1]
    assert rest[-1] == "            keepsake backups"
    # The command is not on the path of a shell that knows nothing of this Python.
    assert rest[0].startswith("            export PATH=")
    assert not any("KEEPSAKE_DATA_DIR" in line for line in rest)

"""What a person reads at the terminal when everything runs."""

import io
from pathlib import Path

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

"""What a reader of untrusted input is to the trial: what it gets, and how it is used.

``read`` returns after a result, or raises one of its ``errors``; anything else that happens is
what the trial looks for.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from shared.ios_backup.errors import BackupFormatError


class Reader(ABC):
    """One reader. ``open`` runs once per process, before anything is watched."""

    name: str
    #: What it may say about its input.
    errors: tuple[type[Exception], ...] = (BackupFormatError,)

    def open(self, folder: Path) -> None:  # noqa: B027 -- many need nothing
        """Prepare inputs below *folder*, which nothing may change afterwards."""

    @abstractmethod
    def damage(self, chance: random.Random) -> Any:
        """Return one damaged input."""

    @abstractmethod
    def read(self, damaged: Any, scratch: Path) -> None:
        """Use the input as the product does. Only *scratch* may be written, and is left empty."""

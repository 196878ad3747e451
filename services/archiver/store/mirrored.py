"""A mirror: plain files as a source has them now, and beside them what it had before, by date.

``mirrors/FOLDER/current`` is what the newest archive holds. Whatever a run replaces or removes
there, it moves to ``mirrors/FOLDER/old/MOMENT``, each run to a folder of its own, and nothing in
those is ever written again. So what an older archive held lies in the first of the folders after it
that has the path, else still in ``current``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from services.archiver.errors import DamagedArchiveError, ObjectMissingError
from services.archiver.format.tree import TreeEntry
from services.archiver.store.transport import Transport

#: What rclone appends to the name of a link, where there are none.
LINK = ".rclonelink"
#: rclone shows control characters as pictures of them, and quotes pictures that were there.
_PICTURED = {code: 0x2400 + code for code in range(1, 32)} | {0x7F: 0x2421}
_PICTURES = re.compile("[\u2400-\u2421\u201b]")
_PIECE_BYTES = 8 * 1024 * 1024


def current_of(folder: str) -> str:
    """Return where the files of a source are."""
    return f"mirrors/{folder}/current"


def aside_of(folder: str, aside: str) -> str:
    """Return where a run moves what it replaces or removes."""
    return f"mirrors/{folder}/old/{aside}"


def name_of(path: bytes) -> str | None:
    """Return how rclone calls a file; None for names that it cannot keep apart from others.

    Those are what is no text, and what has the signs that it uses for control characters.
    """
    try:
        name = path.decode()
    except UnicodeDecodeError:
        return None
    return None if _PICTURES.search(name) else name.translate(_PICTURED)


class MirrorReader:
    """Reads files of one archive. Used by one thread."""

    def __init__(self, transport: Transport, *, folder: str, asides: Sequence[str]) -> None:
        """*asides* are the folders of the runs after the archive, in order."""
        self._transport = transport
        self._folder = folder
        self._asides = asides
        self._moved: dict[str, str] | None = None

    def pieces(self, entry: TreeEntry) -> Iterator[bytes]:
        """Yield the content of a file. Raises ``DamagedArchiveError`` if it is another's."""
        offset = 0
        while offset < entry.size_bytes:
            piece = self.read(entry.path, entry.size_bytes, offset=offset, length=_PIECE_BYTES)
            yield piece
            offset += len(piece)

    def read(self, path: bytes, size_bytes: int, *, offset: int, length: int) -> bytes:
        """Return a part of a file that is *size_bytes* long; empty only at its end."""
        name = name_of(path)
        if name is None:
            raise DamagedArchiveError("The mirror cannot keep a file of that name.")
        wanted = min(length, size_bytes - offset)
        if wanted <= 0:
            return b""
        place = self._place(name)
        # One byte more than there may be, so that a longer file is noticed.
        is_last = offset + wanted == size_bytes
        try:
            content = self._transport.get(place, offset=offset, size_bytes=wanted + is_last)
        except ObjectMissingError:
            raise DamagedArchiveError("The file is missing in the mirror.") from None
        if len(content) != wanted:
            raise DamagedArchiveError("The file in the mirror is another one.")
        return content

    def _place(self, name: str) -> str:
        if self._moved is None:
            self._moved = {}
            for aside in self._asides:
                top = aside_of(self._folder, aside)
                for found in self._transport.names(top):
                    self._moved.setdefault(found.path.removeprefix(f"{top}/"), found.path)
        return self._moved.get(name) or f"{current_of(self._folder)}/{name}"

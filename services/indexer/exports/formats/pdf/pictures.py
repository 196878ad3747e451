"""Pictures in PDFs: made small by a process of their own before anything is done with them.

The worker of an export may start nothing once it reads what strangers wrote, so the process is
forked before. It forks a child for each picture (``shared.picture_worker``): one that is a bomb, or
breaks a decoder, costs itself.
"""

from __future__ import annotations

import base64
import os
from typing import BinaryIO

import msgspec

from shared.picture_worker import LENGTH

#: What decoders know; anything else is shown as a file.
MEDIA_TYPES = ("image/",)
#: Of all pictures of one message.
MOST_PICTURES = 20
_MOST_RESULT_BYTES = 1 << 20
#: Millimetres; and pictures are not blown up beyond so many pixels to one of them.
_WIDEST, _HIGHEST, _PIXELS = 80.0, 95.0, 5.0


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture as the document takes it, with its width in millimetres."""

    svg: str
    width: float
    name: str


class Pictures:
    """The process that makes pictures small."""

    def __init__(self) -> None:
        """Fork it: from then on it has nothing of this process but two pipes."""
        theirs, out = os.pipe()
        back, done = os.pipe()
        #: Whose it is: another process that has a copy of this object cannot use it.
        self.parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            _serve(theirs, done, self.parent)
        os.close(theirs)
        os.close(done)
        self._out: BinaryIO = os.fdopen(out, "wb")
        self._back: BinaryIO = os.fdopen(back, "rb")

    def make(self, content: bytes, name: str) -> Picture | None:
        """Return a picture for the document; None where it cannot be made."""
        self._out.write(LENGTH.pack(len(content)) + content)
        self._out.flush()
        head = self._back.read(LENGTH.size)
        if len(head) < LENGTH.size:
            return None
        size = LENGTH.unpack(head)[0]
        small = self._back.read(size) if size <= _MOST_RESULT_BYTES else b""
        if not small:
            return None
        width, height = _size_of(small)
        millimetres = min(_WIDEST, width / _PIXELS, _HIGHEST * width / height)
        # The only way in for bytes that are data and no file.
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
            f'<image width="{width}" height="{height}" '
            f'href="data:image/jpeg;base64,{base64.b64encode(small).decode()}"/></svg>'
        )
        return Picture(svg=svg, width=round(millimetres, 2), name=name)

    def close(self) -> None:
        """End the process: it ends when nobody asks any more."""
        self._out.close()
        self._back.close()
        os.waitpid(self._pid, 0)


def _size_of(jpeg: bytes) -> tuple[int, int]:
    """Return width and height of what the process made, whose only form is JPEG."""
    import io

    from PIL import Image

    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as opened:
        return opened.size


def _serve(source: int, target: int, parent: int) -> None:
    """Work until the other end is closed; never returns."""
    try:
        from shared.parent_death import die_with_parent
        from shared.picture_worker import prepare, work

        die_with_parent(parent)
        # Pipes of the export are none of its business; its own become what the pictures' are.
        os.dup2(source, 0)
        os.dup2(target, 1)
        os.closerange(3, 1024)
        with os.fdopen(0, "rb") as asked, os.fdopen(1, "wb") as answered:
            # Most exports have no pictures.
            if asked.peek(1):
                prepare()
                work(asked, answered)
    except BaseException:  # noqa: BLE001 -- whatever it was, there are no pictures
        os._exit(1)
    os._exit(0)

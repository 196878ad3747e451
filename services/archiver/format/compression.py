"""zstd and gzip as streams of bytes, chosen by what a stream begins with."""

from __future__ import annotations

import gzip
import sys
import zlib
from pathlib import Path
from typing import BinaryIO, Literal, cast

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Compression = Literal["zst", "gz"]

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_LEVEL = 6
#: A stream may ask its reader for as much memory as this (2^27 bytes), and no more.
_MOST_WINDOW_LOG = 27

BROKEN: tuple[type[Exception], ...] = (
    zstd.ZstdError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
)


class UnknownCompressionError(ValueError):
    """The stream is compressed in no way that an archive is."""


def compressed(output: BinaryIO, compression: Compression) -> BinaryIO:
    """Return a file whose bytes end up compressed in *output*, which stays open after it."""
    if compression == "gz":
        # No name and no time: the same content gives the same bytes.
        return cast(
            "BinaryIO",
            gzip.GzipFile(
                filename="", mode="wb", fileobj=output, compresslevel=_GZIP_LEVEL, mtime=0
            ),
        )
    options = {int(zstd.CompressionParameter.checksum_flag): 1}
    file = zstd.ZstdFile(output, "w", options=options)
    # Without it nothing at all is written of nothing, which zstd does not take for its own.
    file.write(b"")
    return cast("BinaryIO", file)


def unpacked(path: Path) -> BinaryIO:
    """Return the plain bytes of a file of our own that is zstd; closing it closes the file."""
    return cast("BinaryIO", zstd.ZstdFile(path, "r"))


def decompressed(source: BinaryIO) -> BinaryIO:
    """Return the plain bytes of *source*, which can seek. Raises ``UnknownCompressionError``."""
    start = source.read(4)
    source.seek(-len(start), 1)
    if start == _ZSTD_MAGIC:
        bounded = {int(zstd.DecompressionParameter.window_log_max): _MOST_WINDOW_LOG}
        return cast("BinaryIO", zstd.ZstdFile(source, "r", options=bounded))
    if start[:2] == _GZIP_MAGIC:
        return cast("BinaryIO", gzip.GzipFile(fileobj=source, mode="rb"))
    raise UnknownCompressionError("The bundle is neither zstd nor gzip.")

"""The zip of one export: members that are written one after the other, and what is said of each.

Goes out as it is made, through a pipe: sizes and checksums follow the bytes of each member, as the
format of zips allows. ``manifest.json`` and ``SHA256SUMS`` come last.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from services.indexer.exports.formats.protocol import Sink
from shared.member_names import MemberNames, safe_member_name

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

MANIFEST_NAME, SUMS_NAME = "manifest.json", "SHA256SUMS"

_BUFFER_BYTES = 128 * 1024
#: Members that may be larger need 64-bit fields, announced before their first byte.
_LARGE_BYTES = 1 << 31
#: What a zip's clock can show.
_EARLIEST, _LATEST = (
    dt.datetime(1980, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2107, 12, 31, tzinfo=dt.UTC),
)
_LATEST_UNIX = 2**31 - 1
_UNIX_TIME = struct.Struct("<HHBl")
_LEVEL = 6
#: Compressing these again costs a core and gains nothing.
_COMPRESSED = tuple(
    f".{suffix}"
    for suffix in (
        *("aac", "avif", "caf", "gif", "gz", "heic", "heics", "heif", "jpeg", "jpg", "m4a", "m4v"),
        *("mov", "mp3", "mp4", "pdf", "png", "webp", "xz", "zip", "zst"),
    )
)


class Member(NamedTuple):
    """A member that is written."""

    path: str
    size_bytes: int
    sha256: bytes


class ZipOutput:
    """Implements ``Output`` of formats."""

    def __init__(
        self, target: Sink, *, made_at: dt.datetime, zone: ZoneInfo, is_large: bool
    ) -> None:
        """Write to *target*; *is_large* says that documents may have gigabytes."""
        self._zip = zipfile.ZipFile(_NoSeek(target), "w", zipfile.ZIP_DEFLATED)
        self._names = MemberNames()
        self._made_at = made_at
        self._zone = zone
        self._is_large = is_large
        self.members: list[Member] = []
        # Ours come first, so that nothing of a phone can pass for them.
        for name in (MANIFEST_NAME, SUMS_NAME):
            self._names.claim(name)

    def name(self, path: str) -> str:
        """Return *path* as it can be unpacked everywhere, and claim it."""
        folder, _, last = path.rpartition("/")
        return self._names.claim(safe_member_name(folder, last))

    @contextmanager
    def member(
        self,
        path: str,
        *,
        modified_at: dt.datetime | None = None,
        size_bytes: int | None = None,
    ) -> Iterator[_Sink]:
        """Open the member that was named *path*."""
        info = self._describe(path, modified_at or self._made_at)
        is_large = self._is_large if size_bytes is None else size_bytes >= _LARGE_BYTES
        with self._zip.open(info, "w", force_zip64=is_large) as opened:
            sink = _Sink(opened)
            yield sink
            sink.flush()
        self.members.append(Member(path, sink.size_bytes, sink.digest.digest()))

    def close(self) -> None:
        """Write the directory of the zip."""
        self._zip.close()

    def _describe(self, path: str, modified_at: dt.datetime) -> zipfile.ZipInfo:
        moment = max(_EARLIEST, min(_LATEST, modified_at))
        local = moment.astimezone(self._zone)
        info = zipfile.ZipInfo(path, (max(local.year, 1980), *local.timetuple()[1:6]))
        info.compress_type = zipfile.ZIP_DEFLATED
        # Not stored: what streams sizes behind the bytes cannot be unpacked by everybody then.
        info._compresslevel = 0 if path.lower().endswith(_COMPRESSED) else _LEVEL  # type: ignore[attr-defined] # noqa: SLF001
        info.external_attr = 0o100600 << 16
        info.create_system = 3
        # The clock of zips knows no zone; this field, which everybody reads, is UTC.
        seconds = min(int(moment.timestamp()), _LATEST_UNIX)
        info.extra = _UNIX_TIME.pack(0x5455, 5, 1, seconds)
        return info


class _Sink:
    """The member that is open: small writes are gathered, everything is counted and digested."""

    def __init__(self, target: Any) -> None:
        self.size_bytes = 0
        self.digest = hashlib.sha256()
        self._target = target
        self._waiting = bytearray()

    def write(self, data: bytes, /) -> None:
        """Append *data*."""
        self._waiting += data
        if len(self._waiting) >= _BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand over what was gathered."""
        self.size_bytes += len(self._waiting)
        self.digest.update(self._waiting)
        self._target.write(bytes(self._waiting))
        self._waiting.clear()


class _NoSeek(io.RawIOBase):
    """A pipe as ``zipfile`` wants it: what it writes is gone."""

    def __init__(self, target: Sink) -> None:
        self._target = target

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        # So that zipfile counts by itself.
        raise OSError

    def write(self, data: Any, /) -> int:
        self._target.write(data)
        return len(data)

"""Bundles: one compressed tar per archive, with the manifest first.

Every member is listed in the manifest with its hash, so a bundle is checked while it is read, from
front to back, without being unpacked. Whoever reads one reads what may be hostile: names that lead
out of it, sizes without end, members that nobody listed.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from services.archiver.format.compression import (
    BROKEN,
    Compression,
    UnknownCompressionError,
    compressed,
    decompressed,
    unpacked,
)
from services.archiver.format.manifest import (
    MANIFEST_MEMBER,
    MOST_MANIFEST_BYTES,
    SIGNATURE_MEMBER,
    Manifest,
    ManifestError,
    Member,
    is_signed,
    read_manifest,
    sign,
    write_manifest,
)
from services.archiver.format.names import bundle_path
from services.archiver.format.tar_stream import TarHeader, TarStream

_PIECE_BYTES = 1024 * 1024
_SIGNATURE_BYTES = 65
_EXECUTABLE = ("restore.sh",)
_BROKEN: tuple[type[Exception], ...] = (tarfile.TarError, UnknownCompressionError, *BROKEN)


class BundleError(ValueError):
    """The bundle is damaged, or none; the message is a sentence without content."""


class BundleFile(msgspec.Struct, frozen=True, kw_only=True):
    """A member that is to be written: its bytes, or the file that has them."""

    path: str
    content: bytes | Path
    #: Of a file that is zstd of the bytes: what the manifest says of them.
    packed: Member | None = None

    def open(self) -> BinaryIO:
        """Return the bytes as a file."""
        if isinstance(self.content, Path):
            return unpacked(self.content) if self.packed else self.content.open("rb")
        return io.BytesIO(self.content)


def describe(file: BundleFile) -> Member:
    """Return what the manifest says of a member; reads all of it, unless somebody has."""
    if file.packed is not None:
        return file.packed
    digest = hashlib.sha256()
    size_bytes = 0
    with file.open() as content:
        while piece := content.read(_PIECE_BYTES):
            digest.update(piece)
            size_bytes += len(piece)
    return Member(path=file.path, size_bytes=size_bytes, sha256=digest.hexdigest())


def write_bundle(
    output: BinaryIO,
    manifest: Manifest,
    files: Sequence[BundleFile],
    *,
    key: bytes | None,
    compression: Compression = "zst",
) -> None:
    """Write a bundle. *files* are what ``manifest.members`` list, in this order.

    Raises ``BundleError`` when a file is not what the manifest says of it any more.
    """
    content = write_manifest(manifest)
    head = [BundleFile(path=MANIFEST_MEMBER, content=content)]
    if key is not None:
        head.append(BundleFile(path=SIGNATURE_MEMBER, content=sign(content, key)))
    moment = int(manifest.created_at.timestamp())
    with (
        compressed(output, compression) as plain,
        tarfile.open(fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for file in head:
            _add(tar, file, describe(file), moment)
        for file, member in zip(files, manifest.members, strict=True):
            if file.path != member.path:
                raise BundleError("The members of the bundle are not those of its manifest.")
            _add(tar, file, member, moment)


def _add(tar: tarfile.TarFile, file: BundleFile, member: Member, moment: int) -> None:
    header = tarfile.TarInfo(member.path)
    header.size = member.size_bytes
    header.mtime = moment
    header.mode = 0o755 if member.path in _EXECUTABLE else 0o644
    with file.open() as content:
        hashing = _Hashing(content)
        try:
            tar.addfile(header, hashing)
        except OSError as error:
            # It has none where the file ended too early.
            if error.errno is not None:
                raise
            raise BundleError("A member of the bundle changed while it was written.") from None
        if hashing.sha256 != member.sha256 or content.read(1):
            raise BundleError("A member of the bundle changed while it was written.")


class _Hashing(io.RawIOBase):
    """Reads a file and takes its hash on the way."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._source.read(size)
        self._digest.update(piece)
        return piece

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


class BundleMember:
    """A member that is being read, until the next one is asked for."""

    def __init__(self, listed: Member, tar: TarStream) -> None:
        self.listed = listed
        self._tar = tar
        self._digest = hashlib.sha256()

    def pieces(self) -> Iterator[bytes]:
        """Yield the content. Raises ``BundleError`` at the end unless it was what is listed."""
        for piece in self._tar.pieces():
            self._digest.update(piece)
            yield piece
        if self._digest.hexdigest() != self.listed.sha256:
            raise BundleError("A member of the bundle is damaged.")

    def read(self, *, at_most: int) -> bytes:
        """Return the whole content. Raises ``BundleError``, also when it is longer than that."""
        if self.listed.size_bytes > at_most:
            raise BundleError("A member of the bundle is too large.")
        return b"".join(self.pieces())


class BundleReader:
    """A bundle that is read from front to back."""

    def __init__(self, tar: TarStream) -> None:
        self._tar = tar
        header = tar.next()
        if header is None or header.name != MANIFEST_MEMBER:
            raise BundleError("The bundle does not begin with its manifest.")
        self.manifest_content = self._content(header, at_most=MOST_MANIFEST_BYTES)
        try:
            self.manifest: Manifest = read_manifest(self.manifest_content)
        except ManifestError as error:
            raise BundleError(str(error)) from None
        self.signature: bytes | None = None
        self._ahead = tar.next()
        if self._ahead is not None and self._ahead.name == SIGNATURE_MEMBER:
            self.signature = self._content(self._ahead, at_most=_SIGNATURE_BYTES)
            self._ahead = tar.next()

    @classmethod
    @contextmanager
    def open(cls, source: BinaryIO) -> Iterator[Self]:
        """Open a bundle. Raises ``BundleError``, here and while it is read."""
        with _errors(), decompressed(source) as plain:
            yield cls(TarStream(plain))

    def members(self) -> Iterator[BundleMember]:
        """Yield the members that the manifest lists, in its order.

        What the caller does not read of one is read and checked before the next one.
        """
        for listed in self.manifest.members:
            header, self._ahead = self._ahead, None
            if header is None or header.name != listed.path:
                raise BundleError("A member of the bundle is missing.")
            if header.size_bytes != listed.size_bytes:
                raise BundleError("A member of the bundle is damaged.")
            member = BundleMember(listed, self._tar)
            yield member
            for _ in member.pieces():
                pass
            self._ahead = self._tar.next()
        if self._ahead is not None:
            raise BundleError("The bundle holds what its manifest does not list.")

    def _content(self, header: TarHeader, *, at_most: int) -> bytes:
        if header.size_bytes > at_most:
            raise BundleError("The bundle's manifest is too large.")
        return b"".join(self._tar.pieces())


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except _BROKEN:
        raise BundleError("The bundle is damaged, or none.") from None


def check_bundle(source: BinaryIO, *, key: bytes | None, path: str | None = None) -> Manifest:
    """Read a whole bundle and return its manifest. Raises ``BundleError``.

    With *path* it has to be the archive that lies there: an older one put in its place is signed
    as well.
    """
    with BundleReader.open(source) as bundle:
        if key is not None and (
            bundle.signature is None
            or not is_signed(bundle.manifest_content, bundle.signature, key)
        ):
            raise BundleError("The manifest is not signed with this destination's key.")
        if path is not None and not is_named(bundle.manifest, path):
            raise BundleError("The bundle is another archive than its name says.")
        for _ in bundle.members():
            pass
        return bundle.manifest


def is_named(manifest: Manifest, path: str) -> bool:
    """Whether *path* is where the archive of this manifest lies."""
    compression = path.rpartition(".")[2]
    try:
        return path == bundle_path(
            manifest.source.id,
            at=manifest.created_at,
            kind=manifest.kind,
            compression=compression,
        )
    except ValueError:
        return False

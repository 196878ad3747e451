"""Taking members out of a bundle that lies in a destination.

A bundle is one compressed stream, so it is read from its front up to what is wanted, and no
further. Everything is held against the manifest, and that against the signature.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.archiver.errors import DamagedArchiveError
from services.archiver.format.bundle import BundleError, BundleMember, BundleReader, is_named
from services.archiver.format.manifest import is_signed
from services.archiver.store.object_file import open_object
from services.archiver.store.transport import Transport


@contextmanager
def opened_bundle(transport: Transport, path: str, *, key: bytes | None) -> Iterator[BundleReader]:
    """Open the bundle at *path*. Raises ``DamagedArchiveError``, here and while it is read."""
    try:
        with open_object(transport, path) as content, BundleReader.open(content) as bundle:
            _check(bundle, path, key)
            yield bundle
    except BundleError as error:
        raise DamagedArchiveError(str(error)) from None


def _check(bundle: BundleReader, path: str, key: bytes | None) -> None:
    signature = bundle.signature
    if key is not None and (
        signature is None or not is_signed(bundle.manifest_content, signature, key)
    ):
        raise BundleError("The manifest is not signed with this destination's key.")
    if not is_named(bundle.manifest, path):
        raise BundleError("The bundle is another archive than its name says.")


def read_member(
    transport: Transport, path: str, member: str, *, key: bytes | None, at_most: int
) -> bytes:
    """Return what a member of the bundle at *path* holds. Raises ``DamagedArchiveError``."""
    with opened_bundle(transport, path, key=key) as bundle:
        for found in bundle.members():
            if found.listed.path == member:
                return found.read(at_most=at_most)
    raise DamagedArchiveError("The bundle does not hold it.")


def pieces_of(member: BundleMember) -> Iterator[bytes]:
    """Yield what a member holds. Raises ``DamagedArchiveError`` at the end if it is damaged."""
    try:
        yield from member.pieces()
    except BundleError as error:
        raise DamagedArchiveError(str(error)) from None

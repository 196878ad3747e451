"""Decrypting stored bytes: AES-256-CBC with an IV of zeros, as all of a backup is encrypted.

A whole file goes through two buffers that are used again for every piece: allocating them anew
costs more than decrypting does. Memory is therefore the same for every size.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from shared.ios_backup.errors import DamagedFile

BLOCK_BYTES = 16
ZERO_IV = bytes(BLOCK_BYTES)
#: Checking the vector anew takes as long as decrypting a small file.
_FROM_ZERO = modes.CBC(ZERO_IV)
#: Measured: from half a MiB on, asking the system so often costs nothing that could be seen.
_PIECE_BYTES = 1024 * 1024
#: Differences of up to a block are how phones count.
_USUAL_DIFFERENCE_BYTES = 16
_PADDINGS = [bytes([length]) * length for length in range(BLOCK_BYTES + 1)]
_ZEROS = memoryview(bytes(64 * 1024))


def decryptor(key: bytes, iv: bytes = ZERO_IV) -> CipherContext:
    """Return what decrypts blocks that follow on the block *iv*."""
    mode = _FROM_ZERO if iv is ZERO_IV else modes.CBC(iv)
    return Cipher(algorithms.AES(key), mode).decryptor()


def plain_pieces(source: int, *, key: bytes | None, begin: int = 0) -> Iterator[memoryview]:
    """Return the file open at *source* from *begin* on, decrypted where there is a *key*.

    *begin* is the start of a block. Padding is not taken off. A piece is valid until the next one
    is asked for.
    """
    size = min(_PIECE_BYTES, max(os.fstat(source).st_size, BLOCK_BYTES))
    stored = memoryview(bytearray(size))
    plain = memoryview(bytearray(size + BLOCK_BYTES))
    cipher = None
    if key is not None:
        before = os.pread(source, BLOCK_BYTES, begin - BLOCK_BYTES) if begin else ZERO_IV
        if len(before) != BLOCK_BYTES:
            # The file was cut off meanwhile.
            return
        cipher = decryptor(key, before)
    position = begin
    while count := os.preadv(source, [stored], position):
        position += count
        if cipher is None:
            yield stored[:count]
        else:
            # A short read in mid-file may end within a block; the cipher keeps the rest.
            yield plain[: cipher.update_into(stored[:count], plain)]


def check_stored(stored_bytes: int, claimed: int | None) -> None:
    """Raise DamagedFile where so many encrypted bytes cannot be a file of *claimed* bytes."""
    if stored_bytes == 0 and claimed:
        raise DamagedFile("The stored file is empty but should not be.")
    if stored_bytes % BLOCK_BYTES:
        raise DamagedFile("The stored file is cut off.")


def plain_bytes(
    block: bytes, *, stored_bytes: int, claimed: int | None, warnings: list[str]
) -> int:
    """Return how much of *stored_bytes* is content, by the padding in the decrypted last *block*.

    What is odd but can be read is added to *warnings*. Raises DamagedFile.
    """
    padding = block[-1]
    if 1 <= padding <= BLOCK_BYTES and block.endswith(_PADDINGS[padding]):
        return stored_bytes - padding
    if claimed is not None and 0 <= stored_bytes - claimed < BLOCK_BYTES:
        warnings.append("The file's padding is invalid; its size is the manifest's.")
        return claimed
    raise DamagedFile("The end of the stored file is damaged.")


def compare_sizes(size_bytes: int, claimed: int | None, warnings: list[str]) -> None:
    """Add to *warnings* when a file's size is not what the manifest says."""
    if claimed is not None and abs(claimed - size_bytes) > _USUAL_DIFFERENCE_BYTES:
        warnings.append(f"The manifest says {claimed} bytes, the content has {size_bytes}.")


def wipe(plain: memoryview) -> None:
    """Overwrite *plain*, which will be used again: what it held belongs to somebody."""
    for begin in range(0, len(plain), len(_ZEROS)):
        piece = plain[begin : begin + len(_ZEROS)]
        piece[:] = _ZEROS[: len(piece)]


def write_all(target: int, piece: memoryview) -> None:
    """Write all of *piece*: a disk that is almost full may take a part of it first."""
    while piece:
        piece = piece[os.write(target, piece) :]

"""Ways to damage bytes, chosen by a seeded generator: the same seed always gives the same bytes."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence

EXTREMES = (
    0, 1, 2, 0x0F, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000,
    2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1,
)  # fmt: skip

#: Lengths and counts as the formats in question write them, all of them absurd.
LENGTH_BOMBS = (
    b"\xff" * 9,  # SQLite: the longest varint
    b"\x81" + b"\x80" * 7 + b"\x00",
    b"\x5f\x12\xff\xff\xff\xff",  # binary property list: a string of 4 GiB
    b"\x4f\x13\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\xaf\x12\x7f\xff\xff\xff",
    b"\xdf\x12\x00\xff\xff\xff",
    b"\x81\xff\xff",  # typedstream: two and four bytes follow
    b"\x82\xff\xff\xff\x7f",
    b"\x82\xff\xff\xff\xff",
    b"[999999999c]",
    b"[999999999@]",
    b"\xff\xff",  # mbdb: no string
    b"\xff\xfe",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # protobuf: a varint of ten bytes
    b"<array>" * 200,
    b"&#x0;",
)

#: Positions at which one kind of input is most worth damaging.
Spots = Callable[[bytes], Sequence[int]]


def anywhere(_: bytes) -> Sequence[int]:
    """Name no position before others."""
    return ()


def mutate(
    content: bytes,
    chance: random.Random,
    *,
    others: Sequence[bytes] = (),
    spots: Spots = anywhere,
    most_bytes: int = 4 * 1024 * 1024,
) -> bytes:
    """Damage *content* one to six times; pieces of *others* are spliced into it."""
    hurt = bytearray(content)
    favoured = spots(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        operation = chance.choice(_OPERATIONS)
        at = chance.randrange(len(hurt) + 1)
        if favoured and chance.random() < 0.5:
            at = min(chance.choice(favoured), len(hurt))
        operation(hurt, at, chance, others)
    return bytes(hurt[:most_bytes])


def _flip(hurt: bytearray, at: int, chance: random.Random, _: Sequence[bytes]) -> None:
    if at < len(hurt):
        hurt[at] ^= 1 << chance.randrange(8)


def _set(hurt: bytearray, at: int, chance: random.Random, _: Sequence[bytes]) -> None:
    if at < len(hurt):
        hurt[at] = chance.choice((0, 1, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFE, 0xFF))


def _set_integer(hurt: bytearray, at: int, chance: random.Random, _: Sequence[bytes]) -> None:
    width = chance.choice((2, 4, 8))
    value = chance.choice(EXTREMES) % (1 << (8 * width))
    form = {2: "H", 4: "I", 8: "Q"}[width]
    hurt[at : at + width] = struct.pack(chance.choice("<>") + form, value)


def _cut(hurt: bytearray, at: int, chance: random.Random, _: Sequence[bytes]) -> None:
    if chance.random() < 0.5:
        at = max(0, len(hurt) - chance.randrange(1, 64))
    del hurt[at:]


def _remove(hurt: bytearray, at: int, chance: random.Random, _: Sequence[bytes]) -> None:
    del hurt[at : at + _length(chance)]


def _repeat(hurt: bytearray, at: int, chance: random.Random, _: Sequence[bytes]) -> None:
    piece = bytes(hurt[at : at + _length(chance)])
    hurt[at:at] = piece * chance.choice((1, 2, 30))


def _fill(hurt: bytearray, at: int, chance: random.Random, _: Sequence[bytes]) -> None:
    length = min(_length(chance), len(hurt) - at)
    value = chance.choice((b"\0", b"\xff", b"\x84", None))
    hurt[at : at + length] = chance.randbytes(length) if value is None else value * length


def _splice(hurt: bytearray, at: int, chance: random.Random, others: Sequence[bytes]) -> None:
    other = chance.choice(others) if others else bytes(hurt)
    start = chance.randrange(len(other) + 1)
    piece = other[start : start + _length(chance)]
    replaced = len(piece) if chance.random() < 0.7 else 0
    hurt[at : at + replaced] = piece


def _move(hurt: bytearray, at: int, chance: random.Random, _: Sequence[bytes]) -> None:
    """Copy one aligned block over another, which makes circles of pages and of objects."""
    size = chance.choice((16, 512, 4096))
    blocks = len(hurt) // size
    if blocks < 2:
        return
    source, target = chance.randrange(blocks) * size, at // size % blocks * size
    hurt[target : target + size] = hurt[source : source + size]


def _bomb(hurt: bytearray, at: int, chance: random.Random, _: Sequence[bytes]) -> None:
    bomb = chance.choice(LENGTH_BOMBS)
    replaced = len(bomb) if chance.random() < 0.7 else 0
    hurt[at : at + replaced] = bomb


def _grow(hurt: bytearray, _at: int, chance: random.Random, _: Sequence[bytes]) -> None:
    hurt += chance.randbytes(_length(chance))


def _length(chance: random.Random) -> int:
    return int(2 ** (chance.random() * 12))


_OPERATIONS = (
    _flip, _flip, _set, _set, _set_integer, _set_integer, _cut, _remove, _repeat, _fill, _splice,
    _move, _bomb, _bomb, _grow,
)  # fmt: skip


def sqlite_spots(content: bytes) -> list[int]:
    """The header, and of every page its type, counts, right-most child and first cells."""
    size = int.from_bytes(content[16:18], "big")
    size = 65536 if size == 1 else max(size, 512)
    spots = list(range(16, 100))
    for page in range(0, min(len(content), 400 * size), size):
        start = page + (100 if page == 0 else 0)
        spots += range(start, start + 24)
        cell = int.from_bytes(content[start + 5 : start + 7], "big")
        spots += range(page + cell, page + cell + 12)
    return spots


def property_list_spots(content: bytes) -> list[int]:
    """The trailer, the offset table before it, and the beginning."""
    return [*range(max(0, len(content) - 96), len(content)), *range(min(64, len(content)))]


def keybag_spots(content: bytes) -> list[int]:
    """Every tag, every length, and the numbers behind them."""
    spots: list[int] = []
    at = 0
    while at + 8 <= len(content):
        length = int.from_bytes(content[at + 4 : at + 8], "big")
        spots += range(at, at + 8 + min(length, 4))
        at += 8 + length
    return spots

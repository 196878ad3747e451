"""What goes to the socket at once, and what is never kept back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from gateway.joined_writes import JoinedWrites


class Socket(asyncio.Transport):
    """Remembers each call that a transport would hand to the system."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[bytes] = []
        self.ended = ""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended
        self.calls.append(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"

    def is_closing(self) -> bool:
        return bool(self.ended)

    def get_write_buffer_size(self) -> int:
        return 0


def joined() -> tuple[JoinedWrites, Socket]:
    socket = Socket()
    return JoinedWrites(socket, asyncio.get_running_loop()), socket


async def turn() -> None:
    await asyncio.sleep(0)


async def test_a_head_and_its_body_are_one_call() -> None:
    transport, socket = joined()
    transport.write(b"head")
    assert transport.get_write_buffer_size() == 4
    transport.write(b"body")
    assert socket.calls == [b"headbody"]
    await turn()
    assert socket.calls == [b"headbody"]
    assert transport.get_write_buffer_size() == 0


async def test_a_head_without_a_body_goes_when_the_loop_comes_round() -> None:
    transport, socket = joined()
    transport.write(b"head")
    await turn()
    assert socket.calls == [b"head"]
    transport.write(b"line")
    transport.write(b"")
    assert socket.calls == [b"head", b"line"]


async def test_pieces_of_a_stream_are_not_kept() -> None:
    transport, socket = joined()
    for piece in (b"a" * 100_000, b"b" * 100_000):
        transport.write(piece)
        assert socket.calls[-1] == piece


async def test_the_order_of_what_is_written_is_kept() -> None:
    transport, socket = joined()
    pieces = [bytes([n]) * (5000 if n % 3 == 0 else 10) for n in range(50)]
    for n, piece in enumerate(pieces):
        transport.write(piece)
        if n % 7 == 0:
            await turn()
    await turn()
    assert b"".join(socket.calls) == b"".join(pieces)


async def test_closing_sends_what_is_held_back_and_aborting_does_not() -> None:
    transport, socket = joined()
    transport.write(b"last words")
    transport.close()
    assert (socket.calls, socket.ended) == ([b"last words"], "closed")
    transport, socket = joined()
    transport.write(b"lost")
    transport.abort()
    await turn()
    assert (socket.calls, socket.ended) == ([], "aborted")


async def test_nothing_is_written_to_a_caller_who_has_gone_meanwhile() -> None:
    transport, socket = joined()
    transport.write(b"head")
    socket.ended = "gone"
    await turn()
    assert socket.calls == []

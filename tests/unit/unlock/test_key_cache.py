from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from services.unlock.key_cache import (
    HeldKeys,
    KeyCache,
    PassphraseCheck,
    PassphraseMismatchError,
)

KEYBAG = "keybag one"
RIGHT = "correct horse"

Work = Callable[[], Awaitable[HeldKeys[str]]]


class Door:
    """A cache with a counted derivation, as the service wires it."""

    def __init__(self) -> None:
        self.derived = 0
        self.attempts = 0
        self.wiped: list[str] = []
        self.cache: KeyCache[str] = KeyCache(wipe=self.wiped.append)
        self.gate = asyncio.Event()
        self.gate.set()
        self.settle_error: Exception | None = None

    async def _in_thread(self, work: Callable[[], object]) -> object:
        await asyncio.sleep(0)
        await self.gate.wait()
        return work()

    async def _attempt(self, work: Work) -> HeldKeys[str]:
        self.attempts += 1
        held = await work()
        if self.settle_error:
            raise self.settle_error
        return held

    async def open(self, passphrase: str = RIGHT, keybag: str = KEYBAG) -> HeldKeys[str]:
        def derive() -> str:
            self.derived += 1
            if passphrase != RIGHT:
                raise PassphraseMismatchError
            return f"keys of {keybag!r}"

        return await self.cache.acquire(
            keybag, passphrase, attempt=self._attempt, derive=derive, in_thread=self._in_thread
        )


async def test_callers_with_the_same_passphrase_share_one_derivation_and_one_attempt() -> None:
    door = Door()
    held = await asyncio.gather(*(door.open() for _ in range(8)))
    assert (door.derived, door.attempts) == (1, 1)
    assert {id(one) for one in held} == {id(held[0])}
    for one in held[:-1]:
        door.cache.release(one)
    assert door.wiped == []
    door.cache.release(held[-1])
    assert door.wiped == [f"keys of {KEYBAG!r}"]
    assert len(door.cache) == 0


async def test_an_open_keybag_is_not_derived_again_but_the_passphrase_is_checked() -> None:
    door = Door()
    first = await door.open()
    assert await door.open() is first
    with pytest.raises(PassphraseMismatchError):
        await door.open("wrong")
    assert door.derived == 1
    assert door.attempts == 3


async def test_different_guesses_at_once_are_different_attempts() -> None:
    door = Door()
    results = await asyncio.gather(
        *(door.open(f"guess {n}") for n in range(5)), return_exceptions=True
    )
    assert all(isinstance(one, PassphraseMismatchError) for one in results)
    assert door.attempts == 5


async def test_once_the_last_session_is_gone_the_keys_are_derived_afresh() -> None:
    door = Door()
    door.cache.release(await door.open())
    await door.open()
    assert door.derived == 2


async def test_two_keybags_are_kept_apart() -> None:
    door = Door()
    one, two = await asyncio.gather(door.open(keybag="one"), door.open(keybag="two"))
    assert one.keys != two.keys
    assert door.derived == 2


async def test_when_the_caller_that_does_the_work_is_cancelled_another_takes_over() -> None:
    door = Door()
    door.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        leader = tasks.create_task(door.open())
        await asyncio.sleep(0)
        follower = tasks.create_task(door.open())
        await asyncio.sleep(0)
        leader.cancel()
        await asyncio.sleep(0)
        door.gate.set()
    assert not follower.result().is_wiped
    assert door.attempts == 2


async def test_keys_of_an_attempt_that_could_not_be_settled_are_wiped() -> None:
    door = Door()
    door.settle_error = RuntimeError("database gone")
    with pytest.raises(RuntimeError):
        await door.open()
    assert len(door.wiped) == 1
    assert len(door.cache) == 0


def test_a_passphrase_is_recognised_in_every_spelling_of_its_accents_and_never_shown() -> None:
    check = PassphraseCheck("Schl\u00fcssel", process_key=b"k" * 32)
    assert check.accepts("Schlu\u0308ssel")
    assert not check.accepts("Schlussel")
    assert "Schl" not in repr(vars(check))

"""Keys of open keybags: derived once, checked against the passphrase every time, then wiped.

Deriving costs ten million hash rounds, so callers that bring the same passphrase for the same
keybag at the same time share one derivation, and while a session on a keybag is open the next
passphrase is only compared. Nothing here touches disk, bus or database; one event loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")

#: scrypt's cost: 16 MiB and some 40 ms a comparison, nothing beside a derivation.
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**14, 8, 1


class PassphraseMismatchError(Exception):
    """The passphrase is not the one that opened this keybag."""


class _LeaderGoneError(Exception):
    """The caller that did the work for all was cancelled; another one takes over."""


class PassphraseCheck:
    """Recognises one passphrase without keeping it: salted scrypt, keyed by this process."""

    def __init__(self, passphrase: str, *, process_key: bytes) -> None:
        self._salt = process_key + secrets.token_bytes(16)
        self._digest = self._stretch(passphrase)

    def accepts(self, passphrase: str) -> bool:
        """Compare in constant time. Slow on purpose; run it off the event loop."""
        return hmac.compare_digest(self._stretch(passphrase), self._digest)

    def _stretch(self, passphrase: str) -> bytes:
        return hashlib.scrypt(
            _spelling(passphrase),
            salt=self._salt,
            n=_SCRYPT_N,
            r=_SCRYPT_R,
            p=_SCRYPT_P,
            maxmem=64 * 1024 * 1024,
        )


class HeldKeys(Generic[Key]):
    """Keys of one keybag while at least one holder needs them."""

    def __init__(self, keys: Key, check: PassphraseCheck) -> None:
        self._keys: Key | None = keys
        self.check = check
        self.holders = 0

    @property
    def is_wiped(self) -> bool:
        """Whether the last holder has gone."""
        return self._keys is None

    @property
    def keys(self) -> Key:
        """The keys; asking after they were wiped is a bug."""
        assert self._keys is not None, "keys were wiped"
        return self._keys

    def take_out(self) -> Key | None:
        """Hand the keys over for the last time."""
        keys, self._keys = self._keys, None
        return keys


class KeyCache(Generic[Key]):
    """All keys in this process, by the SHA-256 of their keybag."""

    def __init__(self, *, wipe: Callable[[Key], None]) -> None:
        self._wipe = wipe
        self._process_key = secrets.token_bytes(32)
        self._held: dict[str, HeldKeys[Key]] = {}
        self._running: dict[bytes, asyncio.Future[HeldKeys[Key]]] = {}

    def __len__(self) -> int:
        return len(self._held)

    async def acquire(
        self,
        keybag_digest: str,
        passphrase: str,
        *,
        attempt: Callable[[Callable[[], Awaitable[HeldKeys[Key]]]], Awaitable[HeldKeys[Key]]],
        derive: Callable[[], Key],
        in_thread: Callable[[Callable[[], object]], Awaitable[object]],
    ) -> HeldKeys[Key]:
        """Return the keys of a keybag, held for the caller until ``release``.

        *attempt* wraps the one comparison or derivation that callers with the same passphrase
        share, so that they count as one guess. Raises PassphraseMismatchError, or what *derive*
        or *attempt* raise.
        """
        # Known to this process only and gone with the call: it names "the same passphrase".
        flight = hashlib.blake2b(
            keybag_digest.encode() + b"\0" + _spelling(passphrase), key=self._process_key
        ).digest()

        made: list[HeldKeys[Key]] = []

        async def work() -> HeldKeys[Key]:
            held = self._held.get(keybag_digest)
            if held is not None:
                check = held.check
                if not await in_thread(lambda: check.accepts(passphrase)):
                    raise PassphraseMismatchError
                # The last holder may have gone while the comparison ran.
                if not held.is_wiped:
                    return held
            fresh = await in_thread(
                lambda: HeldKeys(
                    derive(), PassphraseCheck(passphrase, process_key=self._process_key)
                )
            )
            assert isinstance(fresh, HeldKeys)
            made.append(fresh)
            return self._held.setdefault(keybag_digest, fresh)

        async def lead() -> HeldKeys[Key]:
            kept: HeldKeys[Key] | None = None
            try:
                kept = await attempt(work)
                return kept
            finally:
                # What was derived in vain must not stay behind: the attempt was cancelled or
                # could not be settled, or another spelling of the passphrase was faster.
                for fresh in made:
                    if fresh is not kept:
                        self._drop(fresh)
                made.clear()

        while True:
            held = await self._share(flight, lead)
            # A caller that shared the work may wake up after the others came and went.
            if not held.is_wiped:
                held.holders += 1
                return held

    def release(self, held: HeldKeys[Key]) -> None:
        """Give keys back; the last holder wipes them."""
        held.holders -= 1
        if held.holders <= 0:
            self._drop(held)

    def _drop(self, held: HeldKeys[Key]) -> None:
        for digest, known in list(self._held.items()):
            if known is held:
                del self._held[digest]
        keys = held.take_out()
        if keys is not None:
            self._wipe(keys)

    async def _share(
        self, flight: bytes, work: Callable[[], Awaitable[HeldKeys[Key]]]
    ) -> HeldKeys[Key]:
        while (running := self._running.get(flight)) is not None:
            try:
                return await asyncio.shield(running)
            except _LeaderGoneError:
                continue
        future: asyncio.Future[HeldKeys[Key]] = asyncio.get_running_loop().create_future()
        self._running[flight] = future
        try:
            result = await work()
        except asyncio.CancelledError:
            future.set_exception(_LeaderGoneError())
            raise
        except Exception as error:
            future.set_exception(error)
            raise
        else:
            future.set_result(result)
            return result
        finally:
            del self._running[flight]
            if future.exception() is not None:
                # Nobody else may have waited; without this asyncio reports it as never retrieved.
                future.exception()


def _spelling(passphrase: str) -> bytes:
    """Composed and decomposed accents are one passphrase, as they are when keys are derived."""
    return unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass")

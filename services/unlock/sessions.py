"""The sessions of this process: who may use which, and until when. Pure; one event loop.

A session is used by the requests that are being answered as well: its keys and files are let go
when it is closed *and* the last of those is done, so that nothing is pulled from under a read.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from services.unlock import session_token
from services.unlock.errors import wrong_session
from shared.clock import seconds_passed
from shared.contracts.identifiers import SessionId
from shared.contracts.problems import locked
from shared.contracts.unlock import BACKUP_HEADER, TOKEN_HEADER, Session

Contents = TypeVar("Contents")


class LiveSession(Generic[Contents]):
    """One open session with what it opened.

    ``let_go(contents, done)`` is called once, when nobody uses the contents any more, and calls
    ``done`` when they are gone.
    """

    def __init__(
        self,
        session: Session,
        *,
        token_digest: bytes,
        contents: Contents,
        let_go: Callable[[Contents, Callable[[], None]], None],
    ) -> None:
        self.facts = session
        self.last_used_at = session.opened_at
        # Whichever is first: the time of day may be set back, and must not let a session live on.
        lifetime = session.expires_at - session.opened_at
        self._lives_until = seconds_passed() + lifetime.total_seconds()
        #: Set when keys and files are gone for good.
        self.ended = asyncio.Event()
        self._token_digest = token_digest
        self._contents: Contents | None = contents
        self._let_go = let_go
        self._is_open = True
        self._users = 0

    @property
    def session_id(self) -> SessionId:
        """The session's name on the bus."""
        return self.facts.session_id

    @property
    def is_open(self) -> bool:
        """Whether requests are still answered."""
        return self._is_open

    def admit(self, headers: Mapping[str, str], *, now: dt.datetime) -> None:
        """Check a request's headers; raises when the session is over or they do not fit it.

        A request without the headers comes from a service, which NATS has let in.
        """
        if not self._is_open or self.is_over(now):
            raise locked()
        token = headers.get(TOKEN_HEADER)
        backup = headers.get(BACKUP_HEADER)
        fits = token is None or session_token.matches(token, self._token_digest)
        if not fits or (backup is not None and backup != self.facts.backup_id):
            raise wrong_session()
        self.last_used_at = now

    def is_over(self, now: dt.datetime) -> bool:
        """Whether its time is over, by the time of day or by the time that has passed."""
        return now >= self.facts.expires_at or seconds_passed() >= self._lives_until

    def enter(self) -> Contents:
        """Keep what the session opened until ``leave`` is called, once for every ``enter``."""
        if not self._is_open or self._contents is None:
            raise locked()
        self._users += 1
        return self._contents

    def leave(self) -> None:
        """One user less; the last one of a closed session lets everything go."""
        self._users -= 1
        self._let_go_when_unused()

    def close(self) -> bool:
        """Answer no further request; false when it was closed before."""
        was_open, self._is_open = self._is_open, False
        self._let_go_when_unused()
        return was_open

    def _let_go_when_unused(self) -> None:
        if self._is_open or self._users or self._contents is None:
            return
        contents, self._contents = self._contents, None
        self._let_go(contents, self.ended.set)


class SessionTable(Generic[Contents]):
    """All live sessions by their id."""

    def __init__(self) -> None:
        self._by_id: dict[SessionId, LiveSession[Contents]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def add(self, live: LiveSession[Contents]) -> None:
        """Take a session up."""
        self._by_id[live.session_id] = live

    def remove(self, session_id: SessionId) -> LiveSession[Contents] | None:
        """Take a session out; None when it is not here (any more)."""
        return self._by_id.pop(session_id, None)

    def ids(self) -> list[SessionId]:
        """Every session here."""
        return list(self._by_id)

    def expired(self, now: dt.datetime) -> list[SessionId]:
        """Sessions whose time is over."""
        return [key for key, live in self._by_id.items() if live.is_over(now)]

    def next_expiry(self) -> dt.datetime | None:
        """When the next session ends by itself."""
        return min((live.facts.expires_at for live in self._by_id.values()), default=None)

    def used_since(self, moment: dt.datetime) -> dict[SessionId, dt.datetime]:
        """Sessions used after *moment*, with the time of their last use."""
        return {
            key: live.last_used_at
            for key, live in self._by_id.items()
            if live.last_used_at > moment
        }

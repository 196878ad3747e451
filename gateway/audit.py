"""What a person may have to account for is written down before it is done."""

from __future__ import annotations

from typing import Any

import asyncpg

from gateway import storage
from gateway.authentication import lacks
from gateway.tokens import Caller


class Audit:
    """Writes audit rows. Subjects are identifiers, never content."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    async def reveal(self, caller: Caller, subject: str, *, wanted: bool) -> None:
        """Let admins see serial and phone numbers, and note it. Raises the 403 problem."""
        if not wanted:
            return
        if "admin" not in caller.scopes:
            raise lacks("admin")
        await self.record(caller, "reveal", subject)

    async def record(self, caller: Caller, action: str, subject: str) -> None:
        """Note that *caller* does *action* to *subject* now."""
        await storage.record_audit(
            self._pool, actor=caller.token_id, action=action, subject=subject
        )

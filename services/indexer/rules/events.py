"""Events after which a backup is held against the rules: found, changed, unlocked."""

from __future__ import annotations

from collections.abc import Callable

from services.indexer.rules.storage import ask_checks
from shared.bus import Delivery, Reject
from shared.contracts.events import BackupChanged, BackupDiscovered, SessionOpened


class RuleEvents:
    """Handlers of the indexer's consumer."""

    def __init__(self, *, on_check: Callable[[], None]) -> None:
        """Call *on_check* whenever there is something to look at."""
        self._on_check = on_check

    async def on_backup(self, event: BackupDiscovered | BackupChanged, delivery: Delivery) -> None:
        """Take in that there is a backup, or another revision of it."""
        await self._ask(event.backup_id, delivery)

    async def on_session_opened(self, event: SessionOpened, delivery: Delivery) -> None:
        """Take in that a backup can be read now.

        Not what services open for themselves: a run that fails would bring on the next one.
        """
        if event.unattended:
            async with delivery.transaction():
                return
        await self._ask(event.backup_id, delivery)

    async def _ask(self, backup_id: str, delivery: Delivery) -> None:
        try:
            async with delivery.transaction() as connection:
                await ask_checks(connection, [backup_id], origin="rule")
        except ValueError:
            raise Reject("the id is not an id") from None
        self._on_check()

"""What devices are, as discovery knows it from their backups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.bus import Bus
from shared.contracts.discovery import ListBackups
from shared.contracts.identifiers import Udid
from shared.contracts.problems import ProblemError


class ProductTypes:
    """Asks discovery; what it does not say is not known."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def find(self, devices: Sequence[str]) -> Mapping[str, str | None]:
        """Return by UDID what Apple calls the devices: ``iPhone12,1``."""
        found: dict[str, str | None] = {}
        for device in devices:
            try:
                page = await self._bus.request(ListBackups(device=Udid(device), limit=1))
            except ProblemError:
                continue
            if page.items:
                found[device] = page.items[0].product_type
        return found

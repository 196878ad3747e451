"""`keepsake up` with two processes of every service, the gateway's on ports of their own.

Everything else is the real thing: one supervisor keeps all of them, each pair shares the login of
its service, and the second gateway listens where ``KEEPSAKE_CHAOS_SECOND_PORT`` says.
"""

from __future__ import annotations

import os
import sys

from deploy.local import __main__ as program
from deploy.local import supervisor
from deploy.local.address import Place
from deploy.local.engines import Engines
from deploy.local.services import MODULES, Service, child_environment, vault_mark
from shared.settings import Credentials, Secret


def _second(label: str) -> str:
    return f"second {label}"


class _SharedEngines(Engines):
    """Hands the second process of a service what the first one gets."""

    async def start(self, *, api_token: Secret) -> dict[str, Credentials]:
        credentials = await super().start(api_token=api_token)
        return {**credentials, **{_second(label): one for label, one in credentials.items()}}


class _Doubled(supervisor.Supervisor):
    def _make_services(self, place: Place) -> None:
        super()._make_services(place)
        overrides = {
            "KEEPSAKE_DATA_DIR": str(self._settings.data_dir),
            "KEEPSAKE_HTTP__PORT": os.environ["KEEPSAKE_CHAOS_SECOND_PORT"],
        }
        for label, module in MODULES.items():
            self._services[_second(label)] = Service(
                _second(label),
                module=module,
                mark=vault_mark(self._layout.digest),
                nursery=self._nursery,
                environment=child_environment(self._environ, overrides),
            )


if __name__ == "__main__":
    supervisor.Engines = _SharedEngines  # type: ignore[misc]
    program.Supervisor = _Doubled  # type: ignore[misc]
    sys.exit(program.main())

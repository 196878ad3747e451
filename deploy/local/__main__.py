"""``python -m deploy.local``: one vault on this machine, in the foreground until Ctrl-C.

Exit codes: 0 stopped as asked, 1 cannot start, 2 wrong settings, 3 runs already.
"""

from __future__ import annotations

import asyncio
import os
import sys

from deploy.local.console import Voice
from deploy.local.errors import StartError
from deploy.local.supervisor import Supervisor
from shared.settings import Settings, SettingsError
from shared.telemetry import configure_logging


def main() -> int:
    """Run until stopped; return the exit code."""
    environ = dict(os.environ)
    try:
        settings = Settings.load(environ)
        if sys.stderr.isatty() and "log.level" not in settings.explicit:
            # What a person reads here is where Keepsake is, and what goes wrong.
            environ["KEEPSAKE_LOG__LEVEL"] = "warning"
            settings = Settings.load(environ)
    except SettingsError as error:
        sys.stderr.write(f"keepsake: {error}\n")
        return 2
    configure_logging(settings.log, service="supervisor")
    voice = Voice()
    voice.starting(settings)
    try:
        asyncio.run(Supervisor(settings, environ=environ, voice=voice).run())
    except StartError as error:
        sys.stderr.write(f"keepsake: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

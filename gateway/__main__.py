"""Start the gateway alone: ``python -m gateway``."""

import asyncio
import contextlib

from gateway.service import start
from shared.runtime import main

if __name__ == "__main__":
    # Where there is no wheel of it, asyncio's own loop does the same work in more time.
    with contextlib.suppress(ImportError):
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    main("gateway", start, migrations="gateway.migrations")

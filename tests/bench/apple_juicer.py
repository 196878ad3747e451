"""apple-juicer's own reading of messages into its own tables, as its worker does it.

Not imported by us: its Python runs this with its checkout on the path, the store as the argument,
and the database in ``APPLE_JUICER_POSTGRES__DSN``. Prints how many messages its table has then.
"""

from __future__ import annotations

import asyncio
import sys
from importlib import import_module
from pathlib import Path
from typing import Any


async def _ingest(store: Path) -> int:
    tasks: Any = import_module("worker.tasks")
    session: Any = import_module("core.db.session")
    models: Any = import_module("core.db.models")
    sqlalchemy: Any = import_module("sqlalchemy")
    await session.init_models()
    async with session.async_session_factory() as opened:
        backup = models.Backup(ios_identifier="bench", path="bench", display_name="bench")
        opened.add(backup)
        await opened.flush()
        await tasks._ingest_messages(opened, backup, store)
        await opened.commit()
        counted = await opened.scalar(
            sqlalchemy.select(sqlalchemy.func.count()).select_from(tasks.Message)
        )
    await session.engine.dispose()
    return int(counted)


if __name__ == "__main__":
    print(asyncio.run(_ingest(Path(sys.argv[1]))))  # noqa: T201 -- the command's output

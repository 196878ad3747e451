"""Start the archiver: ``python -m services.archiver``."""

from __future__ import annotations

from services.archiver.service import start
from shared.runtime import main

if __name__ == "__main__":
    main("archiver", start, migrations="services.archiver.migrations")

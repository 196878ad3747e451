"""Start the unlock service: ``python -m services.unlock``."""

from __future__ import annotations

from services.unlock.service import start
from shared.runtime import main

if __name__ == "__main__":
    main("unlock", start, migrations="services.unlock.migrations")

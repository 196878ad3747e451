"""Start the discovery service: ``python -m services.discovery``."""

from __future__ import annotations

from services.discovery.service import start
from shared.runtime import main

if __name__ == "__main__":
    main("discovery", start, migrations="services.discovery.migrations")

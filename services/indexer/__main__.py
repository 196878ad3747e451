"""``python -m services.indexer``: run the indexer alone."""

from __future__ import annotations

from services.indexer.service import start
from shared.runtime import main

if __name__ == "__main__":
    main("indexer", start, migrations="services.indexer.migrations")

"""Start the gateway alone: ``python -m gateway``."""

from gateway.service import start
from shared.runtime import main

if __name__ == "__main__":
    main("gateway", start, migrations="gateway.migrations")

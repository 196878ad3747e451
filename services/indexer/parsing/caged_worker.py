"""The parser process as the indexer starts it: one that does not outlive the indexer."""

from __future__ import annotations

import sys
from importlib import import_module

from shared.parent_death import die_with_parent


def main() -> None:
    """Tie this process to its parent, import what the parser needs, then parse."""
    die_with_parent(int(sys.argv[1]))

    from services.indexer.parsing.parse_worker import main as parse_one

    # Before the request comes: what it is about may still be on its way.
    for module in sys.argv[2:]:
        import_module(module)
    parse_one()


if __name__ == "__main__":
    main()

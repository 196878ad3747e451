"""The parser process as the indexer starts it: one that does not outlive the indexer."""

from __future__ import annotations

import sys

from shared.parent_death import die_with_parent


def main() -> None:
    """Tie this process to its parent, then parse."""
    die_with_parent(int(sys.argv[1]))

    from services.indexer.parse_worker import main as parse_one

    parse_one()


if __name__ == "__main__":
    main()

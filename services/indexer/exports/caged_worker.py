"""The export process as the indexer starts it: one that does not outlive the indexer."""

from __future__ import annotations

import sys

from shared.parent_death import die_with_parent


def main() -> None:
    """Tie this process to its parent, then write one export."""
    die_with_parent(int(sys.argv[1]))

    from services.indexer.exports.worker import main as write_one

    write_one()


if __name__ == "__main__":
    main()

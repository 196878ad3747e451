"""Index runs: from a backup's files to its place in the history."""

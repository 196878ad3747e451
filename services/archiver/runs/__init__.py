"""Runs: a source becomes an archive, an archive becomes files again."""

"""Indexer: reads what is inside backups, keeps one history per device, and finds things in it."""

"""Forward-only migrations of the schema ``indexer``."""

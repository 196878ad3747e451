"""Forward-only migrations of the schema ``discovery``."""

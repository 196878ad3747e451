"""Forward-only migrations of the schema ``unlock``."""

"""SQL that every service applies in its own schema, before its own migrations."""

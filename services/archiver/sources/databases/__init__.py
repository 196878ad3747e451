"""A Postgres database as a source: a dump, and what it holds as of the same moment."""

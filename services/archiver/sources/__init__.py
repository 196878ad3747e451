"""Sources: what is archived, and how it is read without missing or mixing anything."""

"""Archiver: copies what must not be lost to destinations, and gets it back from there."""

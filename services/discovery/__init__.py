"""Finds the backups below the configured roots and keeps what is known about them true."""

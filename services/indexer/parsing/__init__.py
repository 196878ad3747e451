"""Processes of their own for everything that reads what a backup holds."""

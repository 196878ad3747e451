"""Devices that follow each other, seen as one history."""

"""Keepsake on one machine without Docker: engines from binaries, services as child processes."""

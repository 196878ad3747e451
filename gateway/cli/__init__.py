"""The ``keepsake`` command: a thin client of the HTTP API. It imports what a command needs only."""

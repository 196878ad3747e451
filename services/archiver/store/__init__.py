"""The store: trees as objects that all archives of a destination share."""

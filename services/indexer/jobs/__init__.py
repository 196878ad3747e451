"""Jobs: their rows, their progress, their ends."""

"""Eight years of a family on its phones: what ``make demo`` shows."""

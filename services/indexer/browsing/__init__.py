"""Reading lists and single things of a history."""

"""Search: from what a person typed to a page of hits."""

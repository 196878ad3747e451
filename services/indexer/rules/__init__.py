"""Rules of what is indexed by itself, and the looks that they ask for."""

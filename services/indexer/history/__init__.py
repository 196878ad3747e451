"""The history of a device: its timelines, its rows, and what follows from both."""

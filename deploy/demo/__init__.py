"""A believable phone, written as a real backup: for tests, demonstrations and first steps."""

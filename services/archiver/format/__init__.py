"""What lies in a destination, byte by byte. Described for strangers in ``docs/archive-format.md``.

Pure code: nothing here knows where bytes come from or go to. What is written once is never written
in another way; a change is a new version beside the old one, and old ones stay readable for ever.
"""

"""Notes: NoteStore.sqlite of iOS 9 to 26, and the notes.sqlite of phones before that."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink

DOMAIN = "AppDomainGroup-group.com.apple.notes"
STORE = "NoteStore.sqlite"
OLD_DOMAIN = "HomeDomain"
OLD_STORE = "Library/Notes/notes.sqlite"


class NoteParser(KindParser):
    """The notes of all accounts, with their folders, tables, checklists and files."""

    kind = "note"
    title = "Notes"
    note = (
        "Notes of all accounts with folders, lists, checklists, tables, links, tags and files. "
        "Drawings and scans are shown as the pictures that the phone made of them. Locked notes "
        "are listed by title and folder only; `keepsake note` shows one to who has its passphrase."
    )
    version = 1
    files = (
        NeededFile(domain=DOMAIN, relative_path=STORE),
        NeededFile(domain=OLD_DOMAIN, relative_path=OLD_STORE),
    )
    # Until iOS 11 the folders of files lay beside the store, since then in one for each account.
    listings = tuple(
        (DOMAIN, f"{folder}/")
        for folder in ("Accounts", "Media", "Previews", "FallbackImages", "FallbackPDFs")
    )

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every note; one bad record costs one record."""
        from services.indexer.kinds.note.reading import parse_notes

        parse_notes(inputs, sink)

"""Contacts: AddressBook.sqlitedb and its images."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink

_ADDRESS_BOOK = "Library/AddressBook/AddressBook.sqlitedb"
_IMAGES = "Library/AddressBook/AddressBookImages.sqlitedb"


class ContactParser(KindParser):
    """The people and companies in the phone's address book."""

    kind = "contact"
    title = "Contacts"
    note = "Contacts of all accounts on the phone, with their groups and pictures."
    version = 2
    files = (
        NeededFile(domain="HomeDomain", relative_path=_ADDRESS_BOOK),
        NeededFile(domain="HomeDomain", relative_path=_IMAGES, required=False),
    )

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every contact; one bad record costs one record."""
        from services.indexer.kinds.address_book import parse_contacts

        parse_contacts(inputs, sink)

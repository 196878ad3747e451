"""Contacts as vCard 4.0, one file for an address book."""

from __future__ import annotations

from contextlib import ExitStack
from typing import ClassVar

from services.indexer.exports.formats.protocol import Format, Group, Item, Sink
from shared.member_names import name_part


class Vcf(Format):
    """Address books."""

    name = "vcf"
    kinds: ClassVar = frozenset({"contact"})

    def begin_group(self, group: Group) -> None:
        """Open the file of an address book."""
        path = self.output.name(f"{name_part(group.title, most_bytes=80)}.vcf")
        self._open = ExitStack()
        self._sink: Sink = self._open.enter_context(self.output.member(path))

    def add(self, item: Item) -> str | None:
        """Append one card."""
        from services.indexer.exports.formats.vcards import card_of

        self._sink.write(card_of(item.artifact))
        return None

    def end_group(self) -> None:
        """Close the file."""
        self._open.close()

    def end(self) -> None:
        """Nothing is about all of them."""


FORMAT = Vcf

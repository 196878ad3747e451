"""Reading blobs back: every byte is held against its name before anybody gets it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

from services.archiver.errors import DamagedArchiveError, ObjectMissingError
from services.archiver.format.names import (
    PACK_BYTES,
    SMALL_BYTES,
    object_path,
    pack_path,
    sha256_hex,
)
from services.archiver.format.tree import BlobPlace
from services.archiver.store.ahead import Ahead
from services.archiver.store.transport import Transport

#: Files that were archived together lie in the same packs, so few do.
_KEPT_PACKS = 2
#: Longer ones are none of ours; a pack of a single blob may exceed what others hold.
_MOST_PACK_BYTES = PACK_BYTES + SMALL_BYTES


class BlobReader:
    """Reads blobs of one store. Used by one thread."""

    def __init__(
        self,
        transport: Transport,
        *,
        takes_whole_packs: bool,
        elsewhere: Callable[[str], BlobPlace | None] = lambda _blob: None,
    ) -> None:
        """Fetch packs as a whole where most of what is in them is wanted, else parts of them.

        *elsewhere* tells where a blob lies today. One that was lost and stored again is in another
        pack than the trees of older archives say.
        """
        self._transport = transport
        self._takes_whole_packs = takes_whole_packs
        self._elsewhere = elsewhere
        self._packs: OrderedDict[str, bytes] = OrderedDict()
        self._ahead = Ahead(self._get)

    @property
    def is_full(self) -> bool:
        """Whether more is expected than is fetched ahead."""
        return self._ahead.is_full

    def expect(self, places: Iterable[BlobPlace]) -> None:
        """Say that these are read next, after what was expected before; reads none of them.

        Objects of their own and whole packs are fetched ahead. Whoever expects closes the reader.
        """
        for place in places:
            if place.pack is None:
                self._ahead.expect(object_path(place.sha256), _whole(place))
            elif self._takes_whole_packs and place.pack not in self._packs:
                self._ahead.expect(pack_path(place.pack), _MOST_PACK_BYTES)

    def close(self) -> None:
        """Fetch nothing ahead any more, and let go of what was fetched."""
        self._ahead.close()
        self._packs.clear()

    def read(self, place: BlobPlace) -> bytes:
        """Return a blob. Raises ``DamagedArchiveError`` for one that is missing or another."""
        try:
            return self._read(place)
        except DamagedArchiveError:
            today = self._elsewhere(place.sha256)
            if today is None or today == place or today.sha256 != place.sha256:
                raise
            return self._read(today)

    def _read(self, place: BlobPlace) -> bytes:
        try:
            content = self._fetch(place)
        except ObjectMissingError:
            raise DamagedArchiveError(
                "A part of the archive is missing in the destination."
            ) from None
        if len(content) != place.size_bytes or sha256_hex(content) != place.sha256:
            raise DamagedArchiveError("A part of the archive is damaged in the destination.")
        return content

    def _fetch(self, place: BlobPlace) -> bytes:
        if place.pack is None:
            return self._take(object_path(place.sha256), _whole(place))
        if not self._takes_whole_packs:
            return self._transport.get(
                pack_path(place.pack), offset=place.offset, size_bytes=place.size_bytes
            )
        pack = self._packs.get(place.pack)
        if pack is None:
            while len(self._packs) >= _KEPT_PACKS:
                self._packs.popitem(last=False)
            pack = self._take(pack_path(place.pack), _MOST_PACK_BYTES)
            self._packs[place.pack] = pack
        self._packs.move_to_end(place.pack)
        return pack[place.offset : place.offset + place.size_bytes]

    def _take(self, path: str, most_bytes: int) -> bytes:
        content = self._ahead.take(path)
        return self._get(path, most_bytes) if content is None else content

    def _get(self, path: str, most_bytes: int) -> bytes:
        return self._transport.get(path, size_bytes=most_bytes)


def _whole(place: BlobPlace) -> int:
    # One byte more than there may be, so that a longer object is noticed.
    return place.size_bytes + 1

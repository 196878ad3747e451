"""Places of the Maps app: what was looked for, favourites, guides and visits."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink

#: Maps keeps its store with the app or in the group that it shares with its extensions.
_DOMAIN = "AppDomain*com.apple.Maps"
_STORE = "*MapsSync_0.0.1"


class PlaceParser(KindParser):
    """Places that somebody looked for, saved or visited."""

    kind = "place"
    title = "Places"
    note = (
        "Searches, directions, favourites, guides and visited places of Maps (iOS 14 and later). "
        "Where photos were taken is with the photos. Routes are known by the addresses at their "
        "ends; histories of iOS 13 and older are not read."
    )
    version = 1
    files = (NeededFile(domain=_DOMAIN, relative_path=_STORE, at_most=8),)

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every store of Maps; one bad record costs one record."""
        from services.indexer.kinds.place.reading import parse_places

        parse_places([copy for _, _, copy in inputs.matching(_DOMAIN, _STORE)], sink)

"""Voice memos: what was recorded in Apple's app for it."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink
from services.indexer.kinds.voice_memo.places import MANIFEST, PLACES


class VoiceMemoParser(KindParser):
    """Recordings with their titles and folders, wherever this version of iOS keeps them."""

    kind = "voice_memo"
    title = "Voice memos"
    note = (
        "Recordings of the Voice Memos app with titles, folders, edits and those recently deleted, "
        "of iOS 3 to 26, and files of recordings that no list knows. The transcripts that iOS 18 "
        "and later write inside of recordings are not read: whether there is one is said."
    )
    version = 1
    files = (
        *(
            NeededFile(domain=place.domain, relative_path=f"{place.folder}{name}")
            for place in PLACES
            for name in place.stores
        ),
        *(
            NeededFile(
                domain=place.domain,
                relative_path=f"{place.folder}{MANIFEST}",
                required=False,
                # Only of edited recordings, and each one is a small file to be fetched.
                at_most=500,
            )
            for place in PLACES
        ),
    )
    listings = tuple((place.domain, place.folder) for place in PLACES)
    enough = listings
    #: Files are listed with their times only together with their attributes.
    attributes = "com.apple.VoiceMemos."

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every recording; one bad record costs one record."""
        from services.indexer.kinds.voice_memo.reading import parse_voice_memos

        parse_voice_memos(inputs, sink)

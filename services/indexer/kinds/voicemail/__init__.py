"""Voicemails: the phone's list of them, their recordings and transcripts, and own greetings."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink

DOMAIN = "HomeDomain"
FOLDER = "Library/Voicemail/"
STORE = f"{FOLDER}voicemail.db"


class VoicemailParser(KindParser):
    """Voicemails, each in the thread of who left it."""

    kind = "voicemail"
    title = "Voicemails"
    note = (
        "Voicemails that the phone has downloaded, with their recordings, the phone's transcripts "
        "and the SIM they came in by, those in the trash too, and the owner's greetings. Carriers "
        "without visual voicemail keep them on their own machines."
    )
    version = 1
    files = (
        NeededFile(domain=DOMAIN, relative_path=STORE),
        NeededFile(
            domain=DOMAIN,
            relative_path=f"{FOLDER}*.transcript",
            required=False,
            # Carriers keep some dozens; each one is a small file to be fetched.
            at_most=1000,
        ),
    )
    listings = ((DOMAIN, FOLDER),)
    enough = listings
    #: Files are listed with their times only together with their attributes.
    attributes = "com.apple.voicemail."

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every voicemail; one bad record costs one record."""
        from services.indexer.kinds.voicemail.reading import parse_voicemails

        parse_voicemails(inputs, sink)

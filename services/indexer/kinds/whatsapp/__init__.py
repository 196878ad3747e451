"""WhatsApp and WhatsApp Business: chats, calls and what was sent in them."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink
from services.indexer.kinds.whatsapp.places import APPS, BESIDE


class WhatsAppParser(KindParser):
    """Messages, calls and chats of both apps, each app with threads of its own."""

    kind = "whatsapp"
    title = "WhatsApp"
    note = (
        "Chats, groups, channels and calls of WhatsApp and WhatsApp Business with media, answers, "
        "reactions, polls, places and contact cards. The phone keeps only the last wording of an "
        "edited message: earlier ones are known from earlier backups. Media that were removed "
        "from the phone are listed without their content. While WhatsApp's own end-to-end "
        "encrypted backup is on, it leaves its chats out of the phone's backups."
    )
    version = 2
    files = tuple(
        NeededFile(domain=app.domain, relative_path=path, required=path == app.chats)
        for app in APPS
        for path in (app.chats, *(f"{app.folder}{name}" for name in BESIDE))
    )
    listings = tuple((domain, prefix) for app in APPS for domain, prefix in app.media)

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every chat; one bad record costs one record."""
        from services.indexer.kinds.whatsapp.reading import parse_whatsapp

        parse_whatsapp(inputs, sink)

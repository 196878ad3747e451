"""Messages: sms.db with its attachments."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink


class MessageParser(KindParser):
    """iMessage, SMS and RCS conversations."""

    kind = "message"
    title = "Messages"
    note = (
        "iMessage, SMS and RCS with attachments, reactions, replies, edits and recently deleted "
        "messages. Attachments that only iCloud holds are listed without their content."
    )
    version = 1
    keeps_memory = True
    files = (
        NeededFile(domain="HomeDomain", relative_path="Library/SMS/sms.db"),
        # How long the phone is set to keep messages.
        NeededFile(
            domain="HomeDomain",
            relative_path="Library/Preferences/com.apple.MobileSMS.plist",
            required=False,
        ),
    )
    listings = (
        ("MediaDomain", "Library/SMS/"),
        ("HomeDomain", "Library/SMS/"),
        ("HomeDomain", "Library/Messages/"),
    )

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every message; one bad record costs one record."""
        from services.indexer.kinds.message.conversation import parse_messages

        parse_messages(inputs, sink)

"""Calls: the phone's list of recent calls, by whatever app they were made."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink

DOMAIN = "HomeDomain"
STORE = "Library/CallHistoryDB/CallHistory.storedata"
#: Calls from before the phone was first unlocked, until it moves them to the other one.
TEMPORARY_STORE = "Library/CallHistoryDB/CallHistoryTemp.storedata"
#: Of iOS 7 and before.
OLD_DOMAIN = "WirelessDomain"
OLD_STORE = "Library/CallHistory/call_history.db"


class CallParser(KindParser):
    """Calls by phone, FaceTime and other apps, each in the thread of those it was with."""

    kind = "call"
    title = "Calls"
    note = (
        "Calls by phone, FaceTime and apps that use the phone's own call screen, of iOS 4 to 26. "
        "Phones keep about the last thousand: older ones are known from earlier backups. Since "
        "iOS 13 they are in encrypted backups only. Calls that were deleted from the list are "
        "not looked for in the phone's log of changes."
    )
    version = 1
    encrypted_only = True
    files = (
        NeededFile(domain=DOMAIN, relative_path=STORE),
        NeededFile(domain=DOMAIN, relative_path=TEMPORARY_STORE, required=False),
        NeededFile(domain=OLD_DOMAIN, relative_path=OLD_STORE),
    )

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every call; one bad record costs one record."""
        from services.indexer.kinds.call.reading import parse_calls

        parse_calls(inputs, sink)

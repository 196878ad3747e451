"""Where phones keep voice memos. They move with new versions, and old lists stay behind."""

from __future__ import annotations

from typing import NamedTuple

#: The list of iOS 12 and later, and the one before.
STORE, OLD_STORE = "CloudRecordings.db", "Recordings.db"
#: What lies beside an edited recording: its title, identity and parts.
MANIFEST = "*.composition/manifest.plist"


class Place(NamedTuple):
    """A folder with recordings and the lists in it, the newest first."""

    domain: str
    folder: str
    stores: tuple[str, ...]


#: The newest first.
PLACES = (
    Place("AppDomainGroup-group.com.apple.VoiceMemos.shared", "Recordings/", (STORE,)),
    Place("AppDomainGroup-group.com.apple.VoiceMemos", "Recordings/", (STORE,)),
    Place("MediaDomain", "Media/Recordings/", (STORE, OLD_STORE)),
)

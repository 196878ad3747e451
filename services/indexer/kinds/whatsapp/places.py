"""Where the apps keep their stores and media, by the domains of the backup."""

from __future__ import annotations

from typing import NamedTuple

#: Stores that lie beside the chats, each of which may be missing.
CONTACTS, CALLS, LIDS = "ContactsV2.sqlite", "CallHistory.sqlite", "LID.sqlite"
BESIDE = (CONTACTS, CALLS, LIDS)

_SHARED = "AppDomainGroup-group.net.whatsapp.WhatsApp.shared"
_BUSINESS = "AppDomainGroup-group.net.whatsapp.WhatsAppSMB.shared"
_OLD = "AppDomain-net.whatsapp.WhatsApp"


class App(NamedTuple):
    """One app, or one place in which it kept its chats."""

    #: Stands in keys of artifacts and threads; never to be changed.
    key: str
    service: str
    domain: str
    #: The folder of the stores, with its slash.
    folder: str
    #: Domains and folders in which media may lie; paths of the store are looked for in that order.
    media: tuple[tuple[str, str], ...]

    @property
    def chats(self) -> str:
        """The path of the store of chats."""
        return f"{self.folder}ChatStorage.sqlite"


#: The app moved its store into the shared folder in 2015, and its media some time afterwards.
APPS = (
    App(
        "whatsapp",
        "WhatsApp",
        _SHARED,
        "",
        ((_SHARED, "Message/"), (_SHARED, "Media/"), (_OLD, "Library/Media/")),
    ),
    App(
        "whatsapp_business",
        "WhatsApp Business",
        _BUSINESS,
        "",
        ((_BUSINESS, "Message/"), (_BUSINESS, "Media/")),
    ),
    App("whatsapp", "WhatsApp", _OLD, "Documents/", ((_OLD, "Library/Media/"),)),
)

"""The kinds that Keepsake can index. Importing this is cheap; parsing imports the rest."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from services.indexer.kinds.account import AccountParser
from services.indexer.kinds.bookmark import BookmarkParser
from services.indexer.kinds.calendar_event import CalendarEventParser
from services.indexer.kinds.call import CallParser
from services.indexer.kinds.contact import ContactParser
from services.indexer.kinds.data_usage import DataUsageParser
from services.indexer.kinds.health import HealthParser
from services.indexer.kinds.installed_app import InstalledAppParser
from services.indexer.kinds.interaction import InteractionParser
from services.indexer.kinds.message import MessageParser
from services.indexer.kinds.note import NoteParser
from services.indexer.kinds.open_tab import OpenTabParser
from services.indexer.kinds.permission import PermissionParser
from services.indexer.kinds.photo import PhotoParser
from services.indexer.kinds.place import PlaceParser
from services.indexer.kinds.protocol import KindParser
from services.indexer.kinds.reminder import ReminderParser
from services.indexer.kinds.voice_memo import VoiceMemoParser
from services.indexer.kinds.voicemail import VoicemailParser
from services.indexer.kinds.web_visit import WebVisitParser
from services.indexer.kinds.whatsapp import WhatsAppParser
from services.indexer.kinds.wifi_network import WifiNetworkParser

#: Our own kinds by their names, in the order in which they are indexed: contacts are small and
#: quick, and what people look for first comes before the rest.
OURS: dict[str, KindParser] = {
    parser.kind: parser
    for parser in (
        ContactParser(),
        MessageParser(),
        WhatsAppParser(),
        CallParser(),
        VoicemailParser(),
        VoiceMemoParser(),
        PhotoParser(),
        NoteParser(),
        CalendarEventParser(),
        ReminderParser(),
        WebVisitParser(),
        BookmarkParser(),
        OpenTabParser(),
        InteractionParser(),
        HealthParser(),
        PlaceParser(),
        InstalledAppParser(),
        AccountParser(),
        WifiNetworkParser(),
        PermissionParser(),
        DataUsageParser(),
    )
}

if TYPE_CHECKING:
    #: Every kind by its name: ours, and after them those of installed packages.
    PARSERS: dict[str, KindParser]


def find_parser(kind: str) -> KindParser | None:
    """Return the parser of *kind*; one of ours is found without looking for others."""
    return OURS.get(kind) or _everything().get(kind)


def __getattr__(name: str) -> dict[str, KindParser]:
    if name != "PARSERS":
        raise AttributeError(name)
    return _everything()


@cache
def _everything() -> dict[str, KindParser]:
    # Looking through installed packages takes longer than parsers take to start.
    from services.indexer.kinds.installed import with_installed

    return with_installed(OURS.values())

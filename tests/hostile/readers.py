"""Every reader of untrusted input by its name; each says in its own module how it is used."""

from __future__ import annotations

from collections.abc import Callable

from tests.hostile.calendar_readers import Calendars, Reminders
from tests.hostile.call_readers import Calls, Voicemails, VoiceMemos
from tests.hostile.container_readers import Folders, Keybags, PropertyLists
from tests.hostile.content_readers import Archives, Protobufs, TypedStreams
from tests.hostile.device_readers import (
    Accounts,
    DataUsages,
    InstalledApps,
    Permissions,
    WifiNetworks,
)
from tests.hostile.health_readers import Healths, Places
from tests.hostile.manifest_readers import ArchivedEntries, Blobs, Manifests, OldManifests
from tests.hostile.note_readers import NoteContents, Notes
from tests.hostile.photo_readers import Photos, SmallPictures
from tests.hostile.reader import Reader
from tests.hostile.web_readers import Bookmarks, Interactions, OpenTabs, WebVisits
from tests.hostile.whatsapp_readers import WhatsApps
from tests.hostile.workers import AddressBooks, Messages


def all_readers() -> dict[str, Callable[[], Reader]]:
    """Every reader by its name."""
    made: tuple[Callable[[], Reader], ...] = (
        PropertyLists,
        Keybags,
        Folders,
        lambda: Manifests(encrypted=False),
        lambda: Manifests(encrypted=True),
        OldManifests,
        ArchivedEntries,
        Blobs,
        TypedStreams,
        Archives,
        Protobufs,
        Messages,
        AddressBooks,
        Photos,
        SmallPictures,
        WhatsApps,
        Calls,
        Voicemails,
        VoiceMemos,
        WebVisits,
        Bookmarks,
        OpenTabs,
        Interactions,
        Notes,
        NoteContents,
        Calendars,
        Reminders,
        Healths,
        Places,
        InstalledApps,
        Accounts,
        WifiNetworks,
        Permissions,
        DataUsages,
    )
    return {make().name: make for make in made}

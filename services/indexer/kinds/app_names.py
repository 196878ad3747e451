"""Names of apps for people, where the phone's stores know bundle ids only.

Called by kinds that set ``needs_apps``. What comes from the App Store has its name in Info.plist;
Apple's own apps have none in any backup.
"""

from __future__ import annotations

from services.indexer.kinds.protocol import ParserInputs

#: A phone has some hundreds of apps.
_MOST_APPS = 20_000

_APPLE = {
    "com.apple.AppStore": "App Store",
    "com.apple.Bridge": "Watch",
    "com.apple.DocumentsApp": "Files",
    "com.apple.Fitness": "Fitness",
    "com.apple.Health": "Health",
    "com.apple.Home": "Home",
    "com.apple.Magnifier": "Magnifier",
    "com.apple.Maps": "Maps",
    "com.apple.MobileAddressBook": "Contacts",
    "com.apple.MobileSMS": "Messages",
    "com.apple.MobileStore": "iTunes Store",
    "com.apple.Music": "Music",
    "com.apple.Passbook": "Wallet",
    "com.apple.Passwords": "Passwords",
    "com.apple.Preferences": "Settings",
    "com.apple.Translate": "Translate",
    "com.apple.VoiceMemos": "Voice Memos",
    "com.apple.calculator": "Calculator",
    "com.apple.camera": "Camera",
    "com.apple.compass": "Compass",
    "com.apple.facetime": "FaceTime",
    "com.apple.findmy": "Find My",
    "com.apple.freeform": "Freeform",
    "com.apple.gamecenter": "Game Center",
    "com.apple.iBooks": "Books",
    "com.apple.journal": "Journal",
    "com.apple.measure": "Measure",
    "com.apple.mobilecal": "Calendar",
    "com.apple.mobilemail": "Mail",
    "com.apple.mobilenotes": "Notes",
    "com.apple.mobilephone": "Phone",
    "com.apple.mobilesafari": "Safari",
    "com.apple.mobileslideshow": "Photos",
    "com.apple.mobiletimer": "Clock",
    "com.apple.news": "News",
    "com.apple.podcasts": "Podcasts",
    "com.apple.purplebuddy": "Setup",
    "com.apple.reminders": "Reminders",
    "com.apple.shortcuts": "Shortcuts",
    "com.apple.stocks": "Stocks",
    "com.apple.tips": "Tips",
    "com.apple.tv": "TV",
    "com.apple.videos": "Videos",
    "com.apple.weather": "Weather",
}


def apple_name(bundle_id: str) -> str | None:
    """Return the name of one of Apple's own apps, or None."""
    return _APPLE.get(bundle_id)


class AppNames:
    """The names of the apps of one backup."""

    def __init__(self, inputs: ParserInputs) -> None:
        """Read the backup's apps once."""
        self._names: dict[str, str] = {}
        for app in inputs.apps():
            if app.name and len(self._names) < _MOST_APPS:
                self._names[app.bundle_id] = app.name

    def name(self, bundle_id: str | None) -> str | None:
        """Return what an app calls itself, or None when nobody says."""
        if bundle_id is None:
            return None
        return self._names.get(bundle_id) or apple_name(bundle_id)

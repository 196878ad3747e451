"""What an account says of its owner and its server, and words for what it is used for.

Of the properties only those named here are looked at; others hold cookies and identities.
"""

from __future__ import annotations

from typing import Any

from services.indexer.kinds.keyed_archive import load_archive
from services.indexer.kinds.records import Record
from services.indexer.kinds.values import text_of

_FIRST, _LAST, _FULL = "firstName", "lastName", "FullUserName"
_SERVERS = ("DAAccountHost", "Hostname")
_EMAILS = ("EmailAddresses", "primaryEmail", "email-address", "IdentityEmailAddress")
#: The only properties that are ever looked at.
PROPERTIES = (_FIRST, _LAST, _FULL, *_SERVERS, *_EMAILS)
_LARGEST_VALUE_BYTES = 64 * 1024
_MOST_EMAILS = 50
_LONGEST = 500
_DATACLASS = "com.apple.Dataclass."
#: What Settings calls what is not clear by itself; nothing for what is never shown to people.
_SERVICES = {
    "Bookmarks": "Safari",
    "CloudDesktop": "Desktop & Documents",
    "CloudPhotos": "Photos",
    "DeviceLocator": "Find My",
    "FitnessPlus": "Fitness+",
    "KeychainSync": "Keychain",
    "MediaStream": "Photo Stream",
    "NetworkVPN": "VPN",
    "SharedStreams": "Shared albums",
    "SettingsSync": "Settings",
    "ShareLocation": "Location sharing",
    "ServerDocuments": "Documents",
    "Shoebox": "Wallet",
    "Ubiquity": "iCloud Drive",
}

Properties = dict[str, Any]


def read_properties(rows: list[Record]) -> Properties:
    """Return the values of one account's properties by name; the first one of several."""
    found: Properties = {}
    for row in rows:
        name, value = row["ZKEY"], row["ZVALUE"]
        if name not in PROPERTIES or name in found:
            continue
        if isinstance(value, bytes) and len(value) <= _LARGEST_VALUE_BYTES:
            value = load_archive(value)
        if isinstance(value, str):
            text = text_of(value[:_LONGEST])
            if text is not None:
                found[name] = text
        elif isinstance(value, list) and name in _EMAILS:
            found[name] = [
                text[:_LONGEST]
                for one in value[:_MOST_EMAILS]
                if isinstance(one, str) and (text := text_of(one[:_LONGEST])) is not None
            ]
    return found


def full_name(properties: Properties) -> str | None:
    """Return the name of the owner."""
    full = properties.get(_FULL)
    if full is not None:
        return str(full)
    return " ".join(properties[name] for name in (_FIRST, _LAST) if name in properties) or None


def emails(properties: Properties) -> tuple[str, ...]:
    """Return the owner's addresses, each once."""
    found: list[str] = []
    for name in _EMAILS:
        value = properties.get(name)
        found += value if isinstance(value, list) else [value] if value else []
    return tuple(dict.fromkeys(found))


def server(properties: Properties) -> str | None:
    """Return the name of the server."""
    return next((properties[name] for name in _SERVERS if properties.get(name)), None)


def dataclass_name(raw: object) -> str | None:
    """Return the phone's name of something that accounts do; an archive with one text."""
    named = load_archive(raw) if isinstance(raw, bytes) else raw
    return text_of(named[:_LONGEST]) if isinstance(named, str) else None


def service_words(names: set[str]) -> tuple[str, ...]:
    """Return what Settings calls the phone's *names*, in order."""
    short = (name.removeprefix(_DATACLASS) for name in names)
    return tuple(sorted({_SERVICES.get(name, name) for name in short}))

"""XMP beside a picture: the words that photo libraries agree on (ISO 16684-1).

Faces are named, not drawn: where they are is told by the phone for the picture as shown, and by XMP
for the picture as stored.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from services.indexer.exports.formats.cleaning import clean, one_line
from services.indexer.kinds.photo.payload import Album, PhotoPayload
from shared.contracts.indexer import Artifact

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_META = "adobe:ns:meta/"
_SPACES = {
    "x": _META,
    "rdf": _RDF,
    "dc": "http://purl.org/dc/elements/1.1/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
}
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_MOST = 500

for _prefix, _space in _SPACES.items():
    ET.register_namespace(_prefix, _space)


def sidecar_of(artifact: Artifact, payload: PhotoPayload) -> bytes:
    """Return the XMP packet of one photo."""
    root = ET.Element(f"{{{_META}}}xmpmeta", {f"{{{_META}}}xmptk": "Keepsake"})
    about = ET.SubElement(ET.SubElement(root, f"{{{_RDF}}}RDF"), f"{{{_RDF}}}Description")
    about.set(f"{{{_RDF}}}about", "")
    if (when := taken_at(artifact, payload)) is not None:
        for name in ("exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate"):
            _say(about, name, when)
    if payload.is_favourite:
        # Nobody else knows hearts: five stars are what they are taken for.
        _say(about, "xmp:Rating", "5")
    _place(about, payload)
    if payload.title:
        _words(about, "dc:title", payload.title)
    if said := "\n".join(filter(None, (payload.caption, payload.description))):
        _words(about, "dc:description", said)
    _list(about, "dc:subject", payload.keywords)
    names = tuple(dict.fromkeys(face.name for face in payload.people))
    _list(about, "Iptc4xmpExt:PersonInImage", names)
    paths = [
        *((one,) for one in payload.keywords),
        *(("People", name) for name in names),
        *(("Albums", *album_path(album)) for album in payload.albums),
    ]
    _list(about, "digiKam:TagsList", (_joined(path, "/") for path in paths), form="Seq")
    _list(about, "lr:hierarchicalSubject", (_joined(path, "|") for path in paths))
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8")
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'.encode()
        + written
        + b'\n<?xpacket end="w"?>\n'
    )


def album_path(album: Album) -> tuple[str, ...]:
    """Return the folders of an album and its title."""
    return (
        *(one_line(one, most=200) or "(no name)" for one in album.folders[:20]),
        one_line(album.title, most=200) or "(no name)",
    )


def taken_at(artifact: Artifact, payload: PhotoPayload) -> str | None:
    """Return ``2021-06-01T14:03:07+02:00``: what the clock showed where it was taken."""
    when = payload.taken_at or artifact.occurred_at
    if when is None:
        return None
    offset = payload.utc_offset_seconds
    if offset is None or abs(offset) >= 86_400:
        return when.astimezone(dt.UTC).isoformat(timespec="seconds")
    there = dt.timezone(dt.timedelta(minutes=round(offset / 60)))
    return when.astimezone(there).isoformat(timespec="seconds")


def _place(about: ET.Element, payload: PhotoPayload) -> None:
    place = payload.place
    if place is None:
        return
    latitude, longitude = place.latitude, place.longitude
    if (
        latitude is not None
        and longitude is not None
        and abs(latitude) <= 90
        and abs(longitude) <= 180
    ):
        _say(about, "exif:GPSLatitude", _degrees(latitude, "NS"))
        _say(about, "exif:GPSLongitude", _degrees(longitude, "EW"))
    for name, value in (
        ("Iptc4xmpCore:Location", place.sub_locality or place.street),
        ("photoshop:City", place.city),
        ("photoshop:State", place.state),
        ("photoshop:Country", place.country),
        ("Iptc4xmpCore:CountryCode", place.country_code),
    ):
        if value:
            _say(about, name, one_line(value))


def _degrees(value: float, directions: str) -> str:
    """Return ``48,8.123400N``: degrees and minutes, as XMP wants them."""
    micro_minutes = round(abs(value) * 60 * 1_000_000)
    degrees, minutes = divmod(micro_minutes, 60 * 1_000_000)
    return f"{degrees},{minutes / 1_000_000:.6f}{directions[value < 0]}"


def _name(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{_SPACES[prefix]}}}{local}"


def _say(about: ET.Element, name: str, value: str) -> None:
    ET.SubElement(about, _name(name)).text = value


def _words(about: ET.Element, name: str, value: str) -> None:
    languages = ET.SubElement(ET.SubElement(about, _name(name)), f"{{{_RDF}}}Alt")
    one = ET.SubElement(languages, f"{{{_RDF}}}li", {_LANGUAGE: "x-default"})
    one.text = clean(value)


def _list(about: ET.Element, name: str, values: Iterable[str], *, form: str = "Bag") -> None:
    kept = [line for value in values if (line := one_line(value))][:_MOST]
    if kept:
        items = ET.SubElement(ET.SubElement(about, _name(name)), f"{{{_RDF}}}{form}")
        for value in kept:
            ET.SubElement(items, f"{{{_RDF}}}li").text = value


def _joined(path: Iterable[str], separator: str) -> str:
    """Return a keyword with those above it; a separator in a name would make another level."""
    return separator.join(one.replace("/", "-").replace("|", "-") for one in path)

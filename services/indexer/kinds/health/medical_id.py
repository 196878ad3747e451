"""The Medical ID: an archive of what its owner filled in, under names that grow with iOS."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from services.indexer.kinds.handles import Handles
from services.indexer.kinds.health.payload import EmergencyContact, HealthPayload, MedicalId
from services.indexer.kinds.health.vocabulary import BLOOD_TYPES
from services.indexer.kinds.keyed_archive import load_archive
from services.indexer.kinds.protocol import UnsupportedStoreError
from services.indexer.kinds.values import float_of, int_of, text_of
from services.indexer.staging import StagedArtifact

_PREFIX = "HKMedicalIDData"
_CONTACT = "HKEmergencyContact"
_LARGEST_BYTES = 8 * 1024 * 1024
_MOST_FIELDS = 100
_MOST_CONTACTS = 50
_MOST_OF_LIST = 100
_LONGEST = 10_000
_DEEPEST = 5
#: Not for people: when each of the fields was changed, and switches of the app.
_UNTOLD = ("ModifiedDate", "Picture", "Version", "IsDisabled", "ShouldHide")


def read_medical_id(path: Path, region: str | None) -> StagedArtifact | None:
    """Return the artifact of the archive; None for one in which nothing was filled in.

    Raises UnsupportedStoreError when it cannot be read.
    """
    with path.open("rb") as file:
        archive = load_archive(file.read(_LARGEST_BYTES))
    if not isinstance(archive, dict):
        raise UnsupportedStoreError("The Medical ID could not be read.")
    handles = Handles(region)
    said = {_plain(str(name)): value for name, value in archive.items()}
    fields: dict[str, str] = {}
    for field in sorted(said):
        if len(fields) >= _MOST_FIELDS or any(word in field for word in _UNTOLD):
            continue
        words = _words(said[field], 0)
        if words is not None and field not in {"$class", "EmergencyContacts"}:
            fields[field[:200]] = words[:_LONGEST]
    contacts = _contacts(said.get("EmergencyContacts"), handles)
    if not fields and not contacts:
        return None
    blood = int_of(said.get("BloodType"))
    if blood in BLOOD_TYPES:
        fields["BloodType"] = BLOOD_TYPES[blood]
    name = text_of(said.get("Name"))
    donor = said.get("IsOrganDonor")
    medical = MedicalId(
        name=name,
        birthday=_date(said.get("GregorianBirthdate"))
        or _date(said.get("GregorianBirthday"))
        or _date(said.get("Birthdate")),
        blood_type=BLOOD_TYPES.get(blood or 0),
        is_organ_donor=bool(donor) if isinstance(donor, int) else None,
        fields=fields or None,
        contacts=contacts,
        has_picture=isinstance(said.get("PictureData"), bytes),
    )
    lines = [f"{_spaced(key)}: {words}" for key, words in fields.items()]
    lines.extend(
        ", ".join(word for word in (contact.name, contact.relationship, contact.phone) if word)
        for contact in contacts
    )
    return StagedArtifact(
        key="medical-id",
        payload=HealthPayload(form="medical_id", group="body", medical_id=medical),
        thread_key="body",
        title="Medical ID" if name is None else f"Medical ID: {name[:200]}",
        text="\n".join(lines),
    )


def _plain(name: str) -> str:
    return name.removeprefix(_PREFIX).removesuffix("Key")


def _spaced(name: str) -> str:
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return words.strip().capitalize()


def _words(value: Any, depth: int) -> str | None:
    """Return what a field says in words: quantities with their unit, lists by commas."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        return text_of(value)
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if isinstance(value, list) and depth < _DEEPEST:
        return _joined(value, depth)
    if not isinstance(value, dict) or depth >= _DEEPEST:
        return None
    return _date(value) or _quantity(value) or _joined(_fields(value), depth)


def _quantity(value: dict[Any, Any]) -> str | None:
    amount = float_of(value.get("ValueKey"))
    if amount is None:
        return None
    unit = value.get("UnitKey")
    word = text_of(unit.get("HKUnitStringKey") if isinstance(unit, dict) else unit)
    return f"{amount:g} {word or ''}".strip()


def _fields(value: dict[Any, Any]) -> list[Any]:
    return [value[name] for name in sorted(value, key=str) if name != "$class"]


def _joined(values: list[Any], depth: int) -> str | None:
    parts = (_words(item, depth + 1) for item in values[:_MOST_OF_LIST])
    return ", ".join(part for part in parts if part) or None


def _date(value: Any) -> str | None:
    """Return the date of components or of a moment: ``1984-11-03``."""
    if isinstance(value, dt.datetime):
        return value.date().isoformat()
    if not isinstance(value, dict):
        return None
    year, month, day = (int_of(value.get(f"NS.{part}")) for part in ("year", "month", "day"))
    try:
        return dt.date(year or 0, month or 0, day or 0).isoformat()
    except (ValueError, OverflowError):
        return None


def _contacts(value: Any, handles: Handles) -> tuple[EmergencyContact, ...]:
    found = []
    for one in value[:_MOST_CONTACTS] if isinstance(value, list) else ():
        if not isinstance(one, dict):
            continue
        said = {
            str(name).removeprefix(_CONTACT).removesuffix("Key"): text_of(item)
            for name, item in one.items()
        }
        phone = said.get("PhoneNumber")
        contact = EmergencyContact(
            name=_short(said.get("Name")),
            relationship=_short(_label(said.get("Relationship"))),
            phone=_short(phone),
            handle=None if phone is None else handles.normalise(phone[:100]),
        )
        if contact != EmergencyContact():
            found.append(contact)
    return tuple(found)


def _label(word: str | None) -> str | None:
    """Return ``Friend`` for ``_$!<Friend>!$_``."""
    return None if word is None else word.removeprefix("_$!<").removesuffix(">!$_")


def _short(word: str | None) -> str | None:
    return None if word is None else word[:500]

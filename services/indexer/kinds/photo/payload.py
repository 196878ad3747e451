"""The payload of a photo or video. Only fields that say something are there, but for ``media``."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

Media = Literal["photo", "video", "other"]
#: Made by a generative model, or only parts of it painted over by one.
Generative = Literal["generated", "cleaned_up"]
#: What an attachment is to the photo: what the camera made, what editing made of it, the film of
#: a Live Photo, the same picture in the camera's own format or made of that, what an edit consists
#: of (an AAE, which other libraries read as well), a small copy.
Role = Literal[
    "original", "edited", "live_photo", "edited_live_photo", "raw", "jpeg", "adjustments",
    "thumbnail",
]  # fmt: skip


class FileInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the attachment *n* of the artifact is."""

    n: int
    role: Role


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where it was taken, in degrees; the address as the phone looked it up."""

    latitude: float | None = None
    longitude: float | None = None
    accuracy_metres: float | None = None
    #: The address in one line.
    address: str | None = None
    street: str | None = None
    sub_locality: str | None = None
    city: str | None = None
    county: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    country_code: str | None = None
    #: Names of all areas around it, the smallest first.
    areas: tuple[str, ...] = ()
    is_home: bool = False


class Album(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An album that holds the photo. Its key is that of the thread."""

    key: str
    title: str | None = None
    is_shared: bool = False
    #: Names of the folders it lies in, the outermost first.
    folders: tuple[str, ...] = ()


class Face(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named person; the middle of the face and its size are parts of the picture from below."""

    name: str
    #: The phone's own id of the person.
    key: str | None = None
    x: float | None = None
    y: float | None = None
    size: float | None = None
    #: Whether somebody named the face by hand where none had been found.
    is_manual: bool = False


class Comment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody said under a photo of a shared album; no text: they liked it."""

    at: dt.datetime | None = None
    by: str | None = None
    is_mine: bool = False
    text: str | None = None
    is_like: bool = False
    #: The words under which the photo was shared.
    is_caption: bool = False


class Camera(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What it was taken with, and how."""

    make: str | None = None
    model: str | None = None
    lens: str | None = None
    iso: int | None = None
    #: The f-number, and the exposure in seconds.
    aperture: float | None = None
    exposure_seconds: float | None = None
    focal_length_mm: float | None = None
    focal_length_35mm: float | None = None
    used_flash: bool = False
    frames_per_second: float | None = None
    codec: str | None = None
    bits_per_second: float | None = None


class Burst(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row of photos taken at once; all of them have the same key."""

    key: str
    #: Chosen by a person, or shown for the burst by the phone.
    is_chosen: bool = False
    is_shown: bool = False
    #: The phone's bits.
    pick: int = 0


class SavedBy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The app that put it on the phone."""

    bundle_id: str | None = None
    name: str | None = None


class Contributor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who put it into a shared album, or into the library that a family shares."""

    name: str | None = None
    #: A number or address in the form in which handles are compared.
    handle: str | None = None
    is_me: bool = False


class PhotoPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The struct of the kind ``photo``."""

    media: Media
    #: ``panorama``, ``live_photo``, ``screenshot``, ``slow_motion``, …
    form: str | None = None
    is_portrait: bool = False
    is_animated: bool = False
    #: For both eyes; of iOS 17 and later.
    is_spatial: bool = False
    is_hdr: bool = False
    generative: Generative | None = None

    # Names: the file's on the phone, and its own before it was imported.
    file_name: str | None = None
    original_name: str | None = None

    # Times. The local one is what the clock showed where it was taken, with its offset.
    taken_at: dt.datetime | None = None
    taken_at_local: str | None = None
    utc_offset_seconds: int | None = None
    #: Whether the offset follows from where it was taken, or from the camera's clock.
    is_offset_inferred: bool = False
    time_zone: str | None = None
    added_at: dt.datetime | None = None
    modified_at: dt.datetime | None = None
    last_shared_at: dt.datetime | None = None

    place: Place | None = None

    # Size of the picture as shown, and of the original's file.
    width: int | None = None
    height: int | None = None
    size_bytes: int | None = None
    duration_seconds: float | None = None
    #: The type of file in Apple's words (``public.heic``).
    uti: str | None = None

    # State.
    is_favourite: bool = False
    is_hidden: bool = False
    is_trashed: bool = False
    trashed_at: dt.datetime | None = None
    #: Whether the phone shows it by itself in no list: other photos of a burst, shared albums.
    is_kept_apart: bool = False
    is_edited: bool = False
    edited_at: dt.datetime | None = None
    edited_with: str | None = None
    burst: Burst | None = None
    has_raw: bool = False

    # What people wrote, and who and what is on it.
    title: str | None = None
    caption: str | None = None
    description: str | None = None
    keywords: tuple[str, ...] = ()
    #: Who or what is named as its source inside of the picture.
    credit: str | None = None
    people: tuple[Face, ...] = ()
    unnamed_faces: int = 0
    albums: tuple[Album, ...] = ()
    comments: tuple[Comment, ...] = ()

    camera: Camera | None = None

    # Where it came from.
    #: ``phone``, ``icloud``, ``shared_album``, ``messages``, ``link``.
    source: str | None = None
    #: ``rear_camera``, ``front_camera``, ``app``, ``system``.
    taken_with: str | None = None
    saved_by: SavedBy | None = None
    contributors: tuple[Contributor, ...] = ()
    is_in_shared_library: bool = False
    is_in_icloud: bool = False
    #: Whether the backup holds the original; null where its list of files was not at hand.
    has_original: bool | None = None
    #: Known from its file alone: the database has no record of it, or there is none.
    is_file_alone: bool = False
    files: tuple[FileInfo, ...] = ()

    #: The phone's numbers where they are none that we know.
    raw: dict[str, int] = {}

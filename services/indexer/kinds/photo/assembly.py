"""From a photo's rows to its artifact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from services.indexer.kinds.photo.files import Gathered, PhotoFiles
from services.indexer.kinds.photo.payload import (
    Album,
    Burst,
    Camera,
    Comment,
    Contributor,
    Face,
    Media,
    PhotoPayload,
    Place,
    SavedBy,
)
from services.indexer.kinds.photo.places import read_place
from services.indexer.kinds.photo.times import (
    local_time,
    microseconds,
    moment,
    offset_by_clock,
    offset_of,
)
from services.indexer.kinds.photo.vocabulary import (
    ANIMATED,
    FORMS,
    LIVE,
    MEDIA,
    NOT_ON_PHONE,
    ORIGINAL_STORE,
    PHOTO_RESOURCE,
    PICK_CHOSEN,
    PICK_KEY,
    PICK_SHOWN,
    PLAIN_FORMS,
    PORTRAIT_RENDERING,
    RAW_RESOURCE,
    SOURCES,
    TAKEN_WITH,
    UNSAID_IMPORT,
    VIDEO_RESOURCE,
)
from services.indexer.kinds.records import Record
from services.indexer.kinds.values import flag_of, float_of, int_of, text_of, uuid_of
from services.indexer.staging import StagedArtifact

#: What is known of the files that the phone keeps.
RESOURCE_COLUMNS = ("ZRESOURCETYPE", "ZDATASTORESUBTYPE", "ZLOCALAVAILABILITY", "ZDATALENGTH")
_LONGEST_WORDS = 20_000
#: A video of a hundred days is none.
_LONGEST_SECONDS = 8_640_000


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What other tables say of one photo."""

    albums: tuple[Album, ...] = ()
    faces: tuple[Face, ...] = ()
    unnamed_faces: int = 0
    keywords: tuple[str, ...] = ()
    comments: tuple[Comment, ...] = ()
    contributors: tuple[Contributor, ...] = ()
    resources: Sequence[Record] = ()


def assemble(
    row: Record, beside: Beside, files: PhotoFiles, *, films: set[str]
) -> StagedArtifact | None:
    """Return the artifact of one row; None for a photo without an identity."""
    key = uuid_of(row["ZUUID"])
    if key is None:
        return None
    raw: dict[str, int] = {}
    media: Media = _word(MEDIA, row["ZKIND"], "kind", raw) or "other"
    original_name = text_of(row["ZORIGINALFILENAME"]) or text_of(row["m.ZORIGINALFILENAME"])
    is_edited = flag_of(row["ZHASADJUSTMENTS"]) or _is_positive(row["ZADJUSTMENTSSTATE"])
    in_icloud = row["ZCLOUDLOCALSTATE"] == 1 or _is_away(beside.resources)
    has_raw = any(one["ZRESOURCETYPE"] == RAW_RESOURCE for one in beside.resources)
    gathered = files.gather(
        row["ZDIRECTORY"],
        row["ZFILENAME"],
        name=original_name,
        is_video=media == "video",
        is_edited=is_edited,
        has_raw=has_raw,
        size_bytes=_size(row, beside.resources),
        in_icloud=in_icloud,
        films=films,
    )
    payload = PhotoPayload(
        media=media,
        is_edited=is_edited,
        has_raw=has_raw or gathered.has("raw"),
        original_name=original_name,
        is_in_icloud=in_icloud,
        albums=beside.albums,
        people=beside.faces,
        unnamed_faces=beside.unnamed_faces,
        keywords=beside.keywords,
        comments=beside.comments,
        contributors=beside.contributors,
        camera=_camera(row),
        burst=_burst(row),
        saved_by=_saved_by(row),
        place=read_place(
            latitude=row["ZLATITUDE"],
            longitude=row["ZLONGITUDE"],
            accuracy=row["ZGPSHORIZONTALACCURACY"],
            looked_up=row["ZREVERSELOCATIONDATA"],
        ),
        **_form(row, raw),
        **_times(row),
        **_state(row),
        **_words(row),
        **_shape(row),
        **about_files(gathered, is_known=files.is_known),
        source=_word(SOURCES, row["ZSAVEDASSETTYPE"], "saved_asset_type", raw),
        taken_with=_word(TAKEN_WITH, row["ZIMPORTEDBY"], "imported_by", raw, quiet=UNSAID_IMPORT),
        raw=raw,
    )
    return artifact_of(key, payload, gathered)


def artifact_of(key: str, payload: PhotoPayload, gathered: Gathered) -> StagedArtifact:
    """Return the artifact of a payload with its files."""
    by = payload.contributors[0] if payload.contributors else Contributor()
    return StagedArtifact(
        key=key,
        payload=payload,
        thread_key=payload.albums[0].key if payload.albums else None,
        occurred_at_us=microseconds(payload.taken_at or payload.added_at),
        title=payload.title or payload.original_name or payload.file_name,
        text=searchable(payload),
        sender_handle=None if by.is_me else by.handle,
        is_me=by.is_me,
        attachments=gathered.files,
    )


def about_files(gathered: Gathered, *, is_known: bool) -> dict[str, Any]:
    """Return the fields of a payload that tell of its files."""
    original = gathered.original
    assert original is not None
    return {
        "file_name": (original.relative_path or "").rpartition("/")[2] or None,
        "size_bytes": original.size_bytes,
        "has_original": original.present if is_known else None,
        "files": tuple(gathered.info),
    }


def searchable(payload: PhotoPayload) -> str | None:
    """Return all that people would look for, each part on a line."""
    place, camera, app = (
        payload.place or Place(),
        payload.camera or Camera(),
        payload.saved_by or SavedBy(),
    )
    parts = [
        payload.title,
        payload.caption,
        payload.description,
        payload.original_name,
        payload.file_name,
        *payload.keywords,
        *(face.name for face in payload.people),
        *(album.title for album in payload.albums),
        *(folder for album in payload.albums for folder in album.folders),
        place.address,
        place.city,
        place.state,
        place.country,
        *place.areas,
        *(part for said in payload.comments for part in (said.by, said.text)),
        *(part for one in payload.contributors for part in (one.name, one.handle)),
        " ".join(part for part in (camera.make, camera.model) if part),
        camera.lens,
        app.name or app.bundle_id,
        payload.form.replace("_", " ") if payload.form else None,
    ]
    return "\n".join(dict.fromkeys(part for part in parts if part)) or None


def _word(
    words: dict[int, Any],
    value: object,
    name: str,
    raw: dict[str, int],
    *,
    quiet: frozenset[int] = frozenset(),
) -> Any:
    number = int_of(value)
    if number is None or number in quiet:
        return None
    if number not in words:
        raw[name] = number
        return None
    return words[number]


def _is_positive(value: object) -> bool:
    number = int_of(value)
    return number is not None and number > 0


def _is_away(resources: Sequence[Record]) -> bool:
    """Whether the phone says that it has the original no more."""
    kept = [
        one["ZLOCALAVAILABILITY"]
        for one in resources
        if one["ZRESOURCETYPE"] in (PHOTO_RESOURCE, VIDEO_RESOURCE)
        and one["ZDATASTORESUBTYPE"] == ORIGINAL_STORE
    ]
    return bool(kept) and all(one == NOT_ON_PHONE for one in kept)


def _size(row: Record, resources: Sequence[Record]) -> int | None:
    for size in (
        row["ZORIGINALFILESIZE"],
        *(
            one["ZDATALENGTH"]
            for one in resources
            if one["ZRESOURCETYPE"] in (PHOTO_RESOURCE, VIDEO_RESOURCE)
            and one["ZDATASTORESUBTYPE"] == ORIGINAL_STORE
        ),
    ):
        number = int_of(size)
        if number is not None and number > 0:
            return number
    return None


def _form(row: Record, raw: dict[str, int]) -> dict[str, Any]:
    form = _word(FORMS, row["ZKINDSUBTYPE"], "kind_subtype", raw, quiet=PLAIN_FORMS)
    if form is None and row["ZPLAYBACKSTYLE"] in LIVE:
        form = "live_photo"
    if form is None and flag_of(row["ZISDETECTEDSCREENSHOT"]):
        form = "screenshot"
    return {
        "form": form,
        "is_portrait": _is_positive(row["ZDEPTHTYPE"])
        or _is_positive(row["ZDEPTHSTATES"])
        or row["ZCUSTOMRENDEREDVALUE"] == PORTRAIT_RENDERING,
        "is_animated": row["ZPLAYBACKSTYLE"] == ANIMATED,
    }


def _times(row: Record) -> dict[str, Any]:
    taken_at = moment(row["ZDATECREATED"])
    offset = offset_of(row["ZTIMEZONEOFFSET"])
    is_inferred = offset is None
    if offset is None:
        offset = offset_of(row["ZINFERREDTIMEZONEOFFSET"])
    if offset is None:
        offset = offset_by_clock(taken_at, row["ZEXIFTIMESTAMPSTRING"])
    return {
        "taken_at": taken_at,
        "taken_at_local": local_time(taken_at, offset),
        "utc_offset_seconds": offset,
        "is_offset_inferred": is_inferred and offset is not None,
        "time_zone": text_of(row["ZTIMEZONENAME"]),
        "added_at": moment(row["ZADDEDDATE"]),
        "modified_at": moment(row["ZMODIFICATIONDATE"]),
        "last_shared_at": moment(row["ZLASTSHAREDDATE"]),
    }


def _state(row: Record) -> dict[str, Any]:
    return {
        "is_favourite": flag_of(row["ZFAVORITE"]),
        "is_hidden": flag_of(row["ZHIDDEN"]),
        "is_trashed": flag_of(row["ZTRASHEDSTATE"]),
        "trashed_at": moment(row["ZTRASHEDDATE"]),
        "is_kept_apart": flag_of(row["ZVISIBILITYSTATE"]) or _is_positive(row["ZBUNDLESCOPE"]),
        "edited_at": moment(row["u.ZADJUSTMENTTIMESTAMP"]) or moment(row["ZADJUSTMENTTIMESTAMP"]),
        "edited_with": text_of(row["u.ZEDITORLOCALIZEDNAME"])
        or text_of(row["ZEDITORBUNDLEID"])
        or text_of(row["u.ZADJUSTMENTFORMATIDENTIFIER"]),
        "is_in_shared_library": _is_positive(row["ZACTIVELIBRARYSCOPEPARTICIPATIONSTATE"]),
    }


def _words(row: Record) -> dict[str, Any]:
    return {
        "title": _cut(row["ZTITLE"]),
        "caption": _cut(row["d.ZLONGDESCRIPTION"]),
        "description": _cut(row["ZACCESSIBILITYDESCRIPTION"]),
        "uti": text_of(row["ZUNIFORMTYPEIDENTIFIER"]),
    }


def _cut(value: object) -> str | None:
    words = text_of(value)
    return None if words is None else words[:_LONGEST_WORDS]


def _shape(row: Record) -> dict[str, Any]:
    seconds = float_of(row["ZDURATION"])
    return {
        "width": _count(row["ZWIDTH"]) or _count(row["ZORIGINALWIDTH"]),
        "height": _count(row["ZHEIGHT"]) or _count(row["ZORIGINALHEIGHT"]),
        "duration_seconds": seconds if seconds and 0 < seconds < _LONGEST_SECONDS else None,
    }


def _count(value: object) -> int | None:
    number = int_of(value)
    return number if number is not None and number > 0 else None


def _camera(row: Record) -> Camera | None:
    camera = Camera(
        make=text_of(row["e.ZCAMERAMAKE"]),
        model=text_of(row["e.ZCAMERAMODEL"]),
        lens=text_of(row["e.ZLENSMODEL"]),
        iso=_count(row["e.ZISO"]),
        aperture=_measure(row["e.ZAPERTURE"]),
        exposure_seconds=_measure(row["e.ZSHUTTERSPEED"]),
        focal_length_mm=_measure(row["e.ZFOCALLENGTH"]),
        focal_length_35mm=_measure(row["e.ZFOCALLENGTHIN35MM"]),
        used_flash=flag_of(row["e.ZFLASHFIRED"]),
        frames_per_second=_measure(row["e.ZFPS"]),
        codec=text_of(row["e.ZCODEC"]),
        bits_per_second=_measure(row["e.ZBITRATE"]),
    )
    return None if camera == Camera() else camera


def _measure(value: object) -> float | None:
    number = float_of(value)
    return number if number is not None and number > 0 else None


def _burst(row: Record) -> Burst | None:
    key = text_of(row["ZAVALANCHEUUID"])
    if key is None:
        return None
    pick = int_of(row["ZAVALANCHEPICKTYPE"]) or 0
    return Burst(
        key=key,
        is_chosen=bool(pick & PICK_CHOSEN),
        is_shown=bool(pick & (PICK_SHOWN | PICK_KEY)),
        pick=pick,
    )


def _saved_by(row: Record) -> SavedBy | None:
    bundle_id = (
        text_of(row["ZIMPORTEDBYBUNDLEIDENTIFIER"])
        or text_of(row["ZCREATORBUNDLEID"])
        or text_of(row["m.ZIMPORTEDBYBUNDLEIDENTIFIER"])
    )
    name = text_of(row["ZIMPORTEDBYDISPLAYNAME"]) or text_of(row["m.ZIMPORTEDBYDISPLAYNAME"])
    return SavedBy(bundle_id=bundle_id, name=name) if bundle_id or name else None

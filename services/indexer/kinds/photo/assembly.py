"""From a photo's rows to its artifact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from services.indexer.kinds.photo.files import Gathered, PhotoFiles
from services.indexer.kinds.photo.payload import (
    Album,
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
from services.indexer.kinds.photo.row_fields import (
    burst_of,
    camera_of,
    form_of,
    is_positive,
    saved_by_of,
    shape_of,
    state_of,
    times_of,
    word_of,
    words_of,
)
from services.indexer.kinds.photo.times import microseconds
from services.indexer.kinds.photo.vocabulary import (
    MEDIA,
    NOT_ON_PHONE,
    ORIGINAL_STORE,
    PHOTO_RESOURCE,
    RAW_RESOURCE,
    SOURCES,
    TAKEN_WITH,
    UNSAID_IMPORT,
    VIDEO_RESOURCE,
)
from services.indexer.kinds.records import Record
from services.indexer.kinds.values import flag_of, int_of, text_of, uuid_of
from services.indexer.staging import StagedArtifact

#: What is known of the files that the phone keeps.
RESOURCE_COLUMNS = ("ZRESOURCETYPE", "ZDATASTORESUBTYPE", "ZLOCALAVAILABILITY", "ZDATALENGTH")


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
    media: Media = word_of(MEDIA, row["ZKIND"], "kind", raw) or "other"
    original_name = text_of(row["ZORIGINALFILENAME"]) or text_of(row["m.ZORIGINALFILENAME"])
    is_edited = flag_of(row["ZHASADJUSTMENTS"]) or is_positive(row["ZADJUSTMENTSSTATE"])
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
        camera=camera_of(row),
        burst=burst_of(row),
        saved_by=saved_by_of(row),
        place=read_place(
            latitude=row["ZLATITUDE"],
            longitude=row["ZLONGITUDE"],
            accuracy=row["ZGPSHORIZONTALACCURACY"],
            looked_up=row["ZREVERSELOCATIONDATA"],
        ),
        **form_of(row, raw),
        **times_of(row),
        **state_of(row),
        **words_of(row),
        **shape_of(row),
        **about_files(gathered, is_known=files.is_known),
        source=word_of(SOURCES, row["ZSAVEDASSETTYPE"], "saved_asset_type", raw),
        taken_with=word_of(TAKEN_WITH, row["ZIMPORTEDBY"], "imported_by", raw, quiet=UNSAID_IMPORT),
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
        payload.credit,
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

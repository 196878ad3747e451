"""Photos that only their files tell of: there is no database, or it has no row for them.

Files beside each other with one stem are one photo: the still and the film of a Live Photo, a
picture and its raw form.
"""

from __future__ import annotations

from typing import Any

import msgspec

from services.indexer.kinds.photo.assembly import about_files, artifact_of
from services.indexer.kinds.photo.attributes import Attributes, read_attributes
from services.indexer.kinds.photo.files import (
    DOMAIN,
    RAW_SUFFIXES,
    PhotoFiles,
    is_film,
    is_picture,
    number_of,
)
from services.indexer.kinds.photo.payload import Burst, PhotoPayload, SavedBy
from services.indexer.kinds.photo.times import local_time
from services.indexer.kinds.photo.vocabulary import (
    PICK_CHOSEN,
    PICK_KEY,
    PICK_SHOWN,
    SOURCES,
    TAKEN_WITH,
    UNSAID_IMPORT,
)
from services.indexer.kinds.protocol import ListedFile, ParserInputs, Tally
from services.indexer.kinds.records import Records
from services.indexer.staging import StagedArtifact

#: Where originals lie; what else is under PhotoData belongs to one of these.
_FOLDERS = ("Media/DCIM/", "Media/PhotoData/CPLAssets/")
#: More files than any phone holds are not sorted by time.
_MOST_FILES = 500_000


class _File(msgspec.Struct, frozen=True, gc=False):
    """One file with what its attributes say."""

    path: str
    said: Attributes
    taken_us: int


def parse_files_alone(
    inputs: ParserInputs, files: PhotoFiles, tally: Tally, *, claimed: set[int], records: Records
) -> None:
    """Give a photo for every file of the camera that is not *claimed*, in the order of time."""
    stems: dict[str, list[_File]] = {}
    count = 0
    for listed in inputs.listed():
        path = listed.relative_path
        if not path.startswith(_FOLDERS) or _is_claimed(listed, claimed):
            continue
        if not is_picture(path) and not is_film(path):
            continue
        count += 1
        if count > _MOST_FILES:
            tally.note("The backup has more such files than are read.")
            break
        said = read_attributes(listed.attributes)
        taken = said.taken_at or listed.created_at or listed.modified_at
        file = _File(path, said, int(taken.timestamp() * 1e6) if taken is not None else 2**62)
        stems.setdefault(path.rpartition(".")[0], []).append(file)
    photos = sorted(
        (sorted(group, key=_rank) for group in stems.values()),
        key=lambda group: (group[0].taken_us, group[0].path),
    )
    for group in photos:
        records.keep(lambda group=group: _photo(group, files))  # type: ignore[misc]


def _is_claimed(listed: ListedFile, claimed: set[int]) -> bool:
    try:
        return listed.domain != DOMAIN or number_of(listed.file_id) in claimed
    except ValueError:
        return True


def _rank(file: _File) -> tuple[bool, bool, bool, str]:
    """Put the file that stands for the photo first: one with an identity, a still, not raw."""
    suffix = file.path.rpartition(".")[2].lower()
    return file.said.key is None, is_film(file.path), suffix in RAW_SUFFIXES, file.path


def _photo(group: list[_File], files: PhotoFiles) -> StagedArtifact:
    first, said = group[0], group[0].said
    directory, _, filename = first.path.removeprefix("Media/").rpartition("/")
    is_video = is_film(first.path)
    gathered = files.gather(
        directory,
        filename,
        name=said.original_name,
        is_video=is_video,
        # Whether it was edited is not said anywhere else.
        is_edited=True,
        has_raw=any(file.path.rpartition(".")[2].lower() in RAW_SUFFIXES for file in group[1:]),
        size_bytes=None,
        in_icloud=False,
    )
    raw: dict[str, int] = {}
    if said.saved_type is not None and said.saved_type not in SOURCES:
        raw["saved_asset_type"] = said.saved_type
    if said.imported_by is not None and said.imported_by not in {*TAKEN_WITH, *UNSAID_IMPORT}:
        raw["imported_by"] = said.imported_by
    payload = PhotoPayload(
        media="video" if is_video else "photo",
        form="live_photo" if gathered.has("live_photo") else None,
        original_name=said.original_name,
        title=said.title,
        caption=said.caption,
        is_favourite=said.is_favourite,
        is_hidden=said.is_hidden,
        is_trashed=said.is_trashed,
        is_edited=gathered.has("edited"),
        has_raw=gathered.has("raw"),
        burst=_burst(said),
        saved_by=SavedBy(bundle_id=said.bundle_id, name=said.app_name)
        if said.bundle_id or said.app_name
        else None,
        source=SOURCES.get(said.saved_type) if said.saved_type is not None else None,
        taken_with=TAKEN_WITH.get(said.imported_by) if said.imported_by is not None else None,
        is_file_alone=True,
        raw=raw,
        **_times(first),
        **about_files(gathered, is_known=files.is_known),
    )
    return artifact_of(said.key or f"file:{first.path}", payload, gathered)


def _times(file: _File) -> dict[str, Any]:
    from services.indexer.kinds.phone_time import utc

    taken_at = utc(file.taken_us) if file.taken_us < 2**62 else None
    return {
        "taken_at": taken_at,
        "taken_at_local": local_time(taken_at, file.said.offset_seconds),
        "utc_offset_seconds": file.said.offset_seconds,
        "time_zone": file.said.time_zone,
        "added_at": file.said.added_at,
    }


def _burst(said: Attributes) -> Burst | None:
    if said.burst is None:
        return None
    pick = said.burst_pick or 0
    return Burst(
        key=said.burst,
        is_chosen=bool(pick & PICK_CHOSEN),
        is_shown=bool(pick & (PICK_SHOWN | PICK_KEY)),
        pick=pick,
    )

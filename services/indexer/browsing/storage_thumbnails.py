"""Which of an artifact's files stands for it as a small picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.indexer.browsing.storage_artifacts import find_artifact, find_holders
from services.indexer.history.storage_rows import staged_attachments, to_attachment
from shared.contracts.identifiers import FileId, Udid
from shared.contracts.indexer import LocateThumbnail, ThumbnailLocation
from shared.contracts.problems import not_found, problem

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Connection
    from services.indexer.staging import StagedAttachment

#: Where phones keep small copies of pictures, and of the first frame of films.
_SMALL = "/PhotoData/Thumbnails/"
#: What can be made smaller.
_PICTURES = frozenset(
    {
        "image/bmp", "image/gif", "image/heic", "image/heif", "image/jpeg", "image/png",
        "image/tiff", "image/webp",
    }
)  # fmt: skip
#: Of which a frame can be shown.
_FILMS = frozenset({"video/3gpp", "video/mp4", "video/quicktime", "video/x-m4v"})


async def locate_thumbnail(connection: Connection, request: LocateThumbnail) -> ThumbnailLocation:
    """Return the file to show; 404 says why there is none."""
    row = await find_artifact(connection, request.artifact_id)
    attachments = staged_attachments(row)
    n, is_small = choose(attachments)
    if n is None:
        reason = next((one.reason for one in attachments if one.reason is not None), None)
        if reason is None:
            raise not_found("thumbnail")
        raise problem("not-in-this-backup", "There is no picture in the backup.", 404, reason)
    staged = attachments[n]
    assert staged.file_id is not None
    return ThumbnailLocation(
        attachment=to_attachment(n, staged),
        device=Udid(row["device"]),
        backup_ids=await find_holders(connection, row),
        file_id=FileId(staged.file_id),
        is_small=is_small,
    )


def choose(attachments: Sequence[StagedAttachment]) -> tuple[int | None, bool]:
    """Return the number of the file to show, and whether it is small already.

    What is shown of an artifact comes first among its files.
    """
    here = [(n, one) for n, one in enumerate(attachments) if one.present and one.file_id]
    for n, one in here:
        if one.relative_path is not None and _SMALL in one.relative_path:
            return n, True
    for n, one in here:
        if one.media_type in _PICTURES:
            return n, False
    for n, one in here:
        if one.media_type in _FILMS:
            return n, False
    return None, False

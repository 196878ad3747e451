"""From a row of the table ``attachment`` to a file of the backup, or the reason why there is none.

Never guessed: the phone's path gives one relative path, looked for in two domains.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import msgspec

from services.indexer.kinds.backup_files import (
    BLOB_MISSING,
    LIST_UNKNOWN,
    NOT_DOWNLOADED,
    NOT_IN_BACKUP,
    BackupFiles,
    file_id_of,
    media_type_of,
    name_of,
    suffix_of,
)
from services.indexer.kinds.keyed_archive import load_plist
from services.indexer.staging import StagedAttachment

#: Columns of an attachment's row, in the order of ``AttachmentRow``.
ATTACHMENT_COLUMNS = (
    "guid",
    "filename",
    "uti",
    "mime_type",
    "transfer_state",
    "transfer_name",
    "total_bytes",
    "is_sticker",
    "hide_attachment",
    "sticker_user_info",
    "attribution_info",
    "emoji_image_short_description",
)

TEMPORARY = "Not in this backup: the phone kept it in a temporary place."
_IS_FOLDER = "Not shown: it is a folder."

_DOMAINS = ("MediaDomain", "HomeDomain")
_ROOTS = ("~/", "/var/mobile/", "/private/var/mobile/", "file:///var/mobile/")
_TEMPORARY_ROOTS = ("/var/folders", "/private/var/folders", "/var/tmp", "/private/var/tmp", "/tmp")  # noqa: S108 -- a phone's paths
_STILL_SUFFIXES = {"heic", "jpg", "jpeg"}


class AttachmentRow(msgspec.Struct, frozen=True, gc=False):
    """A row of the table; every column may hold anything."""

    guid: Any
    filename: Any
    uti: Any
    mime_type: Any
    transfer_state: Any
    transfer_name: Any
    total_bytes: Any
    is_sticker: Any
    hide_attachment: Any
    sticker_user_info: Any
    attribution_info: Any
    description: Any

    @property
    def is_preview(self) -> bool:
        """Whether this is a picture of a link preview or an app's, not something people sent."""
        return any(
            isinstance(name, str) and name.endswith(".pluginPayloadAttachment")
            for name in (self.transfer_name, self.filename)
        )

    @property
    def sticker_pack(self) -> str | None:
        """The app or pack a sticker came from."""
        for data in (self.sticker_user_info, self.attribution_info):
            info = load_plist(data)
            if isinstance(info, dict):
                for name in ("name", "pid", "bundle-id"):
                    if isinstance(info.get(name), str):
                        pack: str = info[name]
                        return pack
        return None


class MessageFiles(BackupFiles):
    """The files under the message folders, as rows of the table name them."""

    def locate(self, row: AttachmentRow) -> StagedAttachment:
        """Return the attachment with its file, or the reason why it is not there."""
        name = row.transfer_name if isinstance(row.transfer_name, str) else None
        filename = row.filename if isinstance(row.filename, str) else ""
        if not name and filename:
            name = name_of(filename) or None
        suffix = suffix_of(name_of(filename or name or "")).lower()
        claimed = row.total_bytes if type(row.total_bytes) is int and row.total_bytes > 0 else None
        path, reason = relative_path(filename)
        domain = file_id = None
        size: int | None = None
        if path is not None:
            domain, file_id, size, reason = self._look_up(path)
        if suffix == ".bundle" and size is None:
            reason = _IS_FOLDER
        return StagedAttachment(
            name=name,
            media_type=_media_type(row, suffix),
            size_bytes=claimed if size is None else size,
            domain=domain,
            relative_path=path,
            file_id=file_id,
            present=reason is None,
            reason=reason,
        )

    def _look_up(self, path: str) -> tuple[str, str, int | None, str | None]:
        reason = NOT_IN_BACKUP if self.is_known else LIST_UNKNOWN
        for domain in _DOMAINS:
            size = self.size(domain, path)
            if size is not None and size >= 0:
                return domain, file_id_of(domain, path), size, None
            if size is not None:
                return domain, file_id_of(domain, path), None, BLOB_MISSING
        return _DOMAINS[0], file_id_of(_DOMAINS[0], path), None, reason

    def context(self, row: AttachmentRow) -> list[int | None]:
        """Return what decides, beside the row, what ``locate`` and ``find_moving_half`` give."""
        path = relative_path(row.filename)[0] if isinstance(row.filename, str) else None
        if path is None or not len(self):
            return []
        paths = [path]
        stem, _, suffix = path.rpartition(".")
        if suffix.lower() in _STILL_SUFFIXES:
            paths += [f"{stem}.MOV", f"{stem}.mov"]
        return [self.size(domain, one) for one in paths for domain in _DOMAINS]

    def find_moving_half(self, still: StagedAttachment) -> StagedAttachment | None:
        """Return the film of a Live Photo that lies beside *still*, when the backup has it."""
        path = still.relative_path
        if not still.present or path is None or still.domain is None:
            return None
        stem, dot, suffix = path.rpartition(".")
        if not dot or suffix.lower() not in _STILL_SUFFIXES:
            return None
        for ending in ("MOV", "mov"):
            candidate = f"{stem}.{ending}"
            size = self.size(still.domain, candidate)
            if size is not None and size >= 0:
                return StagedAttachment(
                    name=PurePosixPath(candidate).name,
                    media_type="video/quicktime",
                    size_bytes=size,
                    domain=still.domain,
                    relative_path=candidate,
                    file_id=file_id_of(still.domain, candidate),
                    present=True,
                )
        return None


def relative_path(filename: str) -> tuple[str | None, str | None]:
    """Return the path inside a domain, or None and the reason why there cannot be one."""
    if not filename or filename == "NULL":
        return None, NOT_DOWNLOADED
    if filename.startswith(_TEMPORARY_ROOTS):
        return None, TEMPORARY
    for root in _ROOTS:
        if filename.startswith(root):
            path = filename[len(root) :]
            if (".." in path and ".." in PurePosixPath(path).parts) or "\0" in path:
                break
            return path, None
    else:
        if filename.startswith("Library/"):
            return filename, None
    return None, NOT_IN_BACKUP


def _media_type(row: AttachmentRow, suffix: str) -> str | None:
    if isinstance(row.mime_type, str) and "/" in row.mime_type and len(row.mime_type) < 128:
        return row.mime_type
    if row.is_preview:
        return None
    return media_type_of(f"x{suffix}")

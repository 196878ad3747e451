"""What goes into the process of an export: group after group, its files first, then its items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from services.indexer.exports.formats.protocol import (
    MOST_EMBEDDED_BYTES,
    About,
    Format,
    Group,
)
from services.indexer.exports.groups import Part
from services.indexer.exports.media import (
    BROKEN_OFF,
    BrokenOffError,
    MediaSource,
    OpenedFile,
    Unread,
)
from services.indexer.exports.rendering import Rendering
from services.indexer.exports.selection import Selection
from services.indexer.exports.wire import Ending, FileEnd, FileHead, MissingFile, SentItem
from services.indexer.history.storage_rows import staged_attachments, to_artifacts
from services.indexer.jobs.progress import ProgressReporter
from shared.contracts.exports import LeftOut, LockedBackup
from shared.contracts.identifiers import BackupId, Udid
from shared.contracts.indexer import Artifact, Attachment

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Connection, Row

NOT_ASKED_FOR = "Media were not asked for."
TOO_LARGE = "It is too large to be written."

#: So many files that are left out are named one by one; the others are counted.
_MOST_NAMED = 10_000


class Feed:
    """Feeds one export."""

    def __init__(
        self,
        connection: Connection,
        selection: Selection,
        *,
        media: MediaSource | None,
        about: About,
        parts: list[Part],
        left_out: dict[str, list[LeftOut]],
        wanted: type[Format],
        progress: ProgressReporter,
    ) -> None:
        """Feed what is *wanted* as a format. Without *media* no file is read."""
        self._connection = connection
        self._selection = selection
        self._media = media
        self._about = about
        self._parts = parts
        self._left_out = {kind: list(reasons) for kind, reasons in left_out.items()}
        self._embeds = tuple(wanted.embeds)
        self._spans_groups = wanted.spans_groups
        self._progress = progress
        self._total = about.total + (sum(part.with_files for part in parts) if media else 0)
        self._written = self._looked_at = 0
        self._missing: list[MissingFile] = []
        self._missing_reasons: Counter[str] = Counter()
        #: Files that are missing for it, by the backup that is locked and its device.
        self._locked: Counter[tuple[str, str]] = Counter()
        #: Why files of this group are not in the zip, by artifact and number, in one number.
        self._reasons: dict[int, str] = {}

    async def run(self, work: Rendering) -> None:
        """Send everything."""
        threads = await self._selection.threads(self._parts)
        devices = {device.udid: device for device in self._about.devices}
        groups = []
        for part in self._parts:
            thread = None if part.thread_id is None else threads.get(part.thread_id)
            titles = self._about.kind_titles
            group = Group(
                kind=part.kind,
                device=devices[part.device],
                devices=[devices[one] for one in dict.fromkeys(s.device for s in part.sources)],
                lineage=self._selection.viewpoint.devices_of(part.device)[0],
                thread=thread,
                title=thread.title if thread else titles.get(part.kind, part.kind),
                total=part.total,
            )
            groups.append((part, group))
        if self._spans_groups and self._media is not None:
            for part, group in groups:
                await work.begin_group(group)
                await self._send_files(work, part, self._media)
        for part, group in groups:
            await work.begin_group(group)
            if not self._spans_groups:
                self._reasons.clear()
                if self._media is not None:
                    await self._send_files(work, part, self._media)
            async for rows in self._selection.pieces(part):
                await self._send_items(work, rows)
        await work.end(self._ending())

    async def written(self, items: int) -> None:
        """Note how many items are written, and tell how far the export is."""
        self._written = items
        await self._tell()

    async def _tell(self) -> None:
        await self._progress.tell("writing", self._written + self._looked_at, self._total)

    async def _send_files(self, work: Rendering, part: Part, media: MediaSource) -> None:
        async for rows in self._selection.pieces(part, with_files=True):
            artifacts = await to_artifacts(self._connection, rows)
            await media.look_around(rows)
            for row, artifact in zip(rows, artifacts, strict=True):
                for n, staged in enumerate(staged_attachments(row)):
                    opened = await media.open(row, staged)
                    unread = (
                        opened
                        if isinstance(opened, Unread)
                        else await self._send_file(work, media, artifact, n, opened)
                    )
                    if unread is not None:
                        self._reasons[_number(row, n)] = unread.reason
                        self._note_missing(artifact, n, unread)
                self._looked_at += 1
                await self._tell()

    async def _send_file(
        self, work: Rendering, media: MediaSource, artifact: Artifact, n: int, file: OpenedFile
    ) -> Unread | None:
        head = FileHead(artifact=artifact, n=n, size_bytes=file.size_bytes)
        try:
            await work.send_file(head, media.pieces(file))
        except BrokenOffError:
            await work.end_file(FileEnd(reason=BROKEN_OFF))
            return Unread(BROKEN_OFF)
        await work.end_file(FileEnd())
        return None

    async def _send_items(self, work: Rendering, rows: Sequence[Row]) -> None:
        artifacts = await to_artifacts(self._connection, rows)
        waiting: list[SentItem] = []
        if self._media is not None and any(map(self._wants_contents, artifacts)):
            await self._media.look_around(rows)
        for row, artifact in zip(rows, artifacts, strict=True):
            item = SentItem(artifact=artifact, reasons=self._reasons_of(row, artifact))
            if self._wants_contents(artifact):
                await self._send(work, waiting)
                waiting = []
                await self._send_contents(work, row, artifact)
            waiting.append(item)
        await self._send(work, waiting)

    async def _send(self, work: Rendering, items: list[SentItem]) -> None:
        if not items:
            return
        for item in await work.send_items(items):
            reasons = self._left_out.setdefault(item.artifact.kind, [])
            reasons.append(LeftOut(reason=TOO_LARGE, count=1))

    def _reasons_of(self, row: Row, artifact: Artifact) -> dict[int, str]:
        if not artifact.attachments:
            return {}
        if self._media is None:
            return {
                one.n: (one.reason if not one.present else None) or NOT_ASKED_FOR
                for one in artifact.attachments
            }
        return {
            one.n: reason
            for one in artifact.attachments
            if (reason := self._reasons.get(_number(row, one.n))) is not None
        }

    def _wants_contents(self, artifact: Artifact) -> bool:
        return self._media is not None and any(map(self._is_embedded, artifact.attachments))

    def _is_embedded(self, attachment: Attachment) -> bool:
        return bool(self._embeds) and (attachment.media_type or "").startswith(self._embeds)

    async def _send_contents(self, work: Rendering, row: Row, artifact: Artifact) -> None:
        """Send the bytes of files that the format takes into its documents, as far as they fit."""
        assert self._media is not None
        room = MOST_EMBEDDED_BYTES
        for staged, attachment in zip(staged_attachments(row), artifact.attachments, strict=True):
            if not self._is_embedded(attachment):
                continue
            opened = await self._media.open(row, staged)
            if isinstance(opened, Unread) or opened.size_bytes > room:
                continue
            try:
                content = b"".join([piece async for piece in self._media.pieces(opened)])
            except BrokenOffError:
                continue
            room -= len(content)
            await work.send_content(attachment.n, content)

    def _note_missing(self, artifact: Artifact, n: int, unread: Unread) -> None:
        self._missing_reasons[unread.reason] += 1
        if unread.backup_id is not None and unread.device is not None:
            self._locked[unread.backup_id, unread.device] += 1
        if len(self._missing) < _MOST_NAMED:
            name = artifact.attachments[n].name
            self._missing.append(
                MissingFile(
                    artifact=artifact.id,
                    n=n,
                    name=name,
                    reason=unread.reason,
                    backup_id=unread.backup_id,
                )
            )

    def _ending(self) -> Ending:
        return Ending(
            left_out=self._left_out,
            missing=self._missing,
            media_left_out=_counted(self._missing_reasons),
            locked=[
                LockedBackup(backup_id=BackupId(backup_id), device=Udid(device), files=files)
                for (backup_id, device), files in self._locked.most_common()
            ],
            notes=[] if self._media is not None else [NOT_ASKED_FOR],
        )


def _number(row: Row, n: int) -> int:
    number: int = row["id"] << 20 | n
    return number


def _counted(reasons: Mapping[str, int]) -> list[LeftOut]:
    return [
        LeftOut(reason=reason, count=count)
        for reason, count in sorted(reasons.items(), key=lambda one: -one[1])
    ]

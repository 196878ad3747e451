"""The attachments of one message: their order, their places, what belongs to what."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from services.indexer.kinds.message.attachment_files import AttachmentRow, MessageFiles
from services.indexer.kinds.message.payload import AttachmentInfo, Part, Role
from services.indexer.kinds.message.rich_text import TransferPlace
from services.indexer.staging import StagedAttachment


class Attached(msgspec.Struct, frozen=True, kw_only=True):
    """Files with what is known about each, and the message's bubbles where it has several."""

    files: tuple[StagedAttachment, ...] = ()
    info: tuple[AttachmentInfo, ...] = ()
    parts: tuple[Part, ...] = ()
    transcript: str | None = None
    missing: int = 0
    #: Whether any is something that people sent, not a preview or half of another.
    has_ordinary: bool = False

    def plus(self, other: Attached) -> Attached:
        """Return both, one after the other."""
        return Attached(
            files=(*self.files, *other.files),
            info=(*self.info, *other.info),
            missing=self.missing + other.missing,
        )


#: What most messages have.
NOTHING_ATTACHED = Attached()


def attach(
    rows: Sequence[AttachmentRow],
    places: tuple[TransferPlace, ...],
    *,
    files: MessageFiles,
    first: int = 0,
    part: int | None = None,
    parts: tuple[tuple[int, str], ...] = (),
) -> Attached:
    """Return the attachments of a message, numbered from *first*.

    Order is that of their places in the text; the others follow as they were joined, previews and
    hidden ones last.
    """
    if not rows:
        if len(parts) < 2:
            return NOTHING_ATTACHED
        return Attached(parts=tuple(Part(part=number, text=text) for number, text in parts))
    at = {place.guid: number for number, place in enumerate(places)}
    ordered = sorted(
        rows,
        key=lambda row: (
            row.is_preview or (bool(row.hide_attachment) and row.guid not in at),
            at.get(row.guid, len(at)),
        ),
    )
    found: list[StagedAttachment] = []
    infos: list[AttachmentInfo] = []
    missing = 0
    ordinary = False
    for row in ordered:
        located = files.locate(row)
        place = places[at[row.guid]] if row.guid in at else None
        still = _still_of(found, located, first)
        role = _role(row, is_film=still is not None, is_placed=place is not None)
        if role is None:
            ordinary = ordinary or not row.is_sticker or part is None
            missing += not located.present
        infos.append(
            AttachmentInfo(
                n=first + len(found),
                part=part if place is None else place.part,
                is_sticker=bool(row.is_sticker),
                role=role,
                of=still,
                uti=row.uti if isinstance(row.uti, str) else None,
                sticker_pack=row.sticker_pack if row.is_sticker else None,
                description=row.description if isinstance(row.description, str) else None,
                transcript=None if place is None else place.transcript,
                width=None if place is None else place.width,
                height=None if place is None else place.height,
            )
        )
        found.append(located)
    _add_moving_halves(found, infos, files=files, first=first)
    return Attached(
        files=tuple(found),
        info=tuple(infos),
        parts=_parts(parts, infos),
        transcript=next((info.transcript for info in infos if info.transcript), None),
        missing=missing,
        has_ordinary=ordinary,
    )


def _role(row: AttachmentRow, *, is_film: bool, is_placed: bool) -> Role | None:
    if row.is_preview:
        return "preview"
    if is_film:
        return "live_photo"
    return "hidden" if row.hide_attachment and not is_placed else None


def _stem(path: str | None) -> str | None:
    return path.rpartition(".")[0] if path else None


def _still_of(found: list[StagedAttachment], film: StagedAttachment, first: int) -> int | None:
    """Return the number of the picture beside which *film* lies, for Live Photos."""
    path = film.relative_path
    if path is None or not path.lower().endswith(".mov"):
        return None
    for number, still in enumerate(found):
        if still.relative_path != path and _stem(still.relative_path) == _stem(path):
            return first + number
    return None


def _add_moving_halves(
    found: list[StagedAttachment],
    infos: list[AttachmentInfo],
    *,
    files: MessageFiles,
    first: int,
) -> None:
    paired = {info.of for info in infos}
    for number, still in enumerate(tuple(found)):
        if first + number in paired:
            continue
        film = files.find_moving_half(still)
        if film is not None:
            infos.append(AttachmentInfo(n=first + len(found), role="live_photo", of=first + number))
            found.append(film)


def _parts(parts: tuple[tuple[int, str], ...], infos: list[AttachmentInfo]) -> tuple[Part, ...]:
    """Return the bubbles; none for a single one, which needs no telling."""
    if len(parts) < 2:
        return ()
    held: dict[int, list[int]] = {}
    for info in infos:
        if info.part is not None and info.role is None:
            held.setdefault(info.part, []).append(info.n)
    return tuple(
        Part(part=number, text=text, attachments=tuple(held.get(number, ())))
        for number, text in parts
    )

"""What a photo's row says, field by field; every column may hold anything."""

from __future__ import annotations

from typing import Any

from services.indexer.kinds.photo.payload import Burst, Camera, SavedBy
from services.indexer.kinds.photo.times import (
    local_time,
    moment,
    offset_by_clock,
    offset_of,
)
from services.indexer.kinds.photo.vocabulary import (
    ANIMATED,
    FORMS,
    GENERATIVE,
    HDR,
    LIVE,
    PICK_CHOSEN,
    PICK_KEY,
    PICK_SHOWN,
    PLAIN_FORMS,
    PLAIN_HDR,
    PORTRAIT_RENDERING,
)
from services.indexer.kinds.records import Record
from services.indexer.kinds.values import flag_of, float_of, int_of, text_of

_LONGEST_WORDS = 20_000
_NONE = frozenset({0})
#: A video of a hundred days is none.
_LONGEST_SECONDS = 8_640_000


def word_of(
    words: dict[int, Any],
    value: object,
    name: str,
    raw: dict[str, int],
    *,
    quiet: frozenset[int] = frozenset(),
) -> Any:
    """Return the word for a number; one without a word is kept in *raw*, unless *quiet*."""
    number = int_of(value)
    if number is None or number in quiet:
        return None
    if number not in words:
        raw[name] = number
        return None
    return words[number]


def is_positive(value: object) -> bool:
    """Return whether a number is more than nothing."""
    number = int_of(value)
    return number is not None and number > 0


def form_of(row: Record, raw: dict[str, int]) -> dict[str, Any]:
    """Return what kind of picture it is."""
    form = word_of(FORMS, row["ZKINDSUBTYPE"], "kind_subtype", raw, quiet=PLAIN_FORMS)
    if form is None and row["ZPLAYBACKSTYLE"] in LIVE:
        form = "live_photo"
    if form is None and flag_of(row["ZISDETECTEDSCREENSHOT"]):
        form = "screenshot"
    return {
        "form": form,
        "is_portrait": is_positive(row["ZDEPTHTYPE"])
        or is_positive(row["ZDEPTHSTATES"])
        or row["ZCUSTOMRENDEREDVALUE"] == PORTRAIT_RENDERING,
        "is_animated": row["ZPLAYBACKSTYLE"] == ANIMATED,
        "is_spatial": is_positive(row["ZSPATIALTYPE"]),
        "is_hdr": _is_hdr(row["ZHDRTYPE"], raw),
        "generative": word_of(
            GENERATIVE, row["e.ZGENERATIVEAITYPE"], "generative_type", raw, quiet=_NONE
        ),
    }


def _is_hdr(value: object, raw: dict[str, int]) -> bool:
    number = int_of(value)
    if number is None or number in HDR or number in PLAIN_HDR:
        return number in HDR
    raw["hdr_type"] = number
    return False


def times_of(row: Record) -> dict[str, Any]:
    """Return when it was taken, in the phone's and in local time, and when it changed."""
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


def state_of(row: Record) -> dict[str, Any]:
    """Return what people did with it."""
    return {
        "is_favourite": flag_of(row["ZFAVORITE"]),
        "is_hidden": flag_of(row["ZHIDDEN"]),
        "is_trashed": flag_of(row["ZTRASHEDSTATE"]),
        "trashed_at": moment(row["ZTRASHEDDATE"]),
        "is_kept_apart": flag_of(row["ZVISIBILITYSTATE"]) or is_positive(row["ZBUNDLESCOPE"]),
        "edited_at": moment(row["u.ZADJUSTMENTTIMESTAMP"]) or moment(row["ZADJUSTMENTTIMESTAMP"]),
        "edited_with": text_of(row["u.ZEDITORLOCALIZEDNAME"])
        or text_of(row["ZEDITORBUNDLEID"])
        or text_of(row["u.ZADJUSTMENTFORMATIDENTIFIER"]),
        "is_in_shared_library": is_positive(row["ZACTIVELIBRARYSCOPEPARTICIPATIONSTATE"]),
    }


def words_of(row: Record) -> dict[str, Any]:
    """Return what people wrote to it."""
    return {
        "title": _cut(row["ZTITLE"]),
        "caption": _cut(row["d.ZLONGDESCRIPTION"]),
        "description": _cut(row["ZACCESSIBILITYDESCRIPTION"]),
        "credit": _cut(row["e.ZCREDIT"]),
        "uti": text_of(row["ZUNIFORMTYPEIDENTIFIER"]),
    }


def _cut(value: object) -> str | None:
    words = text_of(value)
    return None if words is None else words[:_LONGEST_WORDS]


def shape_of(row: Record) -> dict[str, Any]:
    """Return how large and long it is."""
    seconds = float_of(row["ZDURATION"])
    return {
        "width": _count(row["ZWIDTH"]) or _count(row["ZORIGINALWIDTH"]),
        "height": _count(row["ZHEIGHT"]) or _count(row["ZORIGINALHEIGHT"]),
        "duration_seconds": seconds if seconds and 0 < seconds < _LONGEST_SECONDS else None,
    }


def _count(value: object) -> int | None:
    number = int_of(value)
    return number if number is not None and number > 0 else None


def camera_of(row: Record) -> Camera | None:
    """Return what it was taken with."""
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


def burst_of(row: Record) -> Burst | None:
    """Return the row of photos it belongs to."""
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


def saved_by_of(row: Record) -> SavedBy | None:
    """Return the app that put it on the phone."""
    bundle_id = (
        text_of(row["ZIMPORTEDBYBUNDLEIDENTIFIER"])
        or text_of(row["ZCREATORBUNDLEID"])
        or text_of(row["m.ZIMPORTEDBYBUNDLEIDENTIFIER"])
    )
    name = text_of(row["ZIMPORTEDBYDISPLAYNAME"]) or text_of(row["m.ZIMPORTEDBYDISPLAYNAME"])
    return SavedBy(bundle_id=bundle_id, name=name) if bundle_id or name else None

"""Awards of the Fitness app: what was earned on which day, by the app's own names for them.

The store keeps the names of templates only (``NewMoveRecord``); the words of the app itself are in
no backup, so that titles are those names, taken apart.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator

from services.indexer.kinds.database import Database
from services.indexer.kinds.health.payload import Award, HealthPayload
from services.indexer.kinds.phone_time import cocoa_microseconds, microseconds_of, utc
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record, key_of, note_too_many_records, walk
from services.indexer.kinds.values import float_of, text_of
from services.indexer.staging import StagedArtifact

_TABLE = "ACHAchievementsPlugin_earned_instances"
_COLUMNS = (
    "rowid", "template_unique_name", "created_date", "earned_date", "value_in_canonical_unit",
    "value_canonical_unit",
)  # fmt: skip
#: Three a day for twenty years.
_MOST = 20_000
_LONGEST_NAME = 200
_DAY = re.compile(r"\d{4}-[01]\d-[0-3]\d")
_PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def read_awards(
    database: Database, tally: Tally
) -> Iterator[tuple[int, Callable[[], StagedArtifact | None]]]:
    """Yield when each award was given in microseconds, and what makes its artifact, in order."""
    if "template_unique_name" not in database.columns(_TABLE):
        return
    found: list[tuple[int, Record]] = []
    for row in walk(database, _TABLE, _COLUMNS, tally, rest=f"limit {_MOST + 1}"):
        if len(found) == _MOST:
            note_too_many_records(tally)
            break
        found.append((_moment(row) or 0, row))
    found.sort(key=lambda one: one[0])
    for at_us, row in found:
        yield at_us, lambda row=row: _artifact(row)  # type: ignore[misc]


def _given_us(row: Record) -> int | None:
    # Newer systems write the number as text.
    return cocoa_microseconds(float_of(row["created_date"]))


def _day_of(row: Record) -> str | None:
    found = _DAY.match(text_of(row["earned_date"]) or "")
    return None if found is None else found[0]


def _moment(row: Record) -> int | None:
    """Return when it was given; where that cannot be read, noon of the day that it is for."""
    given_us, day = _given_us(row), _day_of(row)
    if given_us is not None or day is None:
        return given_us
    try:
        noon = dt.datetime.combine(dt.date.fromisoformat(day), dt.time(12), dt.UTC)
    except ValueError:
        return None
    return microseconds_of(noon)


def _artifact(row: Record) -> StagedArtifact | None:
    name = text_of(row["template_unique_name"])
    if name is None:
        return None
    name = name[:_LONGEST_NAME]
    day, given_us = _day_of(row), _given_us(row)
    title = " ".join(_PIECE.findall(name)) or name
    return StagedArtifact(
        key=key_of("award", name, day, given_us),
        payload=HealthPayload(
            form="award",
            group="activity",
            date=day,
            created_at=utc(given_us),
            award=Award(
                name=name,
                value=float_of(row["value_in_canonical_unit"]),
                unit=text_of(row["value_canonical_unit"]),
            ),
        ),
        thread_key="activity",
        occurred_at_us=_moment(row),
        title=f"Award: {title}",
        text="\n".join(dict.fromkeys((title, name))),
    )

"""Times as people and programs write them in a query."""

from __future__ import annotations

import datetime as dt

from shared.contracts.problems import bad_request


def parse_moment(text: str | None, name: str, *, end_of_day: bool = False) -> dt.datetime | None:
    """Read RFC 3339, or a bare date (with *end_of_day* the midnight after it). Zoneless is UTC.

    Raises ``ProblemError`` 400 that names the parameter.
    """
    if text is None:
        return None
    try:
        if len(text) == 10:
            moment = dt.datetime.fromisoformat(text)
            if end_of_day:
                moment += dt.timedelta(days=1)
        else:
            # "+" in a query that was not escaped arrives as a blank.
            moment = dt.datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        # A zone can move the first and the last day of the calendar out of it.
        return moment.replace(tzinfo=dt.UTC) if not moment.tzinfo else moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise bad_request(
            f"The parameter {name} is not a time. Write it like 2024-05-31T18:00:00Z.",
            parameter=name,
        ) from None

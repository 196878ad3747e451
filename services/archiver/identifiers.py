"""Ids as they come in requests."""

from __future__ import annotations

from uuid import UUID

from shared.contracts.problems import not_found


def parse_id(text: str, what: str) -> UUID:
    """Return the id of a *what* (a noun of the word list); what is no id names none."""
    try:
        return UUID(text)
    except ValueError:
        raise not_found(what) from None

"""Show enough of a serial or telephone number to recognise it, and not enough to use it."""

from __future__ import annotations

HIDDEN = "•"
_SHOWN_AT_END = 2


def masked(value: str | None) -> str | None:
    """Hide every letter and digit but the last two; short values are hidden whole.

    Signs such as ``+``, blanks and brackets stay, so that the form can still be recognised.
    """
    if value is None:
        return None
    telling = [position for position, sign in enumerate(value) if sign.isalnum()]
    shown = set(telling[-_SHOWN_AT_END:]) if len(telling) > 2 * _SHOWN_AT_END else set()
    return "".join(
        HIDDEN if sign.isalnum() and position not in shown else sign
        for position, sign in enumerate(value)
    )

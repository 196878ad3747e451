"""Why a thing is in the newest backup no more, as far as backups tell."""

from __future__ import annotations

from typing import Literal

import msgspec

#: ``expired``: the phone let it go when its time was over. ``offloaded``: the thing is there, its
#: file is not. ``deleted``: somebody removed it. ``left_with_app`` and ``left_with_account``: all
#: of its app or account went. ``unknown``: backups do not tell.
Reason = Literal["expired", "offloaded", "deleted", "left_with_app", "left_with_account", "unknown"]


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """Why something went."""

    reason: Reason
    #: Whether what backups say leaves no other way open.
    is_certain: bool
    #: One sentence or two, for people.
    note: str


class ReasonCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many things went for each reason."""

    expired: int = 0
    deleted: int = 0
    left_with_app: int = 0
    left_with_account: int = 0
    unknown: int = 0

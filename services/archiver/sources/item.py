"""Single things in archives that have a name of their own."""

from __future__ import annotations

from typing import Any

import msgspec


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """Something in an archive that people look for by name: a table, a workflow, a credential."""

    kind: str
    #: What the source calls it; one of a kind has it.
    key: str
    name: str
    #: For people; never what it holds.
    facts: dict[str, Any] = {}
    #: The member of the bundle that holds it and nothing else, if there is one.
    member: str | None = None

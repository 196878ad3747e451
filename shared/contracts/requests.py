"""The base of everything that is asked over the bus, and the page that lists answer with."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

import msgspec

Reply = TypeVar("Reply")
Item = TypeVar("Item")

#: Bounds of ``limit`` in every listing (see the API contract).
DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


class Request(
    msgspec.Struct, Generic[Reply], frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """A question to a service; answered with *Reply*, or with a problem.

    ``subject`` is ``cmd.<service>.<verb>``. Questions to a session carry only the verb; their
    subject is ``unlock.session.<session id>.<verb>``.
    """

    subject: ClassVar[str] = ""
    #: What the reply decodes to; ``bytes`` for file content.
    reply: ClassVar[object] = None


class Page(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """Some items in order, and the opaque cursor that continues after the last of them."""

    items: list[Item]
    next_cursor: str | None = None


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """The request was carried out; ``changed`` is false when there was nothing to do."""

    changed: bool = True

"""Places in threads: what orders one, what lies beyond a place, and how much comes before a row.

Positions of every 64th artifact are kept as anchors, of stitched threads of every 16th, so that
counting begins near the row.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

from services.indexer.history.storage_members import MEMBER_KINDS

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Conditions, Connection, Row


class Order(NamedTuple):
    """Where artifacts ``a`` of a thread come from, and the columns that name and order them."""

    source: str
    thread: str
    at: str
    id: str

    @property
    def place(self) -> str:
        """What is compared within one thread."""
        return f"({self.at}, {self.id})"

    def sorted(self, way: str) -> str:
        """Return what rows are sorted by."""
        return f"{self.thread} {way}, {self.at} {way}, {self.id} {way}"

    def require_beyond(
        self, where: Conditions, compare: str, *, thread: int, at: dt.datetime, artifact_id: int
    ) -> None:
        """Require what lies on one side of a place in a thread, to be read in the order of it.

        Were the thread asked for by itself, it would be no part of the order, and a table of which
        half comes after the place would be walked by time to find that it holds nothing of it.
        """
        where.add(
            f"({self.thread}, {self.at}, {self.id}) {compare} ({{thread}}, {{at}}, {{id}})"
            f" and {self.thread} {'>=' if compare == '<' else '<='} {{thread}}",
            thread=thread,
            at=at,
            id=artifact_id,
        )


_OF_ONE = Order("artifact a", "a.thread_id", "a.sort_at", "a.id")
_OF_SEVERAL = Order(
    "thread_member m join artifact a on a.id = m.artifact_id",
    "m.thread_id", "m.sort_at", "m.artifact_id",
)  # fmt: skip


class Anchors(NamedTuple):
    """Kept positions: their table, and its column that names the thread."""

    table: str
    column: str


PLAIN = Anchors("thread_anchor", "thread_id")
STITCHED = Anchors("stitched_anchor", "stitched_id")


def order_of(kind: str) -> Order:
    """Return how threads of a kind are read: its artifacts may lie in several, as photos do."""
    return _OF_SEVERAL if kind in MEMBER_KINDS else _OF_ONE


async def count_before(
    connection: Connection,
    where: Conditions,
    row: Row,
    *,
    order: Order,
    anchors: Anchors | None,
    thread: int,
) -> int:
    """Return how much of a *thread*, of which *where* says what is seen, comes before *row*.

    *anchors* are kept for what is there now, without removed ones; null for anything else.
    """
    skipped = 0
    where.add(f"{order.place} < ({{at}}, {{id}})", at=row["sort_at"], id=row["id"])
    anchor = None
    if anchors is not None:
        anchor = await connection.fetchrow(
            f"select position, sort_at, artifact_id from {anchors.table}"  # noqa: S608 -- constants
            f" where {anchors.column} = $1 and (sort_at, artifact_id) <= ($2, $3)"
            " order by sort_at desc, artifact_id desc limit 1",
            thread,
            row["sort_at"],
            row["id"],
        )
    if anchor is not None:
        skipped = anchor["position"]
        # The times alone say the same once more, to those who estimate how much it is.
        where.add(
            f"{order.place} >= ({{from_at}}, {{id}})"
            f" and {order.at} >= {{from_at}} and {order.at} <= {{at}}",
            from_at=anchor["sort_at"],
            id=anchor["artifact_id"],
            at=row["sort_at"],
        )
    counted: int = await connection.fetchval(
        f"select count(*) from {order.source} where {where}",  # noqa: S608 -- parameters only
        *where.parameters,
    )
    return skipped + counted

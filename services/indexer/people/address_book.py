"""The table ``address_book``: which handle is whom, from the device's own contacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.indexer.folding import fold

if TYPE_CHECKING:
    from services.indexer.history.storage_rows import Connection


async def rebuild_address_book(connection: Connection, device: str) -> None:
    """Take the device's names anew from its contacts; idempotent.

    A contact that was deleted still names its handles until another one does.
    """
    rows = await connection.fetch(
        "select distinct on (h.handle) h.handle, a.title, a.key from artifact a"
        " cross join lateral json_array_elements_text("
        "   case when json_typeof(a.payload -> 'handles') = 'array'"
        "   then a.payload -> 'handles' else '[]' end) h (handle)"
        " where a.device = $1 and a.kind = 'contact' and a.title <> ''"
        " order by h.handle, a.removed_at desc nulls first, a.key",
        device,
    )
    await connection.execute("delete from address_book where device = $1", device)
    await connection.executemany(
        "insert into address_book (device, handle, name, folded, artifact_key)"
        " values ($1, $2, $3, $4, $5)",
        [(device, row["handle"], row["title"], fold(row["title"]), row["key"]) for row in rows],
    )

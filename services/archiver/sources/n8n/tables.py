"""Finding n8n's tables: its schema and the prefix of its tables' names are for its owner to choose.

Columns come and go with its versions, so what is read is what there is.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from services.archiver.errors import SourceError
from services.archiver.sources.databases.measuring import Column, TableName, quoted

if TYPE_CHECKING:
    from services.archiver.sources.databases.access import Connection

_WORKFLOWS = "workflow_entity"
_NEEDED = frozenset({"id", "name", "nodes", "connections"})
#: What n8n notes of runs, and counts of them; most of a database that is in use.
_RUNS = ("execution_*", "insights_*", "workflow_statistics*")


class N8nTables(msgspec.Struct, frozen=True, kw_only=True):
    """Where the tables of one n8n are."""

    schema: str
    prefix: str
    columns: Mapping[str, frozenset[str]]

    def name(self, table: str) -> TableName:
        """Return what a table is called here."""
        return TableName(self.schema, self.prefix + table)

    def has(self, table: str, *columns: str) -> bool:
        """Whether there is such a table with such columns."""
        return table in self.columns and self.columns[table].issuperset(columns)


def find_n8n(tables: Mapping[TableName, Sequence[Column]]) -> N8nTables:
    """Return where n8n's tables are. Raises ``SourceError`` for a database that has none."""
    homes = [
        name
        for name, columns in tables.items()
        if name.name.endswith(_WORKFLOWS) and {one.name for one in columns} >= _NEEDED
    ]
    if len(homes) != 1:
        raise SourceError(
            "The database holds more than one n8n; each needs a source with a login that may read"
            " only its own."
            if homes
            else "The database is none of n8n: it has no workflows."
        )
    home = homes[0]
    prefix = home.name.removesuffix(_WORKFLOWS)
    return N8nTables(
        schema=home.schema,
        prefix=prefix,
        columns={
            name.name.removeprefix(prefix): frozenset(one.name for one in columns)
            for name, columns in tables.items()
            if name.schema == home.schema and name.name.startswith(prefix)
        },
    )


async def tables_of_runs(connection: Connection, n8n: N8nTables) -> frozenset[TableName]:
    """Return the tables whose rows a backup can do without.

    Rows that stay may refer to rows of these, and then could not be put back: such a table keeps
    its rows, and so does what it refers to in turn.
    """
    without = {
        n8n.name(table)
        for table in n8n.columns
        if any(fnmatch.fnmatchcase(table, pattern) for pattern in _RUNS)
    }
    references = await connection.fetch(
        "select sn.nspname, s.relname, tn.nspname, t.relname,"
        " array(select attname::text from pg_attribute where attrelid = k.conrelid"
        " and attnum = any (k.conkey)) as columns"
        " from pg_constraint k join pg_class s on s.oid = k.conrelid"
        " join pg_namespace sn on sn.oid = s.relnamespace"
        " join pg_class t on t.oid = k.confrelid join pg_namespace tn on tn.oid = t.relnamespace"
        " where k.contype = 'f' and tn.nspname = $1",
        n8n.schema,
    )
    is_settled = False
    while not is_settled:
        is_settled = True
        for from_schema, from_table, to_schema, to_table, columns in references:
            referring, target = TableName(from_schema, from_table), TableName(to_schema, to_table)
            if target not in without or referring in without:
                continue
            filled = " and ".join(f"{quoted(column)} is not null" for column in columns)
            if await connection.fetchval(
                f"select exists (select from only {referring.quoted} where {filled})"  # noqa: S608 -- quoted
            ):
                without.discard(target)
                is_settled = False
    return frozenset(without)

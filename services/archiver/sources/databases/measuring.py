"""What a database holds, as of the snapshot that is dumped: tables, columns, rows, checksums.

Whoever restores the dump compares it with this. So a checksum depends on the rows of a table and
nothing else: not on their order, the server's version or its settings (see ``access``). What there
is to measure is read from the server, never known beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from services.archiver.errors import SourceRefusedError

if TYPE_CHECKING:
    from services.archiver.sources.databases.access import Connection

_OURS = "n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'"
_OF_EXTENSIONS = (
    "exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid"
    " and d.deptype = 'e')"
)
_MOST_NAMED = 3


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a table."""

    name: str
    type: str
    is_nullable: bool


class Table(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A table with what it held."""

    schema: str
    name: str
    columns: list[Column]
    #: Of its own: a partitioned table has none, its partitions have them.
    rows: int
    #: The sum of the first 60 bits of each row's MD5; text, because it is longer than JSON's
    #: numbers. Null without rows.
    checksum: str | None
    #: The dump has the table without its rows.
    is_without_rows: bool = False

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"


class SequenceState(msgspec.Struct, frozen=True, kw_only=True):
    """A sequence. It is of no snapshot: the dump's may be further on."""

    schema: str
    name: str
    last_value: int
    is_called: bool


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    server_version: str
    server_version_num: int
    database: str
    encoding: str
    collation: str
    size_bytes: int
    tables: list[Table]
    sequences: list[SequenceState]
    roles: list[dict[str, Any]]
    extensions: dict[str, str]
    relations: dict[str, int]
    large_object_count: int
    invalid_indexes: list[str]


class TableName(msgspec.Struct, frozen=True, order=True):
    """Which table."""

    schema: str
    name: str

    @property
    def quoted(self) -> str:
        """As SQL takes it."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"


def quoted(name: str) -> str:
    """Return a name as SQL takes it, and pg_dump's patterns do."""
    return '"' + name.replace('"', '""') + '"'


async def server_major(connection: Connection) -> int:
    """Return the server's version, as programs are chosen by it."""
    return int(await connection.fetchval("show server_version_num")) // 10_000


async def database_bytes(connection: Connection) -> int:
    """Return how much the database takes on the server's disk."""
    return int(await connection.fetchval("select pg_database_size(current_database())"))


async def fetch_tables(
    connection: Connection, schemas: Sequence[str] | None = None
) -> dict[TableName, list[Column]]:
    """Return all tables with their columns, without those that extensions bring along.

    Here and below: only those of *schemas*, if some are named.
    """
    rows = await connection.fetch(
        "select t.table_schema, t.table_name from information_schema.tables t"  # noqa: S608 -- ours
        " join pg_namespace n on n.nspname = t.table_schema"
        " join pg_class c on c.relnamespace = n.oid and c.relname = t.table_name"
        f" where t.table_type = 'BASE TABLE' and {_OURS} and not {_OF_EXTENSIONS}"
        " and ($1::text[] is null or n.nspname = any ($1))"
        " order by t.table_schema, t.table_name",
        schemas,
    )
    tables: dict[TableName, list[Column]] = {
        TableName(row["table_schema"], row["table_name"]): [] for row in rows
    }
    for row in await connection.fetch(
        "select table_schema, table_name, column_name, data_type, udt_name, is_nullable"
        " from information_schema.columns order by table_schema, table_name, ordinal_position"
    ):
        columns = tables.get(TableName(row["table_schema"], row["table_name"]))
        if columns is not None:
            is_own = row["data_type"] in ("USER-DEFINED", "ARRAY")
            columns.append(
                Column(
                    name=row["column_name"],
                    type=row["udt_name"] if is_own else row["data_type"],
                    is_nullable=row["is_nullable"] == "YES",
                )
            )
    return tables


async def check_rights(connection: Connection, schemas: Sequence[str] | None = None) -> None:
    """Raise ``SourceRefusedError`` when there are tables that the login may not read."""
    rows = await connection.fetch(
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"  # noqa: S608 -- ours
        f" where c.relkind in ('r', 'p', 'S') and {_OURS} and not {_OF_EXTENSIONS}"
        " and not (has_schema_privilege(n.oid, 'usage') and case when c.relkind = 'S'"
        " then has_sequence_privilege(c.oid, 'select')"
        " else has_table_privilege(c.oid, 'select') end)"
        " and ($1::text[] is null or n.nspname = any ($1)) order by c.relname",
        schemas,
    )
    if rows:
        named = ", ".join(row["relname"] for row in rows[:_MOST_NAMED])
        raise SourceRefusedError(
            f"The login may not read {len(rows)} of the database's tables and sequences ({named})."
            " Give it all rights to read: grant pg_read_all_data to it."
        )


async def measure(
    connection: Connection,
    *,
    without_rows: frozenset[TableName] = frozenset(),
    schemas: Sequence[str] | None = None,
) -> Measured:
    """Measure a database, inside of the transaction whose snapshot is dumped.

    Reads all rows. Tables of *without_rows* are counted only. Raises ``SourceError``.
    """
    database = await connection.fetchrow(
        "select current_database() as name, current_setting('server_version') as version,"
        " current_setting('server_version_num')::int as number,"
        " pg_encoding_to_char(encoding) as encoding, datcollate as collation"
        " from pg_database where datname = current_database()"
    )
    assert database is not None
    tables = [
        await _measure_table(connection, name, columns, without_rows=name in without_rows)
        for name, columns in (await fetch_tables(connection, schemas)).items()
    ]
    return Measured(
        server_version=database["version"],
        server_version_num=database["number"],
        database=database["name"],
        encoding=database["encoding"],
        collation=database["collation"],
        size_bytes=await database_bytes(connection),
        tables=tables,
        sequences=await _sequences(connection, schemas),
        roles=await _roles(connection),
        extensions=dict(
            await connection.fetch("select extname, extversion from pg_extension order by 1")
        ),
        relations=dict(
            await connection.fetch(
                "select c.relkind::text, count(*) from pg_class c"  # noqa: S608 -- ours
                " join pg_namespace n on n.oid = c.relnamespace"
                f" where {_OURS} group by 1 order by 1"
            )
        ),
        large_object_count=await connection.fetchval(
            "select count(*) from pg_largeobject_metadata"
        ),
        invalid_indexes=[
            row["relname"]
            for row in await connection.fetch(
                "select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid"
                " where not i.indisvalid order by 1"
            )
        ],
    )


async def _measure_table(
    connection: Connection, name: TableName, columns: list[Column], *, without_rows: bool
) -> Table:
    # A column of the same name would be meant instead of the row.
    alias = "row_of_keepsake"
    while any(column.name == alias for column in columns):
        alias += "_"
    total = (
        "null" if without_rows else f"sum(('x' || left(md5({alias}::text), 15))::bit(60)::bigint)"
    )
    row = await connection.fetchrow(
        f"select count(*) as rows, {total}::text as checksum from only {name.quoted} {alias}"  # noqa: S608 -- quoted
    )
    assert row is not None
    return Table(
        schema=name.schema,
        name=name.name,
        columns=columns,
        rows=row["rows"],
        checksum=row["checksum"],
        is_without_rows=without_rows,
    )


async def _sequences(connection: Connection, schemas: Sequence[str] | None) -> list[SequenceState]:
    names = await connection.fetch(
        "select sequence_schema, sequence_name from information_schema.sequences s"  # noqa: S608 -- ours
        f" join pg_namespace n on n.nspname = s.sequence_schema where {_OURS}"
        " and ($1::text[] is null or n.nspname = any ($1)) order by 1, 2",
        schemas,
    )
    found = []
    for schema, name in names:
        row = await connection.fetchrow(
            f"select last_value, is_called from {quoted(schema)}.{quoted(name)}"  # noqa: S608 -- quoted
        )
        assert row is not None
        found.append(
            SequenceState(
                schema=schema, name=name, last_value=row["last_value"], is_called=row["is_called"]
            )
        )
    return found


async def _roles(connection: Connection) -> list[dict[str, Any]]:
    """Return the server's roles, without passwords: a dump names them and does not bring them."""
    rows = await connection.fetch(
        "select r.rolname as name, r.rolsuper as is_superuser, r.rolcanlogin as can_login,"
        " r.rolcreatedb as creates_databases, r.rolcreaterole as creates_roles,"
        " array(select g.rolname::text from pg_auth_members m join pg_roles g on g.oid = m.roleid"
        " where m.member = r.oid order by 1) as member_of"
        " from pg_roles r where r.rolname not like 'pg\\_%' order by 1"
    )
    return [dict(row) for row in rows]

"""What Keepsake adds beside a staged manifest: an order by domain and path, and all sizes.

Both are databases of their own in the scratch folder. The staged manifest is untrusted: it is
attached read-only, nothing of its schema but the table ``Files`` is used, and every row is
checked for types and lengths on its way. The order is built at opening, for paging at once; the
sizes need a look into every archived entry and are built when they are first asked for.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from shared.ios_backup.errors import DamagedManifest, Locked
from shared.ios_backup.manifest_entry import EntryFacts, effective_flags

#: Reads (size, modified) of one archived entry.
SizesOf = Callable[[bytes], tuple[int | None, int | None]]
#: Reads everything of one archived entry.
FactsOf = Callable[[bytes], EntryFacts]

#: Row, domain, flags, size, time.
_Sized = tuple[int, int, int, int, int]

MAX_ROWS = 5_000_000
_ROWS_BETWEEN_LOOKS = 1000
MAX_PATTERN_BYTES = 1024
#: Reaches every real manifest many times over; a damaged tree of pages could be walked for ever.
_BUILD_SECONDS = 300.0
_LONGEST_VALUE_BYTES = 16 * 1024 * 1024
_MAPPED_BYTES = 2 * 1024**3
_MAX_PATH_CHARACTERS = 16 * 1024
_MAX_ARCHIVE_BYTES = 100 * 1024
_COLUMNS = {"fileid", "domain", "relativepath", "flags", "file"}
_ROWID_NAMES = {"rowid", "oid", "_rowid_"}

#: Rows that can be listed. Others are counted and left out.
VALID_ROW = f"""
    typeof(f.fileID) = 'text' and length(f.fileID) = 40
    and typeof(f.domain) = 'text' and length(f.domain) between 1 and 1024
    and typeof(f.relativePath) = 'text' and length(f.relativePath) <= {_MAX_PATH_CHARACTERS}
    and typeof(f.flags) = 'integer'
"""
#: The archived entry where it is one.
ARCHIVE = f"""case when typeof(f.file) = 'blob' and length(f.file) <= {_MAX_ARCHIVE_BYTES}
    then f.file end"""

_ORDER_SCHEMA = """
create table domain (id integer primary key, name text not null unique);
create table place (domain_id integer not null, relative_path text not null, id integer not null,
                    flags integer not null,
                    primary key (domain_id, relative_path, id)) without rowid;
"""
_SIZES_SCHEMA = """
create table size (id integer primary key, domain_id integer not null, flags integer not null,
                   size integer not null, modified integer not null);
"""
#: Stands for an unknown size or time, after all known ones.
UNKNOWN = -(2**62)


def connect(path: Path, manifest: Path) -> sqlite3.Connection:
    """Open a database of ours at *path* with the untrusted *manifest* attached as ``backup``."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, uri=True)
    try:
        # First of all: from here on no function of an untrusted schema runs.
        connection.execute("pragma trusted_schema = off")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE_BYTES)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, MAX_PATTERN_BYTES)
        for pragma in (
            "journal_mode = off",
            "synchronous = off",
            # A temporary file would be plaintext outside the scratch folder.
            "temp_store = memory",
            "cache_size = -16384",
            "cell_size_check = on",
        ):
            connection.execute(f"pragma {pragma}")
        uri = f"{manifest.absolute().as_uri()}?mode=ro&immutable=1"
        connection.execute("attach database ? as backup", (uri,))
    except BaseException:
        connection.close()
        raise
    return connection


def build_order(connection: sqlite3.Connection, facts_of: FactsOf) -> int:
    """Fill ``domain`` and ``place``; return how many rows had to be left out.

    Raises DamagedManifest when the table is missing, is not a plain table, or cannot be read.
    """
    _check_files_table(connection)
    connection.create_function(
        "flags_of_archive",
        1,
        lambda archive: effective_flags(0, facts_of(archive or b"").mode),
        deterministic=True,
    )
    with limited(connection, _BUILD_SECONDS), mapped(connection):
        connection.executescript(_ORDER_SCHEMA)
        connection.execute("begin")
        connection.execute(
            "insert into domain (name) select distinct f.domain from backup.Files f"
            " where typeof(f.domain) = 'text' order by 1"
        )
        # Counted row by row, for a plain count cannot be stopped in a forged tree of pages.
        (total,) = connection.execute(
            f"select count(*) from (select 1 from backup.Files not indexed limit {MAX_ROWS + 1})"  # noqa: S608
        ).fetchone()
        # SQLite sorts by a third slower under a limit, even one that is never reached.
        limit = f"limit {MAX_ROWS}" if total > MAX_ROWS else ""
        # The cross join fixes the order of the loops: one pass over the manifest.
        connection.execute(
            f"insert into place select d.id, f.relativePath, f.rowid,"  # noqa: S608
            f" case f.flags when 0 then flags_of_archive({ARCHIVE}) else f.flags end"
            f" from backup.Files f cross join domain d on d.name = f.domain"
            f" where {VALID_ROW} order by 1, 2, 3 {limit}"
        )
        connection.execute("commit")
        (listed,) = connection.execute("select count(*) from place").fetchone()
    return int(total - listed)


class Sum:
    """How many files a domain has, and the bytes they claim."""

    __slots__ = ("file_count", "size_bytes")

    def __init__(self) -> None:
        self.file_count = 0
        self.size_bytes = 0


def build_sizes(
    path: Path,
    manifest: Path,
    order: Path,
    *,
    sizes_of: SizesOf,
    facts_of: FactsOf,
    is_over: Callable[[], bool],
) -> dict[int, Sum]:
    """Write the size and time of every listed row to a database at *path*.

    Returns the sum of each domain, by its number. Works on connections of its own, so that pages
    are served meanwhile. Raises Locked soon after *is_over* says so.
    """
    sums: dict[int, Sum] = defaultdict(Sum)
    reader = connect(path.with_name("reader.sqlite"), manifest)
    writer = sqlite3.connect(path, isolation_level=None)
    try:
        reader.execute("attach database ? as main_order", (f"{order.absolute().as_uri()}?mode=ro",))
        # Undecoded text: nothing here looks at names.
        reader.text_factory = bytes
        writer.execute("pragma journal_mode = off")
        writer.execute("pragma synchronous = off")
        writer.executescript(_SIZES_SCHEMA)
        writer.execute("begin")
        with limited(reader, _BUILD_SECONDS), mapped(reader):
            writer.executemany(
                "insert into size values (?, ?, ?, ?, ?)",
                _while_wanted(_sized(reader, sizes_of, facts_of, sums), is_over),
            )
        writer.execute("commit")
    finally:
        writer.close()
        reader.close()
        path.with_name("reader.sqlite").unlink(missing_ok=True)
    return sums


def _while_wanted(rows: Iterator[_Sized], is_over: Callable[[], bool]) -> Iterator[_Sized]:
    while batch := list(itertools.islice(rows, _ROWS_BETWEEN_LOOKS)):
        if is_over():
            raise Locked("The backup was locked meanwhile.")
        yield from batch


def _sized(
    reader: sqlite3.Connection, sizes_of: SizesOf, facts_of: FactsOf, sums: dict[int, Sum]
) -> Iterator[_Sized]:
    rows = reader.execute(
        f"select f.rowid, d.id, f.flags, {ARCHIVE} from backup.Files f"  # noqa: S608
        f" cross join main_order.domain d on d.name = f.domain where {VALID_ROW} limit {MAX_ROWS}"
    )
    for row, domain_id, flags, archive in rows:
        size, modified = (None, None) if archive is None else sizes_of(archive)
        flags = flags or effective_flags(0, facts_of(archive or b"").mode)  # noqa: PLW2901
        domain = sums[domain_id]
        if flags == 1:
            domain.file_count += 1
            domain.size_bytes += size or 0
        yield (
            row,
            domain_id,
            flags,
            UNKNOWN if size is None else size,
            UNKNOWN if modified is None else modified,
        )


def _check_files_table(connection: sqlite3.Connection) -> None:
    row = connection.execute(
        "select type, sql from backup.sqlite_master where name = 'Files' collate nocase"
    ).fetchone()
    if row is None or row[0] != "table" or "virtual" in str(row[1]).lower().split("(")[0]:
        raise DamagedManifest("The manifest has no table of files.")
    columns = {
        str(name).lower(): hidden
        for _, name, _, _, _, _, hidden in connection.execute(
            "select * from pragma_table_xinfo('Files', 'backup')"
        )
    }
    # Hidden columns are generated: they would run expressions of the untrusted schema.
    if not columns.keys() >= _COLUMNS or columns.keys() & _ROWID_NAMES or any(columns.values()):
        raise DamagedManifest("The manifest's table of files has other columns than a real one.")


@contextlib.contextmanager
def mapped(connection: sqlite3.Connection) -> Iterator[None]:
    """Map the manifest into memory meanwhile, which halves the time of a scan.

    Safe for a private copy that nobody cuts off; not kept, for its pages count as ours.
    """
    connection.execute(f"pragma backup.mmap_size = {_MAPPED_BYTES}")
    try:
        yield
    finally:
        connection.execute("pragma backup.mmap_size = 0")


class limited:  # noqa: N801 -- read as a phrase: with limited(connection, seconds)
    """Stop statements of *connection* after some seconds; sqlite3.OperationalError then."""

    def __init__(self, connection: sqlite3.Connection, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds

    def __enter__(self) -> None:
        end = time.monotonic() + self._seconds
        self._connection.set_progress_handler(lambda: int(time.monotonic() > end), 1_000_000)

    def __exit__(self, *_: object) -> None:
        self._connection.set_progress_handler(None, 0)

"""What Keepsake adds beside a staged manifest at opening: an order by domain and path.

It is a database of its own in the scratch folder. The staged manifest is untrusted: it is
attached read-only, nothing of its schema but the table ``Files`` is used, and every row is
checked for types and lengths on its way.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from shared.ios_backup.errors import DamagedManifest
from shared.ios_backup.manifest_entry import EntryFacts, effective_flags

#: Reads everything of one archived entry.
FactsOf = Callable[[bytes], EntryFacts]

MAX_ROWS = 5_000_000
MAX_PATTERN_BYTES = 1024
#: Reaches every real manifest many times over; a damaged tree of pages could be walked for ever.
BUILD_SECONDS = 300.0
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


class PlacesOfDomain(NamedTuple):
    """One domain with its number in ``domain``, and what is listed in it."""

    number: int
    name: str
    entry_count: int
    file_count: int


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


def build_order(
    connection: sqlite3.Connection, facts_of: FactsOf, *, is_over: Callable[[], bool]
) -> tuple[list[PlacesOfDomain], int]:
    """Fill ``domain`` and ``place``; return the domains by name, and how many rows are left out.

    Raises DamagedManifest when the table is missing, is not a plain table, or cannot be read, and
    sqlite3.OperationalError soon after *is_over* says so.
    """
    _check_files_table(connection)
    connection.create_function(
        "flags_of_archive",
        1,
        lambda archive: effective_flags(0, facts_of(archive or b"").mode),
        deterministic=True,
    )
    with limited(connection, BUILD_SECONDS, is_over=is_over), mapped(connection):
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
        counts = [
            PlacesOfDomain(*row)
            for row in connection.execute(
                "select d.id, d.name, n.entries, n.files from"
                " (select domain_id, count(*) as entries, sum(flags = 1) as files"
                " from place group by domain_id) n join domain d on d.id = n.domain_id order by 1"
            )
        ]
    return counts, int(total - sum(one.entry_count for one in counts))


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

    def __init__(
        self,
        connection: sqlite3.Connection,
        seconds: float,
        *,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._connection = connection
        self._seconds = seconds
        self._is_over = is_over

    def __enter__(self) -> None:
        end, is_over = time.monotonic() + self._seconds, self._is_over
        self._connection.set_progress_handler(
            lambda: int(time.monotonic() > end or is_over()), 1_000_000
        )

    def __exit__(self, *_: object) -> None:
        self._connection.set_progress_handler(None, 0)

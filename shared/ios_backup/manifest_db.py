"""An opened manifest: domains, pages of entries, single entries.

Any thread may call any method; calls on one manifest take turns, apart from ``measure``, which
works beside them. Everything that was written lies in the scratch folder given at opening and
goes with ``close``.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import msgspec

from shared.ios_backup.entry_shapes import ShapeReader
from shared.ios_backup.errors import BackupFormatError, DamagedManifest, Locked
from shared.ios_backup.manifest_entry import (
    EntryFacts,
    ManifestEntry,
    effective_flags,
    utc,
)
from shared.ios_backup.manifest_index import (
    MAX_PATTERN_BYTES,
    VALID_ROW,
    FactsOf,
    build_order,
    connect,
    limited,
)
from shared.ios_backup.manifest_queries import (
    ENTRY,
    FLAGS,
    Kind,
    Sort,
    by_measure,
    by_path,
    filters,
)
from shared.ios_backup.manifest_sizes import Sizes, SizesOf
from shared.ios_backup.safe_files import FILE_ID

MAX_PAGE = 5_000
#: Whoever asks for domains waits for the sizes of so few entries, which takes 30 ms: of a small
#: phone they are never unknown.
FEW_ENTRIES = 10_000
#: A pattern may be made to look hard at every path; nobody waits longer than this for a page.
_QUERY_SECONDS = 20.0
#: Sizes are claims; the sum of forged ones must still be a number that others can take.
_MOST_BYTES = 2**63 - 1
_KINDS: dict[int, Kind] = {flags: kind for kind, flags in FLAGS.items()}


class DomainCount(msgspec.Struct, frozen=True, kw_only=True):
    """One domain: its entries of kind file, and the sum of the sizes they claim, once known."""

    domain: str
    file_count: int
    size_bytes: int | None


class ManifestPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some entries, and where the next page begins (None at the end)."""

    entries: list[ManifestEntry]
    next_after: int | None


class Manifest:
    """The list of everything in a backup. Get one from ``BackupFolder.open_manifest``."""

    def __init__(
        self,
        staged: Path,
        *,
        read_facts: FactsOf | None = None,
        sizes_of: SizesOf | None = None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        """Take over the staged database; build the order of its entries beside it.

        Raises Locked soon after *is_over* says that nobody waits for it any more.
        """
        self._staged = staged
        self._order = staged.with_name("order.sqlite")
        self._sizes = staged.with_name("sizes.sqlite")
        shapes = ShapeReader()
        self._facts_of = read_facts or shapes.facts
        self._sizes_of = sizes_of or shapes.sizes
        self._lock = threading.Lock()
        #: Taken in this order, before the lock of the connection.
        self._summing = threading.Lock()
        self._measuring = threading.Lock()
        #: What was read and is still to be written.
        self._unwritten: Sizes | None = None
        #: The bytes of each domain by its number, once they are known.
        self._sums: dict[int, int] | None = None
        self._measured = False
        self._is_closed = False
        #: Whether somebody tried to read the sizes in vain; who waits for them tries again.
        self.are_sizes_unreadable = False
        self.warnings: list[str] = []
        connection = None
        try:
            with _as_damage():
                connection = connect(self._order, staged)
                self._connection = connection
                # Invalid UTF-8 occurs in names; it must neither stop a page nor reach JSON.
                connection.text_factory = _decoded
                self._domains, self._skipped = build_order(
                    connection, self._facts_of, is_over=is_over
                )
        except BaseException:
            if connection is not None:
                connection.close()
            self._remove()
            if is_over():
                raise Locked("The backup was locked meanwhile.") from None
            raise
        self.entry_count = sum(one.entry_count for one in self._domains)
        self.file_count = sum(one.file_count for one in self._domains)
        if self._skipped:
            self.warnings.append(
                f"{self._skipped} rows of the manifest are malformed and left out."
            )

    def domains(self, *, wait: bool = True) -> list[DomainCount]:
        """Return all domains by name, with bytes.

        They are summed up first, if nobody did. Without *wait* the answer comes at once and has
        no bytes where they would take long, or cannot be read.
        """
        if wait:
            self._sum_up()
        elif self.entry_count <= FEW_ENTRIES:
            with contextlib.suppress(DamagedManifest, OSError):
                self._sum_up()
        if self._is_closed:
            raise Locked("The backup was locked meanwhile.")
        sums = self._sums
        return [
            DomainCount(
                domain=one.name,
                file_count=one.file_count,
                size_bytes=None if sums is None else min(sums.get(one.number, 0), _MOST_BYTES),
            )
            for one in self._domains
        ]

    def page(
        self,
        *,
        domain: str | None = None,
        path_like: str | None = None,
        kind: Kind | None = None,
        sort: Sort = "path",
        limit: int = 100,
        after: int | None = None,
    ) -> ManifestPage:
        """Return entries by path, by size (largest first) or by time (newest first).

        *path_like* is SQL LIKE over the relative path, without case for ASCII. *after* is the
        ``next_after`` of the page before, asked with the same arguments; one that never was gives
        an empty page. Sorting by size or time measures first, if nobody did. Raises ValueError
        for a pattern that is too long.
        """
        limit = max(1, min(limit, MAX_PAGE))
        if path_like is not None and len(path_like.encode()) > MAX_PATTERN_BYTES:
            raise ValueError("the pattern is too long")
        if after is not None and not 0 <= after < 2**63:
            return ManifestPage(entries=[], next_after=None)
        where, values = filters(path_like, kind, table="p" if sort == "path" else "s")
        if sort == "path":
            query, more = by_path(domain, after)
        else:
            self.measure()
            query, more = by_measure("size" if sort == "size" else "modified", domain, after)
            self._index_sizes("size" if sort == "size" else "modified", by_domain=bool(domain))
        rows = self._all(query.format(where=where), {**values, **more, "limit": limit + 1})
        return ManifestPage(
            # Blobs have no other names than these; checking every row in SQL would double the
            # time of opening.
            entries=[self._entry(row) for row in rows[:limit] if FILE_ID.fullmatch(row[1])],
            next_after=rows[limit - 1][0] if len(rows) > limit else None,
        )

    def stat(self, file_id: str) -> ManifestEntry | None:
        """Return the entry with *file_id*; None where there is none."""
        if FILE_ID.fullmatch(file_id) is None:
            return None
        rows = self._all(
            f"select {ENTRY} from backup.Files f where f.fileID = :id and {VALID_ROW} limit 1",  # noqa: S608
            {"id": file_id},
        )
        return self._entry(rows[0]) if rows else None

    def find(self, domain: str, relative_path: str) -> ManifestEntry | None:
        """Return the entry with exactly this domain and path; None where there is none."""
        try:
            name = f"{domain}-{relative_path}".encode()
        except UnicodeEncodeError:
            return None
        entry = self.stat(hashlib.sha1(name, usedforsecurity=False).hexdigest())
        if entry is not None and (entry.domain, entry.relative_path) == (domain, relative_path):
            return entry
        # An entry whose file id is not what Apple's rule says.
        rows = self._all(
            f"select {ENTRY} from domain d cross join place p on p.domain_id = d.id"  # noqa: S608
            " and p.relative_path = :path cross join backup.Files f on f.rowid = p.id"
            " where d.name = :domain limit 1",
            {"domain": domain, "path": relative_path},
        )
        return self._entry(rows[0]) if rows and FILE_ID.fullmatch(rows[0][1]) else None

    def measure(self) -> None:
        """Read the sizes and times of all entries (a second or two for half a million; once).

        The sorts by size and time need it and call it themselves; the bytes of ``domains`` need
        the first half. Pages by path are served while it works in another thread.
        """
        self._sum_up()
        with self._measuring:
            if self._is_closed:
                raise Locked("The backup was locked meanwhile.")
            sizes = self._unwritten
            if self._measured or sizes is None:
                return
            with _as_damage():
                # Left by a try that the scratch folder had no space for.
                self._sizes.unlink(missing_ok=True)
                sizes.write(self._sizes, is_over=lambda: self._is_closed)
                with self._lock:
                    self._connection.execute(
                        "attach database ? as sizes", (self._sizes.absolute().as_uri(),)
                    )
            self._unwritten = None
            self._measured = True

    def measure_ahead(self) -> None:
        """Begin to measure in a thread of its own, so that who asks for sizes waits less."""
        threading.Thread(
            # A stop of the process does not wait for what nobody asked for.
            target=self._measure_unasked,
            name="sizes of a manifest",
            daemon=True,
        ).start()

    def close(self) -> None:
        """Close the databases and remove their files. Safe to call twice."""
        self._is_closed = True
        with self._summing, self._measuring, self._lock:
            self._connection.close()
            self._remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _entry(self, row: tuple[Any, ...]) -> ManifestEntry:
        number, file_id, domain, relative_path, flags, archive = row
        facts = EntryFacts() if archive is None else self._facts_of(archive)
        return ManifestEntry(
            row=number,
            file_id=file_id,
            domain=domain,
            relative_path=relative_path,
            kind=_KINDS.get(effective_flags(flags, facts.mode), "other"),
            size_bytes=facts.size_bytes,
            modified_at=utc(facts.modified),
            created_at=utc(facts.created),
            mode=facts.mode,
            protection_class=facts.protection_class,
            target=facts.target,
            wrapped_key=facts.wrapped_key,
            digest=facts.digest,
            extended_attributes=facts.extended_attributes,
        )

    def _all(self, query: str, values: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        with self._lock, _as_damage(), limited(self._connection, _QUERY_SECONDS):
            return self._connection.execute(query, values or {}).fetchall()

    def _sum_up(self) -> None:
        """Read all sizes and add them up, once; they are written when this has been answered."""
        with self._summing:
            if self._is_closed:
                raise Locked("The backup was locked meanwhile.")
            if self._sums is not None:
                return
            # Until it is known to fail again.
            self.are_sizes_unreadable = False
            try:
                with _as_damage():
                    self._unwritten = sizes = self._read_sizes()
            except (DamagedManifest, OSError):
                self.are_sizes_unreadable = True
                raise
            self._sums = sizes.sums

    def _read_sizes(self) -> Sizes:
        return Sizes.read(
            self._staged,
            self._order,
            sizes_of=self._sizes_of,
            facts_of=self._facts_of,
            is_over=lambda: self._is_closed,
            # Rows that are not listed do not count.
            valid_only=self._skipped > 0,
        )

    def _measure_unasked(self) -> None:
        # Whoever asks tries again, and is told.
        with contextlib.suppress(BackupFormatError, OSError):
            self.measure()

    def _index_sizes(self, column: str, *, by_domain: bool) -> None:
        """Build the index behind a sort when it is first used (a third of a second)."""
        first = "domain_id, " if by_domain else ""
        name = f"sizes.by_{'domain_' if by_domain else ''}{column}"
        self._all(f"create index if not exists {name} on size ({first}{column}, id)")

    def _remove(self) -> None:
        for path in (self._staged, self._order, self._sizes):
            path.unlink(missing_ok=True)


def _decoded(value: bytes) -> str:
    return value.decode("utf-8", "replace")


@contextlib.contextmanager
def _as_damage() -> Iterator[None]:
    """Turn what SQLite says about a damaged manifest into our error, without its words."""
    try:
        yield
    except (sqlite3.Error, OverflowError, UnicodeDecodeError) as error:
        # What SQLite complains about may quote a schema that is no UTF-8, which Python refuses.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            # The scratch folder's fault, not the backup's.
            raise OSError(errno.ENOSPC, "There is no space for the manifest's copy.") from None
        if code == sqlite3.SQLITE_INTERRUPT:
            raise DamagedManifest("Reading the manifest takes too long.") from None
        raise DamagedManifest("The manifest is damaged and cannot be read.") from None

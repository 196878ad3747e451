"""A backup with its manifest open: what sessions read from. Blocking, safe in any thread.

Sessions on the same state of the same backup share one. The phone's next run overwrites the
folder in place, so every look at a file asks first whether the manifest is still the one that was
opened: an old manifest with new blobs would give wrong bytes without a word.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from services.unlock import errors
from services.unlock.answers import as_file
from services.unlock.apps import AppName, summarize_apps
from services.unlock.problems_of_format import told_as_problems
from services.unlock.readers import ReaderCache
from shared.contracts.identifiers import FileId
from shared.contracts.problems import ProblemError
from shared.contracts.unlock import (
    AppSummary,
    DomainSummary,
    File,
    FileContent,
    FilePattern,
    ListFiles,
    SizesState,
    Summaries,
    WhichSizes,
)
from shared.ios_backup import BackupFolder, FileReader, Keys, Manifest, ManifestEntry
from shared.ios_backup.errors import DamagedManifest
from shared.ios_backup.manifest_db import DomainCount


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest's file as it was when it was opened, and Status.plist beside it.

    A run writes its status first, then blobs, then the manifest: without the status, new blobs
    would be read under the old manifest for as long as the run lasts.
    """

    inode: int
    size_bytes: int
    mtime_ns: int
    status: tuple[int, int, int] | None


class ListedPage(msgspec.Struct, frozen=True, kw_only=True):
    """Files of a page, each with the position that continues after it."""

    files: list[File]
    positions: list[int]
    is_last: bool


def signature_of(folder: BackupFolder) -> Signature | None:
    """Return the manifest's signature on disk now; None when it is gone."""
    name = "Manifest.mbdb" if folder.format == "mbdb" else "Manifest.db"
    try:
        found = (folder.path / name).stat()
    except OSError:
        return None
    status = None
    with contextlib.suppress(OSError):
        said = (folder.path / "Status.plist").stat()
        status = (said.st_ino, said.st_size, said.st_mtime_ns)
    return Signature(
        inode=found.st_ino,
        size_bytes=found.st_size,
        mtime_ns=found.st_mtime_ns,
        status=status,
    )


class OpenedBackup:
    """One backup, opened once."""

    def __init__(
        self,
        folder: BackupFolder,
        *,
        keys: Keys | None,
        scratch: Path,
        signature: Signature,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        """Decrypt the manifest into *scratch*. Raises ``ProblemError``.

        Ends soon after *is_over* says that nobody waits for it any more.
        """
        self.folder = folder
        self.signature = signature
        self._keys = keys
        self._readers = ReaderCache()
        with told_as_problems():
            self._manifest: Manifest = folder.open_manifest(keys, scratch, is_over=is_over)
            # Read again: a run may have begun between the first look and the signature.
            state = BackupFolder.open(folder.path).description.snapshot_state
        if state != folder.description.snapshot_state or signature_of(folder) != signature:
            self._manifest.close()
            raise errors.backup_changed()
        # Domains and apps are what people look at first; their bytes take longer than all else.
        self._manifest.measure_ahead()
        self.file_count: int = self._manifest.file_count
        self.warnings = [*folder.warnings, *self._manifest.warnings]

    def __repr__(self) -> str:
        return f"<OpenedBackup of {self.file_count} files>"

    def domains(self, sizes: WhichSizes) -> Summaries[DomainSummary]:
        """All domains by name."""
        counts = self._counts(wait=sizes == "wait")
        state: SizesState = "known"
        if any(count.size_bytes is None for count in counts):
            state = "unreadable" if self._manifest.are_sizes_unreadable else "pending"
        return Summaries(
            items=[
                DomainSummary(
                    domain=count.domain, file_count=count.file_count, size_bytes=count.size_bytes
                )
                for count in counts
            ],
            sizes=state,
        )

    def apps(self, sizes: WhichSizes) -> Summaries[AppSummary]:
        """All apps, largest first."""
        domains = self.domains(sizes)
        installed = {
            app.bundle_id: AppName(name=app.name, version=app.version)
            for app in self.folder.description.apps
        }
        apps = summarize_apps(domains.items, installed=installed)
        return Summaries(items=apps, sizes=domains.sizes)

    def page(self, request: ListFiles, *, after: int | None) -> ListedPage:
        """Return a page of the manifest, with a look at the disk for each blob."""
        with told_as_problems():
            page = self._manifest.page(
                domain=request.domain,
                path_like=request.path_like,
                kind=request.kind,
                sort=request.sort,
                limit=request.limit,
                after=after,
            )
            return ListedPage(
                files=[self._as_file(entry, request.attributes) for entry in page.entries],
                positions=[entry.row for entry in page.entries],
                is_last=page.next_after is None,
            )

    def stat(self, file_id: FileId) -> File:
        """One entry by its file id."""
        return self._as_file(self._entry(file_id))

    def find(self, domain: str, relative_path: str) -> File:
        """One entry by exact domain and path."""
        with told_as_problems():
            entry = self._manifest.find(domain, relative_path)
        if entry is None:
            raise errors.not_in_this_backup("The manifest does not list it.")
        return self._as_file(entry)

    def check(self, patterns: Sequence[FilePattern]) -> list[bool]:
        """Return of which patterns there is anything."""
        with told_as_problems():
            return [self._has(pattern) for pattern in patterns]

    def _has(self, pattern: FilePattern) -> bool:
        domain, path = pattern.domain, pattern.relative_path
        if "*" not in domain + path:
            return self._manifest.find(domain, path) is not None
        domains = [domain]
        if "*" in domain:
            counts = self._manifest.domains(wait=False)
            domains = [one.domain for one in counts if _matches(domain, one.domain)]
        return any(self._has_in(one, path) for one in domains)

    def _has_in(self, domain: str, path: str) -> bool:
        after: int | None = None
        while True:
            page = self._manifest.page(
                domain=domain, path_like=path.replace("*", "%"), kind="file", after=after
            )
            # LIKE takes an underscore for any character and ignores case.
            if any(_matches(path, entry.relative_path) for entry in page.entries):
                return True
            after = page.next_after
            if after is None:
                return False

    def open_file(self, file_id: FileId) -> FileContent:
        """Return what a reader needs before the first byte."""
        entry = self._entry(file_id)
        name = entry.relative_path.rpartition("/")[2]
        with (
            self._told_truly(),
            self._readers.using(file_id, lambda: self._open_reader(entry)) as reader,
        ):
            return FileContent(
                file_id=file_id,
                name=name,
                media_type=reader.media_type(name),
                size_bytes=reader.size_bytes,
                etag=_etag(file_id, reader),
                modified_at=entry.modified_at,
                warnings=list(reader.warnings),
            )

    def read(self, file_id: FileId, *, offset: int, length: int, etag: str | None = None) -> bytes:
        """Return plaintext; the key of a file read before is not unwrapped again.

        A reader who opened the file in another session says its *etag*: parts of two runs' files
        must never become one.
        """
        with (
            self._told_truly(),
            self._readers.using(file_id, lambda: self._open_reader(self._entry(file_id))) as reader,
        ):
            if etag is not None and etag != _etag(file_id, reader):
                raise errors.backup_changed()
            return reader.read(offset, length)

    def forget(self) -> None:
        """Close the plaintext manifest and let the keys go; touches no disk of the backup's."""
        self._manifest.close()
        self._keys = None

    def close_files(self) -> None:
        """Close every file of the backup."""
        self._readers.close()

    @contextlib.contextmanager
    def _told_truly(self) -> Iterator[None]:
        """Whatever came out, or went wrong, counts only if the backup is still the same."""
        try:
            with told_as_problems():
                yield
        except ProblemError:
            if not self.is_unchanged():
                raise errors.backup_changed() from None
            raise
        if not self.is_unchanged():
            raise errors.backup_changed()

    def is_unchanged(self) -> bool:
        """Whether the manifest on disk is the one that was opened; two ``stat``."""
        return signature_of(self.folder) == self.signature

    def _counts(self, *, wait: bool) -> list[DomainCount]:
        with told_as_problems():
            if wait:
                # What cannot be summed can be counted all the same.
                with contextlib.suppress(DamagedManifest):
                    return self._manifest.domains()
            return self._manifest.domains(wait=False)

    def _entry(self, file_id: FileId) -> ManifestEntry:
        with told_as_problems():
            entry = self._manifest.stat(file_id)
        if entry is None:
            raise errors.not_in_this_backup("The manifest does not list it.")
        return entry

    def _open_reader(self, entry: ManifestEntry) -> FileReader:
        if entry.kind != "file":
            raise errors.not_in_this_backup("It is a directory or a link and has no content.")
        return self.folder.open_file(entry, self._keys)

    def _as_file(self, entry: ManifestEntry, attributes: str | None = None) -> File:
        return as_file(entry, present=self.folder.has_blob(entry), attributes=attributes)


def _matches(pattern: str, name: str) -> bool:
    # Only the star is a pattern; brackets and question marks stand in real names.
    return fnmatchcase(name, pattern.replace("[", "[[]").replace("?", "[?]"))


def _etag(file_id: str, reader: FileReader) -> str:
    """Names the bytes: the same file with the same stored bytes has the same plaintext."""
    facts = f"{file_id} {reader.size_bytes} {reader.stored_bytes} {reader.stored_mtime_ns}"
    return hashlib.blake2b(facts.encode(), digest_size=12).hexdigest()

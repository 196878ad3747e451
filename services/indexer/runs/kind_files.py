"""Private copies of the files that one kind needs."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from services.indexer.jobs.progress import ProgressReporter
from services.indexer.kinds.protocol import FOLDER, KindParser, NeededFile
from services.indexer.runs.kind_inputs import APPS, LISTING
from services.indexer.runs.session_files import SessionFiles, open_private
from shared.contracts.indexer import KindReport
from shared.contracts.unlock import File
from shared.ios_backup.errors import DamagedFile, MissingFile
from shared.ios_backup.property_lists import longest
from shared.ios_backup.safe_files import read_within

#: A store's write-ahead log holds its newest rows; without it the copy would be an old state.
_SIBLINGS = ("-wal", "-shm")
_COPY = "copy"
_NO_STORE = "The backup has no store of this kind."
_NOT_IN_PLAIN = "Phones put this into encrypted backups only, and this one is not encrypted."


class UnreadError(Exception):
    """The kind cannot take its place on the timeline; the report says why."""

    def __init__(self, report: KindReport) -> None:
        super().__init__(report.kind)
        self.report = report


class Fetched(msgspec.Struct, kw_only=True):
    """Where the copies lie, by ``domain/relative_path``."""

    files: dict[str, str]
    listing: str | None = None
    apps: str | None = None
    #: Files that the manifest lists and that are not on disk, or are more than a kind reads.
    missing: int = 0
    left_out: int = 0
    #: The SHA-256 of every copy, by its name and what it is of it: itself or a sibling.
    contents: dict[tuple[str, str], bytes] = {}


class KindFiles:
    """Fetches the files of one kind into a private folder."""

    def __init__(
        self,
        parser: KindParser,
        *,
        files: SessionFiles,
        backup: Path,
        encrypted: bool,
        folder: Path,
        progress: ProgressReporter,
    ) -> None:
        """Copy from *files*, and from the backup's own folder *backup*, into *folder*."""
        self._parser = parser
        self._files = files
        self._backup = backup
        self._encrypted = encrypted
        self._folder = folder
        self._progress = progress
        self._made = 0

    async def fetch(self) -> Fetched:
        """Copy what there is. Raises ``UnreadError``."""
        fetched = Fetched(files={})
        needed = self._parser.files
        has_any = False
        for n, file in enumerate(needed):
            await self._progress.tell(f"Fetching {self._parser.title}", n, len(needed))
            found = await self._fetch(file, fetched)
            has_any = has_any or (found and file.required)
        if not has_any and not self._parser.enough:
            raise UnreadError(say_absent(self._parser, encrypted=self._encrypted))
        if self._parser.listings:
            target = self._folder / LISTING
            filled = await self._files.write_listing(
                self._parser.listings,
                target,
                detailed=self._parser.enough,
                attributes=self._parser.attributes,
            )
            fetched.listing = str(target)
            fetched.contents[LISTING, ""] = await asyncio.to_thread(_digest, target)
            if not has_any and filled.isdisjoint(self._parser.enough):
                raise UnreadError(say_absent(self._parser, encrypted=self._encrypted))
        if self._parser.needs_apps:
            target = self._folder / APPS
            await self._files.write_apps(target, sizes=self._parser.needs_app_sizes)
            fetched.apps = str(target)
            fetched.contents[APPS, ""] = await asyncio.to_thread(_digest, target)
        return fetched

    async def _fetch(self, needed: NeededFile, fetched: Fetched) -> bool:
        """Copy what *needed* names; return whether the backup has any of it."""
        if needed.domain == FOLDER:
            return await self._fetch_from_folder(needed, fetched)
        if needed.is_pattern:
            found = await self._files.find_matching(needed)
            # Siblings come with the store that they belong to.
            found = [file for file in found if not file.relative_path.endswith(_SIBLINGS)]
            fetched.left_out += len(found[needed.at_most :])
            found = found[: needed.at_most]
        else:
            one = await self._files.find(needed.domain, needed.relative_path)
            found = [] if one is None else [one]
        for file in found:
            await self._copy(file, needed, fetched)
        return bool(found)

    async def _copy(self, file: File, needed: NeededFile, fetched: Fetched) -> None:
        name = f"{file.domain}/{file.relative_path}"
        if name in fetched.files:
            return
        if file.present is False:
            self._miss(fetched, is_needed=needed.required)
            return
        # Siblings lie beside their store under the same name, which is how SQLite finds them. The
        # phone's own names may be too long for a file system, or worse.
        store = await self._make_folder() / _COPY
        for suffix in _SIBLINGS:
            sibling = await self._files.find(file.domain, f"{file.relative_path}{suffix}")
            if sibling is None:
                continue
            if sibling.present is False:
                if suffix != "-shm":
                    self._miss(fetched, is_needed=True)
                continue
            copied = await self._files.copy(sibling, store.with_name(f"{_COPY}{suffix}"))
            fetched.contents[name, suffix] = copied
        fetched.contents[name, ""] = await self._files.copy(file, store)
        fetched.files[name] = str(store)

    async def _fetch_from_folder(self, needed: NeededFile, fetched: Fetched) -> bool:
        name = needed.relative_path
        try:
            content = await asyncio.to_thread(
                read_within, self._backup, name, max_bytes=longest(name)
            )
        except (MissingFile, DamagedFile):
            return False
        target = await self._make_folder() / _COPY
        with open_private(target) as copy:
            copy.write(content)
        fetched.contents[f"{FOLDER}/{name}", ""] = hashlib.sha256(content).digest()
        fetched.files[f"{FOLDER}/{name}"] = str(target)
        return True

    async def _make_folder(self) -> Path:
        folder = self._folder / str(self._made)
        self._made += 1
        folder.mkdir(mode=0o700)
        return folder

    def _miss(self, fetched: Fetched, *, is_needed: bool) -> None:
        if is_needed:
            note = "The backup lists a file of this kind that is not on disk."
            raise UnreadError(
                KindReport(kind=self._parser.kind, state="failed", missing_files=1, note=note)
            )
        fetched.missing += 1


async def find_absent(parsers: Iterable[KindParser], files: SessionFiles) -> set[str]:
    """Return the kinds of which a backup has nothing, with one question for all of them."""
    patterns: dict[str, list[tuple[str, str]]] = {}
    for parser in parsers:
        required = [(one.domain, one.relative_path) for one in parser.files if one.required]
        if all(domain != FOLDER for domain, _ in required):
            prefixes = [(domain, f"{prefix}*") for domain, prefix in parser.enough]
            patterns[parser.kind] = required + prefixes
    asked = sorted({one for several in patterns.values() for one in several})
    if not asked:
        return set()
    held = dict(zip(asked, await files.check_patterns(asked), strict=True))
    return {kind for kind, several in patterns.items() if not any(held[one] for one in several)}


def say_absent(parser: KindParser, *, encrypted: bool) -> KindReport:
    """Return the report on a kind of which there is nothing."""
    note = _NOT_IN_PLAIN if parser.encrypted_only and not encrypted else _NO_STORE
    return KindReport(kind=parser.kind, state="absent", note=note)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


async def fetch_store(
    files: SessionFiles, domain: str, relative_path: str, folder: Path
) -> Path | None:
    """Copy one database with its log into *folder*; None when the backup does not hold it."""
    store = folder / _COPY
    for suffix in ("", *_SIBLINGS):
        file = await files.find(domain, f"{relative_path}{suffix}")
        if file is not None and file.present is not False:
            await files.copy(file, store.with_name(f"{_COPY}{suffix}"))
        elif not suffix:
            return None
    return store

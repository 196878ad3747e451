"""Private copies of the files that one kind needs."""

from __future__ import annotations

from pathlib import Path

import msgspec

from services.indexer.kinds.protocol import KindParser, NeededFile
from services.indexer.progress import ProgressReporter
from services.indexer.session_files import SessionFiles
from shared.contracts.indexer import KindReport

#: A store's write-ahead log holds its newest rows; without it the copy would be an old state.
_SIBLINGS = ("-wal", "-shm")
_LISTING = "listing.jsonl"


class UnreadError(Exception):
    """The kind cannot take its place on the timeline; the report says why."""

    def __init__(self, report: KindReport) -> None:
        super().__init__(report.kind)
        self.report = report


class Fetched(msgspec.Struct, kw_only=True):
    """Where the copies lie, by ``domain/relative_path``."""

    files: dict[str, str]
    listing: str | None = None


class KindFiles:
    """Fetches the files of one kind into a private folder."""

    def __init__(
        self,
        parser: KindParser,
        *,
        files: SessionFiles,
        folder: Path,
        progress: ProgressReporter,
    ) -> None:
        """Copy from *files* into *folder*."""
        self._parser = parser
        self._files = files
        self._folder = folder
        self._progress = progress

    async def fetch(self) -> Fetched:
        """Copy what there is. Raises ``UnreadError``."""
        fetched = Fetched(files={})
        needed = self._parser.files
        for n, file in enumerate(needed):
            await self._progress.tell(f"Fetching {self._parser.title}", n, len(needed))
            await self._fetch_file(file, n, fetched)
        if self._parser.listings:
            target = self._folder / _LISTING
            await self._files.write_listing(self._parser.listings, target)
            fetched.listing = str(target)
        return fetched

    async def _fetch_file(self, needed: NeededFile, n: int, fetched: Fetched) -> None:
        # Siblings lie beside their store under the same name, which is how SQLite finds them.
        folder = self._folder / str(n)
        folder.mkdir(mode=0o700)
        name = needed.relative_path.rpartition("/")[2]
        for suffix in ("", *_SIBLINGS):
            found = await self._files.find(needed.domain, f"{needed.relative_path}{suffix}")
            if found is None:
                if suffix:
                    continue
                if needed.required:
                    raise UnreadError(
                        KindReport(
                            kind=self._parser.kind,
                            state="absent",
                            note="The backup has no store of this kind.",
                        )
                    )
                return
            if found.present is False:
                if suffix == "-shm" or not (needed.required or suffix):
                    continue
                raise UnreadError(
                    KindReport(
                        kind=self._parser.kind,
                        state="failed",
                        missing_files=1,
                        note="The backup lists a file of this kind that is not on disk.",
                    )
                )
            target = folder / f"{name}{suffix}"
            await self._files.copy(found, target)
            if not suffix:
                fetched.files[needed.name] = str(target)

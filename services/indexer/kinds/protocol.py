"""What a kind is: the files it needs, what it covers, and how it turns them into artifacts.

Parsers run in the worker process only. They read private copies of files, one record at a time,
and give what they find to a sink; a record that cannot be read costs that record.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar

import msgspec

from services.indexer.memory import Memory
from services.indexer.staging import StagedArtifact, StagedThread, Threads

T = TypeVar("T")

#: The domain of files that lie beside the manifest, in the backup's own folder: ``Info.plist``.
FOLDER = ""


class NeededFile(msgspec.Struct, frozen=True, kw_only=True):
    """Files of the backup; the ``-wal`` and ``-shm`` siblings of each are fetched with it.

    Both names may hold ``*``, for any characters. Apple moves stores between domains, so a kind
    names every place: it is absent only from a backup that has none of its required files.
    """

    domain: str
    relative_path: str
    required: bool = True
    #: Of a pattern, so many are fetched at most, in the order of their names.
    at_most: int = 64

    @property
    def is_pattern(self) -> bool:
        """Whether this may name several files."""
        return "*" in self.domain or "*" in self.relative_path

    def matches(self, domain: str, relative_path: str) -> bool:
        """Whether this names that file."""
        return _matches(self.domain, domain) and _matches(self.relative_path, relative_path)

    def is_among(self, names: Iterable[str]) -> bool:
        """Whether this names one of some files, which are given as ``domain/relative_path``."""
        # No domain has a slash in its name.
        return any(self.matches(*name.split("/", 1)) for name in names)


def _matches(pattern: str, name: str) -> bool:
    # Only the star is a pattern; brackets and question marks stand in real names.
    return fnmatchcase(name, pattern.replace("[", "[[]").replace("?", "[?]"))


class ListedFile(msgspec.Struct, frozen=True):
    """One line of the listing: a file of the manifest, and whether its blob is there."""

    domain: str
    relative_path: str
    file_id: str
    size_bytes: int | None = None
    present: bool | None = True
    #: Only for kinds that ask for details.
    modified_at: dt.datetime | None = None
    created_at: dt.datetime | None = None
    attributes: dict[str, bytes] | None = None


class ListedApp(msgspec.Struct, frozen=True):
    """One app of the backup with the sum of its files; bytes are the manifest's claim."""

    bundle_id: str
    name: str | None
    version: str | None
    domains: list[str]
    file_count: int
    size_bytes: int | None = None


class UnsupportedStoreError(Exception):
    """The database is not one that the parser reads; the message is the note for people."""


class ParserInputs:
    """The files and settings of one run of one parser."""

    def __init__(
        self,
        *,
        files: Mapping[str, Path],
        listing: Path | None = None,
        apps: Path | None = None,
        region: str | None = None,
    ) -> None:
        """Take copies by ``domain/relative_path``; the others are files of JSON lines."""
        self._files = files
        self._listing = listing
        self._apps = apps
        #: Where phone numbers without a country code are read (``DE``).
        self.region = region

    def find(self, domain: str, relative_path: str) -> Path | None:
        """Return where the copy of a file lies, or None when the backup has none."""
        return self._files.get(f"{domain}/{relative_path}")

    def matching(self, domain: str, relative_path: str) -> list[tuple[str, str, Path]]:
        """Return domain, path and copy of every file that a pattern names, in order."""
        pattern = NeededFile(domain=domain, relative_path=relative_path)
        found = []
        for name, copy in self._files.items():
            of, path = name.split("/", 1)
            if pattern.matches(of, path):
                found.append((of, path, copy))
        return sorted(found)

    @property
    def has_listing(self) -> bool:
        """Whether it is known which files the backup holds."""
        return self._listing is not None

    def listed(self) -> Iterator[ListedFile]:
        """Yield the manifest's files under the kind's prefixes; broken lines are left out."""
        return _lines(self._listing, ListedFile)

    def apps(self) -> Iterator[ListedApp]:
        """Yield the apps of the backup, for a kind that needs them."""
        return _lines(self._apps, ListedApp)


def _lines(path: Path | None, of: type[T]) -> Iterator[T]:
    if path is None:
        return
    decode = msgspec.json.Decoder(of).decode
    with path.open("rb") as lines:
        for line in lines:
            try:
                yield decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue


class Tally:
    """How a run went, in the words of the index report. ``kept`` is counted by the sink."""

    __slots__ = (
        "keeps_days", "kept", "missing_files", "notes", "read", "skipped", "undecodable",
    )  # fmt: skip

    def __init__(self) -> None:
        """Begin at nothing."""
        #: For how many days the phone is set to keep such things; 0: for ever.
        self.keeps_days: int | None = None
        self.reset()

    def reset(self) -> None:
        """Begin again."""
        self.read = 0
        self.kept = 0
        self.skipped = 0
        self.undecodable = 0
        self.missing_files = 0
        self.notes: dict[str, int] = {}

    def note(self, sentence: str, count: int = 1) -> None:
        """Remember *sentence* for the report; the same one is counted, not repeated."""
        if sentence in self.notes or len(self.notes) < 20:
            self.notes[sentence] = self.notes.get(sentence, 0) + count

    def sentences(self) -> str:
        """Return the notes as one line."""
        return " ".join(
            sentence if count == 1 else f"{sentence} ({count} times)"
            for sentence, count in self.notes.items()
        )


class Sink(Protocol):
    """Where a parser puts what it finds."""

    tally: Tally
    #: For parsers that encode rows themselves; None: give artifacts only.
    named_threads: Threads | None
    #: What the revision before left and this one is to leave; None where nobody asks for it.
    memory: Memory | None

    def artifact(self, artifact: StagedArtifact) -> None:
        """Take one artifact; counts it as kept."""

    def row(self, row: bytes) -> None:
        """Take one artifact as ``encode_row`` would give it; counts it as kept."""

    def take_group(self) -> list[bytes]:
        """Return the rows that came since the last time, if there is a memory."""

    @property
    def in_halves(self) -> bool:
        """Whether artifacts of two processes may come in between each other if it is divided."""

    def divide(self, count: int, work: Callable[[], object]) -> bool:
        """Let *work* go on beside this process with a part of *count* records, if that pays.

        *work* gives to this sink what it finds and returns what ``join`` is to hand over.
        """

    def join(self) -> bytes:
        """Wait for the other part and take what it found; return what *work* returned, as JSON.

        Raises ``MemoryRefusedError`` when it failed.
        """

    def thread(self, thread: StagedThread) -> None:
        """Take one thread; at any time, before or after its artifacts."""

    def progress(self, done: int, total: int) -> None:
        """Say how far the run is; may be called often."""


class KindParser(ABC):
    """One kind. Importing it must be cheap: ``parse`` imports what it needs."""

    #: The kind's name in the API.
    kind: ClassVar[str]
    #: The kind's name for people, in the plural.
    title: ClassVar[str]
    #: What is covered and what is not, for people.
    note: ClassVar[str]
    #: Raised whenever the same file would give other artifacts.
    version: ClassVar[int] = 1
    #: Whether ``parse`` fills the sink's memory, so that the next revision costs less.
    keeps_memory: ClassVar[bool] = False
    #: Whether phones leave the kind out of backups that are not encrypted.
    encrypted_only: ClassVar[bool] = False
    #: The files that ``parse`` gets copies of.
    files: ClassVar[tuple[NeededFile, ...]]
    #: Domains and path prefixes of which ``parse`` gets the manifest's file list.
    listings: ClassVar[tuple[tuple[str, str], ...]] = ()
    #: Those of the listings that are enough by themselves, for a backup with none of ``files``.
    enough: ClassVar[tuple[tuple[str, str], ...]] = ()
    #: There, files are listed with their times and the extended attributes that begin like this.
    attributes: ClassVar[str | None] = None
    #: Whether ``parse`` gets the apps of the backup.
    needs_apps: ClassVar[bool] = False
    #: Whether these come with the sums of their files; else they stay the same from run to run.
    needs_app_sizes: ClassVar[bool] = True

    @abstractmethod
    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read everything; raises UnsupportedStoreError when the store cannot be read at all.

        The outcome follows from *inputs* alone: with the same ones this is not called again.
        """

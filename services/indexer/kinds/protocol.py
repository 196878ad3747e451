"""What a kind is: the files it needs, what it covers, and how it turns them into artifacts.

Parsers run in the worker process only. They read private copies of files, one record at a time,
and give what they find to a sink; a record that cannot be read costs that record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from services.indexer.memory import Memory
from services.indexer.staging import StagedArtifact, StagedThread, Threads


class NeededFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the backup; its ``-wal`` and ``-shm`` siblings are fetched with it."""

    domain: str
    relative_path: str
    #: Without a required file the kind is absent from the backup.
    required: bool = True

    @property
    def name(self) -> str:
        """The name under which the worker is told where the copy lies."""
        return f"{self.domain}/{self.relative_path}"


class ListedFile(msgspec.Struct, frozen=True):
    """One line of the listing: a file of the manifest, and whether its blob is there."""

    domain: str
    relative_path: str
    file_id: str
    size_bytes: int | None = None
    present: bool | None = True


class UnsupportedStoreError(Exception):
    """The database is not one that the parser reads; the message is the note for people."""


class ParserInputs:
    """The files and settings of one run of one parser."""

    def __init__(
        self,
        *,
        files: Mapping[str, Path],
        listing: Path | None = None,
        region: str | None = None,
    ) -> None:
        """Take copies by ``domain/relative_path``; *listing* is a file of JSON lines."""
        self._files = files
        self._listing = listing
        #: Where phone numbers without a country code are read (``DE``).
        self.region = region

    def find(self, domain: str, relative_path: str) -> Path | None:
        """Return where the copy of a file lies, or None when the backup has none."""
        return self._files.get(f"{domain}/{relative_path}")

    @property
    def has_listing(self) -> bool:
        """Whether it is known which files the backup holds."""
        return self._listing is not None

    def listed(self) -> Iterator[ListedFile]:
        """Yield the manifest's files under the kind's prefixes; broken lines are left out."""
        if self._listing is None:
            return
        decode = msgspec.json.Decoder(ListedFile).decode
        with self._listing.open("rb") as lines:
            for line in lines:
                try:
                    yield decode(line)
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    continue


class Tally:
    """How a run went, in the words of the index report. ``kept`` is counted by the sink."""

    __slots__ = ("kept", "missing_files", "notes", "read", "skipped", "undecodable")

    def __init__(self) -> None:
        """Begin at nothing."""
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


class KindParser(Protocol):
    """One kind. Importing it must be cheap: ``parse`` imports what it needs."""

    @property
    def kind(self) -> str:
        """The kind's name in the API."""

    @property
    def title(self) -> str:
        """The kind's name for people, in the plural."""

    @property
    def note(self) -> str:
        """What is covered and what is not, for people."""

    @property
    def version(self) -> int:
        """Raised whenever the same file would give other artifacts."""

    @property
    def keeps_memory(self) -> bool:
        """Whether ``parse`` fills the sink's memory, so that the next revision costs less."""

    @property
    def files(self) -> tuple[NeededFile, ...]:
        """The files that ``parse`` gets copies of."""

    @property
    def listings(self) -> tuple[tuple[str, str], ...]:
        """Domains and path prefixes of which ``parse`` gets the manifest's file list."""

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read everything; raises UnsupportedStoreError when the store cannot be read at all."""

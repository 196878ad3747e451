"""What a format of exports is, and what it is given. Formats are pure: bytes out of artifacts.

They run in a process of their own (``export_worker``) over what phones and strangers wrote, without
files or network. For each group the worker calls, in this order: ``place`` for every file that
there is, ``begin_group``, ``add`` for every item (oldest first), ``end_group``; after the last one
``end``. The indexer imports formats too, for their class variables: heavy libraries are imported
where they are used.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import msgspec

from shared.contracts.indexer import Artifact, Thread
from shared.member_names import name_part

#: Larger files are not handed over as bytes, and of one item not more than this together.
MOST_EMBEDDED_BYTES = 16 << 20
#: Files in one folder, beyond which programs that list it become slow, and some disks refuse.
FOLDER_FILES = 5_000


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A phone that things come from; ``name`` is what its owner calls it."""

    udid: str
    name: str | None = None
    model: str | None = None
    #: The newest revision that the export has things of, and when the phone made it.
    revision: str | None = None
    taken_at: dt.datetime | None = None


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What is exported, the same for all groups."""

    #: What was asked, as in the request; for people to recognize it.
    query: dict[str, Any]
    include_media: bool
    made_at: dt.datetime
    #: A name of the tz database: times for people are shown in it, and documents say so.
    time_zone: str
    devices: list[Device]
    #: What kinds are called: ``{"message": "Messages"}``.
    kind_titles: dict[str, str]
    #: How many items will come, at most.
    total: int

    @property
    def zone(self) -> ZoneInfo:
        """The time zone that was asked for."""
        return ZoneInfo(self.time_zone)


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Items that belong together: those of one thread, or of one kind that are in none."""

    kind: str
    #: The newest phone that has something of it, and all of them where it is one history over
    #: phones that follow each other, the oldest first.
    device: Device
    devices: list[Device] = []
    #: What stands for such phones: the same in all groups, whichever of them have something of it.
    lineage: str | None = None
    thread: Thread | None
    #: What the thread, or else the kind, is called. Not safe for anything, nor unique.
    title: str
    #: How many items will come, at most.
    total: int = 0

    @property
    def history(self) -> str:
        """What stands for the history that it is of: that of one phone, or of a lineage."""
        return self.lineage or self.device.udid

    @property
    def phones(self) -> str:
        """What its phones are called: ``Old phone, New phone``."""
        return ", ".join(one.name or one.udid for one in self.devices or [self.device])


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one file of an item: it is at ``path`` in the zip, or ``reason`` says why not.

    Of files that a format embeds there may be neither, only ``Item.contents``.
    """

    path: str | None = None
    reason: str | None = None


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One artifact and its files, by the number of the attachment."""

    artifact: Artifact
    media: Mapping[int, Media]
    #: The bytes of files that the format embeds (see ``Format.embeds``), as far as they were had.
    contents: Mapping[int, bytes]


class Place(NamedTuple):
    """Where a file is to lie in the zip, and the time that it gets."""

    #: A name that ``Output.name`` gave.
    path: str
    modified_at: dt.datetime | None


class Sink(Protocol):
    """A member of the zip that is being written."""

    def write(self, data: bytes, /) -> object:
        """Append *data*."""


class Output(Protocol):
    """The zip. One member is open at a time; ``manifest.json`` and ``SHA256SUMS`` are not ours."""

    def name(self, path: str) -> str:
        """Return *path* as it can be unpacked on every system, and so that it is the only one.

        Slashes separate folders: text of strangers that goes into a path has them taken out before
        (``shared.member_names.name_part``). What comes back is claimed, and is what ``member`` and
        ``Place`` take.
        """

    def member(
        self, path: str, *, modified_at: dt.datetime | None = None
    ) -> AbstractContextManager[Sink]:
        """Open the member that was named *path*; without a time it has that of the export."""


class Format(ABC):
    """Writes one export. Made once per export, in the worker."""

    #: What people ask for: ``html``.
    name: ClassVar[str]
    #: The kinds that it can hold, None for all. Others are not given to it, and are counted as left
    #: out in ``manifest.json``.
    kinds: ClassVar[frozenset[str] | None] = None
    #: Beginnings of media types of files whose bytes are handed over with an item: ``("image/",)``,
    #: ``("",)`` for all.
    embeds: ClassVar[Sequence[str]] = ()
    #: Whether a member stays open from one group to the next. Then the files of all groups are
    #: placed before the first group begins.
    spans_groups: ClassVar[bool] = False

    def __init__(self, output: Output, about: About) -> None:
        self.output = output
        self.about = about
        self._placed: Counter[str] = Counter()

    @classmethod  # noqa: B027 -- most need nothing
    def prepare(cls) -> None:
        """Get ready what the worker may not do later: read fonts, start programs.

        Called once, before the worker has read anything of a phone and gives its rights up.
        """

    def place(
        self,
        group: Group,
        artifact: Artifact,
        n: int,
        size_bytes: int,  # noqa: ARG002 -- formats that embed small files decide by it
    ) -> Place | None:
        """Return where attachment *n* goes as a member of its own, None for nowhere.

        Only called where files were asked for and this one can be read. If it breaks off after
        all, ``Item.media`` says so.
        """
        attachment = artifact.attachments[n]
        folder = name_part(group.title, most_bytes=90)
        full = self._placed[folder] // FOLDER_FILES
        self._placed[folder] += 1
        if full:
            folder = f"{folder} - {full + 1}"
        name = name_part(attachment.name or f"file-{n}", most_bytes=160)
        when = artifact.occurred_at
        if when is not None:
            name = f"{when.astimezone(self.about.zone):%Y-%m-%d} {name}"
        return Place(self.output.name(f"media/{folder}/{name}"), when)

    @abstractmethod
    def begin_group(self, group: Group) -> None:
        """Prepare for the items of *group*."""

    @abstractmethod
    def add(self, item: Item) -> str | None:
        """Write *item* and return None; or the reason, for people, why it is left out.

        What is raised costs this item: everything is put together before anything is written.
        """

    @abstractmethod
    def end_group(self) -> None:
        """Finish what belongs to the group; no member stays open, see ``spans_groups``."""

    def notes(self) -> list[str]:
        """Return what people have to know of the whole, when it is written: for the report."""
        return []

    @abstractmethod
    def end(self) -> None:
        """Write what is about everything: an index, albums."""

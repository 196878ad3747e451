"""JSON Lines: a file per thread, an artifact per line, in the API's own shape.

``threads.jsonl`` has a line per file: the thread as the API shows it (null for what is in none),
and the path of its artifacts. Attachments have one more field, ``path``, where their file is in the
zip; those that are not there have the reason.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, ClassVar

import msgspec

from services.indexer.exports.formats.protocol import Format, Group, Item, Sink
from shared.member_names import name_part

_encode = msgspec.json.Encoder().encode


class JsonLines(Format):
    """The format ``json``."""

    name: ClassVar[str] = "json"

    def __init__(self, output: Any, about: Any) -> None:
        super().__init__(output, about)
        self._open = ExitStack()
        self._sink: Sink | None = None
        self._path = ""
        self._group: Group | None = None
        self._count = 0
        self._threads: list[bytes] = []

    def begin_group(self, group: Group) -> None:
        """Open the file of *group*."""
        title = name_part(group.title, most_bytes=120)
        self._path = self.output.name(f"{group.kind}/{title}.jsonl")
        self._sink = self._open.enter_context(self.output.member(self._path))
        self._group, self._count = group, 0

    def add(self, item: Item) -> str | None:
        """Write a line."""
        artifact = item.artifact
        shown = {
            name: getattr(artifact, name)
            for name in artifact.__struct_fields__
            if name != "attachments"
        }
        shown["attachments"] = [
            {
                **msgspec.structs.asdict(attachment),
                "reason": media.reason or attachment.reason,
                "path": media.path,
            }
            for attachment in artifact.attachments
            for media in (item.media[attachment.n],)
        ]
        line = _encode(shown) + b"\n"
        assert self._sink is not None
        self._sink.write(line)
        self._count += 1
        return None

    def end_group(self) -> None:
        """Close the file and remember it."""
        self._open.close()
        assert self._group is not None
        line = {
            "file": self._path,
            "kind": self._group.kind,
            "device": self._group.device.udid,
            "devices": [one.udid for one in self._group.devices or [self._group.device]],
            "title": self._group.title,
            "artifact_count": self._count,
            "thread": self._group.thread,
        }
        self._threads.append(_encode(line))

    def end(self) -> None:
        """Write the list of files."""
        with self.output.member(self.output.name("threads.jsonl")) as sink:
            for line in self._threads:
                sink.write(line + b"\n")


FORMAT = JsonLines

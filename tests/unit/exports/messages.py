"""Messages for tests of formats that show conversations."""

from __future__ import annotations

import datetime as dt
from typing import Any

from services.indexer.kinds.message.payload import MessagePayload
from shared.contracts.identifiers import ArtifactId, ThreadId
from shared.contracts.indexer import Artifact, Attachment, Sender
from tests.unit.exports.exporting import artifact

BEA = ("+15550100", "Bea Groß")
MORNING = dt.datetime(2024, 2, 3, 4, 5, 6, tzinfo=dt.UTC)


def message(
    number: int,
    text: str | None,
    *,
    sender: Sender | None = None,
    attachments: list[Attachment] | None = None,
    at: dt.datetime | None = MORNING,
    removed_at: dt.datetime | None = None,
    **said: Any,
) -> Artifact:
    """Return a message of Bea, or of *sender*; *said* are fields of its payload."""
    fields: dict[str, Any] = {
        "service": "iMessage", "direction": "incoming", "edits": (), "unsent": False,
        "reply_to": None, "reactions": (), "effect": None, "event": None, "status": None,
        "deleted_at": None,
    }  # fmt: skip
    return artifact(
        "message",
        MessagePayload(**{**fields, **said}),
        id=ArtifactId(str(number)),
        key=f"KEY-{number}",
        thread_id=ThreadId("7"),
        text=text,
        occurred_at=at,
        sender=sender or Sender(handle=BEA[0], name=BEA[1]),
        attachments=attachments or [],
        removed_at=removed_at,
    )

"""Exports without the indexer around them: a format, artifacts of real parsers, a real zip."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from services.indexer.exports.formats.protocol import About, Device, Format, Group, Item, Media
from services.indexer.exports.zip_output import ZipOutput
from services.indexer.kinds import PARSERS
from services.indexer.staging import StagedArtifact, StagedThread, encode_json
from shared.contracts.identifiers import ArtifactId, ThreadId, Udid
from shared.contracts.indexer import Artifact, Attachment, Participant, Sender, Thread
from tests.unit.kinds.collected import Collected

PHONE = Device(
    udid="00008110-DEMO",
    name="Anna's iPhone",
    model="iPhone 15",
    revision="2024-03-01T10:00:00Z",
    taken_at=dt.datetime(2024, 3, 1, 10, tzinfo=dt.UTC),
)
MADE_AT = dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)


def about(*, include_media: bool = False, zone: str = "Europe/Berlin") -> About:
    """Return what is said of an export."""
    return About(
        query={"kinds": ["message"]},
        include_media=include_media,
        made_at=MADE_AT,
        time_zone=zone,
        devices=[PHONE],
        kind_titles={kind: parser.title for kind, parser in PARSERS.items()},
        total=1000,
    )


def artifact(kind: str, payload: Any = None, **said: Any) -> Artifact:
    """Return an artifact; a payload is a kind's struct, or a dictionary that may be no such."""
    plain = msgspec.json.decode(encode_json({} if payload is None else payload))
    fields: dict[str, Any] = {
        "id": ArtifactId("1"),
        "device": Udid(PHONE.udid),
        "key": "KEY-1",
        "thread_id": None,
        "occurred_at": dt.datetime(2024, 2, 3, 4, 5, 6, tzinfo=dt.UTC),
        "title": None,
        "text": None,
        "sender": None,
        "attachments": [],
        "added_revision": None,
        "removed_revision": None,
        "removed_at": None,
    }
    return Artifact(kind=kind, payload=plain, **{**fields, **said})


def group(kind: str, title: str = "Things", thread: Thread | None = None) -> Group:
    """Return a group of one kind."""
    return Group(kind=kind, device=PHONE, thread=thread, title=title)


def thread(*members: tuple[str, str | None], title: str = "Conversation") -> Thread:
    """Return a conversation with members: handles and names."""
    return Thread(
        id=ThreadId("7"),
        device=Udid(PHONE.udid),
        kind="message",
        title=title,
        is_group=len(members) > 1,
        participants=[Participant(handle=handle, name=name) for handle, name in members],
        artifact_count=1,
        first_at=None,
        last_at=None,
        last_text=None,
    )


def export(
    made_by: type[Format],
    groups: Sequence[tuple[Group, Sequence[Artifact]]],
    *,
    files: Mapping[tuple[str, int], bytes] | None = None,
    zone: str = "Europe/Berlin",
) -> tuple[dict[str, bytes], list[str]]:
    """Return the members of the zip, and the reasons why items are left out, as the worker would.

    *files* are the bytes of attachments by key of the artifact and number.
    """
    target = io.BytesIO()
    said = about(include_media=files is not None, zone=zone)
    output = ZipOutput(target, made_at=MADE_AT, zone=said.zone, is_large=False)
    made_by.prepare()
    format_ = made_by(output, said)
    left_out: list[str] = []
    for one, artifacts in groups:
        media: dict[tuple[str, int], Media] = {}
        for (key, n), content in (files or {}).items():
            for found in (a for a in artifacts if a.key == key):
                place = None
                with suppress(Exception):
                    place = format_.place(one, found, n, len(content))
                if place is not None:
                    with output.member(place.path, modified_at=place.modified_at) as sink:
                        sink.write(content)
                    media[key, n] = Media(path=place.path)
        format_.begin_group(one)
        for found in artifacts:
            item = Item(
                artifact=found,
                media={
                    a.n: media.get((found.key, a.n), Media(reason=a.reason))
                    for a in found.attachments
                },
                contents={
                    n: content
                    for (key, n), content in (files or {}).items()
                    if key == found.key
                    and n < len(found.attachments)
                    and _is_embedded(made_by, found.attachments[n])
                },
            )
            try:
                reason = format_.add(item)
            except Exception as error:  # noqa: BLE001 -- as in the worker
                reason = type(error).__name__
            if reason is not None:
                left_out.append(reason)
        format_.end_group()
    format_.end()
    output.close()
    with zipfile.ZipFile(target) as made:
        assert made.testzip() is None
        return {info.filename: made.read(info) for info in made.infolist()}, left_out


def artifacts_of(kind: str, found: Collected) -> list[tuple[Group, list[Artifact]]]:
    """Return what a parser found as the indexer would hand it over: by thread, oldest first."""
    threads = {staged.key: _thread(kind, n, staged) for n, staged in enumerate(found.threads)}
    by_thread: dict[str | None, list[Artifact]] = {}
    for number, staged in enumerate(sorted(found.artifacts, key=lambda a: a.occurred_at_us or 0)):
        one = _artifact(kind, number, staged, threads)
        by_thread.setdefault(staged.thread_key if staged.thread_key in threads else None, [])
        by_thread[staged.thread_key if staged.thread_key in threads else None].append(one)
    return [
        (
            Group(
                kind=kind,
                device=PHONE,
                thread=threads.get(key) if key is not None else None,
                title=threads[key].title if key is not None else PARSERS[kind].title,
            ),
            artifacts,
        )
        for key, artifacts in by_thread.items()
    ]


def write_out(members: Mapping[str, bytes], folder: Path) -> None:
    """Unpack the members into *folder*, for programs that read files."""
    for name, content in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _is_embedded(made_by: type[Format], attachment: Attachment) -> bool:
    return any((attachment.media_type or "").startswith(one) for one in made_by.embeds)


def _thread(kind: str, number: int, staged: StagedThread) -> Thread:
    return Thread(
        id=ThreadId(str(number)),
        device=Udid(PHONE.udid),
        kind=kind,
        title=staged.title or ", ".join(staged.participants) or "Conversation",
        is_group=staged.is_group,
        participants=[Participant(handle=handle) for handle in staged.participants],
        artifact_count=0,
        first_at=None,
        last_at=None,
        last_text=None,
    )


def _artifact(
    kind: str, number: int, staged: StagedArtifact, threads: Mapping[str, Thread]
) -> Artifact:
    occurred_at = None
    if staged.occurred_at_us is not None:
        epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        occurred_at = epoch + dt.timedelta(microseconds=staged.occurred_at_us)
    sender = None
    if staged.is_me or staged.sender_handle:
        sender = Sender(handle=staged.sender_handle, is_me=staged.is_me)
    home = threads.get(staged.thread_key or "")
    return artifact(
        kind,
        staged.payload,
        id=ArtifactId(str(number)),
        key=staged.key,
        thread_id=None if home is None else home.id,
        occurred_at=occurred_at,
        title=staged.title,
        text=staged.text,
        sender=sender,
        attachments=[
            Attachment(
                n=n,
                name=one.name,
                media_type=one.media_type,
                size_bytes=one.size_bytes,
                present=one.present,
                reason=one.reason,
            )
            for n, one in enumerate(staged.attachments)
        ],
    )

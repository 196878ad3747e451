"""Each format in the process in which it runs: without files, network, programs and much memory."""

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.indexer.exports import wire
from services.indexer.kinds.calendar_event.payload import CalendarEventPayload
from services.indexer.kinds.contact_payload import ContactPayload
from services.indexer.kinds.photo.payload import PhotoPayload
from services.indexer.kinds.photo.payload import Place as PhotoPlace
from shared.contracts.indexer import Artifact, Attachment
from tests.unit.exports.exporting import MADE_AT, about, artifact, group, thread
from tests.unit.exports.messages import BEA, message
from tests.unit.exports.test_pdf import bomb, jpeg

_ROOT = Path(__file__).parents[3]
_PICTURE = Attachment(n=0, name="A.JPG", media_type="image/jpeg", size_bytes=9, present=True)
_BOMB = Attachment(n=1, name="B.PNG", media_type="image/png", size_bytes=9, present=True)


def frame(kind: bytes, body: bytes | msgspec.Struct | list[Any]) -> bytes:
    said = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return wire.HEAD.pack(kind, len(said)) + said


def frames(said: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(said):
        kind, size = wire.HEAD.unpack_from(said, at)
        at += wire.HEAD.size
        yield kind, said[at : at + size]
        at += size


def made_by(name: str, artifacts: list[Artifact], *more: bytes) -> dict[str, bytes]:
    """Return the members that the process writes; *more* are frames of contents."""
    task = wire.Task(
        format=name, about=about(include_media=True), memory_bytes=1 << 30, cpu_seconds=600
    )
    kind = artifacts[0].kind
    asked = b"".join(
        (
            frame(wire.TASK, task),
            frame(wire.GROUP, group(kind, "Bea", thread(BEA) if kind == "message" else None)),
            *more,
            frame(wire.ITEMS, [wire.SentItem(artifact=one) for one in artifacts]),
            frame(wire.END, wire.Ending()),
        )
    )
    done = subprocess.run(
        [sys.executable, "-m", "services.indexer.exports.caged_worker", str(os.getpid())],
        input=asked,
        stdout=subprocess.PIPE,
        check=True,
        cwd=_ROOT,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        timeout=100,
    )
    out = list(frames(done.stdout))
    report = next(
        msgspec.json.decode(b, type=wire.ExportReport) for k, b in out if k == wire.REPORT
    )
    assert [(one.read, one.written) for one in report.kinds] == [(len(artifacts),) * 2]
    with zipfile.ZipFile(io.BytesIO(b"".join(body for k, body in out if k == wire.ZIP))) as zipped:
        assert zipped.testzip() is None
        return {one: zipped.read(one) for one in zipped.namelist()}


def test_pdfs_are_set_with_pictures_and_a_bomb_costs_itself() -> None:
    members = made_by(
        "pdf",
        [message(1, "hi مرحبا 😀", attachments=[_PICTURE, _BOMB])],
        frame(wire.CONTENT, wire.CONTENT_HEAD.pack(0) + jpeg(1000, 800)),
        frame(wire.CONTENT, wire.CONTENT_HEAD.pack(1) + bomb()),
    )
    assert members["Bea.pdf"].startswith(b"%PDF-1")
    assert b"/DCTDecode" in members["Bea.pdf"]


@pytest.mark.parametrize(
    ("name", "one", "member"),
    [
        ("mbox", message(1, "hi"), "Bea.mbox"),
        (
            "vcf",
            artifact(
                "contact", ContactPayload(type="person", handles=(), has_image=False, is_me=False)
            ),
            "Bea.vcf",
        ),
        (
            "ics",
            artifact(
                "calendar_event",
                CalendarEventPayload(form="event", starts_at=MADE_AT, time_zone="Asia/Tokyo"),
            ),
            "Bea.ics",
        ),
        (
            "gpx",
            artifact(
                "photo", PhotoPayload(media="photo", place=PhotoPlace(latitude=1.0, longitude=2.0))
            ),
            "Bea.gpx",
        ),
    ],
)
def test_other_formats_are_written_there(name: str, one: Artifact, member: str) -> None:
    assert len(made_by(name, [one])[member]) > 100


def test_photos_lie_where_the_format_wants_them() -> None:
    one = artifact(
        "photo", PhotoPayload(media="photo", original_name="A.JPG"), attachments=[_PICTURE]
    )
    members = made_by(
        "photos",
        [one],
        frame(wire.FILE, wire.FileHead(artifact=one, n=0, size_bytes=3)),
        frame(wire.DATA, b"abc"),
        frame(wire.FILE_END, wire.FileEnd()),
    )
    assert members["photos/2024/2024-02/A.JPG"] == b"abc"
    assert b"2024-02-03T04:05:06+00:00" in members["photos/2024/2024-02/A.JPG.xmp"]

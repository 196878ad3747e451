"""The two members that say what is in an export, for programs and for ``sha256sum -c``."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from services.indexer.exports.formats.protocol import About
    from services.indexer.exports.wire import Ending, ExportReport
    from services.indexer.exports.zip_output import ZipOutput

from services.indexer.exports.zip_output import MANIFEST_NAME, SUMS_NAME

#: Raised when what stands there changes its meaning.
VERSION = 1

_encode = msgspec.json.encode


def write_manifest(
    output: ZipOutput, about: About, report: ExportReport, ending: Ending, format_name: str
) -> None:
    """Write ``manifest.json``; members are told one by one, a million of them as well."""
    head = {
        "manifest_version": VERSION,
        "made_by": "Keepsake",
        "made_at": about.made_at,
        "format": format_name,
        "query": about.query,
        "include_media": about.include_media,
        "time_zone": about.time_zone,
        "devices": about.devices,
        "kinds": report.kinds,
        "media": report.media,
        "media_left_out": ending.missing,
        "notes": report.notes,
    }
    members = list(output.members)
    with output.member(MANIFEST_NAME) as sink:
        sink.write(b"{\n")
        for name, value in head.items():
            sink.write(_encode(name) + b": " + _encode(value) + b",\n")
        sink.write(b'"members": [')
        for number, member in enumerate(members):
            line = {
                "path": member.path,
                "size_bytes": member.size_bytes,
                "sha256": member.sha256.hex(),
            }
            sink.write((b",\n" if number else b"\n") + _encode(line))
        sink.write(b"\n]\n}\n")


def write_sums(output: ZipOutput) -> None:
    """Write ``SHA256SUMS`` over every member before it."""
    members = islice(output.members, len(output.members))
    with output.member(SUMS_NAME) as sink:
        for member in members:
            sink.write(f"{member.sha256.hex()}  {member.path}\n".encode())

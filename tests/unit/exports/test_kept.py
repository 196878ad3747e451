"""How long a finished export is served."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from services.indexer.exports.kept import KeptExport
from services.indexer.exports.sealed_file import SealedWriter
from shared.bus import RequestContext
from shared.contracts.exports import DescribeExport, Export, ReadExport
from shared.contracts.identifiers import JobId
from shared.contracts.problems import ProblemError

_CONTEXT = RequestContext(headers={}, traceparent=None)
_KEPT_SECONDS = 100.0


async def test_a_download_that_has_begun_ends_although_no_other_begins(tmp_path: Path) -> None:
    now = [1000.0]
    writer = SealedWriter(tmp_path / "sealed")
    writer.write(b"content")
    file = writer.finish()
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    export = Export(
        id=JobId("1"), name="export.zip", size_bytes=7, sha256=file.sha256, made_at=moment,
        expires_at=moment,
    )  # fmt: skip
    kept = KeptExport(file, export, seconds=_KEPT_SECONDS, monotonic=lambda: now[0])

    async def read() -> bytes:
        return await kept.read(ReadExport(sha256=file.sha256, offset=0, length=7), _CONTEXT)

    now[0] += _KEPT_SECONDS - 1
    assert await kept.describe(DescribeExport(), _CONTEXT) is export
    now[0] += 30
    with pytest.raises(ProblemError) as raised:
        await kept.describe(DescribeExport(), _CONTEXT)
    assert raised.value.problem.status == 410
    assert not kept.is_over()
    assert await read() == b"content"
    now[0] += 59
    assert not kept.is_over()
    assert await read() == b"content"
    now[0] += 61
    assert kept.is_over()

"""What docs/archive-format.md says is so: its commands run word for word, its vectors hold."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from services.archiver.format.bundle import BundleFile
from services.archiver.format.manifest import sign, signing_key
from services.archiver.format.names import sha256_hex
from services.archiver.format.packs import PackBuilder
from services.archiver.format.standalone import restore
from services.archiver.format.tree import read_line, write_line
from tests.unit.archiver.generated_store import (
    PASSWORD,
    make_phone_store,
    put_bundle,
    snapshot,
)
from tests.unit.archiver.standalone_reader import needs_programs

DOCUMENT = Path(__file__).parents[3] / "docs" / "archive-format.md"


def _blocks(language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL
    )


@pytest.fixture(scope="module")
def vectors() -> dict[str, str]:
    rows = re.findall(r"^\| ([^|]+) \| `([^|]+)`[^|]*\|$", DOCUMENT.read_text(), re.MULTILINE)
    return dict(rows)


@needs_programs
def test_the_commands_of_the_document_get_everything_back(tmp_path: Path) -> None:
    transport, _, _ = make_phone_store(tmp_path)
    put_bundle(transport, [BundleFile(path="databases/x.dump", content=b"x")], kind="n8n_backup")
    (tmp_path / "scratch").mkdir()
    script = "set -eu\n" + "\n".join(_blocks("sh")) + '\necho "work is $work"\n'
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=tmp_path / "store",
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TMPDIR": str(tmp_path / "scratch"),
            "RCLONE_CONFIG": "/dev/null",
            "RCLONE_CONFIG_AWAY_TYPE": "alias",
            "RCLONE_CONFIG_AWAY_REMOTE": str(tmp_path),
            "remote": "away:store",
            "password": PASSWORD,
            "KEEPSAKE_PASSWORD": PASSWORD,
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    work = Path(done.stdout.rpartition("work is ")[2].strip())
    was = snapshot(tmp_path / "phone")
    assert snapshot(work / "phone") == was
    assert snapshot(work / "away") == was
    assert snapshot(work / "part") == {b"film": was[b"film"]}
    assert (work / "film").read_bytes() == was[b"film"][3]


def test_its_test_vectors_hold(vectors: dict[str, str]) -> None:
    key = signing_key(vectors["secret"], store_id=vectors["store_id"])
    assert key.hex() == vectors["key"]
    manifest = vectors["manifest"].encode() + b"\n"
    assert sign(manifest, key).decode() == vectors["signature"] + "\n"
    pack = PackBuilder()
    for content in (b"one", b"two"):
        assert sha256_hex(content) == vectors[f"blob of `{content.decode()}`"]
        pack.add(sha256_hex(content), content)
    made = pack.finish()
    assert made is not None
    assert made.name == vectors["name of the pack of both"]
    assert sha256_hex(b"".join(made.pieces)) == vectors["SHA-256 of that pack"]


def test_its_lines_of_a_tree_are_written_so() -> None:
    (lines,) = _blocks("json")
    for line in lines.splitlines():
        assert write_line(read_line(line.encode())) == line.encode() + b"\n"
        assert json.loads(line)
        assert restore.Entry(line.encode() + b"\n").size == read_line(line.encode()).size_bytes


def test_it_tells_every_way_in_which_the_reader_ends() -> None:
    told = dict(re.findall(r"^\| ([0-6]) \| ([^|]+) \|$", DOCUMENT.read_text(), re.MULTILINE))
    said = re.sub(r"\s+", " ", restore.__doc__ or "")
    assert sorted(told) == list("0123456")
    for code in told:
        assert f" {code}: " in said

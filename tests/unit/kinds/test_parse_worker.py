import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

from deploy.demo.phone import phone_files
from tests.unit.kinds.collected import SMS


def work(request: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    done = subprocess.run(
        [sys.executable, "-m", "services.indexer.parsing.parse_worker"],
        input=json.dumps(request).encode(),
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[3],
        env={"PATH": "/usr/bin:/bin"},
        timeout=60,
    )
    assert done.stderr == b""
    frames, at = [], 0
    while at < len(done.stdout):
        kind, length = struct.unpack_from(">cI", done.stdout, at)
        frames.append((kind, done.stdout[at + 5 : at + 5 + length]))
        at += 5 + length
    assert at == len(done.stdout)
    return frames


def request(path: Path, **more: Any) -> dict[str, Any]:
    return {
        "kind": "message", "files": {SMS: str(path)}, "listing": None, "region": "US",
        "memory_bytes": 1 << 30, "cpu_seconds": 60,
    } | more  # fmt: skip


def demo_messages(folder: Path) -> Path:
    path = folder / "sms.db"
    path.write_bytes(next(f.content for f in phone_files() if f.relative_path.endswith("sms.db")))
    return path


def test_rows_threads_and_the_report_come_as_frames(tmp_path: Path) -> None:
    frames = work(request(demo_messages(tmp_path)))
    kinds = [kind for kind, _ in frames]
    assert set(kinds) == {b"A", b"T", b"P", b"R"}
    assert kinds[-1] == b"R"
    report = json.loads(frames[-1][1])
    assert report["state"] == "indexed"
    assert report["read"] == 31
    assert report["kept"] == 25
    threads = [thread for kind, body in frames if kind == b"T" for thread in json.loads(body)]
    assert len(threads) == 4


def test_a_store_that_the_backup_lacks_is_absent(tmp_path: Path) -> None:
    frames = work(request(tmp_path / "none", files={}))
    assert json.loads(frames[-1][1])["state"] == "absent"


def test_a_damaged_store_fails_with_a_note_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "sms.db"
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    frames = work(request(path))
    assert [kind for kind, _ in frames] == [b"R"]
    report = json.loads(frames[0][1])
    assert (report["state"], report["note"]) == (
        "failed", "The file is damaged or not a database.",
    )  # fmt: skip


def test_a_run_that_needs_too_much_memory_says_so(tmp_path: Path) -> None:
    frames = work(request(demo_messages(tmp_path), memory_bytes=1))
    assert json.loads(frames[-1][1])["state"] == "failed"

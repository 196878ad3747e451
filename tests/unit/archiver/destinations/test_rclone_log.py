"""What is read out of the log of an rclone, of lines that it wrote."""

from __future__ import annotations

import json

from services.archiver.destinations.rclone_log import RcloneLog
from services.archiver.errors import DestinationFullError

ROOT = "/srv/photos"


def _line(message: str, *, name: str | None = None, level: str = "error") -> bytes:
    said = {"level": level, "msg": message} | ({} if name is None else {"object": name})
    return json.dumps(said).encode() + b"\n"


def test_trouble_with_the_source_leaves_out_a_file_and_is_no_failure_of_the_destination() -> None:
    log = RcloneLog(ROOT)
    for message, name in (
        (f"Failed to copy: failed to open source object: open {ROOT}/a: permission denied", "a"),
        ("Failed to copy: can't copy - source file is being updated (size changed)", "b"),
        ("Failed to copy: failed to open source object: lstat x: no such file or directory", "c"),
        ("Failed to copy: open /mnt/nas/d: file name too long", "d"),
        ("not deleting files as there were IO errors", None),
        ("Attempt 1/1 failed with 3 errors and: permission denied", None),
    ):
        log.feed(_line(message, name=name))
    assert log.left_out == [
        ("a", "permission denied"),
        ("b", "changed while it was read"),
        ("c", "cannot be read"),
        ("d", "its name is too long for the destination"),
    ]
    assert (log.errors, log.failures, log.is_bounded) == ([], 0, False)


def test_failures_of_the_destination_are_counted_until_something_arrives() -> None:
    log = RcloneLog(ROOT)
    full = _line("Failed to copy: write /mnt/nas/x: no space left on device", name="x")
    log.feed(full + full[:10])
    log.feed(full[10:])
    assert log.failures == 2
    assert [type(error) for error in log.errors] == [DestinationFullError] * 2
    assert "/mnt/nas" not in str(log.errors[0])
    stats = {"bytes": 30, "transfers": 3, "serverSideCopies": 1, "serverSideCopyBytes": 10}
    log.feed(json.dumps({"level": "notice", "msg": "", "stats": stats}).encode() + b"\n")
    assert (log.failures, log.stats.sent_count, log.stats.sent_bytes) == (0, 2, 20)


def test_the_bound_on_deletions_is_told_from_failures() -> None:
    log = RcloneLog(ROOT)
    log.feed(_line("Got fatal error on delete: --max-delete threshold reached", name="x"))
    log.feed(_line("Cancelling sync due to fatal error: failed to delete 2 files"))
    log.feed(b"no line of ours\n" + _line("Failed to sync with 2 errors: last error was: x"))
    assert log.is_bounded
    assert log.errors == []

"""Session tokens between two commands: in memory-backed files that only their owner reads.

They go to ``$XDG_RUNTIME_DIR`` or ``/dev/shm``, which a reboot empties, and never to a disk. Where
neither exists, the token has to be passed by ``KEEPSAKE_SESSION`` or ``--session-fd``.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gateway.cli.failure import Failure
from gateway.cli.options import options_of


def find_token(context: click.Context, url: str, backup_id: str) -> str | None:
    """Return the session token for a backup: given, or kept and not expired."""
    given = given_token(context)
    if given is not None:
        return given
    with _open_store(url) as store:
        kept = store.get(backup_id) if store is not None else None
    if not isinstance(kept, dict) or _is_over(kept):
        return None
    token = kept.get("session_token")
    return token if isinstance(token, str) else None


def given_token(context: click.Context) -> str | None:
    """Return what was given for this one command, whatever is kept."""
    options = options_of(context)
    if options.session_fd is not None:
        return read_secret(options.session_fd)
    given = os.environ.get("KEEPSAKE_SESSION")
    return given.strip() if given else None


def keep_token(url: str, backup_id: str, opened: dict[str, Any]) -> bool:
    """Keep a token until it expires; False where there is no memory-backed folder."""
    with _open_store(url) as store:
        if store is None:
            return False
        store[backup_id] = {
            "session_token": opened["session_token"],
            "expires_at": opened["expires_at"],
        }
    return True


def drop_token(url: str, backup_id: str | None) -> None:
    """Forget one token, or all of this gateway."""
    with _open_store(url) as store:
        if store is None:
            return
        if backup_id is None:
            store.clear()
        else:
            store.pop(backup_id, None)


def read_secret(descriptor: int) -> str:
    """Read one line from an inherited file descriptor."""
    try:
        with os.fdopen(descriptor, "rb") as pipe:
            line = pipe.readline(65536)
    except OSError:
        raise Failure(f"The file descriptor {descriptor} cannot be read.", exit_code=2) from None
    try:
        return line.rstrip(b"\r\n").decode()
    except UnicodeDecodeError:
        raise Failure("The secret is not UTF-8.", exit_code=2) from None


def store_folder() -> Path | None:
    """Return our private folder in memory, made if needed; None where there is none."""
    for base, name in (
        (os.environ.get("XDG_RUNTIME_DIR"), "keepsake"),
        ("/dev/shm", f"keepsake-{os.getuid()}"),  # noqa: S108 -- owner and mode are checked
    ):
        if not base or not Path(base).is_dir():
            continue
        folder = Path(base) / name
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            facts = folder.lstat()
        except OSError:
            continue
        if (
            stat.S_ISDIR(facts.st_mode)
            and facts.st_uid == os.getuid()
            and not stat.S_IMODE(facts.st_mode) & 0o077
        ):
            return folder
    return None


@contextmanager
def _open_store(url: str) -> Iterator[dict[str, Any] | None]:
    """Yield this gateway's tokens under a lock and write them back when they changed."""
    folder = store_folder()
    if folder is None:
        yield None
        return
    path = folder / f"sessions-{hashlib.sha256(url.encode()).hexdigest()[:16]}.json"
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        before = file.read()
        try:
            store = json.loads(before) if before else {}
        except ValueError:
            store = {}
        if not isinstance(store, dict):
            store = {}
        store = {name: kept for name, kept in store.items() if not _is_over(kept)}
        yield store
        after = json.dumps(store).encode()
        if after != before:
            file.seek(0)
            file.write(after)
            file.truncate()


def _is_over(kept: Any) -> bool:
    try:
        return dt.datetime.fromisoformat(kept["expires_at"]) <= dt.datetime.now(dt.UTC)
    except (TypeError, KeyError, ValueError):
        return True

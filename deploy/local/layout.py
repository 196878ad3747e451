"""Where things lie on disk, and whose they are.

<data dir>/            0700, or 0711 as root, so that Postgres' own user can pass
  postgres/            the cluster, of the user that Postgres runs as
  nats/                JetStream's files
  run/                 lock, address.json, generated configuration: nothing secret
  logs/                what the engines say
  api-token            0600
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
import stat
from pathlib import Path

import msgspec

from deploy.local.errors import AlreadyRunningError, StartError
from deploy.local.process import RunAs

#: ``sun_path`` holds 104 bytes (macOS) to 108 (Linux), and ``/.s.PGSQL.5432.lock`` is appended.
LONGEST_SOCKET_FOLDER = 80
#: An engine's log that is longer is put aside at the next start; one such is kept.
LONGEST_LOG_BYTES = 10 << 20
#: Where a cluster goes that cannot lie below the data directory.
SHARED_STATE = Path("/var/lib/keepsake")


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a running Keepsake is found by the command line."""

    url: str
    pid: int


class Layout:
    """The folders of one data directory. Making one creates nothing."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.run = data_dir / "run"
        self.logs = data_dir / "logs"
        self.nats = data_dir / "nats"
        self.address_file = self.run / "address.json"
        self.digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
        #: Says where the cluster is when it is not below the data directory.
        self.pointer = data_dir / "postgres.location"

    def create(self) -> None:
        """Make the folders. Raises ``StartError`` when the disk says no."""
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            if os.geteuid() == 0:
                # The owner may be a plain user whose folder root was asked to use: it stays theirs.
                self.data_dir.chmod(stat.S_IMODE(self.data_dir.stat().st_mode) | 0o711)
            for folder in (self.run, self.logs, self.nats):
                folder.mkdir(exist_ok=True, mode=0o700)
            if os.geteuid() == 0:
                self.run.chmod(0o711)
            self._rotate_logs()
            probe = self.run / "probe"
            probe.write_bytes(b"x" * 4096)
            probe.unlink()
        except OSError as error:
            # "File exists" would not say that a file is where a folder has to be.
            is_file = isinstance(error, (FileExistsError, NotADirectoryError))
            why = "not a folder" if is_file else error.strerror
            raise StartError(
                f"KEEPSAKE_DATA_DIR: cannot write to {self.data_dir} ({why})"
            ) from error

    def _rotate_logs(self) -> None:
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > LONGEST_LOG_BYTES:
                log.replace(log.with_suffix(".log.1"))

    def lock(self) -> int:
        """Take the data directory for this process; the lock goes when the process does.

        Raises ``AlreadyRunningError`` with the holder's process id and address.
        """
        descriptor = os.open(self.run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise AlreadyRunningError(self._describe_holder()) from None
        except OSError as error:
            raise StartError(
                f"KEEPSAKE_DATA_DIR: {self.data_dir} cannot be locked ({error.strerror})"
            ) from error
        self.address_file.unlink(missing_ok=True)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, b"%d\n" % os.getpid())
        return descriptor

    def _describe_holder(self) -> str:
        try:
            address = msgspec.json.decode(self.address_file.read_bytes(), type=Address)
        except (OSError, msgspec.MsgspecError):
            pid = (self.run / "lock").read_text().strip() or "unknown"
            return f"Keepsake is starting or stopping on {self.data_dir} (pid {pid})"
        return f"Keepsake already runs on {self.data_dir} (pid {address.pid}): {address.url}"

    def write_address(self, url: str) -> None:
        """Tell the command line where we are."""
        text = json.dumps({"url": url, "pid": os.getpid()})
        draft = self.address_file.with_suffix(".new")
        draft.write_text(text)
        draft.replace(self.address_file)

    def cluster_folder(self, run_as: RunAs | None) -> Path:
        """Return where the cluster is or goes, reachable for the user that Postgres runs as."""
        if self.pointer.is_file():
            return Path(self.pointer.read_text().strip())
        inside = self.data_dir / "postgres"
        if run_as is None or is_traversable(self.data_dir, run_as):
            return inside
        return SHARED_STATE / self.digest / "postgres"

    def socket_folder(self, run_as: RunAs | None) -> Path:
        """Make and return a folder of the engines' own, short enough for a unix socket."""
        inside = self.run / "postgres"
        fits = len(os.fsencode(inside)) <= LONGEST_SOCKET_FOLDER
        if fits and (run_as is None or is_traversable(self.run, run_as)):
            return private_folder(inside, run_as=run_as)
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        base = Path(runtime) if runtime and run_as is None and len(runtime) < 40 else Path("/tmp")  # noqa: S108 -- owner and mode are checked
        ours = private_folder(base / f"keepsake-{os.geteuid()}-{self.digest}", mode=0o711)
        return private_folder(ours / "pg", run_as=run_as)


def private_folder(path: Path, *, mode: int = 0o700, run_as: RunAs | None = None) -> Path:
    """Make *path*, or check that what is there is a folder of ours that nobody else can write."""
    owner = run_as.uid if run_as else os.geteuid()
    try:
        path.mkdir(mode=mode)
        path.chmod(mode)
        if run_as is not None:
            os.chown(path, run_as.uid, run_as.gid)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o022:
            raise StartError(f"{path} belongs to somebody else or is open to others") from None
    return path


def engine_user() -> RunAs | None:
    """Return the user that Postgres runs as: null for ourselves; it refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for user in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            continue
        return RunAs(uid=entry.pw_uid, gid=entry.pw_gid, user=user)
    raise StartError("running as root needs a user `postgres` or `nobody` for Postgres")


def is_traversable(path: Path, run_as: RunAs) -> bool:
    """Tell whether *run_as* may pass through every folder down to *path*."""
    for folder in (path, *path.parents):
        try:
            found = folder.stat()
        except FileNotFoundError:
            continue
        if found.st_uid == run_as.uid:
            allowed = found.st_mode & stat.S_IXUSR
        elif found.st_gid == run_as.gid:
            allowed = found.st_mode & stat.S_IXGRP
        else:
            allowed = found.st_mode & stat.S_IXOTH
        if not allowed:
            return False
    return True

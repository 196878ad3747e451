#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# In one file, for Python 3.8, with paths that are bytes:
# ruff: noqa: C901, ICN001, S603, PTH100, PTH101, PTH102, PTH103, PTH104, PTH108, PTH112, PTH113
# ruff: noqa: PTH115, PTH117, PTH118, PTH123, PTH207, PTH208, PTH211
"""Get everything back out of a Keepsake store, without Keepsake.

Needs Python 3.8 or newer, the program zstd, and rclone where the store is not in a folder. STORE is
a folder that holds "bundles", "objects" and "packs", or "rclone:REMOTE:PATH".

  restore.py --store STORE list                       what archives there are
  restore.py --store STORE --archive NAME list        what is in one of them
  restore.py --store STORE [--archive NAME] check     read everything again and compare it
  restore.py --store STORE restore TARGET [PATH ...]  write an archive, or parts of it, to a folder

An archive's tree of files is restored; of archives without one (databases, settings), and with
--members, the files in the bundle itself. Without --archive it is the newest. A bundle by itself is
read with --archive FILE and no store. Files that are there and differ stay, unless --overwrite says
otherwise. With --password, or KEEPSAKE_PASSWORD in the environment, signatures are checked as well.

Ends with 0: all is well. 1: something is damaged or was left out, the report says what. 2: the
command is not understood. 3: a program is missing. 4: store or archive is not there, or of another
version. 5: a signature is missing or wrong. 6: the target is full or cannot be written.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import datetime
import errno
import getpass
import glob
import gzip
import hashlib
import hmac
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import zlib
from typing import Any, BinaryIO, Iterable, Iterator  # noqa: UP035 -- Python 3.8 knows no other

DAMAGED, USAGE, PROGRAM, MISSING, SIGNATURE, TARGET = 1, 2, 3, 4, 5, 6
TREE = "metadata/tree.jsonl.zst"
BUNDLE = re.compile(r"bundles/[0-9a-f-]{36}/backup_[0-9]{14}\.[a-z0-9_]{1,40}\.tar\.(zst|gz)")
NAME = re.compile(r"[0-9a-f]{64}")
MIB = 1024 * 1024
#: What is broken shows itself in one of these.
BROKEN = (ArithmeticError, AttributeError, EOFError, LookupError, TypeError, ValueError,
          RecursionError, tarfile.TarError, gzip.BadGzipFile, zlib.error)  # fmt: skip


class Failure(Exception):  # noqa: N818
    """The work cannot go on; *code* is what the program ends with."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def say(text: str, to: Any = None) -> None:
    """Print a line; what could steer a terminal is written as in a program."""
    (to or sys.stdout).write("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text) + "\n")


def program(name: str) -> str:
    """Return where a program is."""
    found = shutil.which(name)
    if found is None:
        raise Failure(PROGRAM, f"The program {name} is needed, and not installed.")
    return found


@contextlib.contextmanager
def running(command: list[str], source: Any = None) -> Iterator[Any]:
    """Run a program and yield what it prints, all of which has to be read."""
    process = subprocess.Popen(command, stdin=source or subprocess.DEVNULL, stdout=subprocess.PIPE)
    output: Any = process.stdout
    try:
        yield output
        if output.read(1) or process.wait():
            raise ValueError
    finally:
        process.kill()
        output.close()
        process.wait()


class Store:
    """A store in a folder, or wherever rclone reaches; "" is none."""

    def __init__(self, where: str) -> None:
        self.remote = where[7:].rstrip("/") if where.startswith("rclone:") else ""
        self.folder = where
        if where and not self.remote and not os.path.isdir(os.path.join(where, "bundles")):
            raise Failure(MISSING, "There is no store: no folder of that name holds bundles.")

    def names(self, top: str) -> list[str]:
        """Return the paths of all objects below a folder of the store."""
        if self.remote:
            said = self.rclone((0, 3), "lsf", "-R", "--files-only", self.at(top))
            return [top + "/" + line for line in said.decode("utf-8", "replace").splitlines()]
        found = glob.glob(os.path.join(glob.escape(self.folder), top, "*", "*"))
        return [os.path.relpath(path, self.folder) for path in found]

    def read(self, path: str, offset: int, count: int) -> bytes:
        """Return part of an object, less where it ends; nothing where there is none."""
        if self.remote:
            span = (f"--offset={offset}", f"--count={count}")
            # 1 is also what it ends with where an encrypted object is damaged.
            return self.rclone((0, 1, 3, 4), "cat", *span, self.at(path))
        try:
            with self.open(path) as file:
                file.seek(offset)
                return file.read(count)
        except OSError:
            return b""

    def open(self, path: str) -> BinaryIO:
        """Open an object in a folder; what is no file is not there."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(os.path.join(self.folder, path), flags)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FileNotFoundError
        return os.fdopen(descriptor, "rb")

    @contextlib.contextmanager
    def bundle(self, path: str) -> Iterator[Any]:
        """Open a bundle, decompressed."""
        with contextlib.ExitStack() as stack:
            if self.remote and not os.path.isabs(path):
                source = stack.enter_context(running([program("rclone"), "cat", self.at(path)]))
            else:
                try:
                    source = stack.enter_context(self.open(path))
                except OSError:
                    raise Failure(MISSING, "The bundle is no file that can be read.") from None
            if path.endswith(".gz"):
                yield stack.enter_context(gzip.open(source))
            else:
                yield stack.enter_context(running([program("zstd"), "-dcqq"], source))

    def at(self, path: str) -> str:
        """Return what rclone calls an object."""
        return self.remote + ("" if self.remote.endswith(":") else "/") + path

    def rclone(self, fine: tuple[int, ...], *arguments: str) -> bytes:
        """Return what rclone prints, when it ends with what is *fine*."""
        done = subprocess.run([program("rclone"), *arguments], stdout=subprocess.PIPE, check=False)
        if done.returncode not in fine:
            raise Failure(MISSING, "rclone cannot read the store; it said why.")
        return done.stdout


def parse(content: bytes) -> Any:
    """Return what stands as JSON; numbers are cut where none of ours is as long."""
    return json.loads(content, parse_int=lambda digits: int(digits[:20]))


def is_safe(path: bytes) -> bool:
    """Whether a path stays below the folder that it is put into."""
    parts = path.split(b"/")
    return b"\0" not in path and len(parts) <= 256 and not {b"", b".", b".."} & set(parts)


def exactly(source: Any, count: int) -> bytes:
    """Read so many bytes."""
    content: bytes = source.read(count)
    if len(content) < count:
        raise EOFError
    return content


def files_of_tar(source: Any) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    """Yield name, size and content of the files of a tar. All else in it is refused."""
    name = size = None
    while any(block := exactly(source, 512)):
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if header.type == tarfile.XHDTYPE and 0 <= header.size <= 65536:
            # A long name or a large size stands before its file, as "LENGTH KEY=VALUE\n".
            rest = exactly(source, header.size + -header.size % 512)[: header.size]
            while rest:
                length = max(int(rest.split(b" ", 1)[0][:6]), 1)
                key, _, value = rest[:length].split(b" ", 1)[1].decode()[:-1].partition("=")
                name, size = value if key == "path" else name, value if key == "size" else size
                rest = rest[length:]
            continue
        count = int(size[:18]) if size else header.size
        if header.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or count < 0:
            raise ValueError
        pieces = (exactly(source, min(MIB, count - at)) for at in range(0, count, MIB))
        yield name or header.name, count, pieces
        for _ in pieces:
            pass
        exactly(source, -count % 512)
        name = size = None
    if any(source.read(MIB)) or source.read(1):
        raise ValueError


def checked(pieces: Iterator[bytes], sha256: str) -> Iterator[bytes]:
    """Yield *pieces*, which have to be what the hash says."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
        yield piece
    if digest.hexdigest() != sha256:
        raise ValueError


def small(name: str, most: int, file: Any) -> bytes:
    """Return the whole of a small file of a tar."""
    if file is None or file[0] != name or file[1] > most:
        raise ValueError
    return b"".join(file[2])


class Bundle:
    """A bundle that is read once, from front to back, with the manifest first."""

    def __init__(self, source: Any, path: str, password: str | None) -> None:
        self.files = files_of_tar(source)
        content = small("manifest.json", 16 * MIB, next(self.files, None))
        self.manifest = parse(content)
        if self.manifest["format"] != "keepsake-archive" or self.manifest["version"] != 1:
            raise Failure(MISSING, "The archive is none of the version that this program reads.")
        self.members: list[dict[str, Any]] = self.manifest["members"]
        names = [member["path"] for member in self.members]
        if len(set(names)) < len(names) or not all(is_safe(name.encode()) for name in names):
            raise ValueError
        self.tree: dict[str, Any] = self.manifest.get("tree") or {}
        made = datetime.datetime.strptime(
            self.manifest["created_at"][:19] + "+0000", "%Y-%m-%dT%H:%M:%S%z"
        )
        self.made_ns = int(made.timestamp()) * 10**9
        named = "bundles/{}/backup_{:%Y%m%d%H%M%S}.{}.tar."
        named = named.format(self.manifest["source"]["id"], made, self.manifest["kind"])
        if BUNDLE.fullmatch(path) and not path.startswith(named):
            raise Failure(DAMAGED, "The bundle is another archive than its name says.")
        self.ahead, signature = next(self.files, None), b""
        if self.ahead and self.ahead[0] == "manifest.json.hmac":
            signature = small(self.ahead[0], 65, self.ahead)
            self.ahead = next(self.files, None)
        if password is not None:
            # HKDF with SHA-256 (RFC 5869): the salt is the store's id; one block is enough.
            drawn = hmac.new(
                self.manifest["store_id"].encode(), password.encode(), "sha256"
            ).digest()
            key = hmac.new(drawn, b"keepsake manifest v1\x01", "sha256").digest()
            right = hmac.new(key, content, "sha256").hexdigest().encode() + b"\n"
            if not hmac.compare_digest(right, signature):
                raise Failure(SIGNATURE, "The manifest is not signed with this password.")

    def each(self) -> Iterator[tuple[dict[str, Any], Iterator[bytes]]]:
        """Yield the members with their content, which has to be what the manifest says."""
        for member in self.members:
            if not self.ahead or self.ahead[:2] != (member["path"], member["size_bytes"]):
                raise ValueError
            content = checked(self.ahead[2], member["sha256"])
            yield member, content
            for _ in content:
                pass
            self.ahead = next(self.files, None)
        if self.ahead:
            raise ValueError


class Entry:
    """A line of a tree: a file, folder or link."""

    def __init__(self, line: bytes) -> None:
        found = parse(line)
        self.path, self.type = self.bytes_of(found, "path"), found["type"]
        self.mode, self.mtime_ns = found["mode"] & 0o777, found["mtime_ns"]
        self.size, self.blobs = found.get("size", 0), found.get("blobs", [])
        self.target = self.bytes_of(found, "target") if self.type == "symlink" else b""
        right = self.type in ("file", "directory", "symlink") and is_safe(self.path)
        right = right and b"\0" not in self.target and abs(self.mtime_ns) < 2**63
        for sha256, pack, offset, size in self.blobs:
            right = right and bool(
                NAME.fullmatch(sha256) and (pack is None or NAME.fullmatch(pack))
            )
            right = right and 0 <= offset < 2**40 and 0 < size <= 16 * MIB
        if not right or line[-1:] != b"\n" or sum(blob[3] for blob in self.blobs) != self.size:
            raise ValueError

    @staticmethod
    def bytes_of(found: Any, key: str) -> bytes:
        """Return a path, which stands as base64 where it is not UTF-8."""
        encoded = found.get(key + "_base64")
        plain: bytes = found[key].encode() if encoded is None else b""
        return plain or base64.b64decode(encoded, validate=True)


class Blobs:
    """Reads blobs of a store, each of which has to be what it is called."""

    def __init__(self, store: Store, whole_packs: bool) -> None:  # noqa: FBT001
        self.store, self.whole_packs = store, whole_packs
        self.pack: tuple[str, bytes] = ("", b"")
        self.elsewhere: dict[str, tuple[str, int]] | None = None

    def read(self, sha256: str, pack: str | None, offset: int, size: int) -> bytes | None:
        """Return a blob; None if it is nowhere in the store."""
        for path, start in self.places(sha256, pack, offset):
            if self.whole_packs and path.startswith("packs/"):
                if self.pack[0] != path:
                    self.pack = (path, self.store.read(path, 0, 64 * MIB))
                content = self.pack[1][start : start + size]
            else:
                content = self.store.read(path, start, size)
            if hashlib.sha256(content).hexdigest() == sha256:
                return content
        return None

    def content(self, entry: Entry) -> Iterator[bytes]:
        """Yield the content of a file."""
        for blob in entry.blobs:
            content = self.read(*blob)
            if content is None:
                raise EOFError
            yield content

    def places(self, sha256: str, pack: str | None, offset: int) -> Iterator[tuple[str, int]]:
        """Yield where a blob may be; one that was lost and stored again lies in another pack."""
        if pack is not None:
            yield f"packs/{pack[:2]}/{pack}.tar", offset
        yield f"objects/{sha256[:2]}/{sha256}", 0
        if self.elsewhere is None:
            self.elsewhere = {}
            for path in self.store.names("packs"):
                content, at = self.store.read(path, 0, 64 * MIB), 0
                with contextlib.suppress(tarfile.TarError):
                    while any(block := content[at : at + 512]):
                        header = tarfile.TarInfo.frombuf(block, "ascii", "replace")
                        self.elsewhere[header.name] = (path, at + 512)
                        at += 512 + max(header.size, 0) + -header.size % 512
        if sha256 in self.elsewhere:
            yield self.elsewhere[sha256]


def write(top: bytes, entry: Any, pieces: Iterable[bytes], *, overwrite: bool) -> None:
    """Write something below *top*, through no link; a file has its name when it is whole."""
    *above, name = entry.path.split(b"/")
    for folder in above if entry.type != "directory" else (*above, name):
        top = os.path.join(top, folder)
        with contextlib.suppress(FileExistsError):
            os.mkdir(top, 0o700)
        if not stat.S_ISDIR(os.lstat(top).st_mode):
            raise FileExistsError
    place = os.path.join(top, name)
    partial = os.path.join(top, b"." + hashlib.sha256(entry.path).hexdigest()[:32].encode())
    if entry.type == "directory":
        os.chmod(top, entry.mode)
        os.utime(top, ns=(entry.mtime_ns, entry.mtime_ns))
        return
    with contextlib.suppress(FileNotFoundError):
        found = os.lstat(place)
        if stat.S_ISLNK(found.st_mode) and entry.type == "symlink":
            same = os.readlink(place) == entry.target
        else:
            same = (found.st_size, found.st_mtime_ns) == (entry.size, entry.mtime_ns)
            same = same and stat.S_ISREG(found.st_mode) and entry.type == "file"
        if same or not overwrite:
            if same:
                return
            raise FileExistsError
    with contextlib.suppress(FileNotFoundError):
        os.unlink(partial)
    try:
        if entry.type == "symlink":
            os.symlink(entry.target, partial)
        else:
            with open(partial, "xb") as file:
                file.writelines(pieces)
            os.chmod(partial, entry.mode)
        os.utime(partial, ns=(entry.mtime_ns, entry.mtime_ns), follow_symlinks=False)
        os.rename(partial, place)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)


class Work:
    """A command: the store, the archives it is about, and what was found on the way."""

    def __init__(self, options: argparse.Namespace, password: str | None) -> None:
        self.options, self.password, self.code = options, password, 0
        self.store = Store(options.store or "")
        self.blobs = Blobs(self.store, whole_packs=not getattr(options, "paths", None))
        found = filter(BUNDLE.fullmatch, self.store.names("bundles") if options.store else ())
        self.archives = sorted(found, key=lambda path: path.rpartition("/")[2])
        if options.archive:
            named = [path for path in self.archives if path.endswith("/" + options.archive)]
            alone = os.path.abspath(options.archive)
            self.archives = named or [alone] * os.path.isfile(alone)
        if not self.archives:
            raise Failure(MISSING, "There is no such archive.")

    def problem(self, what: str, how: str, code: int = DAMAGED) -> None:
        """Tell what is not as it should be."""
        self.code = max(self.code, code)
        say(f"{what}: {how}", sys.stderr)

    def read(self, path: str, take: Any = None) -> Iterator[Any]:
        """Yield a bundle, then, when all of it was read and is right, the lines of its tree.

        *take* gets the other members. What is damaged is a problem and ends it.
        """
        try:
            with self.store.bundle(path) as source, tempfile.TemporaryFile() as kept:
                bundle = Bundle(source, path, self.password)
                yield bundle
                for member, pieces in bundle.each():
                    if member["path"] == TREE:
                        kept.writelines(pieces)
                    elif take:
                        take(bundle, member, pieces)
                kept.seek(0)
                left = bundle.tree.get("size_bytes", 0)
                command = [program("zstd"), "-dcqq"]
                with running(command, kept) if bundle.tree else io.BytesIO() as lines:
                    while line := lines.readline(64 * MIB):
                        entry = Entry(line)
                        left -= entry.size
                        if left < 0:
                            raise ValueError
                        yield entry
        except Failure as failure:
            if failure.code == PROGRAM:
                raise
            self.problem(path, str(failure), failure.code)
        except BROKEN:
            self.problem(path, "The bundle is damaged, or none.")

    def list(self) -> None:
        """Tell what archives there are, or what is in one."""
        for path in self.archives:
            for found in self.read(path):
                if isinstance(found, Entry):
                    say(f"{found.size:>15} {os.fsdecode(found.path)}")
                    continue
                source, size = found.manifest["source"]["name"], found.tree.get("size_bytes", 0)
                size += sum(member["size_bytes"] for member in found.members)
                say(f"{path}  {source}  {size} bytes")
                if not self.options.archive:
                    break
                for member in found.members:
                    say(f"{member['size_bytes']:>15} {member['path']} (in the bundle)")

    def check(self) -> None:
        """Read every archive, and everything that they need, once."""
        right, size = {}, 0
        for path in self.archives:
            for found in self.read(path):
                blobs = found.blobs if isinstance(found, Entry) else ()
                for blob in blobs:
                    if blob[0] not in right:
                        right[blob[0]] = self.blobs.read(*blob) is not None
                        size += blob[3]
                if not all(right[blob[0]] for blob in blobs):
                    self.problem(
                        path, os.fsdecode(found.path) + " is damaged, or parts are missing"
                    )
        say(f"Read {len(self.archives)} archives and {len(right)} blobs of {size} bytes.")

    def restore(self) -> None:
        """Write the newest of the archives, or parts of it, to the target."""
        top, wanted = os.fsencode(self.options.target), self.options.paths
        parts = tuple(os.fsencode(path).strip(b"/") + b"/" for path in wanted)
        os.makedirs(top, mode=0o700, exist_ok=True)
        late: list[Entry] = []
        counts = {"file": 0, "symlink": 0, "directory": 0}

        def put(entry: Any, pieces: Iterable[bytes]) -> None:
            if parts and not (entry.path + b"/").startswith(parts):
                return
            try:
                write(top, entry, pieces, overwrite=self.options.overwrite)
                counts[entry.type] += 1
            except FileExistsError:
                self.problem(os.fsdecode(entry.path), "something else is there already")
            except BROKEN:
                self.problem(os.fsdecode(entry.path), "it is damaged, or parts are missing")
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO):
                    raise
                self.problem(os.fsdecode(entry.path), f"it cannot be written: {error.strerror}")

        def take(bundle: Bundle, member: Any, pieces: Iterator[bytes]) -> None:
            if self.options.members or not bundle.tree:
                facts = {"type": "file", "mode": 0o644, "mtime_ns": bundle.made_ns}
                path, size = member["path"].encode(), member["size_bytes"]
                put(argparse.Namespace(path=path, size=size, **facts), pieces)

        if len({path.split("/")[-2] for path in self.archives}) > 1:
            raise Failure(USAGE, "There are archives of several sources: choose with --archive.")
        say(f"Restoring {self.archives[-1]}")
        for found in self.read(self.archives[-1], take):
            if isinstance(found, Bundle):
                size = found.tree.get("size_bytes", 0) if not self.options.members else 0
                if size > shutil.disk_usage(top).free and not (parts or os.listdir(top)):
                    raise Failure(TARGET, f"There is no room for {size} bytes.")
            elif isinstance(found, Entry) and not self.options.members:
                if found.type == "file":
                    put(found, self.blobs.content(found))
                else:
                    late.append(found)
        # Links when no file is written any more; then folders, inner ones first, get their times.
        late.sort(key=lambda entry: (entry.type != "directory", entry.path), reverse=True)
        for entry in late:
            put(entry, ())
        say("Restored {file} files, {symlink} links and {directory} folders.".format(**counts))


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store")
    parser.add_argument("--archive")
    parser.add_argument("--password", action="store_true", help="ask for the password")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    commands.add_parser("check")
    restore = commands.add_parser("restore")
    restore.add_argument("target")
    restore.add_argument("paths", nargs="*")
    restore.add_argument("--members", action="store_true")
    restore.add_argument("--overwrite", action="store_true")
    options = parser.parse_args(arguments)
    password = os.environ.pop("KEEPSAKE_PASSWORD", None)
    try:
        work = Work(options, getpass.getpass() if options.password else password)
        {"list": work.list, "check": work.check, "restore": work.restore}[options.command]()
    except Failure as failure:
        say(str(failure), sys.stderr)
        return failure.code
    except OSError as error:
        say(f"The target or this machine: {error.strerror}.", sys.stderr)
        return TARGET
    except KeyboardInterrupt:
        return 130
    say("All is well." if not work.code else "Not all is well; see above.")
    return work.code


if __name__ == "__main__":
    sys.exit(main())

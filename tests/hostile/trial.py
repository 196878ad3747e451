"""Runs a reader over many damaged inputs in a process of its own, and judges what happens.

A case may end in a result or in an error of the reader's own. Everything else is a violation:
another exception, a dead process, more than LIMIT_SECONDS of processor time, no end at all, more
than LIMIT_BYTES of resident memory, a file opened for writing outside of scratch, anything left in
scratch, anything changed around it, a descriptor left open.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.hostile.reader import Reader
from tests.hostile.readers import all_readers

LIMIT_SECONDS = 5.0
LIMIT_BYTES = 512 * 1024 * 1024
#: Nothing said for so long is a hang, however busy the machine is.
SILENCE_SECONDS = 30.0
#: Keeps an input that eats memory from taking the machine with it.
_ADDRESS_SPACE_BYTES = 8 << 30

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGING = {
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate",
    "os.chmod", "os.chown", "os.utime", "os.setxattr", "shutil.rmtree",
}  # fmt: skip
_NEVER = {"os.system", "os.exec", "os.posix_spawn", "socket.connect", "sqlite3.load_extension"}


class Violation(msgspec.Struct, frozen=True):
    """A case that did what no input may bring about."""

    case: int
    what: str


class Outcome(msgspec.Struct, kw_only=True):
    """What a reader made of its cases."""

    reader: str
    cases: int = 0
    results: int = 0
    clear_errors: int = 0
    worst_seconds: float = 0.0
    worst_case: int = -1
    peak_bytes: int = 0
    seconds: float = 0.0
    errors: dict[str, int] = msgspec.field(default_factory=dict)
    violations: list[Violation] = msgspec.field(default_factory=list)


def run_reader(name: str, *, seed: int, first: int, count: int) -> Outcome:
    """Run the cases *first* … *first* + *count* of the reader *name*."""
    outcome = Outcome(reader=name)
    started = time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="ks-hostile-"))
    errors: Counter[str] = Counter()
    next_case, end = first, first + count
    try:
        while next_case < end:
            for line in _watched(name, seed=seed, first=next_case, end=end, home=home):
                next_case = int(line["case"]) + 1
                outcome.cases += 1
                outcome.peak_bytes = max(outcome.peak_bytes, line.get("peak", 0))
                if line.get("seconds", 0.0) > outcome.worst_seconds:
                    outcome.worst_seconds, outcome.worst_case = line["seconds"], line["case"]
                if line.get("violation"):
                    outcome.violations.append(Violation(line["case"], line["violation"]))
                elif line["error"] is None:
                    outcome.results += 1
                else:
                    outcome.clear_errors += 1
                    errors[line["error"]] += 1
    finally:
        shutil.rmtree(home, ignore_errors=True)
    outcome.errors = dict(errors.most_common(12))
    outcome.seconds = time.monotonic() - started
    return outcome


def _watched(  # noqa: C901 -- one process from its start to its end
    name: str, *, seed: int, first: int, end: int, home: Path
) -> Iterator[dict[str, Any]]:
    """Yield what one process says of its cases, and what it could not say because it died."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(ours)
            os.setsid()
            _work(all_readers()[name](), theirs, seed=seed, first=first, end=end, home=home)
            code = 0
        except BaseException:  # noqa: BLE001 -- told, and the process ends
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(theirs)
    case = first
    buffer = b""
    hung = False
    try:
        os.set_blocking(ours, False)
        while True:
            ready = _wait_readable(ours, SILENCE_SECONDS)
            if not ready:
                hung = True
                break
            piece = os.read(ours, 65536)
            if not piece:
                break
            buffer += piece
            *lines, buffer = buffer.split(b"\n")
            for raw in lines:
                line = json.loads(raw)
                case = line["case"] + 1
                yield line
    finally:
        os.close(ours)
        # Its own session: a forked parser must not stay either.
        if hung or case < end:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if hung:
        yield {"case": case, "violation": "hangs"}
    elif case < end:
        code = os.waitstatus_to_exitcode(status)
        if code == 1:
            raise RuntimeError(f"the harness broke in case {case} of {name}")
        yield {"case": case, "violation": f"the process ended with {code}"}


def _wait_readable(descriptor: int, seconds: float) -> bool:
    return bool(select.select([descriptor], [], [], seconds)[0])


def _work(reader: Reader, pipe: int, *, seed: int, first: int, end: int, home: Path) -> None:
    surroundings = home / f"around{first}"
    scratch = home / f"scratch{first}"
    inputs = surroundings / "inputs"
    for folder in (scratch, inputs, surroundings / "tmp", surroundings / "home"):
        folder.mkdir(parents=True)
    for variable in ("TMPDIR", "SQLITE_TMPDIR"):
        os.environ[variable] = str(surroundings / "tmp")
    os.environ["HOME"] = str(surroundings / "home")
    tempfile.tempdir = None
    os.chdir(surroundings / "home")
    reader.open(inputs)
    # Imports write and read files: they are done before anything is watched.
    reader_warm = random.Random(f"{seed}/{reader.name}/warm")
    for _ in range(3):
        try:
            reader.read(reader.damage(reader_warm), scratch)
        except BaseException:  # noqa: BLE001 -- the cases that count come later
            _clear(scratch)
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE_BYTES, _ADDRESS_SPACE_BYTES))
    watch = _Watch(scratch, home / f"log{first}")
    before, opened = _listing(surroundings), _descriptors()
    for case in range(first, end):
        damaged = reader.damage(random.Random(f"{seed}/{reader.name}/{case}"))
        line: dict[str, Any] = {"case": case, "error": None}
        _forget_peak()
        cpu, wall = _processor_seconds(), time.perf_counter()
        with watch.watching():
            line |= _judged(reader, damaged, scratch)
        line["seconds"] = time.perf_counter() - wall
        cpu = _processor_seconds() - cpu
        line["peak"] = max(_peak_bytes(), _take_child_peak())
        found = [
            line.get("violation"),
            watch.report(),
            f"{cpu:.1f} s of processor time" if cpu > LIMIT_SECONDS else None,
            f"{line['peak'] >> 20} MiB of memory" if line["peak"] > LIMIT_BYTES else None,
            "scratch is not left empty" if any(scratch.iterdir()) else None,
            "something around scratch changed" if _listing(surroundings) != before else None,
            "a descriptor stays open" if _descriptors() != opened else None,
        ]
        line["violation"] = "; ".join(what for what in found if what)
        if line["violation"]:
            _clear(scratch)
            before, opened = _listing(surroundings), _descriptors()
        os.write(pipe, json.dumps(line).encode() + b"\n")


def _judged(reader: Reader, damaged: Any, scratch: Path) -> dict[str, Any]:
    try:
        reader.read(damaged, scratch)
    except reader.errors as error:
        # Sentences of ours, or the class where it has none.
        return {"error": f"{type(error).__name__}: {error}"[:160]}
    except BaseException as error:  # noqa: BLE001 -- that is the finding
        place = traceback.extract_tb(error.__traceback__)[-1]
        ours = [
            f"{Path(frame.filename).name}:{frame.lineno}"
            for frame in traceback.extract_tb(error.__traceback__)
            if "/hostile/" not in frame.filename
        ]
        where = " ".join(ours[-4:]) or f"{Path(place.filename).name}:{place.lineno}"
        return {"violation": f"{type(error).__name__}: {str(error)[:120]} at {where}"}
    return {}


class _Watch:
    """Hears of everything that Python opens, changes or starts meanwhile, forks included."""

    def __init__(self, scratch: Path, log: Path) -> None:
        self._scratch = f"{scratch}/"
        self._active = False
        self._seen = 0
        # Forked parsers write here too; one line is one write.
        self._log = os.open(log, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        sys.addaudithook(self._hear)

    @contextmanager
    def watching(self) -> Iterator[None]:
        self._active = True
        try:
            yield
        finally:
            self._active = False

    def report(self) -> str | None:
        size = os.fstat(self._log).st_size
        if size == self._seen:
            return None
        text = os.pread(self._log, 300, self._seen).decode("utf-8", "replace")
        self._seen = size
        return text.strip().replace("\n", ", ")

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._active:
            return
        if event == "open":
            path, mode, flags = arguments
            writes = bool((flags or 0) & _WRITING) or (
                isinstance(mode, str) and not set(mode).isdisjoint("wax+")
            )
            if writes and not isinstance(path, int):
                self._check(event, path)
        elif event in _CHANGING:
            paths = [one for one in arguments[:2] if isinstance(one, str | bytes | os.PathLike)]
            # Where a link leads is text; where it lies is the change. Names below a descriptor
            # are relative: rmtree uses them.
            targets = paths[1:] if event in {"os.symlink", "os.link"} else paths
            for path in targets:
                if not (event in {"os.remove", "os.rmdir"} and "/" not in os.fsdecode(path)):
                    self._check(event, path)
        elif event in _NEVER:
            self._note(event)

    def _check(self, event: str, path: Any) -> None:
        name = os.fsdecode(path)
        if name == "/dev/null" or os.path.realpath(name).startswith(self._scratch):
            return
        self._note(f"{event} of {name}")

    def _note(self, what: str) -> None:
        os.write(self._log, f"{what}\n".encode("utf-8", "replace"))


def _listing(folder: Path) -> dict[str, tuple[int, int, int]]:
    found: dict[str, tuple[int, int, int]] = {}
    pending = [str(folder)]
    while pending:
        with os.scandir(pending.pop()) as items:
            for item in items:
                status = item.stat(follow_symlinks=False)
                found[item.path] = (status.st_ino, status.st_size, status.st_mtime_ns)
                if item.is_dir(follow_symlinks=False):
                    pending.append(item.path)
    return found


def _descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _clear(folder: Path) -> None:
    for item in folder.iterdir():
        shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()


def _processor_seconds() -> float:
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _forget_peak() -> None:
    # Documented in proc(5): 5 resets the peak of resident memory.
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _peak_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _take_child_peak() -> int:
    from tests.hostile.workers import Stores

    peak = Stores.peak_bytes
    Stores.peak_bytes = 0
    return peak

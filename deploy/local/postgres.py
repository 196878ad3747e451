"""The embedded Postgres: one cluster, one unix socket, no TCP, no password of the administrator.

The administrator signs in by ``peer``: only the operating system's user that runs ``keepsake up``
(mapped to the role by name) gets in. Services sign in with SCRAM passwords that live in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import asyncpg

from deploy.local.binaries import PostgresBinaries, find_postgres
from deploy.local.errors import StartError
from deploy.local.layout import SHARED_STATE, Layout, engine_user, is_traversable
from deploy.local.process import Child, Nursery, end_leftover, pids_inside
from shared.credentials import PostgresCredentials
from shared.postgres import connect, is_away

T = TypeVar("T")

ADMIN = "keepsake_admin"
DATABASE = "keepsake"
START_SECONDS = 60.0
_START_TRIES = 3
#: Who was killed is gone by then, unless the disk hangs.
_ORPHAN_SECONDS = 5.0
#: What is heard of a server that starts, or that dies again while it is asked.
_NOT_YET = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
)
#: How often we look whether somebody else has told it to stop.
_LOOK_SECONDS = 1.0
#: With less a cluster cannot even begin: one WAL segment has 16 MB.
LEAST_FREE_BYTES = 64 << 20

#: A small idle footprint, quick bulk loads, and a log that cannot hold a row: messages of level
#: ERROR quote values, so only LOG and worse are written, and without details.
_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "80",
    "shared_buffers": "128MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "password_encryption": "scram-sha-256",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "cluster_name": "keepsake",
}
#: For tests: nothing survives a power cut, and everything is quicker.
_FLEETING = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "32MB",
}


class EmbeddedPostgres:
    """One cluster. ``start`` and ``stop`` may be repeated; socket and cluster stay the same."""

    def __init__(
        self,
        layout: Layout,
        *,
        nursery: Nursery,
        explicit_binaries: Path | None = None,
        fleeting: bool = False,
        say: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._layout = layout
        self._nursery = nursery
        self._explicit = explicit_binaries
        self._fleeting = fleeting
        self._say = say
        self._run_as = engine_user()
        self._data = layout.cluster_folder(self._run_as)
        self._binaries: PostgresBinaries | None = None
        self._child: Child | None = None
        self.sockets = Path()

    @property
    def child(self) -> Child:
        """The running server."""
        assert self._child is not None
        return self._child

    def admin(self, database: str = DATABASE) -> PostgresCredentials:
        """Return how the supervisor connects."""
        return PostgresCredentials(host=str(self.sockets), database=database, user=ADMIN)

    async def start(self) -> None:
        """Make the cluster if there is none, start it, wait until it answers.

        Raises ``StartError`` with one line.
        """
        self.sockets = self._layout.socket_folder(self._run_as)
        version_file = self._data / "PG_VERSION"
        major = int(version_file.read_text()) if version_file.exists() else None
        self._binaries = self._reachable(find_postgres(self._explicit, major=major))
        if major is None:
            await self._make_cluster()
        self._end_leftover()
        self._write_access_rules()
        await self._start_unless_it_refuses()
        await self.despite_kills(self._create_database, tries=_START_TRIES)
        origin = "" if self._binaries.origin == "system" else f" ({self._binaries.origin})"
        user = f", as user {self._run_as.user}" if self._run_as else ""
        self._say(f"Postgres {self._binaries.major}{origin} on a unix socket{user}")

    async def _start_unless_it_refuses(self) -> None:
        """Start, again if somebody killed it meanwhile: that is no reason to give up."""
        for tries_left in reversed(range(_START_TRIES)):
            try:
                await self.restart()
            except StartError:
                if not tries_left or (self.child.exit_code or 0) >= 0:
                    raise
            else:
                return

    async def revive(self) -> None:
        """Start it again if it has ended, and wait until it answers."""
        if self.child.exit_code is not None:
            await self.restart()
        async with asyncio.timeout(START_SECONDS):
            while not await self._answers():  # noqa: ASYNC110 -- nothing tells us
                await asyncio.sleep(0.05)

    async def despite_kills(self, work: Callable[[], Awaitable[T]], *, tries: int) -> T:
        """Do *work*, and again when the server or one of its processes was killed meanwhile."""
        for _ in range(tries - 1):
            try:
                return await work()
            except Exception as error:
                if not is_away(error):
                    raise
                await self.revive()
        return await work()

    async def restart(self) -> None:
        """Start the server on the same socket; what it knew, passwords included, is still there."""
        assert self._binaries is not None
        self._end_leftover()
        await self._end_orphans()
        self._child = self._spawn()
        ended = asyncio.ensure_future(self._child.wait())
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await self._answers():
                    if ended.done():
                        raise StartError(self._why("Postgres cannot start", self._data))
                    await asyncio.wait({ended}, timeout=0.02)
        except TimeoutError:
            raise StartError(f"Postgres did not start; see {self._log_file}") from None
        finally:
            ended.cancel()

    async def wait(self) -> int:
        """Return its exit code when it has ended.

        SIGTERM from outside means "when everybody has gone" to Postgres. Services stay connected,
        so nobody could come in and it would not end: then it is told to stop at once.
        """
        ended = asyncio.ensure_future(self.child.wait())
        try:
            while not (await asyncio.wait({ended}, timeout=_LOOK_SECONDS))[0]:
                if self._is_stopping():
                    self.child.send(signal.SIGINT)
            return ended.result()
        finally:
            ended.cancel()

    def _is_stopping(self) -> bool:
        try:
            # The eighth line of its pid file is its state (utils/pidfile.h).
            said = (self._data / "postmaster.pid").read_text().split("\n")[7].strip()
        except (OSError, IndexError, ValueError):
            return False
        return said == "stopping"

    async def stop(self) -> None:
        """Shut down fast: transactions are rolled back, the next start needs no recovery."""
        if self._child is not None:
            await self._child.stop(signal.SIGINT, grace_seconds=3.0)
            await self._end_orphans()

    @property
    def _log_file(self) -> Path:
        return self._layout.logs / "postgres.log"

    def _reachable(self, binaries: PostgresBinaries) -> PostgresBinaries:
        """Copy a wheel's programs to where the server's user can run them (root in /root)."""
        if self._run_as is None or is_traversable(binaries.folder, self._run_as):
            return binaries
        if binaries.origin != "wheel":
            raise StartError(
                f"KEEPSAKE_POSTGRES__BIN: user {self._run_as.user} cannot reach {binaries.folder}"
            )
        copy = SHARED_STATE / f"postgres-{binaries.major}"
        package = binaries.folder.parent.parent
        if not (copy / "complete").exists():
            shutil.rmtree(copy, ignore_errors=True)
            copy.mkdir(mode=0o755, parents=True)
            SHARED_STATE.chmod(0o711)
            # The programs look for the wheel's libraries beside the package.
            libraries = package.with_name(f"{package.name}.libs")
            for part in (binaries.folder.parent, libraries):
                if part.is_dir():
                    shutil.copytree(part, copy / part.relative_to(package.parent), symlinks=True)
            (copy / "complete").touch()
            self._say(f"Postgres' programs were copied to {copy}: {self._run_as.user} may run them")
        return PostgresBinaries(
            folder=copy / binaries.folder.relative_to(package.parent),
            major=binaries.major,
            origin="wheel, copied",
        )

    async def _make_cluster(self) -> None:
        assert self._binaries is not None
        if self._data.parent != self._layout.data_dir:
            self._data.parent.mkdir(parents=True, exist_ok=True)
            self._data.parent.parent.chmod(0o711)
            self._data.parent.chmod(0o711)
            self._say(
                f"Postgres' data are in {self._data}: its user cannot reach {self._layout.data_dir}"
            )
        # Made beside and renamed when complete: what a crash leaves is never taken for a cluster.
        draft = self._data.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(self._data, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if self._run_as is not None:
            os.chown(draft, self._run_as.uid, self._run_as.gid)
        for locale in ("C.UTF-8", "C"):
            if await self._initdb(draft, locale) == 0:
                break
        else:
            raise StartError(self._why("Postgres' data cannot be created", draft))
        draft.rename(self._data)
        if self._data.parent != self._layout.data_dir:
            self._layout.pointer.write_text(f"{self._data}\n")

    async def _initdb(self, folder: Path, locale: str) -> int:
        assert self._binaries is not None
        command: list[str | Path] = [
            *(self._binaries.folder / "initdb", "-D", folder, "-U", ADMIN),
            *("--auth=peer", "--encoding=UTF8", f"--locale={locale}", "--data-checksums"),
        ]
        with self._log_file.open("ab") as output:
            child = self._nursery.spawn(
                "initdb",
                [*command, "--no-sync"] if self._fleeting else command,
                environment=_environment(locale),
                death_signal=signal.SIGKILL,
                run_as=self._run_as,
                output=output,
                folder=Path("/"),
            )
        return await child.wait()

    def _end_leftover(self) -> None:
        """Settle what ``kill -9`` left: a server that is still stopping, or only its pid file."""
        pid_file = self._data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return
        end_leftover(pid, marker=str(self._data), number=signal.SIGINT, grace_seconds=10.0)
        # We hold the data directory's lock, so no server of ours can be alive by now. Postgres by
        # itself would refuse to start if some other program has that process id today.
        pid_file.unlink(missing_ok=True)

    async def _end_orphans(self) -> None:
        """End what a killed server left: in the middle of a recovery they do not notice.

        As long as one of them holds the shared memory no server starts on these data.
        """
        deadline = asyncio.get_running_loop().time() + _ORPHAN_SECONDS
        while orphans := [pid for pid in pids_inside(self._data) if not self._is_ours(pid)]:
            for pid in orphans:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            if asyncio.get_running_loop().time() > deadline:
                return
            await asyncio.sleep(0.05)

    def _is_ours(self, pid: int) -> bool:
        return self._child is not None and self._child.exit_code is None and pid == self._child.pid

    def _write_access_rules(self) -> None:
        ourselves = pwd.getpwuid(os.geteuid()).pw_name
        rules = {
            "hba": f"local all {ADMIN} peer map=keepsake\nlocal all all scram-sha-256\n",
            "ident": f'keepsake "{ourselves}" {ADMIN}\n',
        }
        for name, text in rules.items():
            # Beside the sockets' folder, which is the server's own: it may read its rules only.
            path = self.sockets.parent / f"{name}.conf"
            path.write_text(text)
            path.chmod(0o644)

    def _spawn(self) -> Child:
        assert self._binaries is not None
        options = {
            **_OPTIONS,
            **(_FLEETING if self._fleeting else {}),
            # A list, hence the quotes: a comma in a folder's name would end an entry.
            "unix_socket_directories": '"' + str(self.sockets).replace('"', '""') + '"',
            "hba_file": str(self.sockets.parent / "hba.conf"),
            "ident_file": str(self.sockets.parent / "ident.conf"),
        }
        command: list[str | Path] = [self._binaries.folder / "postgres", "-D", self._data]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with self._log_file.open("ab") as output:
            return self._nursery.spawn(
                "postgres",
                command,
                environment=_environment("C"),
                # A fast shutdown, as if we had asked.
                death_signal=signal.SIGINT,
                run_as=self._run_as,
                output=output,
                folder=Path("/"),
            )

    async def _answers(self) -> bool:
        try:
            connection = await connect(self.admin("postgres"))
            await connection.close()
        except _NOT_YET:
            return False
        except asyncpg.InvalidAuthorizationSpecificationError as error:
            raise StartError("Postgres does not know us: its cluster has another owner") from error
        return True

    async def _create_database(self) -> None:
        connection = await connect(self.admin("postgres"))
        try:
            if not await connection.fetchval(
                "select exists (select from pg_database where datname = $1)", DATABASE
            ):
                await connection.execute(f"create database {DATABASE}")
        finally:
            await connection.close()

    def _why(self, what: str, folder: Path) -> str:
        if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
            return f"{what}: the disk of {folder} is full"
        return f"{what}; the reason is at the end of {self._log_file}"


def _environment(locale: str) -> dict[str, str]:
    # From scratch: PG… variables of the user's shell would redirect it.
    return {"PATH": os.defpath, "LC_ALL": locale, "TZ": "UTC"}

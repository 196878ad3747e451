"""The embedded nats-server: a free loopback port, JetStream on disk, one nkey per service.

The configuration holds public keys only. Seeds are made at every start and stay in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

import nkeys

from deploy.local.binaries import find_nats_server
from deploy.local.errors import StartError
from deploy.local.layout import Layout
from deploy.local.process import Child, Nursery, end_leftover
from shared.contracts.topology import render_nats_permissions
from shared.credentials import NatsCredentials, Secret

HOST = "127.0.0.1"
MAX_PAYLOAD_BYTES = 8 << 20
START_SECONDS = 20.0
#: Another program may take the port between our look and the server's.
_PORT_TRIES = 3
#: How often we look whether the server could not write to its disk.
_LOOK_SECONDS = 1.0
#: What it says then (server/filestore.go); it stores nothing more until it is started again.
_WRITE_ERROR = b"critical write error"
#: With less it would meet the same again at once.
LEAST_FREE_BYTES = 8 << 20


class EmbeddedNats:
    """One server. A restart keeps port and keys, so clients find it again by themselves."""

    def __init__(
        self,
        layout: Layout,
        *,
        nursery: Nursery,
        users: Iterable[str],
        fleeting: bool = False,
        say: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self._layout = layout
        self._nursery = nursery
        self._fleeting = fleeting
        self._say = say
        self._seeds = {user: _make_seed() for user in users}
        self._child: Child | None = None
        self._port = 0
        self._log_read_to = 0

    @property
    def child(self) -> Child:
        """The running server."""
        assert self._child is not None
        return self._child

    def credentials(self, user: str) -> NatsCredentials:
        """Return how *user* signs in."""
        return NatsCredentials(url=f"nats://{HOST}:{self._port}", nkey_seed=self._seeds[user])

    async def start(self) -> None:
        """Start on a free port and wait until it answers. Raises ``StartError`` with one line."""
        self._end_leftover()
        for _ in range(_PORT_TRIES):
            self._port = _free_port()
            self._configuration.write_text(self._render(), "utf-8")
            self._configuration.chmod(0o600)
            if await self._try_start():
                self._say(f"nats-server on {HOST}:{self._port}")
                return
        raise StartError(f"nats-server cannot start; the reason is at the end of {self._log_file}")

    async def restart(self) -> None:
        """Start again on the same port with the same keys."""
        self._end_leftover()
        if not await self._try_start():
            raise StartError(f"nats-server does not start again; see {self._log_file}")

    async def wait(self) -> int:
        """Return its exit code when it has ended.

        A server whose disk was full stores no event any more, also when there is room again: then
        it is told to stop, so that it is started anew. Until then events wait in their outboxes.
        """
        ended = asyncio.ensure_future(self.child.wait())
        is_stuck = False
        try:
            while not (await asyncio.wait({ended}, timeout=_LOOK_SECONDS))[0]:
                if not is_stuck and self._could_not_write():
                    is_stuck = True
                    self._say(f"nats-server cannot write to {self._layout.nats}; events wait")
                if is_stuck and shutil.disk_usage(self._layout.nats).free > LEAST_FREE_BYTES:
                    self.child.send(signal.SIGTERM)
            return ended.result()
        finally:
            ended.cancel()

    def _could_not_write(self) -> bool:
        """Look through what the server has said since the last look."""
        try:
            with self._log_file.open("rb") as log:
                log.seek(self._log_read_to)
                said = log.read(1 << 20)
        except OSError:
            return False
        # A line may still be in the making: it is read again as a whole.
        whole, _, _ = said.rpartition(b"\n")
        self._log_read_to += len(whole)
        return _WRITE_ERROR in whole

    async def stop(self) -> None:
        """Stop; JetStream's files are closed."""
        if self._child is not None:
            await self._child.stop(signal.SIGTERM, grace_seconds=2.0)

    @property
    def _configuration(self) -> Path:
        return self._layout.run / "nats.conf"

    @property
    def _log_file(self) -> Path:
        return self._layout.logs / "nats.log"

    async def _try_start(self) -> bool:
        with self._log_file.open("ab") as output:
            self._log_read_to = output.tell()
            self._child = self._nursery.spawn(
                "nats-server",
                [find_nats_server(), "-c", self._configuration],
                environment={"PATH": os.defpath},
                death_signal=signal.SIGTERM,
                output=output,
                folder=Path("/"),
            )
        ended = asyncio.ensure_future(self._child.wait())
        try:
            async with asyncio.timeout(START_SECONDS):
                while not await self._answers():
                    if ended.done():
                        return False
                    await asyncio.wait({ended}, timeout=0.02)
        except TimeoutError:
            return False
        finally:
            ended.cancel()
        return self._child.exit_code is None

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection(HOST, self._port)
        except OSError:
            return False
        try:
            return (await asyncio.wait_for(reader.readline(), 1.0)).startswith(b"INFO ")
        except (OSError, TimeoutError, ValueError):
            return False
        finally:
            writer.close()

    def _end_leftover(self) -> None:
        # Two servers on one store would ruin it.
        try:
            pid = int((self._layout.run / "nats.pid").read_text())
        except (OSError, ValueError):
            return
        end_leftover(pid, marker=str(self._configuration), number=signal.SIGTERM, grace_seconds=5.0)

    def _render(self) -> str:
        public_keys = {
            user: nkeys.from_seed(bytearray(seed.reveal().encode())).public_key.decode()
            for user, seed in self._seeds.items()
        }
        return (
            f"server_name: keepsake\n"
            f"listen: {HOST}:{self._port}\n"
            f"pid_file: {_quote(self._layout.run / 'nats.pid')}\n"
            f"max_payload: {MAX_PAYLOAD_BYTES}\n"
            # With the default of two minutes an acknowledged event can be lost in a power cut.
            # By default the limit is taken from what is free at the start, a full disk for ever.
            f"jetstream {{ store_dir: {_quote(self._layout.nats)}, max_file_store: 1TB"
            f"{'' if self._fleeting else ', sync_interval: always'} }}\n"
            f"{render_nats_permissions(public_keys)}"
        )


def _quote(path: Path) -> str:
    # The server's format knows JSON's escapes except those for other alphabets.
    return json.dumps(str(path), ensure_ascii=False)


def _make_seed() -> Secret:
    return Secret(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER).decode())


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port

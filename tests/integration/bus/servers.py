"""A real nats-server with the product's permissions, which a test may kill and start again."""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import nkeys

from deploy.local.binaries import find_nats_server
from shared.contracts.topology import PROVISIONER, SERVICES, render_nats_permissions
from shared.settings import NatsCredentials, Secret

START_SECONDS = 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(log.read_text()[-2000:])


def new_nkey() -> tuple[str, str]:
    """Return seed and public key of a new user."""
    seed = nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER)
    return seed.decode(), nkeys.from_seed(bytearray(seed)).public_key.decode()


class NatsServer:
    """A server that can be killed and started again at the same port with the same data."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        keys = {user: new_nkey() for user in (*SERVICES, PROVISIONER)}
        self._seeds: Mapping[str, str] = {user: seed for user, (seed, _) in keys.items()}
        self._config = folder / "nats.conf"
        self._log = folder / "nats.log"
        self._config.write_text(
            f"listen: 127.0.0.1:{self.port}\n"
            f'jetstream {{ store_dir: "{folder}/jetstream" }}\n'
            + render_nats_permissions({user: public for user, (_, public) in keys.items()})
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [find_nats_server(), "-c", self._config], stdout=log, stderr=log
            )
        await_port(self.port, self._process, self._log)

    def kill(self) -> None:
        """Kill it as a power cut of one process would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_SECONDS)
            self._process = None

    def credentials(self, user: str) -> NatsCredentials:
        return NatsCredentials(
            url=f"nats://127.0.0.1:{self.port}", nkey_seed=Secret(self._seeds[user])
        )

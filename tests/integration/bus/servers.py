"""A real nats-server with the product's permissions, and a real Postgres, for this room's tests."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import nkeys

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
        binary = shutil.which("nats-server") or str(Path(sys.executable).parent / "nats-server")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([binary, "-c", self._config], stdout=log, stderr=log)
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


class PostgresServer:
    """One cluster on a unix socket and a port of its own; root hands it to the user postgres."""

    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        if not found:
            raise FileNotFoundError("no Postgres binaries")
        self._bin = found[-1].parent
        self._folder = folder
        self._user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        data = self._folder / "data"
        if self._user:
            shutil.chown(self._folder, "postgres")
        subprocess.run(
            [self._bin / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N"],
            check=True,
            capture_output=True,
            cwd="/",
            **self._user,
        )
        log = self._folder / "postgres.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *(self._bin / "postgres", "-D", data, "-p", str(self.port)),
                    *("-k", "", "-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"),
                ],
                stdout=output,
                stderr=output,
                cwd="/",
                **self._user,
            )
        await_port(self.port, self._process, log)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(START_SECONDS)

"""One service as a child process: spawned early, handed its credentials late, heard when ready.

Interpreters load while the engines still start: each child waits at its pipe until the supervisor
knows what to write there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import deploy
from deploy.local.errors import StartError
from deploy.local.process import Child, Nursery
from shared.credentials import CREDENTIALS_VARIABLE, Credentials
from shared.runtime import READY_VARIABLE
from shared.secret_references import (
    CREDENTIALS_DIRECTORY,
    OP_SESSION_PREFIX,
    OP_TOKEN,
    VARIABLE_PREFIX,
)
from shared.settings import Settings

MODULES = {
    "discovery": "services.discovery",
    "unlock": "services.unlock",
    "indexer": "services.indexer",
    "archiver": "services.archiver",
    "gateway": "gateway",
}

_LAST_PORT = 65535

#: What a child may know of our environment. Secrets come through the pipe.
_PASSED = ("HOME", "LANG", "PATH", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PASSED_PREFIXES = ("LC_", "XDG_")
_SECRET_SETTINGS = frozenset(
    {"KEEPSAKE_API_TOKEN", "KEEPSAKE_NATS__URL", "KEEPSAKE_POSTGRES__DSN", CREDENTIALS_VARIABLE}
)


def vault_mark(digest: str) -> str:
    """Return what marks a child's command line as belonging to one data directory."""
    return f"keepsake-vault={digest}"


def child_environment(environ: Mapping[str, str], overrides: Mapping[str, str]) -> dict[str, str]:
    """Return a child's environment, from scratch: known settings without the secret ones."""
    sections = {section.upper() for section in Settings.__struct_fields__}
    environment = {
        name: value
        for name, value in environ.items()
        if name in _PASSED
        or name.startswith(_PASSED_PREFIXES)
        or (
            name not in _SECRET_SETTINGS
            and name.startswith("KEEPSAKE_")
            and name.removeprefix("KEEPSAKE_").partition("__")[0] in sections
        )
    }
    # The folder that holds our packages, wherever the command was called from.
    root = str(Path(deploy.__file__).resolve().parent.parent)
    path = os.pathsep.join(part for part in (root, environ.get("PYTHONPATH")) if part)
    return {**environment, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **overrides}


def reference_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what unlock and the archiver may know besides: what references are resolved with."""
    return {
        name: value
        for name, value in environ.items()
        if name in (CREDENTIALS_DIRECTORY, OP_TOKEN)
        or name.startswith((OP_SESSION_PREFIX, VARIABLE_PREFIX))
    }


def metrics_ports(first: int | None, *, labels: Iterable[str], gateway_port: int) -> dict[str, int]:
    """Return a port for the figures of each process; none when *first* is null.

    The gateway has *first*, the others follow in the order of ``MODULES``, so that the same
    process is found at the same port for ever. Raises ``StartError`` when that cannot be.
    """
    if first is None:
        return {}
    ordered = sorted(labels, key=lambda label: label != "gateway")
    ports = {label: first + offset for offset, label in enumerate(ordered)}
    last = first + len(ports) - 1
    if last > _LAST_PORT:
        raise StartError(
            f"KEEPSAKE_METRICS__PORT: {len(ports)} ports are needed;"
            f" choose {first - last + _LAST_PORT} or lower"
        )
    if gateway_port in ports.values():
        raise StartError(
            f"KEEPSAKE_METRICS__PORT: {first} to {last} are needed, and {gateway_port} is the"
            " gateway's own; choose another"
        )
    return ports


class Service:
    """One service and its current process. Spawning again makes a new process."""

    def __init__(
        self,
        label: str,
        *,
        module: str,
        mark: str,
        nursery: Nursery,
        environment: Mapping[str, str],
    ) -> None:
        self.label = label
        self.ready = asyncio.Event()
        self._module = module
        self._mark = mark
        self._nursery = nursery
        self._environment = dict(environment)
        self._child: Child | None = None
        self._pipe: int | None = None
        self._ready_pipe: int | None = None

    @property
    def child(self) -> Child:
        """The current process."""
        assert self._child is not None
        return self._child

    def spawn(self) -> None:
        """Start a process, which waits for ``hand``."""
        self._forget()
        credentials, self._pipe = os.pipe()
        self._ready_pipe, ready = os.pipe()
        command = [sys.executable, "-P", "-X", self._mark, "-m", self._module]
        try:
            self._child = self._nursery.spawn(
                self.label,
                command,
                environment={
                    **self._environment,
                    CREDENTIALS_VARIABLE: f"fd:{credentials}",
                    READY_VARIABLE: f"fd:{ready}",
                },
                death_signal=signal.SIGTERM,
                pass_fds=(credentials, ready),
                # Their logs are our standard error; nothing of theirs belongs on standard output.
                output=sys.stderr.buffer,
            )
        finally:
            os.close(credentials)
            os.close(ready)
        os.set_blocking(self._ready_pipe, False)
        asyncio.get_running_loop().add_reader(self._ready_pipe, self._hear)

    def hand(self, credentials: Credentials) -> None:
        """Write the credentials. The pipe stays open: its end tells the child that we are gone."""
        assert self._pipe is not None
        # It may have died by now; whoever waits for it will see.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, credentials.encode())

    async def stop(self, *, grace_seconds: float) -> None:
        """Stop the process; kill it when it takes too long."""
        if self._child is not None:
            await self._child.stop(signal.SIGTERM, grace_seconds=grace_seconds)
        self._forget()

    def kill(self) -> None:
        """End the process at once."""
        if self._child is not None:
            self._child.send(signal.SIGKILL)

    def _hear(self) -> None:
        assert self._ready_pipe is not None
        with contextlib.suppress(BlockingIOError):
            if os.read(self._ready_pipe, 64):
                self.ready.set()
            asyncio.get_running_loop().remove_reader(self._ready_pipe)

    def _forget(self) -> None:
        self.ready.clear()
        if self._ready_pipe is not None:
            asyncio.get_running_loop().remove_reader(self._ready_pipe)
            os.close(self._ready_pipe)
            self._ready_pipe = None
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

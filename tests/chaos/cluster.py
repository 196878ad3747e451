"""Three nats-servers on loopback as one JetStream cluster, killed one after the other."""

from __future__ import annotations

import itertools
import secrets
import subprocess
import threading
import time
from pathlib import Path

import httpx

from deploy.local.binaries import find_nats_server
from tests.chaos.plan import SERVICES
from tests.chaos.record import Record
from tests.chaos.replicas import Replicas
from tests.chaos.vault import Vault, free_port, peak_memory_bytes

NODES = 3
_HEALTHY_SECONDS = 90.0
_RECOVERY_SECONDS = 120.0


class Cluster:
    """The nodes; every stream is meant to have a replica on each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = [free_port() for _ in range(NODES)]
        self._looks = [free_port() for _ in range(NODES)]
        self._routes = [free_port() for _ in range(NODES)]
        self._password = secrets.token_hex(16)
        self._nodes: list[subprocess.Popen[bytes] | None] = [None] * NODES
        folder.mkdir()

    @property
    def settings(self) -> dict[str, str]:
        """What a vault needs to use the cluster."""
        nodes = [f"nats://keepsake:{self._password}@127.0.0.1:{port}" for port in self._ports]
        return {"KEEPSAKE_NATS__URL": ",".join(nodes), "KEEPSAKE_NATS__REPLICAS": str(NODES)}

    def start(self) -> None:
        """Start all nodes and wait until they are one."""
        for number in range(NODES):
            self.start_node(number)
        for number in range(NODES):
            self.wait_healthy(number)

    def start_node(self, number: int) -> None:
        """Start a node on what it stored before."""
        configuration = self._folder / f"node{number}.conf"
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self._routes)
        configuration.write_text(
            f"server_name: node{number}\n"
            f"listen: 127.0.0.1:{self._ports[number]}\n"
            f"http: 127.0.0.1:{self._looks[number]}\n"
            f"max_payload: {8 << 20}\n"
            f'jetstream {{ store_dir: "{self._folder}/store{number}", sync_interval: always }}\n'
            f"cluster {{ name: keepsake, listen: 127.0.0.1:{self._routes[number]},"
            f" routes: [{routes}] }}\n"
            f'authorization {{ user: keepsake, password: "{self._password}" }}\n'
        )
        with (self._folder / f"node{number}.log").open("ab") as log:
            self._nodes[number] = subprocess.Popen(
                [str(find_nats_server()), "-c", str(configuration)], stdout=log, stderr=log
            )

    def wait_healthy(self, number: int) -> None:
        """Wait until the node has caught up with the others. Raises ``TimeoutError``."""
        deadline = time.monotonic() + _HEALTHY_SECONDS
        while time.monotonic() < deadline:
            try:
                look = httpx.get(f"http://127.0.0.1:{self._looks[number]}/healthz", timeout=2)
                if look.status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise TimeoutError(f"node {number} is not healthy")

    def kill(self, number: int) -> None:
        """Kill a node."""
        node = self._nodes[number]
        assert node is not None
        node.kill()
        node.wait()

    def weigh(self, record: Record) -> None:
        """Note how large the nodes are."""
        for node in self._nodes:
            if node is not None and node.poll() is None:
                record.weighed("nats node", peak_memory_bytes(node.pid))

    def stop(self) -> None:
        """Stop all nodes."""
        for node in self._nodes:
            if node is not None:
                node.kill()
                node.wait()


def roll(
    cluster: Cluster,
    replicas: Replicas,
    vault: Vault,
    record: Record,
    stopping: threading.Event,
    *,
    rounds: int,
) -> None:
    """Kill the nodes one after the other, *rounds* times around, while people work.

    Between two nodes the second process of one service is killed.
    """
    second = itertools.cycle(SERVICES)
    for number in [node for _ in range(rounds) for node in range(NODES)]:
        cluster.weigh(record)
        cluster.kill(number)
        record.faults["kill nats node"] += 1
        started = time.monotonic()
        while not vault.answers():
            if time.monotonic() - started > _RECOVERY_SECONDS:
                record.violated(f"no answers without node {number}")
                break
            time.sleep(0.05)
        record.recoveries.append(("kill nats node", time.monotonic() - started))
        stopping.wait(2.0)
        cluster.start_node(number)
        cluster.wait_healthy(number)
        stopping.wait(1.0)
        replicas.kill(next(second), record)

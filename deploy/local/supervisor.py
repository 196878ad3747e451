"""What ``keepsake up`` runs: engines, services, gateway; kept alive, and stopped in order.

Sequential: folders and lock, leftovers, then at the same time engines and interpreters, then
provisioning, credentials, readiness. From there one task per child restarts it when it dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
from collections.abc import Mapping

from deploy.local.address import Place, choose_place
from deploy.local.console import Voice
from deploy.local.engines import Engines
from deploy.local.errors import StartError
from deploy.local.layout import Layout, private_folder
from deploy.local.nats import EmbeddedNats
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.process import Nursery, end_leftover
from deploy.local.services import (
    MODULES,
    Service,
    child_environment,
    metrics_ports,
    reference_environment,
    vault_mark,
)
from deploy.local.token import ensure_api_token
from shared.settings import Credentials, Settings

#: The whole stop stays under five seconds: gateway, then services, then engines.
GATEWAY_GRACE_SECONDS = 1.2
SERVICE_GRACE_SECONDS = 2.8

_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 30.0
#: Living this long counts as healthy: the next restart is quick again.
_HEALTHY_SECONDS = 60.0
#: A child that dies this often before it was ever ready will not come up by trying again.
_MOST_EARLY_DEATHS = 3
_SLOW_SECONDS = 30.0


class Supervisor:
    """One run of one vault."""

    def __init__(
        self,
        settings: Settings,
        *,
        environ: Mapping[str, str],
        voice: Voice,
        modules: Mapping[str, str] = MODULES,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._voice = voice
        self._modules = dict(modules)
        self._layout = Layout(settings.data_dir)
        self._nursery = Nursery()
        self._services: dict[str, Service] = {}
        self._engines: Engines | None = None
        self._stop_asked = asyncio.Event()

    async def run(self) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP. Raises ``StartError`` when it cannot."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._ask_stop)
        self._layout.create()
        lock = self._layout.lock()
        life = asyncio.create_task(self._live(), name="life")
        asked = asyncio.create_task(self._stop_asked.wait(), name="stop asked")
        try:
            await asyncio.wait({life, asked}, return_when=asyncio.FIRST_COMPLETED)
            if life.done():
                _raise_first(life)
        finally:
            if self._stop_asked.is_set():
                self._voice.stopping()
            asked.cancel()
            life.cancel()
            await asyncio.gather(life, asked, return_exceptions=True)
            await self._stop_children()
            self._clear_scratch()
            self._layout.address_file.unlink(missing_ok=True)
            (self._layout.run / "children").unlink(missing_ok=True)
            os.close(lock)
        self._voice.stopped()

    def _ask_stop(self) -> None:
        if self._stop_asked.is_set():
            # Asked twice: somebody is in a hurry. Whatever runs is safe to kill.
            for service in self._services.values():
                service.kill()
        self._stop_asked.set()

    async def _live(self) -> None:
        self._end_leftovers()
        self._clear_scratch()
        self._make_scratch()
        token = ensure_api_token(self._settings)
        self._engines = Engines(
            self._settings,
            layout=self._layout,
            nursery=self._nursery,
            services=self._modules,
            say=self._voice.say,
        )
        place = choose_place(self._settings)
        self._make_services(place)
        for service in self._services.values():
            service.spawn()
        self._note_children()
        credentials = await self._engines.start(api_token=token)
        async with asyncio.TaskGroup() as tasks:
            for label, service in self._services.items():
                service.hand(credentials[label])
                tasks.create_task(self._keep(service, credentials[label]), name=f"keep {label}")
            if (database := self._engines.postgres) is not None:
                tasks.create_task(self._keep_engine("Postgres", database), name="keep postgres")
            if (server := self._engines.nats) is not None:
                tasks.create_task(self._keep_engine("nats-server", server), name="keep nats")
            tasks.create_task(self._announce(place), name="announce")

    def _make_services(self, place: Place) -> None:
        ports = metrics_ports(
            self._settings.metrics.port, labels=self._modules, gateway_port=place.port
        )
        for label in self._modules:
            overrides = {
                "KEEPSAKE_DATA_DIR": str(self._settings.data_dir),
                "KEEPSAKE_HTTP__PORT": str(place.port),
            }
            if label in ports:
                overrides["KEEPSAKE_METRICS__PORT"] = str(ports[label])
            if self._modules[label] in (MODULES["unlock"], MODULES["archiver"]):
                overrides |= reference_environment(self._environ)
            self._services[label] = Service(
                label,
                module=self._modules[label],
                mark=vault_mark(self._layout.digest),
                nursery=self._nursery,
                environment=child_environment(self._environ, overrides),
            )

    async def _announce(self, place: Place) -> None:
        """Say where Keepsake is once everything answers; name what keeps us waiting meanwhile."""

        async def ready() -> None:
            for service in self._services.values():
                await service.ready.wait()
            pause = 0.05
            while not await place.answers_ready():
                await asyncio.sleep(pause)
                pause = min(1.5 * pause, 1.0)

        waiting = asyncio.ensure_future(ready())
        try:
            while not (await asyncio.wait({waiting}, timeout=_SLOW_SECONDS))[0]:
                late = [one.label for one in self._services.values() if not one.ready.is_set()]
                self._voice.say(f"Still waiting for {', '.join(late) or 'the gateway to be ready'}")
            # What went wrong while asking is not to be taken for an answer.
            waiting.result()
        finally:
            waiting.cancel()
        self._layout.write_address(place.url)
        self._voice.ready(self._settings, url=place.url)

    async def _keep(self, service: Service, credentials: Credentials) -> None:
        """Restart the service whenever it dies, slower and slower while it keeps dying."""
        loop = asyncio.get_running_loop()
        delay, early_deaths, was_ready = _FIRST_DELAY_SECONDS, 0, False
        while True:
            started = loop.time()
            code = await service.child.wait()
            was_ready = was_ready or service.ready.is_set()
            early_deaths += 1
            if not was_ready and (code == 2 or early_deaths >= _MOST_EARLY_DEATHS):
                raise StartError(f"{service.label} does not start; its own words are above")
            if loop.time() - started > _HEALTHY_SECONDS:
                delay = _FIRST_DELAY_SECONDS
            self._voice.say(f"{service.label} ended ({_cause(code)}); starting it again")
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST_DELAY_SECONDS)
            try:
                service.spawn()
            except OSError as error:
                # No process or memory to be had just now: the others go on meanwhile.
                self._voice.say(f"{service.label} cannot be started ({error.strerror})")
                continue
            self._note_children()
            service.hand(credentials)

    async def _keep_engine(self, label: str, engine: EmbeddedPostgres | EmbeddedNats) -> None:
        """Restart an engine where it was; services reconnect by themselves."""
        loop = asyncio.get_running_loop()
        delay = 0.0
        while True:
            started = loop.time()
            code = await engine.wait()
            if loop.time() - started > _HEALTHY_SECONDS:
                delay = 0.0
            self._voice.say(f"{label} ended ({_cause(code)}); starting it again")
            while True:
                await asyncio.sleep(delay)
                # Also when it starts well: one that dies again at once is not to be started
                # as fast as the machine can.
                delay = min(2 * delay + _FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS)
                try:
                    await engine.restart()
                except StartError as error:
                    self._voice.say(str(error))
                except OSError as error:
                    self._voice.say(f"{label} cannot be started ({error.strerror})")
                else:
                    break

    async def _stop_children(self) -> None:
        gateway = self._services.get("gateway")
        others = [service for label, service in self._services.items() if label != "gateway"]
        if gateway is not None:
            await gateway.stop(grace_seconds=GATEWAY_GRACE_SECONDS)
        await asyncio.gather(*(one.stop(grace_seconds=SERVICE_GRACE_SECONDS) for one in others))
        if self._engines is not None:
            await self._engines.stop()

    def _note_children(self) -> None:
        # Read by the next run, in case we are killed and one of them does not notice.
        pids = [service.child.pid for service in self._services.values()]
        # A full disk is no reason to end: children also notice by themselves that we are gone.
        with contextlib.suppress(OSError):
            (self._layout.run / "children").write_text(json.dumps(pids))

    def _end_leftovers(self) -> None:
        """End services of an earlier life: they would hold its port, its locks, its plaintext."""
        try:
            pids = json.loads((self._layout.run / "children").read_bytes())
        except (OSError, ValueError):
            return
        for pid in pids if isinstance(pids, list) else []:
            if isinstance(pid, int):
                mark = vault_mark(self._layout.digest)
                end_leftover(
                    pid,
                    marker=mark,
                    number=signal.SIGKILL,
                    grace_seconds=2.0,
                    is_harmless=True,
                )

    def _clear_scratch(self) -> None:
        """Delete plaintext that a killed service left. The folder is this vault's alone."""
        scratch = self._settings.scratch_dir
        with contextlib.suppress(FileNotFoundError):
            found = scratch.lstat()
            if found.st_uid == os.geteuid() and not scratch.is_symlink():
                shutil.rmtree(scratch, ignore_errors=True)

    def _make_scratch(self) -> None:
        """Make the folder for plaintext: ours alone, checked if it exists."""
        scratch = self._settings.scratch_dir
        try:
            scratch.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            private_folder(scratch)
        except OSError as error:
            raise StartError(
                f"KEEPSAKE_SCRATCH_DIR: cannot write to {scratch} ({error.strerror})"
            ) from error


def _cause(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _raise_first(life: asyncio.Task[None]) -> None:
    """Raise what ended the life; of several failures the first is the cause."""
    error: BaseException | None = life.exception()
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, OSError):
        raise StartError(f"the operating system refused: {error.strerror}") from error
    if error is not None:
        raise error

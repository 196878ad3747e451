"""How a service lives: connected, migrated, started; later stopped in an order that loses nothing.

``main`` is the whole of every ``__main__``. Tests use ``running``, which is the same life inside
somebody else's event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib.resources import files
from typing import Any, NoReturn

import asyncpg
import msgspec
import structlog

from shared import postgres
from shared.bus import Bus, EventConsumer, OutboxRelay, RequestContext, Serving
from shared.contracts.events import Event
from shared.contracts.health import GetHealth, ServiceHealth, health_subject
from shared.credentials import PostgresCredentials, parent_pipe
from shared.event_loop import new_event_loop
from shared.settings import Credentials, Settings, SettingsError
from shared.telemetry import Health, configure_logging, serve_metrics, watch_loop

#: Running handlers get this long to finish once a stop was asked for; the rest is redelivered.
HANDLER_GRACE_SECONDS = 2.0
#: Loops, the relay, the connections: each gets this long.
STEP_GRACE_SECONDS = 0.7
#: A clean-up that takes longer is taken for one that has swallowed its cancellation.
CANCEL_AGAIN_SECONDS = 0.2
#: The sum of the above and some: then the process ends itself.
LONGEST_STOP_SECONDS = 6
#: Waiting for engines that start at the same time as we do.
CONNECT_SECONDS = 30.0
#: Where the supervisor wants to hear that the service is ready: ``fd:<number>``.
READY_VARIABLE = "KEEPSAKE_READY"

Start = Callable[["Runtime"], Awaitable[None]]


class Runtime:
    """What a service's ``start`` is given. It wires handlers and loops, and returns."""

    def __init__(
        self,
        service: str,
        *,
        settings: Settings,
        credentials: Credentials,
        bus: Bus,
        pool: asyncpg.Pool[Any],
        tasks: asyncio.TaskGroup,
        health: Health,
    ) -> None:
        self.service = service
        self.settings = settings
        self.bus = bus
        self.pool = pool
        self.tasks = tasks
        self.log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
        #: Set when the service is to stop: loops that look at it end by themselves, others are
        #: cancelled after the running handlers are done.
        self.stopping = asyncio.Event()
        self._credentials = credentials
        self._health = health
        self._servings: list[Serving] = []
        self._consumers: list[asyncio.Task[None]] = []
        self._at_stop: list[Callable[[], Awaitable[None]]] = []
        self._has_parked = False

    @property
    def reader(self) -> PostgresCredentials | None:
        """A login that may read what all services have, if whoever started us gave one."""
        return self._credentials.reader

    async def serve(
        self,
        request_type: type[Any],
        handler: Callable[[Any, RequestContext], Awaitable[Any]],
        *,
        subject: str | None = None,
        queue: str | None = "",
    ) -> Serving:
        """Answer requests until the service stops.

        Replicas share the work; ``queue=None`` makes every one of them answer.
        """
        serving = await self.bus.serve(
            request_type, handler, subject=subject, queue=self.service if queue == "" else queue
        )
        self._servings.append(serving)
        return serving

    def consume(
        self,
        handlers: Mapping[type[Event], Callable[..., Awaitable[None]]],
        *,
        concurrency: int = 4,
    ) -> None:
        """Handle events of the service's durable consumer until the service stops."""
        consumer = EventConsumer(
            bus=self.bus,
            pool=self.pool,
            service=self.service,
            handlers=handlers,
            concurrency=concurrency,
        )
        self._consumers.append(
            self.tasks.create_task(consumer.run(self.stopping), name=f"{self.service} consumer")
        )

    async def connect(self) -> asyncpg.Connection[Any]:
        """Open a connection beside the pool's, for work that would keep one from the others."""
        return await postgres.connect(self._credentials.postgres, schema=self.service)

    def singleton(self, name: str) -> AbstractAsyncContextManager[None]:
        """Hold the service's lock *name* while inside; waits for it.

        The body is cancelled and ``LockLostError`` raised when the lock is lost.
        """
        return postgres.singleton(self._credentials.postgres, f"{self.service}:{name}")

    async def while_holding(self, name: str, body: Callable[[], Awaitable[None]]) -> None:
        """Run *body* in one replica at a time; begin it anew when the lock was lost."""
        while True:
            try:
                async with self.singleton(name):
                    await body()
                    return
            except postgres.LockLostError:
                self.log.warning("lock_lost", lock=name)

    def at_stop(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Call *callback* when a stop was asked for, while the bus still works; last in first."""
        self._at_stop.append(callback)

    def report(self, dependency: str, *, ready: bool, detail: str = "") -> None:
        """Say how something that the service needs is; shown by health, logged when it changes."""
        if self._health.report(dependency, ready=ready, detail=detail):
            log = self.log.info if ready else self.log.warning
            log("dependency_ready" if ready else "dependency_away", dependency=dependency)

    async def tell_health(self, _request: GetHealth, _context: RequestContext) -> ServiceHealth:
        """Answer ``cmd.<service>.health``."""
        return await self.describe_health()

    async def describe_health(self) -> ServiceHealth:
        """Return how the service is; the database is asked, not remembered."""
        match await postgres.probe(self.pool, self._credentials.postgres, schema=self.service):
            case "away":
                self.report("postgres", ready=False, detail="The database does not answer.")
            case "busy":
                detail = "All connections of this service are in use; requests wait for one."
                self.report("postgres", ready=True, detail=detail)
            case "ready":
                self.report("postgres", ready=True)
        return self._health.describe()

    def tell_parked(self, count: int) -> None:
        """Show events that cannot be published. The service works without them, hence ready."""
        if count or self._has_parked:
            self._has_parked = True
            detail = f"{count} events could not be published; see the log." if count else ""
            self.report("outbox", ready=True, detail=detail)

    async def stop(self) -> None:
        """Take nothing new, then let running handlers finish. Called once, by ``running``."""
        self.stopping.set()
        for callback in reversed(self._at_stop):
            try:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(callback(), STEP_GRACE_SECONDS)
            except Exception as error:  # noqa: BLE001 -- the other steps must be taken all the same
                self.log.warning("stop_step_failed", error=type(error).__name__)
        async with asyncio.TaskGroup() as steps:
            for serving in self._servings:
                steps.create_task(serving.stop(grace_seconds=HANDLER_GRACE_SECONDS))
            steps.create_task(self._finish_events())

    async def _finish_events(self) -> None:
        if self._consumers:
            _, late = await asyncio.wait(self._consumers, timeout=HANDLER_GRACE_SECONDS)
            for task in late:
                task.cancel()


@asynccontextmanager
async def running(
    service: str,
    start: Start,
    *,
    settings: Settings,
    credentials: Credentials,
    migrations: str | None,
) -> AsyncIterator[Runtime]:
    """Live as *service*: inside the body it is started; when the body ends it stops in order.

    Idempotent towards what earlier lives left in the database and on the bus.
    """
    health = Health(service)
    if credentials.api_token is not None:
        settings = msgspec.structs.replace(settings, api_token=credentials.api_token)

    def on_connection(ready: bool) -> None:  # noqa: FBT001 -- the bus's signature
        health.report("nats", ready=ready)

    async with AsyncExitStack() as resources:
        async with asyncio.timeout(CONNECT_SECONDS):
            bus = await Bus.connect(
                credentials=credentials.nats, service=service, on_connection=on_connection
            )
            resources.push_async_callback(_bounded, bus.drain)
            await _migrate(service, credentials, migrations)
            pool = await postgres.create_pool(credentials.postgres, schema=service)
        resources.push_async_callback(_close_pool, pool)
        # It may have gone again while the migrations ran.
        health.report("nats", ready=bus.is_connected)
        health.report("postgres", ready=True)
        async with asyncio.TaskGroup() as tasks:
            runtime = Runtime(
                service,
                settings=settings,
                credentials=credentials,
                bus=bus,
                pool=pool,
                tasks=tasks,
                health=health,
            )
            relay_stopping = asyncio.Event()
            relay = OutboxRelay(bus=bus, pool=pool, service=service, on_parked=runtime.tell_parked)
            own = _tasks_of(tasks)
            relay_task = tasks.create_task(relay.run(relay_stopping), name=f"{service} relay")
            await start(runtime)
            await runtime.serve(GetHealth, runtime.tell_health, subject=health_subject(service))
            if settings.metrics.port is not None:
                tasks.create_task(watch_loop(service), name=f"{service} loop watch")
            runtime.log.info("service_started")
            try:
                yield runtime
            finally:
                await runtime.stop()
                # Loops of the service next, the relay last: it carries what handlers published.
                await _cancel(_tasks_of(tasks) - own - {relay_task})
                relay_stopping.set()
                await asyncio.wait({relay_task}, timeout=STEP_GRACE_SECONDS)
                await _cancel({relay_task})
    structlog.get_logger().info("service_stopped")


def main(service: str, start: Start, *, migrations: str | None) -> NoReturn:
    """Run *service* until SIGTERM, SIGINT or the parent's end; never returns.

    Exit codes: 0 stopped as asked, 2 wrong settings, 1 anything else.
    """
    try:
        settings = Settings.load()
        credentials = Credentials.load()
        serve_metrics(settings)
    except SettingsError as error:
        sys.stderr.write(f"{service}: {error}\n")
        sys.exit(2)
    log = configure_logging(settings.log, service=service)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(_main(service, start, settings, credentials, migrations))
    except postgres.MigrationError as error:
        # Its words are about our own files.
        sys.stderr.write(f"{service}: {error}\n")
        sys.exit(1)
    except BaseException:
        log.exception("service_crashed")
        sys.exit(1)
    sys.exit(0)


async def _main(
    service: str,
    start: Start,
    settings: Settings,
    credentials: Credentials,
    migrations: str | None,
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    life = asyncio.current_task()
    assert life is not None
    started = False

    def ask_stop() -> None:
        if stop.is_set():
            return
        stop.set()
        # Whatever hangs, and even if the loop does: nobody outlives a stop by more than this.
        signal.alarm(LONGEST_STOP_SECONDS)
        if not started:
            # Engines that never answer are no reason to wait; there is nothing to finish yet.
            life.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask_stop)
    if (pipe := parent_pipe()) is not None:
        # Nothing more is ever written to it: readable means that the parent is gone.
        loop.add_reader(pipe, _parent_gone, loop, pipe, ask_stop)
    try:
        async with running(
            service, start, settings=settings, credentials=credentials, migrations=migrations
        ):
            started = True
            _tell_ready()
            try:
                await stop.wait()
            finally:
                # Also when a task has crashed and another one, or a thread, does not end.
                signal.alarm(LONGEST_STOP_SECONDS)
    except asyncio.CancelledError:
        if not stop.is_set():
            raise


def _parent_gone(loop: asyncio.AbstractEventLoop, pipe: int, ask_stop: Callable[[], None]) -> None:
    loop.remove_reader(pipe)
    ask_stop()


def _tell_ready() -> None:
    target = os.environ.get(READY_VARIABLE, "")
    if target.startswith("fd:"):
        with contextlib.suppress(OSError, ValueError), os.fdopen(int(target[3:]), "wb") as pipe:
            pipe.write(b"ready\n")


async def _migrate(service: str, credentials: Credentials, migrations: str | None) -> None:
    folders = {"bus": files("shared.bus").joinpath("migrations")}
    if migrations is not None:
        package, _, folder = migrations.rpartition(".")
        folders[service] = files(package).joinpath(folder)
    while True:
        try:
            await postgres.migrate(credentials.postgres, schema=service, folders=folders)
        except (OSError, asyncpg.CannotConnectNowError):
            # The server is still starting, or starting again.
            await asyncio.sleep(0.2)
        else:
            return


def _tasks_of(group: asyncio.TaskGroup) -> set[asyncio.Task[Any]]:
    # TaskGroup has no public list of its tasks (CPython 3.11-3.14).
    return set(group._tasks)  # noqa: SLF001


async def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel, and again: a clean-up that fails because an engine is gone eats the first one."""
    deadline = asyncio.get_running_loop().time() + STEP_GRACE_SECONDS
    pending = {task for task in tasks if not task.done()}
    for task in pending:
        # One that is cancelled already is busy cleaning up: not to be disturbed at once.
        if not task.cancelling():
            task.cancel()
    while pending and asyncio.get_running_loop().time() < deadline:
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
        for task in pending:
            task.cancel()


async def _bounded(step: Callable[[], Awaitable[None]]) -> None:
    # Whatever it is that the engine's end makes of the last words: there is nothing left to lose.
    with contextlib.suppress(Exception):
        await asyncio.wait_for(step(), STEP_GRACE_SECONDS)


async def _close_pool(pool: asyncpg.Pool[Any]) -> None:
    try:
        await asyncio.wait_for(pool.close(), STEP_GRACE_SECONDS)
    except TimeoutError:
        pool.terminate()

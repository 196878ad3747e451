"""Requests about where archives go: what can be a destination, trials, setting up, checking."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from services.archiver.destinations import forms
from services.archiver.destinations.same_disk import together
from services.archiver.destinations.setting_up import Report
from services.archiver.errors import ArchiverError
from services.archiver.identifiers import parse_id
from services.archiver.opening import Destinations, OpenPlace
from services.archiver.problems import problem_of
from services.archiver.runs.store_lock import Connect, store_lock
from services.archiver.runs.taking_up import list_bundles
from services.archiver.storage.destinations import (
    get_destination,
    record_destination,
    remove_destination,
    revive_destination,
)
from services.archiver.storage.sources import fetch_sources
from services.archiver.storage.taking_up import fetch_known_paths
from services.archiver.storage.upkeep import mark_untidy
from shared.bus import RequestContext
from shared.contracts.archiver import (
    CheckDestination,
    CreateDestination,
    DeleteDestination,
    Destination,
    DestinationConfig,
    DestinationId,
    DestinationType,
    StoreCheck,
)
from shared.contracts.archiver_destinations import (
    Backend,
    BackendExample,
    BackendField,
    BackendSummary,
    GetBackend,
    ListBackends,
    Trial,
    TryDestination,
)
from shared.contracts.problems import ProblemError, bad_request, not_found, problem
from shared.contracts.requests import Done, Page, Request


class DestinationRequests:
    """Answers what is asked about destinations, but for what only reads the catalogue."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool[Any],
        destinations: Destinations,
        backup_paths: Sequence[Path],
        connect: Connect,
    ) -> None:
        """*backup_paths* are where phones' backups lie, which may be archived as well."""
        self._pool = pool
        self._connect = connect
        self._destinations = destinations
        self._backup_paths = backup_paths

    def answers(self) -> dict[type[Request[Any]], Callable[..., Awaitable[object]]]:
        """Return which of the handlers below answers what."""
        return {
            ListBackends: self.list_backends,
            GetBackend: self.get_backend,
            TryDestination: self.try_destination,
            CreateDestination: self.create_destination,
            DeleteDestination: self.delete_destination,
            CheckDestination: self.check_destination,
        }

    async def list_backends(self, _: ListBackends, __: RequestContext) -> Page[BackendSummary]:
        """What rclone reaches, by name."""
        found = await self._backends()
        return Page(items=[_summary(found[name]) for name in sorted(found)])

    async def get_backend(self, request: GetBackend, _: RequestContext) -> Backend:
        """One back end with its form."""
        found = (await self._backends()).get(request.name)
        if found is None:
            raise not_found("backend")
        return _form(found)

    async def try_destination(self, request: TryDestination, _: RequestContext) -> Trial:
        """Go through all steps of a set-up, and leave everything as it was."""
        _check_config(request.type, request.config)
        place = await self._destinations.look_at(
            request.type,
            request.config,
            request.crypt,
            warnings=await self._warnings(request.type, request.config),
        )
        async with self._alone(request):
            report = await asyncio.to_thread(place.attempt)
        return Trial(
            good=report.is_good, holds_store=report.store is not None, items=_checks(report)
        )

    async def create_destination(
        self, request: CreateDestination, _: RequestContext
    ) -> Destination:
        """Set a destination up, or take over the store that is there."""
        _check_config(request.type, request.config)
        place = await self._destinations.look_at(
            request.type,
            request.config,
            request.crypt,
            warnings=await self._warnings(request.type, request.config),
            mode=request.mode,
        )
        async with self._alone(request):
            return await self._set_up(request, place)

    async def _set_up(self, request: CreateDestination, place: OpenPlace) -> Destination:
        report = await asyncio.to_thread(place.set_up)
        if report.store is None:
            raise _not_set_up(report)
        destination = Destination(
            id=DestinationId(str(uuid4())),
            name=request.name,
            type=request.type,
            mode=request.mode,
            config=request.config,
            crypt=request.crypt,
            store_id=str(report.store.store_id),
            created_at=dt.datetime.now(dt.UTC),
        )
        destination_id = UUID(destination.id)
        try:
            revived = await revive_destination(self._pool, destination)
            if revived is None:
                await record_destination(self._pool, destination)
            destination_id = revived or destination_id
        except asyncpg.UniqueViolationError:
            raise problem(
                "conflict",
                "There is such a destination already.",
                409,
                "Names are used once; so are stores.",
            ) from None
        made = await get_destination(self._pool, destination_id)
        return msgspec.structs.replace(made, found_archives=await self._found(made))

    def _alone(
        self, request: CreateDestination | TryDestination
    ) -> AbstractAsyncContextManager[None]:
        """Let nobody else set up the same place meanwhile: each would put a mark of its own there.

        People ask twice, and clients that heard no answer.
        """
        config = msgspec.json.encode(request.config, order="deterministic").decode()
        return store_lock(self._connect, f"setting up {request.type} {config}")

    async def _found(self, destination: Destination) -> int | None:
        """Return how many archives lie there that are not listed; None where nobody can tell."""
        opened = await self._destinations.find(destination)
        known = await fetch_known_paths(self._pool, UUID(destination.id))

        def look() -> int:
            with opened.opened() as transport:
                return sum(one.path not in known for one in list_bundles(transport))

        try:
            return await asyncio.to_thread(look)
        except ArchiverError:
            # It is set up all the same; whoever rebuilds is told what is wrong.
            return None

    async def delete_destination(self, request: DeleteDestination, _: RequestContext) -> Done:
        """Forget a destination."""
        if not await remove_destination(
            self._pool, parse_id(request.destination_id, "destination")
        ):
            raise not_found("destination")
        return Done()

    async def check_destination(
        self, request: CheckDestination, _: RequestContext
    ) -> list[StoreCheck]:
        """Look whether a destination works."""
        destination = await get_destination(
            self._pool, parse_id(request.destination_id, "destination")
        )
        place = await self._destinations.look_at(
            destination.type,
            destination.config,
            destination.crypt,
            UUID(destination.store_id),
            warnings=await self._warnings(destination.type, destination.config),
            mode=destination.mode,
        )
        # Its test may be killed, and leave something for the next run to remove.
        await mark_untidy(self._pool, UUID(destination.id))
        return _checks(await asyncio.to_thread(place.examine))

    async def _backends(self) -> dict[str, forms.Backend]:
        try:
            return await asyncio.to_thread(forms.read_backends, self._destinations.daemon)
        except ArchiverError as error:
            raise problem_of(error) from None

    async def _warnings(self, kind: DestinationType, config: DestinationConfig) -> tuple[str, ...]:
        """Return what is worth knowing of a place beside what lies on the same disk."""
        if kind != "local" and config.backend != "local":
            return ()
        sources = await fetch_sources(self._pool)
        others = [
            (f"the source {one.name}", Path(one.config.path))
            for one in sources
            if one.type == "directory" and one.config.path
        ]
        others += [("the backups of phones", path) for path in self._backup_paths]
        found = await asyncio.to_thread(together, Path(config.path), others)
        if not found:
            return ()
        names = " and ".join(dict.fromkeys(found))
        return (f"On the same disk as {names}: a copy there does not survive the disk.",)


def _check_config(kind: DestinationType, config: DestinationConfig) -> None:
    if kind == "local" and (not config.path.startswith("/") or config.backend or config.options):
        raise bad_request("A local destination has an absolute path, and nothing else.")
    if kind == "rclone" and not config.backend:
        raise bad_request("A destination over rclone has a backend.")


def _checks(report: Report) -> list[StoreCheck]:
    return [
        StoreCheck(step=step.name, outcome=step.outcome, detail=step.message, advice=step.advice)
        for step in report.steps
    ]


def _not_set_up(report: Report) -> ProblemError:
    failed = next(step for step in report.steps if step.outcome == "failed")
    return problem(
        "destination-refused",
        "The destination cannot be set up.",
        409,
        f"{failed.message} {failed.advice}".strip(),
        steps=msgspec.to_builtins(_checks(report)),
    )


def _summary(backend: forms.Backend) -> BackendSummary:
    return BackendSummary(
        name=backend.name,
        description=backend.description,
        login=backend.login,
        note=backend.note,
    )


def _form(backend: forms.Backend) -> Backend:
    fields = sorted(backend.fields, key=lambda one: (one.is_advanced, not one.is_required))
    return Backend(
        name=backend.name,
        description=backend.description,
        login=backend.login,
        note=backend.note,
        fields=[
            BackendField(
                name=field.name,
                help=field.help,
                type=field.type,
                required=field.is_required,
                secret=field.is_secret,
                advanced=field.is_advanced,
                default=field.default,
                choice=field.is_choice,
                examples=[
                    BackendExample(value=one.value, help=one.help, provider=one.provider)
                    for one in field.examples
                ],
                provider=field.provider,
            )
            for field in fields
        ],
    )

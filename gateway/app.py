"""The HTTP application: routes, what they are given, who may call them, how errors look."""

from __future__ import annotations

from collections.abc import Iterable

from litestar import Litestar
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.middleware import DefineMiddleware
from litestar.types import ASGIApp

from gateway.authentication import Authentication
from gateway.front import Front
from gateway.openapi import DocumentOnDemand, openapi_config
from gateway.parts import Parts
from gateway.problems import on_exception, on_http_exception, on_problem, on_recursion
from gateway.routes import (
    archive_files,
    archive_items,
    archives,
    backups,
    comparison,
    dead_letters,
    destination_limits,
    destinations,
    devices,
    events,
    exports,
    files,
    health,
    history,
    index,
    index_rules,
    jobs,
    lineages,
    locked_notes,
    passphrase_references,
    people,
    search,
    sessions,
    sources,
    tokens,
    upkeep,
)
from shared.contracts.problems import ProblemError

MAX_BODY_BYTES = 1 << 20

_ROUTES = (
    health,
    devices,
    comparison,
    lineages,
    passphrase_references,
    backups,
    sessions,
    files,
    index,
    index_rules,
    history,
    search,
    people,
    jobs,
    exports,
    locked_notes,
    sources,
    destination_limits,
    destinations,
    archive_files,
    archive_items,
    archives,
    upkeep,
    events,
    dead_letters,
    tokens,
)


def build_app(parts: Parts, *, hosts: Iterable[str]) -> ASGIApp:
    """Return the application with its front."""

    def provide_parts() -> Parts:
        return parts

    app = Litestar(
        [handler for module in _ROUTES for handler in module.HANDLERS],
        # One for all of them: Litestar 2.25 starts a task for each where there are several.
        dependencies={"parts": Provide(provide_parts, sync_to_thread=False)},
        middleware=[DefineMiddleware(Authentication, tokens=parts.tokens)],
        exception_handlers={
            ProblemError: on_problem,
            HTTPException: on_http_exception,
            RecursionError: on_recursion,
            Exception: on_exception,
        },
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=openapi_config(),
        logging_config=None,
        debug=False,
    )
    return Front(DocumentOnDemand(app), hosts=hosts)

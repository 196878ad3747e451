"""Who may call which route, and with which query parameters: checked before a route is entered."""

from __future__ import annotations

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.types import ASGIApp, Receive, Send
from litestar.types import Scope as Connection

from gateway.parameters import query_names, refuse_unknown
from gateway.tokens import Caller, Scope, Tokens
from shared.contracts.problems import ProblemError, problem

#: No token of ours is longer; a longer one is not even hashed.
_MAX_TOKEN_CHARACTERS = 512
_NEEDS = "needs"
#: Put into a route's ``opt`` to let it answer without a token.
PUBLIC: dict[str, Any] = {_NEEDS: None}


def needs(scope: Scope) -> dict[str, Any]:
    """Return the ``opt`` of a route that lets in callers with *scope* only."""
    return {_NEEDS: scope}


class Authentication:
    """Finds the caller of every request but those of public routes. Raises 401 and 403 problems.

    A middleware and no guards: Litestar 2.25 hands each guard a fresh copy of the route's handler
    and runs plain functions in a thread, which cost more than the rest of the gateway together.
    """

    def __init__(self, app: ASGIApp, *, tokens: Tokens) -> None:
        self._app = app
        self._tokens = tokens
        # One for each handler of the route; handlers live as long as the application.
        self._rules: dict[BaseRouteHandler, tuple[str | None, frozenset[str]]] = {}

    async def __call__(self, connection: Connection, receive: Receive, send: Send) -> None:
        """Raise what is wrong with the request, else let it in with its caller as ``user``."""
        handler: Any = connection["route_handler"]
        if (rule := self._rules.get(handler)) is None:
            rule = self._rules[handler] = needed_by(handler), query_names(handler)
        needed, known = rule
        # The document and its page are made by the framework, without ``opt``.
        if needed is not None and not connection["path"].startswith("/schema"):
            caller = await self._find_caller(connection)
            connection["user"] = caller
            if needed not in caller.scopes:
                raise lacks(needed)
        if connection["query_string"]:
            refuse_unknown(ASGIConnection(connection), known)
        await self._app(connection, receive, send)

    async def _find_caller(self, connection: Connection) -> Caller:
        """Read ``Authorization: Bearer`` or ``X-API-Token``."""
        token = _presented(connection)
        if token is None:
            raise _unauthorized(
                "Send the token as `Authorization: Bearer <token>` or `X-API-Token: <token>`."
            )
        caller = (
            await self._tokens.find_caller(token)
            if 0 < len(token) <= _MAX_TOKEN_CHARACTERS
            else None
        )
        if caller is None:
            raise _unauthorized("The token is unknown, expired or revoked.")
        return caller


def needed_by(handler: BaseRouteHandler) -> str | None:
    """Return the scope that *handler* needs, None for a public one.

    One that does not say, such as the framework's answers to OPTIONS, is for admins.
    """
    needed: str | None = handler.opt.get(_NEEDS, "admin")
    return needed


def lacks(scope: str) -> ProblemError:
    """The token is good, but not for this."""
    return problem(
        "forbidden",
        "The token may not do this.",
        403,
        f"It needs the scope {scope}.",
        scope=scope,
    )


def _presented(connection: Connection) -> str | None:
    token = None
    for name, value in connection["headers"]:
        if name == b"authorization":
            scheme, _, bearer = value.decode("latin-1").partition(" ")
            if scheme.lower() == "bearer" and bearer:
                return bearer.strip()
        elif name == b"x-api-token":
            token = value.decode("latin-1")
    return token


def _unauthorized(detail: str) -> ProblemError:
    return problem("unauthorized", "A valid API token is needed.", 401, detail)

"""Who may call which route: bearer tokens and their scopes."""

from __future__ import annotations

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.middleware.authentication import (
    AbstractAuthenticationMiddleware,
    AuthenticationResult,
)
from litestar.types import Guard, Method

from gateway.tokens import Caller, Scope, Tokens
from shared.contracts.problems import ProblemError, problem

#: No token of ours is longer; a longer one is not even hashed.
_MAX_TOKEN_CHARACTERS = 512
#: Put into a route's ``opt`` to let it answer without a token.
PUBLIC = {"exclude_from_auth": True}


class Authentication(AbstractAuthenticationMiddleware):
    """Finds the caller of every request but those of public routes. Raises 401 problems."""

    def __init__(self, app: Any, *, tokens: Tokens) -> None:
        no_methods: tuple[Method, ...] = ()
        # The document and its page are made by the framework, without ``opt``.
        super().__init__(app, exclude=["^/schema"], exclude_http_methods=no_methods)
        self._tokens = tokens

    async def authenticate_request(
        self, connection: ASGIConnection[Any, Any, Any, Any]
    ) -> AuthenticationResult:
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
        return AuthenticationResult(user=caller, auth="token")


def needs(scope: Scope) -> Guard:
    """Return a guard that lets in callers with *scope* only."""

    def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        caller = connection.scope.get("user")
        if not isinstance(caller, Caller) or scope not in caller.scopes:
            raise lacks(scope)

    return guard


def lacks(scope: Scope) -> ProblemError:
    """The token is good, but not for this."""
    return problem(
        "forbidden",
        "The token may not do this.",
        403,
        f"It needs the scope {scope}.",
        scope=scope,
    )


def _presented(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    scheme, _, value = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value:
        return value.strip()
    return connection.headers.get("x-api-token")


def _unauthorized(detail: str) -> ProblemError:
    return problem("unauthorized", "A valid API token is needed.", 401, detail)

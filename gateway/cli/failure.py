"""Failures of a command: one sentence for people, a problem for programs, an exit code for both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

FAILED, WRONG_USAGE, NOT_RUNNING, NOT_FOUND = 1, 2, 3, 4
LOCKED, WRONG_PASSPHRASE, THROTTLED = 5, 6, 7

_BY_TYPE = {
    "/problems/locked": LOCKED,
    "/problems/wrong-session": LOCKED,
    "/problems/session-token-required": LOCKED,
    "/problems/wrong-passphrase": WRONG_PASSPHRASE,
    "/problems/throttled": THROTTLED,
    "/problems/busy": THROTTLED,
}
_BY_STATUS = {400: WRONG_USAGE, 404: NOT_FOUND, 423: LOCKED, 429: THROTTLED, 503: NOT_RUNNING}


class Failure(Exception):  # noqa: N818 -- as click.Abort: an outcome, caught in one place
    """The command cannot do what was asked."""

    def __init__(
        self,
        title: str,
        detail: str = "",
        *,
        exit_code: int = FAILED,
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail
        self.exit_code = exit_code
        self.problem = problem

    def tell(self, *, as_json: bool) -> None:
        """Print it: a sentence on stderr, or a problem on stdout."""
        if as_json:
            problem = self.problem or {"title": self.title, "detail": self.detail}
            click.echo(json.dumps(problem))
            return
        from gateway.cli.output import say

        say(f"{self.title} {self.detail}".strip())


def failure_of(status: int, problem: Mapping[str, Any]) -> Failure:
    """Return the failure that a problem of the API stands for."""
    code = _BY_TYPE.get(str(problem.get("type"))) or _BY_STATUS.get(status, FAILED)
    detail = str(problem.get("detail") or "")
    title = str(problem.get("title") or f"The answer was {status}.")
    if problem.get("type") == "/problems/bad-request" and detail:
        # That "the request is not valid" is news to programs only.
        title, detail = detail, ""
    if problem.get("type") == "/problems/locked":
        # The API's advice is about headers.
        detail = "Open it with `keepsake unlock`."
    if problem.get("type") == "/problems/service-unavailable":
        detail = f"{detail} `keepsake status` says what is away.".strip()
    seconds = problem.get("retry_after_seconds")
    if code == THROTTLED and seconds:
        detail = f"{detail} Try again in {seconds} seconds.".strip()
    return Failure(
        title,
        detail,
        exit_code=code,
        problem=problem,
    )

"""Talking to the gateway: where it is, who we are, and what its problems mean here."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import httpx

from gateway.cli.failure import NOT_RUNNING, Failure, failure_of
from gateway.cli.options import options_of

#: Unlocking derives a key for up to minutes; everything else answers at once.
LONG_SECONDS = 600.0
_SECONDS = 60.0


class Client:
    """One gateway. Every failure is a ``Failure`` with its exit code."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self.http = httpx.Client(
            base_url=url,
            headers={"X-API-Token": token} if token else {},
            timeout=httpx.Timeout(_SECONDS, connect=5.0),
            # A proxy of the environment must never see a vault's traffic.
            trust_env=False,
        )

    def get(self, path: str, **arguments: Any) -> Any:
        """Return the JSON answer of a GET."""
        return self.request("GET", path, **arguments)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        session: str | None = None,
        timeout_seconds: float = _SECONDS,
        accept: tuple[int, ...] = (),
    ) -> Any:
        """Return the JSON answer. Statuses in *accept* are no failures."""
        with self.unreachable_told():
            answer = self.http.request(
                method,
                path,
                params={name: value for name, value in (params or {}).items() if value is not None},
                json=body,
                headers=session_header(session),
                timeout=httpx.Timeout(timeout_seconds, connect=5.0),
            )
        if answer.status_code >= 400 and answer.status_code not in accept:
            raise answer_failure(answer)
        return answer.json()

    def unreachable_told(self) -> _Unreachable:
        """Turn transport errors inside the block into the failure that says so."""
        return _Unreachable(self.url)

    def pages(
        self,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        session: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield the pages of a list."""
        cursor = None
        while True:
            page = self.get(path, params={**(params or {}), "cursor": cursor}, session=session)
            yield page
            cursor = page["next_cursor"]
            if cursor is None:
                return


class _Unreachable:
    """A context that explains errors of the transport."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, httpx.TimeoutException) and not isinstance(
            error, httpx.ConnectTimeout
        ):
            raise Failure("Keepsake did not answer in time.", exit_code=NOT_RUNNING) from error
        if isinstance(error, (httpx.TransportError, httpx.InvalidURL)):
            raise Failure(
                f"Keepsake is not running at {self._url}.",
                "Start it with `keepsake up`.",
                exit_code=NOT_RUNNING,
            ) from error


def session_header(session: str | None) -> dict[str, str]:
    """Return the header that carries a session token."""
    return {"X-Backup-Session": session} if session else {}


def answer_failure(answer: httpx.Response) -> Failure:
    """Return the failure that an answer of 400 and above stands for."""
    try:
        problem = json.loads(answer.read())
    except (ValueError, httpx.HTTPError):
        problem = None
    if not isinstance(problem, dict):
        problem = {"title": f"Keepsake answered with {answer.status_code}."}
    if problem.get("title") == "There is no such backup." and not problem.get("detail"):
        # It is in the list, or we would not have its id: its folder is not where it was.
        problem = {
            **problem,
            "title": "The folder of this backup is gone.",
            "detail": "What was indexed stays. If it was moved, `keepsake backups --refresh` looks"
            " again.",
        }
    return failure_of(answer.status_code, problem)


def connect(context: click.Context) -> Client:
    """Find the gateway and the token. Raises ``Failure`` when nothing tells where it is."""
    options = options_of(context)
    url = options.url or os.environ.get("KEEPSAKE_URL") or _running_url()
    if not url:
        raise Failure(
            f"Keepsake is not running on {data_dir()}.",
            "Start it with `keepsake up`; if it runs on other data, set KEEPSAKE_DATA_DIR, and on"
            " another machine KEEPSAKE_URL.",
            exit_code=NOT_RUNNING,
        )
    return Client(url.rstrip("/"), os.environ.get("KEEPSAKE_API_TOKEN") or _kept_token())


def data_dir() -> Path:
    """Return where this user's vault lies."""
    if given := os.environ.get("KEEPSAKE_DATA_DIR"):
        return Path(given).expanduser()
    share = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(share) / "keepsake"


def _running_url() -> str | None:
    try:
        address = json.loads((data_dir() / "run" / "address.json").read_text("utf-8"))
        url = address["url"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return url if isinstance(url, str) else None


def _kept_token() -> str | None:
    try:
        return (data_dir() / "api-token").read_text("utf-8").strip() or None
    except (OSError, ValueError):
        return None

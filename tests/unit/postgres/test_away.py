from __future__ import annotations

import asyncpg
import pytest

from shared.postgres import is_away


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.AdminShutdownError("terminating"),
        asyncpg.ConnectionDoesNotExistError("closed in the middle"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InternalClientError("cannot switch to state"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_lost_connection_says_that_the_database_is_away(error: Exception) -> None:
    assert is_away(error)


async def test_a_socket_that_is_missing_counts_when_it_is_the_databases(tmp_path: object) -> None:
    with pytest.raises(OSError) as raised:  # noqa: PT011 -- which one is the system's matter
        await asyncpg.connect(host=str(tmp_path), user="nobody", database="none", password="x")
    assert is_away(raised.value)


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError(2, "a file of ours"), TimeoutError(), asyncpg.UniqueViolationError("x")],
    ids=lambda error: type(error).__name__,
)
def test_anything_else_is_a_mistake_of_ours(error: Exception) -> None:
    assert not is_away(error)

from __future__ import annotations

import errno

import asyncpg
import pytest

from services.indexer.errors import is_no_space, no_space


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, ""), OSError(errno.EDQUOT, ""), asyncpg.DiskFullError("full")],
    ids=["disk", "quota", "database"],
)
def test_a_full_disk_is_known_wherever_it_is(error: Exception) -> None:
    assert is_no_space(error)


def test_other_errors_are_none() -> None:
    assert not is_no_space(OSError(errno.EIO, ""))
    assert not is_no_space(asyncpg.UniqueViolationError("x"))


def test_the_message_says_where_to_make_room() -> None:
    problem = no_space().problem
    assert problem.status == 507
    assert "KEEPSAKE_SCRATCH_DIR" in problem.detail

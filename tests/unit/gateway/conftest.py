"""What makes pictures small, for every test of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.pictures import Pictures


@pytest.fixture
async def pictures() -> AsyncIterator[Pictures]:
    made = Pictures()
    yield made
    await made.close()

"""The same destination set up by two at once, as who clicks twice does."""

from __future__ import annotations

import asyncio

from shared.contracts.archiver import (
    CheckDestination,
    CreateDestination,
    CryptConfig,
    DestinationConfig,
    ListDestinations,
)
from shared.contracts.problems import ProblemError
from tests.stack import Stack


async def test_a_place_that_is_set_up_by_many_at_once_is_one_store_that_works(stack: Stack) -> None:
    place = stack.folder / "place"
    place.mkdir()
    password = stack.folder / "password"
    password.touch(0o600)
    password.write_text("battery-staple-5542\n")
    wish = CreateDestination(
        name="twice",
        type="local",
        config=DestinationConfig(path=str(place)),
        # Through rclone it takes long enough for others to come between.
        crypt=CryptConfig(password_ref=f"file:{password}"),
    )
    async with stack.service("archiver"), stack.service("archiver"), stack.bus("gateway") as bus:
        answers = await asyncio.gather(
            *(bus.request(wish, timeout_seconds=100) for _ in range(6)), return_exceptions=True
        )
        refused = [answer for answer in answers if isinstance(answer, ProblemError)]
        assert {answer.problem.type for answer in refused} == {"/problems/conflict"}
        assert len(refused) == len(answers) - 1
        (made,) = (await bus.request(ListDestinations())).items
        steps = await bus.request(CheckDestination(destination_id=made.id), timeout_seconds=100)
        assert not [step for step in steps if step.outcome == "failed"]

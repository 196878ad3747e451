"""Which person a word on the command line means."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.cli.failure import Failure
from gateway.cli.person_names import choose_person


def person(number: int, name: str, *handles: str) -> dict[str, Any]:
    return {"id": f"{number:08x}-0000-4000-8000-000000000000", "name": name, "handles": handles}


PEOPLE = [
    person(1, "Anna", "+491"),
    person(2, "Anna Maria", "+492"),
    person(3, "+491", "+493"),
]


@pytest.mark.parametrize(("wanted", "number"), [("+491", 0), ("anna", 0), ("ANNA MARIA", 1)])
def test_a_person_is_meant_by_a_handle_before_a_name_and_by_a_whole_name_before_a_part(
    wanted: str, number: int
) -> None:
    assert choose_person(PEOPLE, wanted) is PEOPLE[number]


def test_the_only_one_who_was_found_is_meant_by_a_part() -> None:
    assert choose_person(PEOPLE[1:2], "mar") is PEOPLE[1]


@pytest.mark.parametrize(("people", "code"), [(PEOPLE[:2], 2), ([], 4)])
def test_several_or_none_are_told_by_the_exit_code(people: list[Any], code: int) -> None:
    with pytest.raises(Failure) as failure:
        choose_person(people, "ann")
    assert failure.value.exit_code == code

"""What a caller reads about a parameter or a field that is not valid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
import pytest
from litestar import Litestar, get, post
from litestar.exceptions import HTTPException
from litestar.params import FromQuery, JSONBody, QueryParameter
from litestar.testing import TestClient

from gateway.parameters import KindQuery, Limit, RowPath, UdidQuery
from gateway.problems import on_http_exception


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    """A body."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    seconds: Annotated[int, msgspec.Meta(ge=1)] | None = None


@get("/things/{thing_id:str}")
async def list_things(
    *,
    thing_id: RowPath,
    device: UdidQuery = None,
    kind: KindQuery = None,
    since: Annotated[str | None, QueryParameter(name="from", max_length=40)] = None,
    order: FromQuery[Literal["newest", "oldest"] | None] = None,
    lineage: FromQuery[bool] = False,
    limit: Limit = 10,
) -> list[Any]:
    """Take parameters as our routes do."""
    return [thing_id, device, kind, since, order, lineage, limit]


@get("/needy")
async def ask_for_one(*, since: Annotated[str, QueryParameter(name="from")]) -> str:
    """Take a parameter that has to be given."""
    return since


@post("/things")
async def make_thing(data: JSONBody[Wish]) -> Wish:
    """Take a body."""
    return data


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    app = Litestar(
        [ask_for_one, list_things, make_thing],
        exception_handlers={HTTPException: on_http_exception},
    )
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("1?limit=0", "limit must be 1 or more."),
        ("1?limit=2000", "limit must be 1000 or less."),
        ("1?limit=many", "limit must be a whole number."),
        ("1?lineage=perhaps", "lineage must be true or false."),
        ("1?order=best", "order must be one of: newest, oldest."),
        ("1?device=mira", "device must be the UDID of a device."),
        ("1?kind=A-B", "kind must be the name of a kind, such as message."),
        # Under the name that the caller gave it, not under ours.
        ("1?from=" + "x" * 41, "from may have at most 40 characters."),
        ("one", "thing_id must be a number of at most 19 digits."),
        ("1?limit=0&order=best", "order must be one of: newest, oldest; limit must be 1 or more."),
    ],
)
def test_a_parameter_that_is_not_valid_is_told_in_words(
    client: TestClient[Litestar], asked: str, said: str
) -> None:
    answer = client.get(f"/things/{asked}")
    assert answer.status_code == 400
    assert sorted(answer.json()["detail"].rstrip(".").split("; ")) == sorted(
        said.rstrip(".").split("; ")
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "body lacks the field name."),
        ({"name": ""}, "name must have at least 1 characters."),
        ({"name": "a", "seconds": "b"}, "seconds must be a whole number or null."),
        ({"name": "a", "colour": 1}, "body has an unknown field colour."),
        ({"name": "a", "\n": 1}, "body has an unknown field."),
        ([], "body must be an object."),
    ],
)
def test_a_body_that_is_not_valid_is_told_in_words(
    client: TestClient[Litestar], body: Any, said: str
) -> None:
    answer = client.post("/things", json=body)
    assert answer.status_code == 400
    assert answer.json()["detail"] == said


def test_what_has_to_be_given_is_named(client: TestClient[Litestar]) -> None:
    answer = client.get("/needy")
    assert answer.status_code == 400
    assert answer.json()["detail"] == "from is missing."
    assert answer.json()["errors"] == [{"parameter": "from", "message": "is missing"}]


def test_what_was_sent_is_never_repeated(client: TestClient[Litestar]) -> None:
    for asked in ("1?order=hunter2", "1?limit=hunter2", "hunter2", "1?device=hunter2"):
        assert "hunter2" not in client.get(f"/things/{asked}").text

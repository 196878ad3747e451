"""Cursors that somebody wrote himself: legal JSON that no database takes."""

from __future__ import annotations

import base64

import pytest

from services.discovery.paging import read_cursor as read_discovery_cursor
from services.indexer.history.storage_comparison import DiffPlace
from services.indexer.lineage.storage_links import LinkPlace
from services.indexer.search.storage import HitPlace
from shared.contracts.problems import ProblemError
from shared.cursors import TimePlace, read_cursor


def written(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[9223372036854775808,1]", TimePlace),
        ("[1,9223372036854775808]", TimePlace),
        ("[9223372036854775807,1]", TimePlace),
        ('["words",true,0.5,1,99999999999999999999]', HitPlace),
        ('["words",true,0.5,99999999999999999999,1]', HitPlace),
        ('["words",true,1e999,1,1]', HitPlace),
        ('["a\\u0000"]', DiffPlace),
        ("[" * 100_000, DiffPlace),
        ("[9223372036854775808]", LinkPlace),
    ],
)
def test_a_forged_place_is_a_bad_request(text: str, kind: type) -> None:
    with pytest.raises(ProblemError):
        read_cursor(written(text).rstrip("="), kind)


@pytest.mark.parametrize(
    "text", ['{"at":"2024-01-01T00:00:00","id":"x"}', '{"at":null,"id":"a\\u0000"}', "{}", "[]"]
)
def test_a_forged_position_is_a_bad_request(text: str) -> None:
    with pytest.raises(ProblemError):
        read_discovery_cursor(written(text))

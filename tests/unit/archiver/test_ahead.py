"""Objects that are fetched before they are wanted."""

from __future__ import annotations

import threading

import pytest

from services.archiver.errors import ObjectMissingError
from services.archiver.store.ahead import Ahead

_LARGE = 40 << 20


class Store:
    """Gives an object when it may, and knows what was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.may = threading.Event()
        self.was_asked = threading.Event()

    def fetch(self, path: str, most_bytes: int) -> bytes:
        self.asked.append(path)
        self.was_asked.set()
        assert self.may.wait(60)
        if path == "missing":
            raise ObjectMissingError("It is not there.")
        return path.encode()[:most_bytes]


def test_what_is_expected_is_fetched_in_order_and_within_a_bound() -> None:
    store = Store()
    ahead = Ahead(store.fetch)
    for path in ("a", "b", "a", "c"):
        ahead.expect(path, _LARGE)
    assert ahead.is_full
    assert store.was_asked.wait(60)
    assert store.asked == ["a"]
    store.may.set()
    assert [ahead.take(path) for path in ("a", "b", "c")] == [b"a", b"b", b"c"]
    assert store.asked == ["a", "b", "c"]
    assert not ahead.is_full
    assert ahead.take("d") is None
    ahead.close()


def test_what_nobody_takes_makes_room_for_what_comes_after_it() -> None:
    store = Store()
    store.may.set()
    ahead = Ahead(store.fetch)
    for path in ("a", "b", "c", "d"):
        ahead.expect(path, _LARGE)
    # Nobody had begun with it: whoever wants it fetches it.
    assert ahead.take("c") is None
    assert ahead.take("a") is None
    assert ahead.take("d") == b"d"
    assert "b" not in store.asked
    ahead.close()


def test_one_that_cannot_be_fetched_is_told_to_who_takes_it() -> None:
    store = Store()
    store.may.set()
    ahead = Ahead(store.fetch)
    ahead.expect("missing", 1)
    ahead.expect("b", 1)
    with pytest.raises(ObjectMissingError):
        ahead.take("missing")
    assert ahead.take("b") == b"b"
    ahead.close()

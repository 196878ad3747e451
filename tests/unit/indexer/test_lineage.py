"""Lineages against a naive model: the contents of every backup of every device."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.indexer.history.algebra import Row, forget, observe
from services.indexer.lineage.algebra import (
    Link,
    Part,
    closes_circle,
    follows,
    lineages,
    shown,
    stitch,
    superseded,
)

DEVICES = "abcd"
LINKS = st.tuples(st.sampled_from(DEVICES), st.sampled_from(DEVICES)).map(lambda two: Link(*two))
#: A run of a device, or that a revision of it is forgotten; or a link, or its undoing.
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("run"),
            st.sampled_from(DEVICES),
            st.integers(0, 9),
            st.dictionaries(st.sampled_from("klm"), st.sampled_from("xy"), max_size=3),
        ),
        st.tuples(st.just("forget"), st.sampled_from(DEVICES), st.integers(0, 9)),
        st.tuples(st.just("confirm"), LINKS),
        st.tuples(st.just("undo"), LINKS),
    ),
    max_size=25,
)
Backups = dict[str, dict[int, dict[str, str]]]


class Vault:
    """What the product keeps, and beside it what was in every backup."""

    def __init__(self) -> None:
        self.rows: dict[str, frozenset[Row]] = {}
        self.backups: Backups = {}
        self.links: set[Link] = set()

    def take(self, step: tuple[object, ...]) -> None:
        match step:
            case ("run", str(device), int(moment), dict(content)):
                known = self.backups.setdefault(device, {})
                self.rows[device] = observe(
                    self.rows.get(device, ()), known, moment, content.items()
                )
                known[moment] = content
            case ("forget", str(device), int(moment)):
                known = self.backups.get(device, {})
                self.rows[device] = forget(self.rows.get(device, ()), known, moment)
                known.pop(moment, None)
            case ("confirm", Link() as link):
                if not closes_circle(self.links, link):
                    self.links.add(link)
            case ("undo", Link() as link):
                self.links.discard(link)


def seen(backups: Backups, devices: list[str], at: int | None) -> dict[str, tuple[str, str | None]]:
    """By key: the newest device that ever had it by then, and what it holds of it then."""
    found: dict[str, tuple[str, str | None]] = {}
    for device in devices:
        moments = sorted(m for m in backups.get(device, {}) if at is None or m <= at)
        for moment in moments:
            for key in backups[device][moment]:
                found[key] = (device, backups[device][moments[-1]].get(key))
    return found


@given(STEPS, st.one_of(st.none(), st.integers(0, 9)))
@settings(max_examples=600, deadline=None)
def test_each_thing_is_there_once_as_its_newest_device_has_it_and_nothing_is_lost(
    steps: list[tuple[object, ...]], at: int | None
) -> None:
    vault = Vault()
    for step in steps:
        vault.take(step)
    for devices in [*lineages(vault.links), ["a"]]:
        model = seen(vault.backups, devices, at)
        found = shown(devices, vault.rows, at)
        assert len({one.row.key for one in found}) == len(found)
        assert {one.row.key: (one.device, one.row.digest) for one in found} == {
            key: (device, digest) for key, (device, digest) in model.items() if digest is not None
        }


@given(STEPS, st.integers(0, 9))
@settings(max_examples=400, deadline=None)
def test_marked_rows_are_exactly_those_that_are_left_out(
    steps: list[tuple[object, ...]], at: int
) -> None:
    vault = Vault()
    for step in steps:
        vault.take(step)
    for devices in lineages(vault.links):
        marks = superseded(devices, vault.rows)
        everything = {(device, row) for device in devices for row in vault.rows.get(device, ())}
        assert shown(devices, vault.rows) == {
            one for one in everything if one[1].removed is None and one not in marks
        }
        assert shown(devices, vault.rows, at) == {
            one
            for one in everything
            if one[1].covers(at) and not (one in marks and marks[one] <= at)  # type: ignore[index]
        }


@given(st.data(), st.lists(LINKS, max_size=12))
@settings(max_examples=400, deadline=None)
def test_the_order_of_devices_does_not_depend_on_the_order_of_decisions(
    data: st.DataObject, wanted: list[Link]
) -> None:
    links: list[Link] = []
    for link in wanted:
        if not closes_circle(links, link):
            links.append(link)
    found = lineages(links)
    assert found == lineages(data.draw(st.permutations(links)))
    devices = [device for one in found for device in one]
    assert sorted(devices) == sorted({device for link in links for device in link})
    place = {device: (n, m) for n, one in enumerate(found) for m, device in enumerate(one)}
    for link in links:
        assert place[link.earlier][0] == place[link.later][0]
        assert place[link.earlier][1] < place[link.later][1]
        assert follows(links, link.earlier, link.later)
        assert closes_circle(links, Link(link.later, link.earlier))


def part(number: int, place: int, key: str, *people: str, is_group: bool = False) -> Part:
    return Part(number, place, key, is_group, frozenset(people))


def test_threads_of_one_key_or_of_the_same_people_are_one_called_by_the_newest() -> None:
    assert stitch(
        [
            part(1, 0, "direct:anna", "anna"),
            part(2, 1, "direct:anna", "anna"),
            part(3, 0, "group:1", "anna", "ben", is_group=True),
            part(4, 1, "group:9", "ben", "anna", is_group=True),
            part(5, 1, "group:8", "anna", is_group=True),
            part(6, 0, "album"),
            part(7, 1, "other album"),
        ]
    ) == {1: 2, 2: 2, 3: 4, 4: 4, 5: 5, 6: 6, 7: 7}


def test_groups_of_the_same_people_that_a_phone_tells_apart_stay_apart() -> None:
    assert stitch(
        [
            part(1, 0, "group:1", "anna", "ben", is_group=True),
            part(2, 0, "group:2", "anna", "ben", is_group=True),
            part(3, 1, "group:1", "anna", "ben", is_group=True),
            part(4, 1, "group:3", "anna", "ben", is_group=True),
        ]
    ) == {1: 3, 3: 3, 2: 2, 4: 4}

"""Places of Maps.

No store of a phone was to be had: these are minted after the columns that open readers of it name,
in the forms of iOS 14, 15 and 26.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.minted_protobuf import protobuf
from deploy.demo.places import DOMAIN, STORE, demo_files, demo_places
from deploy.demo.places_database import Form, PlacesDatabase, map_item, route_request
from services.indexer.kinds.place.map_items import addresses_in
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import Collected, parse

NAME = f"{DOMAIN}/{STORE}"
FORMS: tuple[Form, ...] = ("14", "15", "26")
AT = dt.datetime(2024, 6, 10, 1, 30, tzinfo=dt.UTC)


def run(database: PlacesDatabase, folder: Path) -> Collected:
    return parse("place", {NAME: database.to_bytes()}, folder)


def titled(found: Collected, title: str, origin: str) -> dict[str, Any]:
    return next(
        payload
        for one in found.artifacts
        if one.title == title and (payload := found.payload(one.key))["origin"] == origin
    )


@pytest.fixture(scope="module", params=FORMS)
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Collected:
    return run(demo_places(later=False, form=request.param), tmp_path_factory.mktemp("places"))


def test_places_come_in_the_order_of_time_without_threads(demo: Collected) -> None:
    times = [one.occurred_at_us or 0 for one in demo.artifacts]
    assert times == sorted(times)
    assert demo.threads == []
    assert {one.thread_key for one in demo.artifacts} == {None}
    assert all(one.title for one in demo.artifacts)
    assert demo.tally.notes == {}


def test_a_search_has_its_words_and_where_the_map_was(demo: Collected) -> None:
    payload = titled(demo, "green tea 抹茶 (Minato, Tokyo)", "history")
    assert (payload["what"], payload["query"]) == ("search", "green tea 抹茶")
    assert payload["near"] == "Minato, Tokyo"
    # The second pair of columns, where the first is empty.
    assert (payload["latitude"], payload["longitude"]) == (35.6655, 139.7291)


def test_a_place_is_known_by_what_maps_keeps_of_it(demo: Collected) -> None:
    payload = next(
        payload
        for one in demo.artifacts
        if (payload := demo.payload(one.key)).get("what") == "place" and "address" in payload
    )
    assert payload["address"] == "2-8 Kitaaoyama, Minato, Tokyo"
    assert payload["latitude"] == 35.6655


def test_directions_name_both_ends(demo: Collected) -> None:
    payload = titled(demo, "Directions to Seestrasse 201, 8810 Horgen", "history")
    assert payload["what"] == "directions"
    assert payload["waypoints"] == ["Lindenweg 12, 8001 Zürich", "Seestrasse 201, 8810 Horgen"]
    assert payload["is_interrupted"] is True


def test_a_favourite_has_its_own_name_address_and_type(demo: Collected) -> None:
    payload = titled(demo, "Home", "favourite")
    assert payload["address"] == "12 Lindenweg, 8001 Zürich"
    assert payload["raw"] == {"type": 1}
    # Larger than numbers in a browser are exact.
    assert payload["place_id"] == "-2679868148951248105"
    assert titled(demo, "Favourite", "favourite")["is_hidden"] is True


def test_a_saved_place_names_its_guides_and_note(demo: Collected) -> None:
    payload = titled(demo, "Pizza by the pier", "guide")
    assert payload["guides"] == ["Good food", "Lake weekend"]
    assert payload["maps_name"] == "Harbour Pizza"
    assert payload["note"] == "Ask for the table at the window"
    artifact = next(one for one in demo.artifacts if one.title == "Pizza by the pier")
    assert "Lake weekend" in (artifact.text or "")
    assert artifact.key.startswith("guide:")


def test_a_visit_has_its_place_and_its_arrival(tmp_path: Path) -> None:
    found = run(demo_places(later=False), tmp_path)
    visits = [found.payload(one.key) for one in found.artifacts if one.key.startswith("visit:")]
    assert [one["visited_at"] for one in visits] == ["2024-07-26T10:30:00Z", "2024-07-27T10:30:00Z"]
    assert visits[0]["categories"] == ["Dining", "Pizza Restaurant", "Restaurant"]
    assert visits[1]["raw"] == {"classification": 3}
    # A place that was never visited is none.
    assert not any("Never there" in (one.text or "") for one in found.artifacts)


def test_four_weeks_later_history_moves_on_and_favourites_keep_their_identity(
    tmp_path: Path,
) -> None:
    before = {one.key: one for one in run(demo_places(later=False), tmp_path).artifacts}
    after = {one.key: one for one in run(demo_places(later=True), tmp_path).artifacts}
    assert [before[key].title for key in before.keys() - after.keys()] == [
        "green tea 抹茶 (Minato, Tokyo)"
    ]
    assert [after[key].title for key in after.keys() - before.keys()] == ["rope shop (Zürich)"]
    changed = {key for key in before.keys() & after.keys() if before[key] != after[key]}
    assert [after[key].title for key in changed] == ["Home"]
    assert [(file.domain, file.relative_path) for file in demo_files(later=True)] == [
        (DOMAIN, STORE)
    ]


def test_entities_are_known_by_name_and_else_by_number(tmp_path: Path) -> None:
    database = PlacesDatabase(form="14")
    database.history("HistorySearchItem", at=AT, ZQUERY="tea")
    database.connection.execute("update ZHISTORYITEM set Z_ENT = 99")
    (artifact,) = run(database, tmp_path).artifacts
    payload = run(database, tmp_path).payload(artifact.key)
    assert (payload["what"], payload["raw"]) == ("search", {"entity": 99})
    database.connection.execute("insert into Z_PRIMARYKEY values (99, 'HistoryNewThing', 11, 0)")
    assert run(database, tmp_path).payload(artifact.key)["entity"] == "HistoryNewThing"


def test_a_store_with_history_alone_and_few_columns_is_read(tmp_path: Path) -> None:
    database = demo_places(later=False)
    for table in (
        "ZMIXINMAPITEM", "ZFAVORITEITEM", "ZCOLLECTION", "ZCOLLECTIONITEM", "Z_PRIMARYKEY",
        "ZVISIT", "ZVISITEDLOCATION", "Z_7PLACES",
    ):  # fmt: skip
        database.connection.execute(f"drop table {table}")
    for column in (
        "ZIDENTIFIER",
        "ZLOCATIONDISPLAY",
        "ZLATITUDE1",
        "ZROUTEREQUESTSTORAGE",
        "Z_ENT",
    ):
        database.connection.execute(f"alter table ZHISTORYITEM drop column {column}")
    found = run(database, tmp_path)
    assert len(found.artifacts) == 4
    assert found.artifacts[0].title == "green tea 抹茶"
    assert found.artifacts[0].key.startswith("digest:")


def test_a_database_of_something_else_says_so(tmp_path: Path) -> None:
    database = PlacesDatabase(form="14")
    for table in ("ZHISTORYITEM", "ZFAVORITEITEM", "ZCOLLECTIONITEM"):
        database.connection.execute(f"drop table {table}")
    with pytest.raises(UnsupportedStoreError, match="no table of places"):
        run(database, tmp_path)


def test_of_two_stores_one_may_be_damaged_and_the_same_place_counts_once(tmp_path: Path) -> None:
    good = demo_places(later=False).to_bytes()
    other = f"AppDomain-com.apple.Maps/Library/{STORE}"
    found = parse("place", {NAME: good, other: good}, tmp_path)
    assert len(found.artifacts) == 11
    assert found.tally.notes == {"Several records claim the same identity.": 11}
    found = parse("place", {NAME: good, other: b"damaged" * 500}, tmp_path)
    assert len(found.artifacts) == 11
    assert "One of several stores could not be read." in found.tally.notes
    with pytest.raises(UnsupportedStoreError):
        parse("place", {NAME: b"damaged" * 500}, tmp_path)


def test_hostile_values_cost_at_most_their_record(tmp_path: Path) -> None:
    database = PlacesDatabase()
    for latitude, date, query in (
        (float("inf"), 1e300, "a"), ("north", "never", "b\0c"), (91.0, None, "x" * 100_000),
        (b"\xff", -1, b"\xff\xfe"),
    ):  # fmt: skip
        number = database.history("HistorySearchItem", at=AT)
        database.connection.execute(
            "update ZHISTORYITEM set ZLATITUDE = ?, ZLONGITUDE = 8, ZCREATETIME = ?, ZQUERY = ? "
            "where Z_PK = ?",
            (latitude, date, query, number),
        )
    found = run(database, tmp_path)
    assert len(found.artifacts) == 4
    assert all("latitude" not in found.payload(one.key) for one in found.artifacts)
    assert max(len(one.text or "") for one in found.artifacts) <= 2000


def test_addresses_are_found_however_deep_and_each_once() -> None:
    lines = ["1 Rue du Lac", "Genève"]
    assert addresses_in(map_item(lines)) == ("1 Rue du Lac, Genève",)
    assert addresses_in(route_request([lines, ["Pier 4"], lines])) == (
        "1 Rue du Lac, Genève", "Pier 4",
    )  # fmt: skip
    assert addresses_in(protobuf({101: {2: "Pier 4, Zürich"}})) == ("Pier 4, Zürich",)


def test_blobs_that_are_no_addresses_are_none_and_quickly_so() -> None:
    deep: Any = {101: {2: {11: "Somewhere"}}}
    for _ in range(30):
        deep = {1: deep}
    wide = protobuf({1: [{2: {3: [b"\xff\x00\x01\x02"] * 50}} for _ in range(2000)]})
    for blob in (None, 7, b"", b"\xff" * 40, "text", protobuf(deep), wide, b"\x0a" * 600_000):
        assert addresses_in(blob) == ()

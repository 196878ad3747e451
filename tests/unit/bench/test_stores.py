"""The stores that kinds are measured on are read whole by their parsers."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.indexer.kinds import PARSERS
from tests.bench.kinds_peers import Ours, Peer, Programs, table
from tests.bench.parsing_alone import measure
from tests.bench.stores import STORES, rows_of
from tests.unit.kinds.collected import parse

ROWS = 60
#: Some rows become parts of others: reactions of messages, samples of days.
FEWER = {"message", "health"}


def test_every_kind_is_measured() -> None:
    # Apps stand in no store of their own.
    assert STORES.keys() | {"installed_app"} == PARSERS.keys()


@pytest.mark.parametrize("kind", STORES)
def test_a_store_that_is_measured_has_as_many_rows_as_it_says(kind: str, tmp_path: Path) -> None:
    write, most = STORES[kind]
    assert rows_of(kind, 10**9) == most
    needed = PARSERS[kind].files
    files = {f"{file.domain}/{file.relative_path}": file.content for file in write(ROWS)}
    stores = {
        name: content
        for name, content in files.items()
        if any(one.is_among([name]) for one in needed)
    }
    found = parse(kind, stores, tmp_path)
    assert found.tally.undecodable == found.tally.skipped == 0, found.tally.notes
    if kind not in FEWER:
        # Chats of WhatsApp count as records, too.
        assert ROWS <= found.tally.kept <= found.tally.read <= ROWS + 10
    assert found.artifacts


def test_a_peer_that_is_not_at_hand_is_named() -> None:
    ran = [Peer("WhatsApp-Chat-Exporter", "whatsapp", 100, 2.0, 0.5)]
    shown = table(Programs(whatsapp_exporter="x"), ran, {"whatsapp": Ours(100, 4.0)})
    assert shown.rows[0][:8] == [
        "WhatsApp-Chat-Exporter", "whatsapp", "100 rows in 2.0 s", "50", "200", "4.0", "25", "0.5",
    ]  # fmt: skip
    assert [row[0] for row in shown.rows if "**not run**" in row[2]] == ["apple-juicer", "iLEAPP"]
    assert len({len(row) for row in [shown.head, *shown.rows]}) == 1


def test_a_parser_is_measured_alone_on_the_files_that_phones_have() -> None:
    assert measure("photo", STORES["photo"][0](20)) > 0

"""Data use: processes with the bytes they sent and received, whole, odd and damaged."""

import datetime as dt
from pathlib import Path

import pytest

from deploy.demo.data_usages import (
    DOMAIN,
    NEVER_OPENED,
    PATH,
    TOTAL,
    UsageDatabase,
    demo_usage,
    many_processes,
)
from services.indexer.kinds.protocol import UnsupportedStoreError
from tests.unit.kinds.collected import Collected, parse

STORE = f"{DOMAIN}/{PATH}"
AT = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
WHATSAPP = "WhatsApp/net.whatsapp.WhatsApp"


def run(database: UsageDatabase | bytes, folder: Path, *, names: bool = True) -> Collected:
    content = database if isinstance(database, bytes) else database.to_bytes()
    apps = [
        {
            "bundle_id": "net.whatsapp.WhatsApp", "name": "WhatsApp Messenger", "version": "1",
            "domains": [], "file_count": 0,
        }
    ]  # fmt: skip
    return parse("data_usage", {STORE: content}, folder, apps=apps if names else None)


def test_a_process_has_its_sums_and_its_days(tmp_path: Path) -> None:
    found = run(demo_usage(later=False), tmp_path)
    assert found.payload(WHATSAPP) == {
        "wifi_received_bytes": 1024,
        "wifi_sent_bytes": 512,
        "mobile_received_bytes": 48_230_112 + 3_481_000 + 812_345,
        "mobile_sent_bytes": 9_120_004 + 702_400 + 91_022,
        "process": "WhatsApp",
        "bundle_id": "net.whatsapp.WhatsApp",
        "app_name": "WhatsApp Messenger",
        "first_used_at": "2021-03-02T09:05:00Z",
        "last_used_at": "2024-08-04T06:10:00Z",
        "periods": [
            {"began_at": "2024-07-21T06:10:00Z", "mobile_received_bytes": 48_230_112,
             "mobile_sent_bytes": 9_120_004, "tag_raw": 1},
            {"began_at": "2024-08-03T06:10:00Z", "wifi_received_bytes": 1024,
             "wifi_sent_bytes": 512, "mobile_received_bytes": 3_481_000,
             "mobile_sent_bytes": 702_400, "tag_raw": 1},
            {"began_at": "2024-08-04T06:10:00Z", "mobile_received_bytes": 812_345,
             "mobile_sent_bytes": 91_022, "tag_raw": 1},
        ],
    }  # fmt: skip
    artifact = found.find(WHATSAPP)
    assert artifact.title == "WhatsApp Messenger"
    assert artifact.text == "WhatsApp Messenger\nnet.whatsapp.WhatsApp\nWhatsApp"
    assert artifact.occurred_at_us == 1_722_751_800_000_000


def test_totals_services_and_apps_never_opened_are_told_apart(tmp_path: Path) -> None:
    found = run(demo_usage(later=False), tmp_path)
    total = found.payload(TOTAL)
    assert total["is_total"] is True
    assert total["periods"][0]["kind_raw"] == 255
    assert found.find(TOTAL).title == "All mobile data"
    dns = found.payload("mDNSResponder/com.apple.datausage.dns")
    assert (dns["is_service"], dns["app_name"]) == (True, "DNS services")
    stocks = found.payload(f"{NEVER_OPENED}/com.apple.stocks")
    assert "process" not in stocks
    assert stocks["app_name"] == "Stocks"
    assert "periods" not in stocks


def test_processes_come_in_the_order_of_their_last_use(tmp_path: Path) -> None:
    found = run(demo_usage(later=True), tmp_path)
    times = [one.occurred_at_us or 0 for one in found.artifacts]
    assert times == sorted(times)
    assert len(times) == 5


def test_a_helper_says_for_whom_it_works(tmp_path: Path) -> None:
    database = UsageDatabase()
    database.process("trustd/net.whatsapp.WhatsApp", "net.whatsapp.WhatsApp", first=AT)
    database.process("geod/org.example.unknown", "org.example.unknown", first=AT)
    found = run(database, tmp_path)
    assert [one.title for one in found.artifacts] == [
        "WhatsApp Messenger (trustd)", "org.example.unknown (geod)",
    ]  # fmt: skip


def test_without_a_list_of_apps_bundle_ids_stand_for_names(tmp_path: Path) -> None:
    found = run(demo_usage(later=False), tmp_path, names=False)
    assert found.find(WHATSAPP).title == "net.whatsapp.WhatsApp"


def test_a_process_keeps_its_identity_whatever_its_row_number(tmp_path: Path) -> None:
    database = demo_usage(later=False)
    database.execute("update ZLIVEUSAGE set ZHASPROCESS = ZHASPROCESS + 500")
    database.execute("update ZPROCESS set Z_PK = Z_PK + 500")
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    moved = run(database, tmp_path / "1").artifacts
    assert moved == run(demo_usage(later=False), tmp_path / "2").artifacts


def test_what_belongs_to_no_process_is_counted(tmp_path: Path) -> None:
    database = UsageDatabase()
    database.process("a/b", "b", first=AT, days=[(AT, 1, 2, 3, 4)])
    database.usage(None, (AT, 0, 0, 9, 9))
    database.usage(4711, (AT, 0, 0, 9, 9))
    found = run(database, tmp_path)
    assert len(found.artifacts) == 1
    assert found.tally.skipped == 2
    assert found.tally.sentences() == "What belongs to no process was left out. (2 times)"


def test_a_process_without_a_name_is_counted(tmp_path: Path) -> None:
    database = UsageDatabase()
    database.process(None, None, first=AT)
    database.process(None, "org.example", first=AT)
    found = run(database, tmp_path)
    assert [one.key for one in found.artifacts] == ["/org.example"]
    assert found.tally.sentences() == "A record has no identity of its own."


@pytest.mark.parametrize("value", [-5, 1e300, "many", b"\0", None, float("inf"), 2**62])
def test_a_count_that_cannot_be_is_nothing(tmp_path: Path, value: object) -> None:
    database = UsageDatabase()
    database.process("a/b", "b", first=AT, days=[(AT, 1, 2, 3, 4)])
    database.execute("update ZLIVEUSAGE set ZWWANIN = ?", (value,))
    payload = run(database, tmp_path).payload("a/b")
    assert payload["mobile_received_bytes"] == 0
    assert payload["mobile_sent_bytes"] == 4


def test_a_process_may_have_no_date_at_all(tmp_path: Path) -> None:
    database = UsageDatabase()
    database.process("a/b", "b", first=AT, days=[(AT, 0, 0, 1, 1), (AT + DAY, 0, 0, 2, 2)])
    database.execute("update ZPROCESS set ZTIMESTAMP = 'today', ZFIRSTTIMESTAMP = null")
    database.execute("update ZLIVEUSAGE set ZTIMESTAMP = null where ZWWANIN = 2")
    found = run(database, tmp_path)
    assert found.artifacts[0].occurred_at_us is None
    periods = found.payload("a/b")["periods"]
    assert [one.get("mobile_received_bytes") for one in periods] == [2, 1]


def test_missing_columns_and_tables_cost_what_they_held(tmp_path: Path) -> None:
    for number, change in enumerate(
        (
            "alter table ZPROCESS drop column ZBUNDLENAME",
            "alter table ZPROCESS drop column ZTIMESTAMP",
            "alter table ZLIVEUSAGE drop column ZTAG",
            "drop table ZLIVEUSAGE",
        )
    ):
        (tmp_path / str(number)).mkdir()
        database = demo_usage(later=False)
        database.execute(change)
        found = run(database, tmp_path / str(number))
        assert {one.key for one in found.artifacts} >= {WHATSAPP}
        assert len(found.artifacts) == 4


def test_counts_that_name_no_process_are_said_to_be_missing(tmp_path: Path) -> None:
    database = demo_usage(later=False)
    database.execute("drop index ZLIVEUSAGE_ZHASPROCESS_INDEX")
    database.execute("alter table ZLIVEUSAGE drop column ZHASPROCESS")
    found = run(database, tmp_path)
    assert found.payload(WHATSAPP)["mobile_received_bytes"] == 0
    assert "does not say which process used how much" in found.tally.sentences()


def test_a_store_without_processes_is_not_this_one(tmp_path: Path) -> None:
    database = demo_usage(later=False)
    database.execute("drop table ZPROCESS")
    with pytest.raises(UnsupportedStoreError, match="no table of processes"):
        run(database, tmp_path)


def test_two_rows_of_one_process_are_one(tmp_path: Path) -> None:
    database = UsageDatabase()
    for _ in range(2):
        database.process("a/b", "b", first=AT)
    database.process("a/b", "c", first=AT)
    found = run(database, tmp_path)
    assert [one.key for one in found.artifacts] == ["a/b", "a/b/c"]
    assert found.tally.sentences() == "Several records claim the same identity."


def test_a_damaged_page_costs_the_rows_on_it(tmp_path: Path) -> None:
    content = bytearray(many_processes(600))
    for at in range(4096 * 6, 4096 * 7):
        content[at] = 0xFF
    found = run(bytes(content), tmp_path)
    assert 300 < len(found.artifacts) <= 600
    assert "damaged" in found.tally.sentences()

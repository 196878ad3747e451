"""What a phone says of itself from a folder to the history: two runs, locked and in the clear."""

from __future__ import annotations

import datetime as dt

from phones import PASSPHRASE, Vault

from deploy.demo import accounts, data_usages, installed_apps, permissions, wifi_networks
from shared.contracts.indexer import ListArtifacts

FIRST = dt.datetime(2024, 8, 4, tzinfo=dt.UTC)
LATER = dt.datetime(2024, 9, 1, tzinfo=dt.UTC)
KINDS = ("installed_app", "account", "wifi_network", "permission", "data_usage")


async def mint(vault: Vault, *, later: bool, is_locked: bool = True) -> str:
    files = [
        file
        for module in (installed_apps, accounts, wifi_networks, permissions, data_usages)
        for file in module.demo_files(later=later)
    ]
    return await vault.mint_files(
        files,
        apps=installed_apps.demo_apps(later=later),
        taken_at=LATER if later else FIRST,
        passphrase=PASSPHRASE if is_locked else None,
    )


async def index(vault: Vault, backup_id: str) -> dict[str, tuple[str, int, int, int]]:
    """State, kept, added and removed of each of these kinds."""
    session = await vault.unlock(backup_id)
    job = await vault.index(backup_id, session_id=session.session_id)
    assert job.state == "completed", job
    return {
        one["kind"]: (one["state"], one["kept"], one["added"], one["removed"])
        for one in job.report["kinds"]
        if one["kind"] in KINDS
    }


async def test_two_runs_of_a_phone_tell_what_was_installed_allowed_and_removed(
    vault: Vault,
) -> None:
    backup_id = await mint(vault, later=False)
    first = await index(vault, backup_id)
    assert {kind: state for kind, (state, *_) in first.items()} == dict.fromkeys(KINDS, "indexed")
    # Three that were bought, and one of Apple's that has data.
    assert first["installed_app"] == ("indexed", 4, 4, 0)
    assert first["wifi_network"][1] == 2

    apps = await vault.bus.request(ListArtifacts(kind="installed_app"))
    tides = next(one for one in apps.items if one.title == "Tide Tables")
    # The sums come from the manifest, through the session.
    assert tides.payload["file_count"] == 1
    assert tides.payload["size_bytes"] > 0
    assert tides.payload["image"]["media_type"] == "image/png"
    allowed = await vault.bus.request(ListArtifacts(kind="permission"))
    assert "Fahrplan Zürich: Microphone" in {one.title for one in allowed.items}

    await mint(vault, later=True)
    later = await index(vault, backup_id)
    gone = await vault.bus.request(ListArtifacts(kind="installed_app", removed="only"))
    assert {one.title for one in gone.items} == {"Tide Tables"}
    assert later["account"][1] == 5
    found = await vault.found("Constellations tracking", kind="permission")
    assert found.total == 1

    assert later["wifi_network"] == ("indexed", 3, 2, 1)

    # The same backup once more says and changes the same.
    assert await index(vault, backup_id) == later
    gone = await vault.bus.request(ListArtifacts(kind="installed_app", removed="only"))
    assert [one.title for one in gone.items] == ["Tide Tables"]


async def test_a_backup_without_such_stores_has_its_apps_alone(vault: Vault) -> None:
    backup_id = await vault.mint_files((), apps=installed_apps.demo_apps(later=False))
    states = await index(vault, backup_id)
    assert states.pop("installed_app")[:2] == ("indexed", 3)
    assert {state for state, *_ in states.values()} == {"absent"}

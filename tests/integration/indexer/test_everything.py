"""A phone with every kind of thing, from its backup to search, and its next run."""

import asyncio
from typing import Any

from phones import PASSPHRASE, Vault

from deploy.demo.everything import whole_phone
from services.indexer.kinds import OURS
from shared.contracts.indexer import ListArtifacts, ListKinds

ENCRYPTED_ONLY = {kind for kind, parser in OURS.items() if parser.encrypted_only}


async def index(vault: Vault, *, later: bool, is_locked: bool = True) -> dict[str, dict[str, Any]]:
    """Back the phone up, index it, and return the reports by kind."""
    minted = await asyncio.to_thread(
        whole_phone,
        vault.root,
        passphrase=PASSPHRASE if is_locked else None,
        later=later,
        rounds=10,
    )
    backup_id = await vault.find(minted)
    session_id = (await vault.unlock(backup_id)).session_id if is_locked else None
    job = await vault.index(backup_id, session_id=session_id)
    assert job.state == "completed", job
    return {one["kind"]: one for one in job.report["kinds"]}


async def counts(vault: Vault) -> dict[str, tuple[int, int]]:
    page = await vault.bus.request(ListKinds())
    return {one.kind: (one.count, one.removed_count) for one in page.items}


async def test_everything_on_a_phone_is_in_its_history_and_follows_it(vault: Vault) -> None:
    first = await index(vault, later=False)
    assert {kind: one["state"] for kind, one in first.items()} == dict.fromkeys(OURS, "indexed")
    assert [kind for kind, one in first.items() if not one["kept"]] == []
    before = await counts(vault)
    assert {kind: one["kept"] for kind, one in first.items()} == {
        kind: count for kind, (count, _) in before.items()
    }
    for kind in OURS:
        found = await vault.found(f"kind:{kind}")
        assert found.total == before[kind][0]
        assert [one.artifact.kind for one in found.items] == [kind] * len(found.items)
        shown = await vault.bus.request(ListArtifacts(kind=kind))
        assert len(shown.items) == before[kind][0]

    second = await index(vault, later=True)
    assert {one["state"] for one in second.values()} == {"indexed"}
    # Four weeks later something came and something went, and most stayed.
    assert sum(one["added"] for one in second.values()) > 0
    assert sum(one["removed"] for one in second.values()) > 0
    for kind, one in second.items():
        assert one["added"] < first[kind]["kept"] + one["kept"] - one["added"], kind
        assert (await counts(vault))[kind][0] == one["kept"]

    # The first run again: found on an old disk, it changes nothing that is known.
    after = await counts(vault)
    again = await index(vault, later=False)
    assert {one["state"] for one in again.values()} == {"indexed"}
    assert await counts(vault) == after
    assert vault.plaintext() == []


async def test_a_plain_backup_says_which_kinds_phones_leave_out_of_it(vault: Vault) -> None:
    found = await index(vault, later=False, is_locked=False)
    absent = {kind: one["note"] for kind, one in found.items() if one["state"] == "absent"}
    assert set(absent) == ENCRYPTED_ONLY
    assert {note.partition(",")[0] for note in absent.values()} == {
        "Phones put this into encrypted backups only"
    }

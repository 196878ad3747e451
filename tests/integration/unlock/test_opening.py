from __future__ import annotations

import asyncio
import os
import plistlib
import threading
from collections import Counter

import msgspec
import pytest

from services.unlock import folder_check
from shared.contracts.identifiers import BackupId
from shared.contracts.problems import Problem, ProblemError
from shared.contracts.unlock import DescribeSession, ListFiles, OpenSession
from tests.integration.unlock.conftest import PASSPHRASE, Vault, problem_of


async def refusal(vault: Vault, backup: BackupId, passphrase: str | None = PASSPHRASE) -> Problem:
    with pytest.raises(ProblemError) as raised:
        await vault.open(backup, passphrase)
    return raised.value.problem


async def test_a_wrong_passphrase_is_told_and_then_made_to_wait_also_after_a_restart(
    vault: Vault,
) -> None:
    backup, other = vault.mint(), vault.mint()
    async with vault.stack.service("unlock"):
        for guess in range(5):
            told = await refusal(vault, backup, f"guess {guess}")
            assert (told.type, told.status) == ("/problems/wrong-passphrase", 403)
        told = await refusal(vault, backup, PASSPHRASE)
        assert (told.type, told.status) == ("/problems/throttled", 429)
        assert told.retry_after_seconds in {1, 2}
        assert (await vault.open(other)).encrypted
    async with vault.stack.service("unlock"):
        assert await problem_of(vault.open(backup)) == "/problems/throttled"
        async with vault.stack.pool("unlock") as pool:
            await pool.execute("update attempt set attempted_at = attempted_at - interval '3 s'")
        assert (await vault.open(backup)).encrypted
        # The owner's mistakes are forgiven: the next one is free again.
        assert (await refusal(vault, backup, "oops")).status == 403


async def test_a_clock_that_is_set_back_makes_nobody_wait_until_it_is_later_again(
    vault: Vault,
) -> None:
    backup = vault.mint()
    async with vault.stack.service("unlock"), vault.stack.pool("unlock") as pool:
        for guess in range(4):
            await refusal(vault, backup, f"guess {guess}")
        await pool.execute("update attempt set attempted_at = attempted_at + interval '3 days'")
        await refusal(vault, backup, "the fifth")
        told = await refusal(vault, backup)
        assert told.retry_after_seconds in {1, 2}
        await pool.execute("update attempt set attempted_at = attempted_at + interval '3 days'")
        told = await refusal(vault, backup)
        assert told.retry_after_seconds in {1, 2}
        await pool.execute("update attempt set attempted_at = attempted_at - interval '3 s'")
        assert (await vault.open(backup)).encrypted


async def test_guesses_sent_at_once_to_two_replicas_all_count(vault: Vault) -> None:
    backup = vault.mint()
    async with vault.stack.service("unlock"), vault.stack.service("unlock"):
        answers = await asyncio.gather(
            *(problem_of(vault.open(backup, f"guess {n}")) for n in range(12))
        )
    assert Counter(answers) == {"/problems/wrong-passphrase": 5, "/problems/throttled": 7}


async def test_one_caller_is_throttled_over_all_backups(vault: Vault) -> None:
    backups = [vault.mint() for _ in range(6)]
    async with vault.stack.service("unlock"):
        answers = [
            await problem_of(vault.open(backup, f"guess {n}", caller="somebody"))
            for backup in backups
            for n in range(2)
        ]
        assert Counter(answers) == {"/problems/wrong-passphrase": 10, "/problems/throttled": 2}
        assert await problem_of(vault.open(backups[-1], caller="somebody else")) is None


async def test_opening_a_backup_many_times_at_once_derives_once(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived: list[str] = []
    derive = folder_check.OpenableFolder.derive

    def counted(self: folder_check.OpenableFolder, passphrase: str) -> object:
        derived.append(self.keybag_digest)
        return derive(self, passphrase)

    # Counts calls of the real derivation; nothing is replaced.
    monkeypatch.setattr(folder_check.OpenableFolder, "derive", counted)
    one, two = vault.mint(dpic=200_000), vault.mint(dpic=200_000)
    async with vault.stack.service("unlock"):
        opened = await asyncio.gather(*(vault.open(one) for _ in range(12)), vault.open(two))
        assert len(derived) == len(set(derived)) == 2
        assert len({one.session_token for one in opened}) == 13
        again = await vault.open(one)
        assert len(derived) == 2
        assert (await refusal(vault, one, "wrong")).status == 403
        assert len(derived) == 2
        for session in [*opened, again]:
            await vault.close(session)
        assert vault.plaintext() == []
        await vault.open(one)
        assert len(derived) == 3


async def test_two_backups_are_derived_side_by_side(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    derive = folder_check.OpenableFolder.derive
    both = threading.Barrier(2)

    def together(self: folder_check.OpenableFolder, passphrase: str) -> object:
        # Breaks, and fails the test, when the second one waits for the first.
        both.wait(10)
        return derive(self, passphrase)

    monkeypatch.setattr(folder_check.OpenableFolder, "derive", together)
    one, two = vault.mint(), vault.mint()
    async with vault.stack.service("unlock"):
        await asyncio.gather(vault.open(one), vault.open(two))


async def test_a_backup_that_cannot_be_opened_says_why(vault: Vault) -> None:
    running = vault.mint(snapshot_state="uploading")
    snapshot, empty_snapshot = vault.mint(), vault.mint()
    (vault.minted[snapshot].path / "Snapshot").mkdir()
    (vault.minted[snapshot].path / "Snapshot" / "Manifest.db").touch()
    (vault.minted[empty_snapshot].path / "Snapshot").mkdir()
    lost = vault.mint()
    (vault.minted[lost].path / "Manifest.db").unlink()
    keyless = vault.mint()
    (vault.minted[keyless].path / "Manifest.plist").unlink()
    cut = vault.mint()
    os.truncate(vault.minted[cut].path / "Manifest.db", 1000)
    garbage = vault.mint(passphrase=None)
    (vault.minted[garbage].path / "Manifest.db").write_bytes(b"garbage" * 1000)
    bad_keybag = vault.mint()
    keybag_plist = vault.minted[bad_keybag].path / "Manifest.plist"
    values = plistlib.loads(keybag_plist.read_bytes())
    keybag_plist.write_bytes(
        plistlib.dumps({**values, "BackupKeyBag": b"VERS\0\0\0\xff"}, fmt=plistlib.FMT_BINARY)
    )
    nothing = vault.mint()
    for path in vault.minted[nothing].path.glob("*.*"):
        path.unlink()
    gone = vault.mint()
    vault.minted[gone].path.rename(vault.root / "moved")
    async with vault.stack.service("unlock"):
        for backup, status, slug in [
            (running, 409, "incomplete-backup"),
            (snapshot, 409, "incomplete-backup"),
            (lost, 409, "incomplete-backup"),
            (keyless, 409, "incomplete-backup"),
            (cut, 422, "damaged"),
            (garbage, 422, "damaged"),
            (bad_keybag, 422, "damaged"),
            (nothing, 422, "not-a-backup"),
            (gone, 404, "not-found"),
            (BackupId("5bd8db3c-6a06-4ecd-a1a4-f9ce38b4ff0a"), 404, "not-found"),
            (BackupId("nonsense"), 404, "not-found"),
        ]:
            told = await refusal(vault, backup)
            assert (told.status, told.type) == (status, f"/problems/{slug}"), backup
            assert str(vault.root) not in msgspec.json.encode(told).decode()
        assert vault.plaintext() == []
        assert (await vault.open(empty_snapshot)).encrypted
        async with vault.stack.pool("unlock") as pool:
            # None of these was the passphrase's fault.
            assert await pool.fetchval("select count(*) from attempt") == 0


async def test_a_missing_passphrase_is_refused_and_a_needless_one_is_only_mentioned(
    vault: Vault,
) -> None:
    encrypted, plain = vault.mint(), vault.mint(passphrase=None)
    async with vault.stack.service("unlock"):
        assert (await refusal(vault, encrypted, None)).status == 403
        assert (await refusal(vault, encrypted, "")).status == 403
        opened = await vault.open(plain, "needless")
        assert any("not needed" in warning for warning in opened.warnings)


async def test_requests_out_of_bounds_are_refused(vault: Vault) -> None:
    backup = vault.mint()
    async with vault.stack.service("unlock"):
        for ttl in (0, -5):
            assert await problem_of(vault.open(backup, ttl_seconds=ttl)) == "/problems/bad-request"
        assert await problem_of(vault.open(backup, "x" * 2000)) == "/problems/bad-request"
        opened = await vault.open(backup)
        for request in (ListFiles(limit=0), ListFiles(cursor="nonsense")):
            assert await problem_of(vault.ask(opened, request)) == "/problems/bad-request"


async def test_neither_passphrase_nor_token_is_logged_stored_or_announced(
    vault: Vault, capfd: pytest.CaptureFixture[str]
) -> None:
    backup = vault.mint()
    async with vault.stack.service("unlock", {"KEEPSAKE_LOG__LEVEL": "debug"}):
        opened = await vault.open(backup, caller="192.0.2.7")
        await refusal(vault, backup, "a wrong secret")
        await vault.ask(opened, DescribeSession())
        async with vault.stack.pool("unlock") as pool:
            stored = [
                str(tuple(row))
                for table in ("session", "attempt", "outbox")
                for row in await pool.fetch(f"select t::text from {table} t")
            ]
        await vault.close(opened)
    out, err = capfd.readouterr()
    everything = "\n".join([*stored, out, err, repr(opened), repr(OpenSession(
        backup_id=backup, passphrase=PASSPHRASE))])  # fmt: skip
    secret = opened.session_token.partition(".")[2]
    for forbidden in (PASSPHRASE, "a wrong secret", secret, "192.0.2.7", "IMG_0001"):
        assert forbidden not in everything

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from deploy.demo.container import PhoneFile, mint_backup
from deploy.demo.minted_keys import mint_keys
from shared.contracts.problems import ProblemError
from shared.contracts.unlock import (
    READ_CHUNK_BYTES,
    CheckFiles,
    DescribeSession,
    File,
    FilePattern,
    FindFile,
    ListApps,
    ListDomains,
    ListFiles,
    OpenedSession,
    OpenFile,
    ReadFile,
    StatFile,
    session_subject,
)
from tests.bench.manifests import Row, many_rows
from tests.damaged_manifests import break_overflow
from tests.integration.unlock.conftest import BIG, PASSPHRASE, Vault, phone_files, problem_of


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"passphrase": None},
        {"padded_manifest": False, "uid_keys": True, "sizes": "wrong"},
        {"encrypted_flag": False, "sizes": "missing"},
        {"format": "mbdb"},
        {"passphrase": "Schlüssel 🔑"},
    ],
    ids=["encrypted", "plain", "oddities", "wrong flag", "mbdb", "accents"],
)
async def test_every_file_of_every_form_of_backup_reads_back_as_it_was(
    vault: Vault, options: dict[str, object]
) -> None:
    backup = vault.mint(**options)
    async with vault.stack.service("unlock"):
        opened = await vault.open(backup, vault.minted[backup].passphrase)
        assert opened.encrypted is (vault.minted[backup].passphrase is not None)
        assert opened.file_count == 5
        for item in phone_files():
            if item.kind != "file":
                continue
            found = await vault.ask(
                opened, FindFile(domain=item.domain, relative_path=item.relative_path)
            )
            assert await vault.read_whole(opened, found.file_id) == item.content
        await vault.close(opened)
        assert vault.plaintext() == []


async def test_ranges_types_and_etags_are_those_of_the_plaintext(vault: Vault) -> None:
    backup = vault.mint()
    async with vault.stack.service("unlock"):
        opened = await vault.open(backup)
        photo = await vault.ask(
            opened,
            FindFile(domain="CameraRollDomain", relative_path="Media/DCIM/100APPLE/IMG_0001.JPG"),
        )
        content = await vault.ask(opened, OpenFile(file_id=photo.file_id))
        assert (content.name, content.media_type) == ("IMG_0001.JPG", "image/jpeg")
        assert content.size_bytes == len(BIG) + 3
        assert content == await vault.ask(opened, OpenFile(file_id=photo.file_id))
        whole = b"\xff\xd8\xff" + BIG
        for offset, length in [(0, 1), (17, 33), (1_000_003, 70_000), (len(whole) - 5, 100)]:
            part = await vault.ask(
                opened, ReadFile(file_id=photo.file_id, offset=offset, length=length)
            )
            assert part == whole[offset : offset + length]
        beyond = ReadFile(file_id=photo.file_id, offset=len(whole))
        assert await vault.ask(opened, beyond) == b""
        window = await asyncio.gather(
            *(
                vault.ask(opened, ReadFile(file_id=photo.file_id, offset=n * READ_CHUNK_BYTES))
                for n in range(5)
            )
        )
        assert b"".join(window) == whole


async def test_domains_apps_and_pages_of_files_are_listed(vault: Vault) -> None:
    backup = vault.mint()
    async with vault.stack.service("unlock"):
        opened = await vault.open(backup)
        domains = (await vault.ask(opened, ListDomains())).items
        assert {one.domain: one.file_count for one in domains}["HomeDomain"] == 2
        (app,) = (await vault.ask(opened, ListApps())).items
        assert (app.bundle_id, app.file_count) == ("com.example.chat", 2)

        seen: list[str] = []
        request = ListFiles(sort="size", limit=3)
        while True:
            page = await vault.ask(opened, request)
            seen += [file.file_id for file in page.items]
            if page.next_cursor is None:
                break
            request = msgspec.structs.replace(request, cursor=page.next_cursor)
        assert len(seen) == len(set(seen)) == len(vault.minted[backup].files)

        texts = (await vault.ask(opened, ListFiles(path_like="%note_1.txt"))).items
        assert [file.relative_path for file in texts] == ["Documents/Ä note_1.txt"]
        file = await vault.ask(opened, StatFile(file_id=texts[0].file_id))
        assert (file, file.present, file.kind) == (texts[0], True, "file")
        (link,) = (await vault.ask(opened, ListFiles(kind="symlink"))).items
        assert (link.target, link.present) == ("/var/x", None)
        assert await problem_of(vault.ask(opened, OpenFile(file_id=link.file_id))) == (
            "/problems/not-in-this-backup"
        )


async def test_domains_are_counted_at_once_and_their_sizes_follow(vault: Vault) -> None:
    backup = vault.mint(passphrase=None, files=phone_files()[:1], add_directories=False)
    rows = list(many_rows(12_000, mint_keys("udid", "", dpic=1, iterations=1)))
    _insert(vault.minted[backup].path / "Manifest.db", rows)
    counts = Counter(row[1] for row in rows)
    counts["HomeDomain"] += 1
    async with vault.stack.service("unlock"):
        opened = await vault.open(backup, None)
        at_once = await vault.ask(opened, ListDomains())
        assert {one.domain: one.file_count for one in at_once.items} == counts
        assert at_once.sizes in {"known", "pending"}
        assert all(
            (one.size_bytes is None) == (at_once.sizes == "pending") for one in at_once.items
        )

        known = await vault.ask(opened, ListDomains(sizes="wait"))
        assert known.sizes == "known"
        files = [file async for file in _every_file(vault, opened, domain="MediaDomain")]
        (media,) = (one for one in known.items if one.domain == "MediaDomain")
        assert media.size_bytes == sum(file.size_bytes or 0 for file in files) > 0
        assert await vault.ask(opened, ListDomains()) == known
        apps = await vault.ask(opened, ListApps(sizes="wait"))
        assert (apps.sizes, len(apps.items)) == ("known", 60)


async def test_domains_are_counted_where_sizes_are_damaged(vault: Vault) -> None:
    backup = vault.mint(passphrase=None, files=phone_files()[:1], add_directories=False)
    manifest = vault.minted[backup].path / "Manifest.db"
    _insert(manifest, [("0" * 40, "AppDomain-D", "p", 1, b"overflow" * 9000)])
    break_overflow(manifest, b"overflow")
    async with vault.stack.service("unlock"):
        opened = await vault.open(backup, None)
        for sizes in ("now", "wait"):
            domains = await vault.ask(opened, ListDomains(sizes=sizes))
            assert [one.file_count for one in domains.items] == [1, 1]
            assert [one.size_bytes for one in domains.items] == [None, None]
            (app,) = (await vault.ask(opened, ListApps(sizes=sizes))).items
            assert (domains.sizes, app.size_bytes) == ("unreadable", None)
        assert await problem_of(vault.ask(opened, ListFiles(sort="size"))) == "/problems/damaged"


def _insert(manifest: Path, rows: list[Row]) -> None:
    with sqlite3.connect(manifest) as connection:
        connection.executemany("insert into Files values (?, ?, ?, ?, ?)", rows)
    connection.close()


async def _every_file(vault: Vault, opened: OpenedSession, *, domain: str) -> AsyncIterator[File]:
    request = ListFiles(domain=domain, limit=1000)
    while True:
        page = await vault.ask(opened, request)
        for file in page.items:
            yield file
        if page.next_cursor is None:
            return
        request = msgspec.structs.replace(request, cursor=page.next_cursor)


async def test_a_page_too_large_for_one_message_is_cut_and_continued(vault: Vault) -> None:
    limit_bytes = vault.gateway.max_payload_bytes
    length = min(16_000, limit_bytes // 500)
    count = limit_bytes // length * 3 // 2
    files = [PhoneFile("HomeDomain", "d" * (length - 5) + f"/{n:04}") for n in range(count)]
    backup = vault.mint(passphrase=None, files=files, add_directories=False)
    async with vault.stack.service("unlock"):
        opened = await vault.open(backup, None)
        request = ListFiles(limit=1000)
        page = await vault.ask(opened, request)
        assert 0 < len(page.items) < count
        rest = await vault.ask(opened, msgspec.structs.replace(request, cursor=page.next_cursor))
        names = [file.relative_path[-4:] for file in [*page.items, *rest.items]]
        assert names == [f"{n:04}" for n in range(count)]


async def test_a_token_opens_its_own_session_and_no_other(vault: Vault) -> None:
    one, two = vault.mint(), vault.mint()
    async with vault.stack.service("unlock"):
        first, second = await asyncio.gather(vault.open(one), vault.open(two))
        stolen = msgspec.structs.replace(first, session_token=second.session_token)
        assert await problem_of(vault.ask(stolen, DescribeSession())) == "/problems/wrong-session"
        misused = msgspec.structs.replace(first, backup_id=two)
        assert await problem_of(vault.ask(misused, DescribeSession())) == "/problems/wrong-session"
        assert (await vault.ask(first, DescribeSession())).backup_id == one
        # A service asks without headers; NATS has let it in.
        async with vault.stack.bus("indexer") as indexer:
            session = await indexer.request(
                DescribeSession(), subject=session_subject(first.session_id, "describe")
            )
        assert session.session_id == first.session_id


async def test_a_service_that_may_not_ask_gets_no_answer(vault: Vault) -> None:
    backup = vault.mint()
    async with vault.stack.service("unlock"):
        opened = await vault.open(backup)
        async with vault.stack.bus("discovery") as discovery:
            with pytest.raises(ProblemError) as raised:
                await discovery.request(
                    DescribeSession(),
                    subject=session_subject(opened.session_id, "describe"),
                    timeout_seconds=0.5,
                )
        assert raised.value.problem.type == "/problems/timeout"


async def test_locking_ends_the_session_and_leaves_no_plaintext(vault: Vault) -> None:
    backup = vault.mint()
    async with vault.stack.service("unlock"):
        opened, other = await vault.open(backup), await vault.open(backup)
        assert vault.plaintext() != []
        await vault.close(opened)
        assert await problem_of(vault.ask(opened, DescribeSession())) == "/problems/locked"
        # The other session on the same backup goes on with what both shared.
        assert (await vault.ask(other, ListDomains())).items
        await vault.close(other)
        assert vault.plaintext() == []
        assert await vault.sessions() == []
    async with vault.stack.pool("unlock") as pool:
        rows = await pool.fetch("select close_reason, token_digest from session")
        assert [tuple(row) for row in rows] == [("locked", None), ("locked", None)]
        subjects = await pool.fetch("select subject from outbox order by subject")
        assert [row["subject"] for row in subjects] == ["session.closed"] * 2 + [
            "session.opened"
        ] * 2


async def test_a_session_ends_when_its_time_is_over(vault: Vault) -> None:
    backup = vault.mint()
    async with vault.stack.service("unlock", {"KEEPSAKE_SESSION__TTL_SECONDS": "2"}):
        longest = await vault.open(backup, ttl_seconds=3600)
        assert longest.ttl_seconds == 2
        opened = await vault.open(backup, ttl_seconds=1)
        await vault.until_locked(opened)
        await vault.until_locked(longest)
        assert vault.plaintext() == []
    async with vault.stack.pool("unlock") as pool:
        assert await pool.fetchval("select count(*) from session where close_reason='expired'") == 2


async def test_stopping_the_service_closes_its_sessions(vault: Vault) -> None:
    backup = vault.mint()
    async with vault.stack.service("unlock"):
        opened = await vault.open(backup)
    assert await problem_of(vault.ask(opened, DescribeSession())) == "/problems/locked"
    assert vault.plaintext() == []
    async with vault.stack.pool("unlock") as pool:
        assert await pool.fetchval("select close_reason from session") == "stopped"


async def test_one_question_says_of_which_of_many_patterns_there_is_anything(vault: Vault) -> None:
    files = [
        PhoneFile("HomeDomain", "Library/Safari/Profiles/A1/History.db", b"1"),
        PhoneFile("AppDomainGroup-group.a", "x_y/one.db", b"2"),
        PhoneFile("AppDomain-b", "Library/Empty", kind="directory"),
    ]
    asked = {
        ("HomeDomain", "Library/Safari/Profiles/A1/History.db"): True,
        ("HomeDomain", "Library/Safari/Profiles/*/History.db"): True,
        ("HomeDomain", "library/safari/*"): False,
        ("HomeDomain", "Library/[S]afari/*"): False,
        ("HomeDomain", "Library/Safari"): True,
        ("CameraRollDomain", "*"): False,
        ("AppDomain*", "*.db"): True,
        ("AppDomain*b", "*"): False,
        ("AppDomainGroup-*", "xzy/*"): False,
        ("AppDomainGroup-*", "x_y/*"): True,
        ("", "Info.plist"): False,
    }
    backup = vault.mint(files=files)
    async with vault.stack.service("unlock"):
        opened = await vault.open(backup)
        request = CheckFiles(patterns=[FilePattern(*one) for one in asked])
        assert dict(zip(asked, (await vault.ask(opened, request)).held, strict=True)) == asked
        for refused in ([FilePattern("", "x" * 1001)], [FilePattern("", "a")] * 1001):
            found = await problem_of(vault.ask(opened, CheckFiles(patterns=refused)))
            assert found == "/problems/bad-request"


async def test_the_next_run_of_the_phone_ends_reading_and_opening_again_helps(
    vault: Vault,
) -> None:
    backup = vault.mint()
    minted = vault.minted[backup]
    async with vault.stack.service("unlock"):
        opened = await vault.open(backup)
        find = FindFile(domain="HomeDomain", relative_path="Library/SMS/sms.db")
        file = await vault.ask(opened, find)
        await vault.ask(opened, ReadFile(file_id=file.file_id))
        files = phone_files()
        files[0] = dataclasses.replace(files[0], content=b"SQLite format 3\0 new content")
        mint_backup(
            vault.root,
            files=files,
            udid=minted.udid,
            passphrase=PASSPHRASE,
            iterations=10,
            dpic=10,
            taken_at=dt.datetime(2024, 9, 1, tzinfo=dt.UTC),
        )
        for request in (ReadFile(file_id=file.file_id), OpenFile(file_id=file.file_id)):
            assert await problem_of(vault.ask(opened, request)) == "/problems/backup-changed"
        again = await vault.open(backup)
        assert await vault.ask(again, ReadFile(file_id=file.file_id)) == files[0].content
        assert await problem_of(vault.ask(opened, request)) == "/problems/backup-changed"


async def test_reading_stops_when_the_next_run_begins_and_not_only_when_it_ends(
    vault: Vault,
) -> None:
    backup = vault.mint()
    async with vault.stack.service("unlock"):
        opened = await vault.open(backup)
        note = await vault.ask(opened, FindFile(domain="HomeDomain", relative_path="Library/empty"))
        await vault.ask(opened, OpenFile(file_id=note.file_id))
        # A phone says "uploading" first; the old manifest stays until the end.
        status = vault.minted[backup].path / "Status.plist"
        fresh = status.with_name("fresh")
        fresh.write_bytes(status.read_bytes())
        fresh.replace(status)
        with pytest.raises(ProblemError) as raised:
            await vault.ask(opened, OpenFile(file_id=note.file_id))
        assert raised.value.problem.type == "/problems/backup-changed"


async def test_parts_of_two_runs_never_become_one_file(vault: Vault) -> None:
    """The gateway opens plain backups again by itself, in the middle of a download too."""
    backup = vault.mint(passphrase=None)
    async with vault.stack.service("unlock"):
        opened = await vault.open(backup, None)
        note = await vault.ask(
            opened, FindFile(domain="HomeDomain", relative_path="Library/SMS/sms.db")
        )
        first = await vault.ask(opened, OpenFile(file_id=note.file_id))
        part = ReadFile(file_id=note.file_id, length=16, etag=first.etag)
        assert await vault.ask(opened, part) == b"SQLite format 3\0"
        changed = [
            dataclasses.replace(one, content=one.content + b"more")
            if one.relative_path.endswith("sms.db")
            else one
            for one in phone_files()
        ]
        mint_backup(
            vault.root,
            files=changed,
            udid=vault.minted[backup].udid,
            taken_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        )
        again = await vault.open(backup, None)
        with pytest.raises(ProblemError) as raised:
            await vault.ask(again, part)
        assert raised.value.problem.type == "/problems/backup-changed"

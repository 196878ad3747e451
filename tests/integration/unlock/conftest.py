"""A vault of minted backups, and the answers of a discovery that knows where they lie."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deploy.demo.container import MintedBackup, PhoneFile, mint_backup
from shared.bus import Bus, RequestContext
from shared.contracts.discovery import LocateBackup, Location
from shared.contracts.identifiers import BackupId, FileId
from shared.contracts.problems import ProblemError, not_found
from shared.contracts.unlock import (
    BACKUP_HEADER,
    READ_CHUNK_BYTES,
    TOKEN_HEADER,
    CloseSession,
    DescribeSession,
    ListSessions,
    OpenedSession,
    OpenFile,
    OpenSession,
    ReadFile,
    Session,
    session_subject,
)
from tests.service_process import service_process
from tests.stack import Stack

PASSPHRASE = "correct horse battery staple"
BIG = bytes(range(256)) * 8192  # 2 MiB, no two neighbouring blocks alike


def phone_files() -> list[PhoneFile]:
    return [
        PhoneFile("HomeDomain", "Library/SMS/sms.db", b"SQLite format 3\0" + b"x" * 5000),
        PhoneFile("HomeDomain", "Library/empty", b""),
        PhoneFile("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG", b"\xff\xd8\xff" + BIG),
        PhoneFile("AppDomain-com.example.chat", "Documents/Ä note_1.txt", b"hello"),
        PhoneFile("AppDomainGroup-group.com.example.chat", "Library/x.bin", b"y" * 100),
        PhoneFile("HomeDomain", "Library/link", kind="symlink", target="/var/x"),
    ]


class Vault:
    """Minted backups by id, with a bus for each side."""

    def __init__(self, stack: Stack, gateway: Bus) -> None:
        self.stack = stack
        self.gateway = gateway
        self.root = stack.folder / "backups"
        self.root.mkdir(exist_ok=True)
        self.minted: dict[BackupId, MintedBackup] = {}

    def mint(self, **options: Any) -> BackupId:
        number = len(self.minted)
        backup_id = BackupId(str(uuid4()))
        options = {
            "passphrase": PASSPHRASE,
            "files": phone_files(),
            "udid": f"00008110-000A1B2C3D4E5F{number:02X}",
            "iterations": 10,
            "dpic": 10,
            **options,
        }
        self.minted[backup_id] = mint_backup(self.root, **options)
        return backup_id

    async def locate(self, request: LocateBackup, _: RequestContext) -> Location:
        minted = self.minted.get(request.backup_id)
        if minted is None:
            raise not_found("backup")
        return Location(
            backup_id=request.backup_id,
            path=str(minted.path),
            udid=minted.udid,
            state="complete",
            encrypted=minted.passphrase is not None,
            format="manifest_db",
            revision=None,
            taken_at=None,
        )

    async def open(
        self, backup_id: BackupId, passphrase: str | None = PASSPHRASE, **more: Any
    ) -> OpenedSession:
        return await self.gateway.request(
            OpenSession(backup_id=backup_id, passphrase=passphrase, **more), timeout_seconds=20
        )

    async def ask(
        self,
        opened: OpenedSession,
        request: Any,
        *,
        timeout_seconds: float = 10.0,
        **headers: str,
    ) -> Any:
        """Ask as a person: with the token and the backup."""
        sent = {TOKEN_HEADER: opened.session_token, BACKUP_HEADER: opened.backup_id, **headers}
        subject = session_subject(opened.session_id, request.subject)
        return await self.gateway.request(
            request, subject=subject, headers=sent, timeout_seconds=timeout_seconds
        )

    async def read_whole(self, opened: OpenedSession, file_id: FileId) -> bytes:
        """Read a file as a download does, chunk by chunk."""
        content = await self.ask(opened, OpenFile(file_id=file_id))
        chunks = [
            await self.ask(opened, ReadFile(file_id=file_id, offset=offset))
            for offset in range(0, content.size_bytes, READ_CHUNK_BYTES)
        ]
        return b"".join(chunks)

    async def close(self, opened: OpenedSession) -> None:
        await self.ask(opened, CloseSession())

    async def sessions(self) -> list[Session]:
        return (await self.gateway.request(ListSessions())).items

    async def until_locked(self, opened: OpenedSession) -> None:
        """Wait until nobody answers for the session."""

        async def is_locked() -> bool:
            # What is sent while the server has not noticed a death yet is answered by nobody.
            asked = self.ask(opened, DescribeSession(), timeout_seconds=1)
            return await problem_of(asked) == "/problems/locked"

        await until(is_locked)

    def plaintext(self) -> list[Path]:
        """Every file in the scratch directories but locks."""
        scratch = self.stack.settings().scratch_dir
        return [path for path in scratch.rglob("*") if path.is_file() and path.suffix != ".lock"]

    def replica_process(self) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
        """A replica that can be killed: ``python -m services.unlock``."""
        return service_process(self.stack, "unlock")


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until another process or connection has got that far."""
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 -- nothing tells us
            await asyncio.sleep(0.02)


async def problem_of(answer: Any) -> str | None:
    """The problem type that an answer raises; None when it does not."""
    try:
        await answer
    except ProblemError as error:
        return error.problem.type
    return None


@pytest.fixture
async def vault(stack: Stack) -> AsyncIterator[Vault]:
    async with stack.bus("gateway") as gateway, stack.bus("discovery") as discovery:
        vault = Vault(stack, gateway)
        await discovery.serve(LocateBackup, vault.locate)
        yield vault

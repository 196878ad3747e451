"""A small vault: minted phones, and discovery, unlock and the indexer at work on them."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from deploy.demo.contacts import ContactsDatabase
from deploy.demo.container import MintedBackup, PhoneFile, mint_backup
from deploy.demo.messages import MessagesDatabase
from shared.bus import Bus
from shared.contracts.discovery import RefreshBackups
from shared.contracts.indexer import RequestIndex, Search, SearchPage
from shared.contracts.jobs import GetJob, Job
from shared.contracts.unlock import OpenedSession, OpenSession
from tests.stack import Stack

ANNA = "+4915112345678"
START = dt.datetime(2024, 3, 1, 12, 0, tzinfo=dt.UTC)
PASSPHRASE = "correct horse battery staple"


def phone_files(texts: Sequence[str], *, name: str | None = "Anna") -> list[PhoneFile]:
    """A phone with one conversation and, if she has a name, one contact."""
    messages = MessagesDatabase()
    handle = messages.handle(ANNA)
    chat = messages.chat([handle], identifier=ANNA)
    for n, text in enumerate(texts):
        messages.message(
            text,
            at=START + dt.timedelta(minutes=n),
            chat=chat,
            handle=handle,
            guid=str(uuid5(NAMESPACE_OID, text)).upper(),
        )
    files = [PhoneFile("HomeDomain", "Library/SMS/sms.db", messages.to_bytes())]
    if name is not None:
        contacts = ContactsDatabase()
        contacts.person(store=contacts.store("iCloud"), First=name, values=[(3, None, ANNA)])
        files.append(
            PhoneFile("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb", contacts.to_bytes())
        )
    return files


class Vault:
    """What a gateway would do with it."""

    def __init__(self, stack: Stack, bus: Bus) -> None:
        self.stack = stack
        self.bus = bus
        self.root = stack.folder / "backups"

    async def mint(self, texts: Sequence[str], *, name: str | None = "Anna", **options: Any) -> str:
        """Write a backup of one conversation and return its id."""
        return await self.mint_files(phone_files(texts, name=name), **options)

    async def mint_files(self, files: Sequence[PhoneFile], **options: Any) -> str:
        """Write a backup of *files* and return its id."""
        minted = await asyncio.to_thread(
            mint_backup, self.root, files=files, iterations=10, dpic=10, **options
        )
        return await self.find(minted)

    async def find(self, minted: MintedBackup) -> str:
        """Have the backups looked for, and return the id of *minted*."""
        report = await self.bus.request(RefreshBackups(), timeout_seconds=20)
        return next(one.id for one in report.items if one.path == str(minted.path))

    async def unlock(self, backup_id: str) -> OpenedSession:
        return await self.bus.request(
            OpenSession(backup_id=backup_id, passphrase=PASSPHRASE), timeout_seconds=20
        )

    async def start(self, backup_id: str, **fields: Any) -> str:
        accepted = await self.bus.request(RequestIndex(backup_id=backup_id, **fields))
        return str(accepted.job_id)

    async def job(self, job_id: str) -> Job:
        return await self.bus.request(GetJob(job_id=job_id))

    async def finish(self, job_id: str) -> Job:
        """Wait for the end of a job."""
        await until(lambda: self._is_over(job_id))
        return await self.job(job_id)

    async def index(self, backup_id: str, **fields: Any) -> Job:
        return await self.finish(await self.start(backup_id, **fields))

    async def found(self, q: str, **fields: Any) -> SearchPage:
        return await self.bus.request(Search(q=q, **fields))

    async def _is_over(self, job_id: str) -> bool:
        return (await self.job(job_id)).state not in ("pending", "running")

    def plaintext(self) -> list[Path]:
        scratch = self.stack.settings().scratch_dir / "indexer"
        # os.walk, because folders may go while they are looked at.
        return [
            Path(folder) / name
            for folder, _, names in os.walk(scratch)
            for name in names
            if not name.endswith(".lock")
        ]


@asynccontextmanager
async def open_vault(stack: Stack) -> AsyncIterator[Vault]:
    """Run the three services in this event loop."""
    async with AsyncExitStack() as services:
        for service in ("discovery", "unlock", "indexer"):
            await services.enter_async_context(stack.service(service))
        yield Vault(stack, await services.enter_async_context(stack.bus("gateway")))


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110 -- it is another service that changes
            await asyncio.sleep(0.05)


def parser_processes(parent: int | None = None) -> list[int]:
    """Worker processes of *parent*, or of ours."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            number = int(entry.name)
            status = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes()
            if (
                int(status[1]) == (parent or os.getpid())
                and b"caged_worker" in command
                and status[0] != "Z"
            ):
                found.append(number)
    return found


async def stop_next_parser(parent: int | None = None) -> int:
    """Catch the next worker as it starts and hold it still."""
    caught: list[int] = []

    async def catch() -> bool:
        caught.extend(parser_processes(parent)[:1])
        return bool(caught)

    async with asyncio.timeout(20):
        while not await catch():  # noqa: ASYNC110 -- processes do not tell
            await asyncio.sleep(0.002)
    os.kill(caught[0], signal.SIGSTOP)
    return caught[0]

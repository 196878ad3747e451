"""Accounts and folders: every folder is a thread, with the account that it belongs to."""

from __future__ import annotations

import msgspec

from services.indexer.kinds.handles import Handles
from services.indexer.kinds.note.payload import Participant
from services.indexer.kinds.note.sharing import read_share
from services.indexer.kinds.note.store import NoteStore
from services.indexer.kinds.records import Record, key_of
from services.indexer.kinds.values import int_of, text_of
from services.indexer.staging import StagedThread

#: Folders in folders; Notes allows six.
_DEEPEST = 20
_LONGEST_NAME = 500
#: What CloudKit calls the owner of the phone.
MYSELF = "__defaultOwner__"
_TRASH, _SMART = 1, 3
_TYPES = {1: "icloud", 2: "exchange", 3: "local", 4: "google"}


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account; *key* is the name of its folder of files."""

    key: str
    name: str | None
    type: str | None
    #: What the owner of the phone is called in shared notes.
    record: str | None = None


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """A folder with the names of those around it."""

    thread_key: str
    title: str | None
    above: tuple[str, ...]
    account: Account | None
    is_trash: bool
    is_shared: bool


class Folders:
    """All folders of a store by number, and their threads."""

    def __init__(self, store: NoteStore, handles: Handles) -> None:
        """Read accounts and folders."""
        self.accounts = {
            number: _account(number, row) for number, row in store.accounts.all().items()
        }
        rows = store.folders.all()
        shared = store.shared(store.folders, rows)
        self._folders: dict[int, Folder] = {}
        self.threads: list[StagedThread] = []
        for number, row in rows.items():
            folder = self._folder(number, row, rows, is_shared=number in shared)
            self._folders[number] = folder
            # A smart folder is a search: nothing lies in it.
            if int_of(row["type"]) == _SMART:
                continue
            people: tuple[Participant, ...] = ()
            if number in shared:
                people = read_share(store.share(store.folders, number), handles).participants
            self.threads.append(_thread(folder, row, people))

    def find(self, number: object) -> Folder | None:
        """Return the folder with this number."""
        return self._folders.get(number) if isinstance(number, int) else None

    def account(self, number: object) -> Account | None:
        """Return the account with this number."""
        return self.accounts.get(number) if isinstance(number, int) else None

    def _folder(
        self, number: int, row: Record, rows: dict[int, Record], *, is_shared: bool
    ) -> Folder:
        account = self.account(row["owner"]) or self.account(row["account"])
        key = text_of(row["key"]) or key_of("folder", number)
        above: list[str] = []
        at = rows.get(row["parent"]) if isinstance(row["parent"], int) else None
        while at is not None and len(above) < _DEEPEST:
            above.append(_name(at["title"]) or "")
            at = rows.get(at["parent"]) if isinstance(at["parent"], int) else None
        return Folder(
            thread_key=f"{account.key}/{key}" if account is not None else key,
            title=_name(row["title"]),
            above=tuple(reversed(above)),
            account=account,
            is_trash=int_of(row["type"]) == _TRASH or key.startswith("TrashFolder-"),
            is_shared=is_shared or text_of(row["zone"]) not in {None, MYSELF},
        )


def _thread(folder: Folder, row: Record, people: tuple[Participant, ...]) -> StagedThread:
    account = folder.account
    names = (person.handle or person.name for person in people)
    return StagedThread(
        key=folder.thread_key,
        title=folder.title,
        is_group=folder.is_shared,
        participants=list(dict.fromkeys(name for name in names if name)),
        services=[] if account is None or account.name is None else [account.name],
        raw_keys=[text_of(row["key"]) or folder.thread_key],
    )


def _account(number: int, row: Record) -> Account:
    code = int_of(row["type"])
    return Account(
        key=text_of(row["key"]) or key_of("account", number),
        name=_name(row["name"]),
        type=None if code is None else _TYPES.get(code, str(code)),
        record=text_of(row["record"]),
    )


def _name(value: object) -> str | None:
    name = text_of(value)
    return None if name is None else name[:_LONGEST_NAME]

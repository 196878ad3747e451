"""A phone with every kind of thing to which anything may happen, also what no phone does.

The files are those of the demo phone; any table of any store may lose rows, get rows twice and get
other values, and any file may go, come back, be swapped for that of a later day or be damaged.
"""

from __future__ import annotations

import hashlib
import plistlib
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from functools import cache
from pathlib import Path

import msgspec

from deploy.demo.container import PhoneFile, app_entry, file_id
from deploy.demo.everything import all_files
from deploy.demo.installed_apps import demo_apps
from services.indexer.kinds.protocol import FOLDER, KindParser, ListedApp
from services.indexer.runs.kind_files import Fetched
from services.indexer.runs.kind_inputs import APPS, LISTING
from services.indexer.runs.session_files import ListedLine

Name = tuple[str, str]

_SQLITE = b"SQLite format 3\0"


@cache
def _of_a_phone(*, later: bool) -> dict[Name, PhoneFile]:
    apps = {app.bundle_id: app_entry(app) for app in demo_apps(later=later)}
    info = PhoneFile(FOLDER, "Info.plist", plistlib.dumps({"Applications": apps}))
    files = [info, *all_files(later=later)]
    return {(one.domain, one.relative_path): one for one in files if one.kind == "file"}


class EverythingChanging:
    """The files of the phone as they are now."""

    def __init__(self, folder: Path, seed: int) -> None:
        """Use *folder* for stores while something happens to them."""
        self._chance = random.Random(seed)
        self._store = folder / "store.db"
        self._states = _of_a_phone(later=False), _of_a_phone(later=True)
        self._first = self._states[0]
        self.files = {name: one.content for name, one in self._first.items()}

    def change(self, parser: KindParser, times: int) -> list[str]:
        """Let *times* things happen to what a kind reads; return what it was."""
        happened = []
        for _ in range(times):
            name = self._chance.choice(self._names(parser))
            what = self._chance.choice(CHANGES)
            what(self, name)
            happened.append(f"{what.__name__} {name[1]}")
        return happened

    def fetched(self, parser: KindParser, folder: Path) -> Fetched | None:
        """Write copies of what a kind reads into *folder*; None when there is no store of it."""
        fetched = Fetched(files={}, contents={})
        for number, (domain, path) in enumerate(sorted(self.files)):
            if not any(needed.matches(domain, path) for needed in parser.files):
                continue
            content = self.files[domain, path]
            copy = folder / str(number)
            copy.write_bytes(content)
            fetched.files[f"{domain}/{path}"] = str(copy)
            fetched.contents[f"{domain}/{path}", ""] = hashlib.sha256(content).digest()
        required = [needed for needed in parser.files if needed.required]
        if not any(needed.is_among(fetched.files) for needed in required):
            return None
        if parser.listings:
            fetched.listing = self._write(folder / LISTING, self._listing(parser), fetched)
        if parser.needs_apps:
            fetched.apps = self._write(folder / APPS, self._apps(), fetched)
        return fetched

    def _write(self, path: Path, content: bytes, fetched: Fetched) -> str:
        path.write_bytes(content)
        fetched.contents[path.name, ""] = hashlib.sha256(content).digest()
        return str(path)

    def _listing(self, parser: KindParser) -> bytes:
        lines = [
            ListedLine(
                domain=domain, relative_path=path, file_id=file_id(domain, path),
                size_bytes=len(self.files[domain, path]), present=True,
            )
            for domain, path in sorted(self.files)
            for of, prefix in parser.listings
            if of == domain and path.startswith(prefix)
        ]  # fmt: skip
        return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)

    def _apps(self) -> bytes:
        domains = sorted({domain for domain, _ in self.files if domain.startswith("AppDomain-")})
        return b"".join(
            msgspec.json.encode(
                ListedApp(
                    bundle_id=domain.partition("-")[2], name=None, version=None,
                    domains=[domain], file_count=1,
                )
            ) + b"\n"
            for domain in domains
        )  # fmt: skip

    def _names(self, parser: KindParser) -> list[Name]:
        return [
            name
            for name in sorted(self._first)
            if any(needed.matches(*name) for needed in parser.files)
        ]

    def come_to_be_later(self, name: Name) -> None:
        other = self._chance.choice(self._states)
        if name in other:
            self.files[name] = other[name].content

    def go(self, name: Name) -> None:
        if self._chance.random() < 0.2:
            self.files.pop(name, None)

    def lose_a_byte(self, name: Name) -> None:
        content = bytearray(self.files.get(name, b""))
        if content and self._chance.random() < 0.5:
            content[self._chance.randrange(len(content))] ^= 1 << self._chance.randrange(8)
            self.files[name] = bytes(content)

    def lose_rows(self, name: Name) -> None:
        self._edit(name, "delete from {table} where rowid % {many} = {some}")

    def get_rows_twice(self, name: Name) -> None:
        self._edit(
            name,
            "insert or ignore into {table} ({columns}) select {columns} from {table}"
            " where rowid % {many} = {some}",
        )

    def get_another_value(self, name: Name) -> None:
        self._edit(
            name,
            "update or ignore {table} set {column} = (select {column} from {table}"
            " order by rowid % {many}, rowid limit 1) where rowid % {many} = {some}",
        )

    def lose_a_value(self, name: Name) -> None:
        self._edit(
            name, "update or ignore {table} set {column} = null where rowid % {many} = {some}"
        )

    def _edit(self, name: Name, statement: str) -> None:
        content = self.files.get(name, b"")
        if not content.startswith(_SQLITE):
            self.come_to_be_later(name)
            return
        self._store.write_bytes(content)
        with closing(sqlite3.connect(self._store)) as database, suppress(sqlite3.Error):
            tables = database.execute(
                "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
                " order by name"
            ).fetchall()
            table = self._chance.choice(tables)[0]
            columns = [
                row[1] for row in database.execute(f"pragma table_info('{table}')") if not row[5]
            ]
            if not columns:
                return
            many = self._chance.choice([1, 2, 3, 7])
            database.execute(
                statement.format(
                    table=f'"{table}"',
                    column=f'"{self._chance.choice(columns)}"',
                    columns=", ".join(f'"{column}"' for column in columns),
                    many=many,
                    some=self._chance.randrange(many),
                )
            )
            database.commit()
        self.files[name] = self._store.read_bytes()


CHANGES: tuple[Callable[[EverythingChanging, Name], None], ...] = (
    EverythingChanging.come_to_be_later,
    EverythingChanging.go,
    EverythingChanging.lose_a_byte,
    EverythingChanging.lose_rows,
    EverythingChanging.get_rows_twice,
    EverythingChanging.get_another_value,
    EverythingChanging.get_another_value,
    EverythingChanging.lose_a_value,
)

"""What happens to a phone between two backups: random changes to its sms.db and its files."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from deploy.demo.messages import write_bulk_messages
from deploy.demo.phone import phone_files
from services.indexer.kinds.backup_files import file_id_of

SMS = "HomeDomain/Library/SMS/sms.db"


class ChangingPhone:
    """One phone's messages; the same seed gives the same life."""

    def __init__(self, folder: Path, seed: int, *, messages: int = 260) -> None:
        """Begin with the demo's phone for even seeds, else with many plain messages."""
        self.path = folder / "sms.db"
        self._chance = random.Random(seed)
        self._fresh = 0
        self._blobs: list[str] = []
        if seed % 2:
            write_bulk_messages(self.path, messages, seed=seed, chats=7)
        else:
            files = phone_files(messages=messages)
            self.path.write_bytes(
                next(f.content for f in files if f.relative_path.endswith("sms.db"))
            )
        self._db = sqlite3.connect(self.path, isolation_level=None)
        for (name,) in self._db.execute("select filename from attachment"):
            if isinstance(name, str) and name.startswith("~/"):
                self._blobs.append(name[2:])

    def close(self) -> None:
        self._db.close()

    def listing(self, target: Path) -> None:
        """Write the manifest's file list as the indexer gets it."""
        lines = []
        for path in self._blobs:
            file_id = file_id_of("MediaDomain", path)
            lines.append(
                {"domain": "MediaDomain", "relative_path": path, "file_id": file_id,
                 "size_bytes": len(path), "present": int(file_id[-1], 16) > 2}
            )  # fmt: skip
        target.write_bytes(b"\n".join(msgspec.json.encode(line) for line in lines))

    def change(self, times: int) -> list[str]:
        """Let a few things happen; returns what."""
        happened = []
        for _ in range(times):
            one = self._chance.choice(CHANGES)
            one(self)
            happened.append(one.__name__)
        return happened

    def _one(self, statement: str, *parameters: Any) -> Any:
        rows = self._db.execute(statement, parameters).fetchall()
        return self._chance.choice(rows)[0] if rows else None

    def message(self) -> int | None:
        number: int | None = self._one("select rowid from message")
        return number

    def chat(self) -> int | None:
        number: int | None = self._one("select rowid from chat")
        return number

    def _copy(self, message: int, **values: Any) -> int:
        """Add a row like another one, with a guid of its own."""
        self._fresh += 1
        values = {"guid": f"later {self._fresh}", **values}
        columns = [
            row[1] for row in self._db.execute("pragma table_info(message)")
            if row[1].lower() != "rowid"
        ]  # fmt: skip
        listed = ", ".join("?" if name in values else name for name in columns)
        cursor = self._db.execute(
            f"insert into message ({', '.join(columns)}) select {listed} from message"
            " where rowid = ?",
            [*(values[name] for name in columns if name in values), message],
        )
        new = cursor.lastrowid
        assert new is not None
        self._db.execute(
            "insert or ignore into chat_message_join select chat_id, ?, message_date"
            " from chat_message_join where message_id = ?",
            (new, message),
        )
        return new

    def edit_text(self) -> None:
        self._db.execute(
            "update message set text = ?, attributedBody = null where rowid = ?",
            (f"wording {self._chance.random()} www.example.org", self.message()),
        )

    def read_some(self) -> None:
        self._db.execute(
            "update message set is_read = 1, date_read = date + 5000000000 where rowid = ?",
            (self.message(),),
        )

    def delete_message(self) -> None:
        number = self.message()
        self._db.execute("delete from message where rowid = ?", (number,))
        self._db.execute("delete from chat_message_join where message_id = ?", (number,))

    def add_messages(self) -> None:
        for _ in range(self._chance.randrange(1, 30)):
            number = self.message()
            if number is not None:
                self._copy(number)

    def renumber(self) -> None:
        number = self.message()
        if number is not None:
            new = self._one("select max(rowid) + ? from message", self._chance.randrange(1, 40))
            self._db.execute("update message set rowid = ? where rowid = ?", (new, number))
            self._db.execute(
                "update chat_message_join set message_id = ? where message_id = ?", (new, number)
            )

    def move_in_time(self) -> None:
        self._db.execute(
            "update message set date = date + ? where rowid = ?",
            (self._chance.choice([-(10**15), 10**9, 10**16]), self.message()),
        )

    def lose_date(self) -> None:
        self._db.execute("update message set date = 0 where rowid = ?", (self.message(),))

    def react(self) -> None:
        number, target = self.message(), self._one("select guid from message")
        if number is not None:
            self._copy(
                number,
                associated_message_guid=f"p:0/{target}",
                associated_message_type=self._chance.choice([2000, 2003, 2006, 3000, 1000]),
            )

    def lose_reaction(self) -> None:
        number = self._one("select rowid from message where associated_message_type >= 2000")
        self._db.execute("delete from message where rowid = ?", (number,))

    def lose_what_was_reacted_to(self) -> None:
        about = self._one("select associated_message_guid from message"
                          " where associated_message_type >= 2000")  # fmt: skip
        if about is not None:
            self._db.execute("delete from message where guid = ?", (str(about).rpartition("/")[2],))

    def rename_chat(self) -> None:
        self._db.execute(
            "update chat set display_name = ? where rowid = ?",
            (f"name {self._chance.randrange(9)}", self.chat()),
        )

    def block_chat(self) -> None:
        self._db.execute(
            "update chat set is_blackholed = ?, is_filtered = ? where rowid = ?",
            (self._chance.randrange(2), self._chance.randrange(3), self.chat()),
        )

    def new_chat(self) -> None:
        self._fresh += 1
        address = f"+4915{self._fresh:09d}"
        handle = self._db.execute(
            "insert into handle (id, service) values (?, 'SMS')", (address,)
        ).lastrowid
        chat = self._db.execute(
            "insert into chat (guid, style, chat_identifier, service_name)"
            " values (?, 45, ?, 'SMS')",
            (f"SMS;-;{address}", address),
        ).lastrowid
        self._db.execute("insert into chat_handle_join values (?, ?)", (chat, handle))
        for number in (self.message(), self.message()):
            if number is not None:
                new = self._copy(number, handle_id=handle)
                self._db.execute("delete from chat_message_join where message_id = ?", (new,))
                self._db.execute("insert into chat_message_join values (?, ?, 0)", (chat, new))

    def merge_handles(self) -> None:
        one, other = self._one("select rowid from handle"), self._one("select id from handle")
        self._db.execute("update handle set id = ? where rowid = ?", (other, one))

    def same_person(self) -> None:
        self._db.execute(
            "update handle set person_centric_id = 'p' where rowid = ?",
            (self._one("select rowid from handle"),),
        )

    def lose_handle(self) -> None:
        self._db.execute(
            "delete from handle where rowid = ?", (self._one("select rowid from handle"),)
        )

    def lose_chat(self) -> None:
        if self._chance.random() < 0.3:
            self._db.execute("delete from chat where rowid = ?", (self.chat(),))

    def join_chat(self) -> None:
        self._db.execute(
            "insert or ignore into chat_handle_join values (?, ?)",
            (self.chat(), self._one("select rowid from handle")),
        )

    def be_in_two_chats(self) -> None:
        self._db.execute(
            "insert or ignore into chat_message_join values (?, ?, 0)",
            (self.chat(), self.message()),
        )

    def delete_recently(self) -> None:
        number, chat = self.message(), self.chat()
        self._db.execute("delete from chat_message_join where message_id = ?", (number,))
        self._db.execute(
            "insert or ignore into chat_recoverable_message_join (chat_id, message_id, delete_date)"
            " values (?, ?, ?)",
            (chat, number, self._chance.randrange(7 * 10**17)),
        )

    def attach(self) -> None:
        self._fresh += 1
        path = f"Library/SMS/Attachments/{self._fresh}/IMG.{self._chance.choice(['jpg', 'mov'])}"
        number = self._db.execute(
            "insert into attachment (guid, filename, transfer_name, is_sticker, hide_attachment)"
            " values (?, ?, ?, 0, 0)",
            (f"at_{self._fresh}", f"~/{path}", path.rpartition("/")[2]),
        ).lastrowid
        self._db.execute(
            "insert or ignore into message_attachment_join values (?, ?)", (self.message(), number)
        )
        self._blobs.append(path)

    def lose_blob(self) -> None:
        if self._blobs:
            self._blobs.remove(self._chance.choice(self._blobs))

    def moving_half(self) -> None:
        for path in self._blobs:
            if path.endswith(".jpg"):
                self._blobs.append(f"{path[:-4]}.MOV")
                break

    def join_attachment(self) -> None:
        self._db.execute(
            "insert or ignore into message_attachment_join values (?, ?)",
            (self.message(), self._one("select rowid from attachment")),
        )

    def become_event(self) -> None:
        self._db.execute(
            "update message set item_type = ?, group_title = 'Trip', other_handle = ?"
            " where rowid = ?",
            (
                self._chance.randrange(4), self._one("select rowid from handle"), self.message(),
            ),
        )  # fmt: skip

    def break_body(self) -> None:
        self._db.execute(
            "update message set text = null, attributedBody = x'040b73747265616d' where rowid = ?",
            (self.message(),),
        )

    def break_summary(self) -> None:
        self._db.execute(
            "update message set message_summary_info = zeroblob(200) where rowid = ?",
            (self.message(),),
        )

    def lose_identity(self) -> None:
        if self._chance.random() < 0.3:
            self._db.execute("update or ignore message set guid = '' where rowid = ?",
                             (self.message(),))  # fmt: skip

    def find_identity(self) -> None:
        self._fresh += 1
        self._db.execute("update message set guid = ? where guid = ''", (f"found-{self._fresh}",))

    def tidy_up(self) -> None:
        self._db.execute("vacuum")


CHANGES: tuple[Callable[[ChangingPhone], None], ...] = tuple(
    change
    for name, change in vars(ChangingPhone).items()
    if callable(change)
    and not name.startswith("_")
    and name not in {"close", "listing", "change", "message", "chat"}
)

"""Generated phones to measure on: many messages, and a later run of the same phone."""

from __future__ import annotations

import datetime as dt
import sqlite3
from pathlib import Path

from deploy.demo.container import PhoneFile, mint_backup
from deploy.demo.messages import write_bulk_messages

PASSPHRASE = "bench"
#: One row in as many is changed, added and removed by ``change``: 0.1 % in all.
_ONE_IN = 3000


class Phone:
    """One phone and its backup folder."""

    def __init__(self, folder: Path, root: Path, messages: int) -> None:
        self._database = folder / "sms.db"
        self._root = root
        self._runs = 0
        write_bulk_messages(self._database, messages, chats=max(120, messages * 3 // 1000))

    def back_up(self) -> None:
        """Write the phone's next run into its folder."""
        self._runs += 1
        mint_backup(
            self._root,
            files=[PhoneFile("HomeDomain", "Library/SMS/sms.db", self._database.read_bytes())],
            passphrase=PASSPHRASE,
            dpic=10_000_000,
            iterations=10_000,
            taken_at=dt.datetime(2026, 1, self._runs, tzinfo=dt.UTC),
        )

    def change(self) -> None:
        """Edit, add and delete some messages everywhere in time."""
        connection = sqlite3.connect(self._database)
        columns = [
            row[1]
            for row in connection.execute("pragma table_info(message)")
            if row[1] not in {"ROWID", "guid"}
        ]
        listed = ", ".join(columns)
        with connection:
            connection.executescript(f"""
                update message set text = 'another wording', attributedBody = null
                where rowid % {_ONE_IN} = 7;
                delete from chat_message_join where message_id % {_ONE_IN} = 1207;
                delete from message where rowid % {_ONE_IN} = 1207;
                create temporary table fresh as
                    select rowid as old, (select max(rowid) from message) + rowid as new
                    from message where rowid % {_ONE_IN} = 9;
                insert into message (rowid, guid, {listed})
                    select fresh.new, 'later ' || guid, {listed}
                    from message join fresh on fresh.old = message.rowid;
                insert into chat_message_join
                    select chat_id, fresh.new, message_date
                    from chat_message_join join fresh on fresh.old = message_id;
            """)
        connection.close()

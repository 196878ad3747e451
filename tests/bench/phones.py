"""Generated phones to measure on: many messages, and a later run of the same phone."""

from __future__ import annotations

import datetime as dt
import sqlite3
from pathlib import Path

from deploy.demo.container import PhoneFile, file_id, mint_backup
from deploy.demo.messages import write_bulk_messages

PASSPHRASE = "bench"
#: One row in as many is changed, added and removed by ``change``: 0.1 % in all.
_ONE_IN = 3000


class Phone:
    """One phone and its backup folder below *root*; *number* tells several apart."""

    def __init__(self, folder: Path, root: Path, messages: int, *, number: int = 0) -> None:
        self._database = folder / f"sms{number}.db"
        self._root = root
        self._udid = f"00008110-{number:016X}"
        self._runs = 0
        write_bulk_messages(self._database, messages, chats=max(120, messages * 3 // 1000))

    def back_up(self) -> None:
        """Write the phone's next run into its folder."""
        self._runs += 1
        mint_backup(
            self._root,
            files=[PhoneFile("HomeDomain", "Library/SMS/sms.db", self._database.read_bytes())],
            udid=self._udid,
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


def mint_huge(root: Path, size_bytes: int) -> str:
    """Write an encrypted backup with one file of zeros-as-ciphertext; return the file's id.

    *size_bytes* is a multiple of 16. The blob is sparse, so that no disk must take it: only its
    last block is written, which the block of zeros before it turns into valid padding.
    """
    name = PhoneFile("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.MOV", b"")
    minted = mint_backup(root, files=[name], passphrase=PASSPHRASE)
    blob = minted.blob_path(name.domain, name.relative_path)
    padding = blob.read_bytes()
    assert len(padding) == 16
    with blob.open("r+b") as file:
        file.truncate(size_bytes)
        file.seek(size_bytes)
        file.write(padding)
    return file_id(name.domain, name.relative_path)

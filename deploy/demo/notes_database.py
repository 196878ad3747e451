"""Builds NoteStore.sqlite in the forms of iOS 11 to 26, and the notes.sqlite of older phones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deploy.demo.messages_schema import columns_of
from deploy.demo.minted_database import MintedStore
from deploy.demo.notes_body import LockedData, Piece, note_data, piece
from deploy.demo.notes_schema import PLACES, Form, create_old_store, create_store, entities_of

_COCOA = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
_TABLE = "ZICCLOUDSYNCINGOBJECT"
INLINE = "com.apple.notes.inlinetextattachment"
TRASH, SMART = 1, 3


def cocoa(at: dt.datetime) -> float:
    """Return a moment as Core Data keeps it."""
    return (at - _COCOA) / dt.timedelta(seconds=1)


@dataclass
class NotesDatabase(MintedStore):
    """NoteStore.sqlite in the making."""

    form: Form = "26"
    seed: int = 1

    def __post_init__(self) -> None:
        """Open an empty store in memory."""
        self.begin(seed=self.seed)
        create_store(self.connection, self.form)
        self._columns = columns_of(self.connection, _TABLE)
        self._entities = entities_of(self.form)
        self._places = PLACES[self.form]

    def insert(self, entity: str, values: dict[str, Any]) -> int:
        """Add a row of an entity; what the form lacks is left out. Returns its number."""
        given = {"ZIDENTIFIER": self.uuid(), "ZMARKEDFORDELETION": 0} | values
        kept = {name: value for name, value in given.items() if name in self._columns}
        names = ", ".join(("Z_ENT", "Z_OPT", *kept))
        marks = ", ".join("?" for _ in kept)
        cursor = self.connection.execute(
            f"insert into {_TABLE} ({names}) values (?, 1{', ' if kept else ''}{marks})",  # noqa: S608 -- own names
            (self._entities.get(entity, 0), *kept.values()),
        )
        return int(cursor.lastrowid or 0)

    def account(self, name: str, key: str | None = None, *, type_: int = 1) -> int:
        """Add an account; *key* is the name of its folder of files."""
        values = {"ZNAME": name, "ZACCOUNTTYPE": type_}
        return self.insert("ICAccount", values | ({} if key is None else {"ZIDENTIFIER": key}))

    def folder(
        self, title: str, account: int, *, parent: int | None = None, type_: int = 0, **more: Any
    ) -> int:
        """Add a folder."""
        place = self._places["folder.account"]
        values = {
            "ZTITLE2": title, place: account, "ZOWNER": account, "ZPARENT": parent,
            "ZFOLDERTYPE": type_,
        }  # fmt: skip
        return self.insert("ICFolder", values | more)

    def note(
        self,
        folder: int,
        content: str | Sequence[Piece] | bytes | LockedData | None,
        *,
        account: int,
        at: dt.datetime,
        edited: dt.datetime | None = None,
        title: str | None = None,
        **more: Any,
    ) -> int:
        """Add a note: text, pieces, or the bytes of its content as they are."""
        pieces = [piece(content)] if isinstance(content, str) else content
        if title is None and isinstance(pieces, list):
            title = "".join(part.text for part in pieces).partition("\n")[0].strip("\ufffc ")
        values: dict[str, Any] = {
            "ZTITLE1": title, self._places["note.created"]: cocoa(at),
            "ZMODIFICATIONDATE1": cocoa(edited or at), self._places["note.account"]: account,
            "ZFOLDER": folder, "ZISPINNED": 0, "ZISPASSWORDPROTECTED": 0,
            "ZCRYPTOITERATIONCOUNT": 0, "ZFOLDERMODIFICATIONDATE": cocoa(at),
            "ZLASTOPENEDDATE": cocoa(edited or at),
        }  # fmt: skip
        data, vector, tag = None, None, None
        if isinstance(pieces, LockedData):
            data, vector, tag = pieces.data, pieces.vector, pieces.tag
            values |= {
                "ZISPASSWORDPROTECTED": 1, "ZCRYPTOSALT": pieces.salt, "ZCRYPTOTAG": tag,
                "ZCRYPTOITERATIONCOUNT": pieces.rounds, "ZCRYPTOINITIALIZATIONVECTOR": vector,
                "ZCRYPTOWRAPPEDKEY": pieces.wrapped_key,
            }  # fmt: skip
        elif isinstance(pieces, bytes):
            data = pieces
        elif pieces is not None:
            data = note_data(pieces)
        number = self.insert("ICNote", values | more)
        content_row = self.connection.execute(
            "insert into ZICNOTEDATA (Z_ENT, Z_OPT, ZNOTE, ZCRYPTOINITIALIZATIONVECTOR, "
            "ZCRYPTOTAG, ZDATA) values (?, 1, ?, ?, ?, ?)",
            (self._entities["ICNoteData"], number, vector, tag, data),
        ).lastrowid
        self.change(number, ZNOTEDATA=content_row)
        if self.form == "11":
            joined, of = self._entities["ICFolder"], self._entities["ICNote"]
            self.connection.execute(
                f"insert into Z_{joined}NOTES (Z_{joined}FOLDERS, Z_{of}NOTES) values (?, ?)",  # noqa: S608 -- own names
                (folder, number),
            )
        return number

    def attachment(
        self, note: int, uti: str, key: str, *, mergeable: bytes | None = None, **more: Any
    ) -> int:
        """Add what stands in a note."""
        values = {
            "ZIDENTIFIER": key, "ZNOTE": note, "ZTYPEUTI": uti, "ZISPASSWORDPROTECTED": 0,
            self._places["mergeable"]: mergeable,
        }  # fmt: skip
        return self.insert("ICAttachment", values | more)

    def media(self, attachment: int, name: str, key: str, *, generation: str | None = None) -> int:
        """Add the file of an attachment."""
        place = self._places.get("media.generation", "Z_NONE")
        number = self.insert(
            "ICMedia",
            {"ZIDENTIFIER": key, "ZFILENAME": name, "ZATTACHMENT1": attachment, place: generation},
        )
        self.change(attachment, ZMEDIA=number)
        return number

    def preview(
        self, attachment: int, key: str, *, width: int, height: int, generation: str | None = None
    ) -> int:
        """Add a small picture of an attachment."""
        place = self._places.get("preview.generation", "Z_NONE")
        return self.insert(
            "ICAttachmentPreviewImage",
            {
                "ZIDENTIFIER": key, "ZATTACHMENT": attachment, "ZWIDTH": width, "ZHEIGHT": height,
                "ZSCALE": 2.0, place: generation,
            },
        )  # fmt: skip

    def inline(self, note: int, kind: str, key: str, text: str, token: str | None = None) -> int:
        """Add a tag, a mention or a link to a note."""
        return self.insert(
            "ICInlineAttachment",
            {
                "ZIDENTIFIER": key, "ZNOTE1": note, "ZTYPEUTI1": f"{INLINE}.{kind}",
                "ZALTTEXT": text, "ZTOKENCONTENTIDENTIFIER": token,
            },
        )  # fmt: skip

    def change(self, number: int, **values: Any) -> None:
        """Change columns of a row; those that the form lacks are left out."""
        for name, value in values.items():
            if name in self._columns:
                self.execute(f"update {_TABLE} set {name} = ? where Z_PK = ?", (value, number))  # noqa: S608 -- own names


@dataclass
class OldNotesDatabase(MintedStore):
    """notes.sqlite in the making."""

    def __post_init__(self) -> None:
        """Open an empty store in memory."""
        self.begin()
        create_old_store(self.connection)

    def store(self, account: str, name: str) -> int:
        """Add a folder of an account."""
        of = self.connection.execute(
            "insert into ZACCOUNT (ZNAME) values (?)", (account,)
        ).lastrowid
        return int(
            self.connection.execute(
                "insert into ZSTORE (ZNAME, ZACCOUNT) values (?, ?)", (name, of)
            ).lastrowid
            or 0
        )

    def note(
        self, store: int, title: str, html: str | None, *, at: dt.datetime, guid: str | None,
        **more: Any,
    ) -> int:  # fmt: skip
        """Add a note."""
        values: dict[str, Any] = {
            "ZTITLE": title, "ZSTORE": store, "ZGUID": guid, "ZCREATIONDATE": cocoa(at),
            "ZMODIFICATIONDATE": cocoa(at), "ZDELETEDFLAG": 0, "ZISBOOKKEEPINGENTRY": 0,
        }  # fmt: skip
        values |= more
        names, marks = ", ".join(values), ", ".join("?" for _ in values)
        number = self.connection.execute(
            f"insert into ZNOTE ({names}) values ({marks})",  # noqa: S608 -- own names
            tuple(values.values()),
        ).lastrowid
        body = self.connection.execute(
            "insert into ZNOTEBODY (ZOWNER, ZCONTENT) values (?, ?)", (number, html)
        ).lastrowid
        self.connection.execute("update ZNOTE set ZBODY = ? where Z_PK = ?", (body, number))
        return int(number or 0)


def many_notes(count: int, *, form: Form = "26") -> bytes:
    """Return a store with *count* notes of some lines, a list and a tag each."""
    store = NotesDatabase(form=form)
    account = store.account("iCloud", "DEMO-ACCOUNT")
    folders = [store.folder(f"Folder {number}", account) for number in range(20)]
    start = dt.datetime(2015, 1, 1, tzinfo=dt.UTC)
    for number in range(count):
        key = f"TAG-{number}"
        note = store.note(
            folders[number % 20],
            [
                piece(f"Note {number}\n", 0),
                piece(f"The harbour, {number} steps along the pier, ", None),
                piece("as far as the light", None, weight=1),
                piece(" goes.\n", None),
                piece("rope\n", 103, done=number % 2 == 0),
                piece("lamp\n", 103, done=False),
                piece("\ufffc", None, attachment=(key, f"{INLINE}.hashtag")),
            ],
            account=account,
            at=start + dt.timedelta(hours=number),
        )
        store.inline(note, "hashtag", key, f"#pier{number % 50}")
    return store.to_bytes()

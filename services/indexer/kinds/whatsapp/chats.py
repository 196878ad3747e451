"""Chats with their members: the threads of messages, and an artifact for each chat itself.

A person's chat may have been moved from the number to a private identity; both rows are one thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from services.indexer.kinds.database import Database
from services.indexer.kinds.phone_time import cocoa_microseconds, cocoa_utc, utc
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record, walk
from services.indexer.kinds.values import flag_of, int_of
from services.indexer.kinds.whatsapp.jids import Jid, read_jid, word
from services.indexer.kinds.whatsapp.media import Media
from services.indexer.kinds.whatsapp.payload import ChatInfo, Member, WhatsAppPayload
from services.indexer.kinds.whatsapp.people import People, is_name
from services.indexer.kinds.whatsapp.places import App
from services.indexer.kinds.whatsapp.vocabulary import CHAT_TYPES, CHAT_TYPES_BY_SERVER
from services.indexer.staging import StagedArtifact, StagedThread

#: Members whose names stand in the text of a chat that is searched.
_MOST_NAMES = 2000
#: Groups have at most 1024 members, communities some thousands; more are forged.
_MOST_MEMBERS = 10_000
_NO_CHAT = "unknown"

_SESSION = (
    "Z_PK", "ZCONTACTJID", "ZPARTNERNAME", "ZSESSIONTYPE", "ZARCHIVED", "ZREMOVED", "ZHIDDEN",
    "ZUNREADCOUNT", "ZSAVEDINPUT", "ZGROUPINFO", "ZLOCATIONSHARINGENDDATE",
)  # fmt: skip
_GROUP = (
    "Z_PK", "ZCHATSESSION", "ZCREATIONDATE", "ZSUBJECTTIMESTAMP", "ZCREATORJID", "ZOWNERJID",
)  # fmt: skip
_MEMBER = (
    "Z_PK", "ZCHATSESSION", "ZMEMBERJID", "ZCONTACTNAME", "ZFIRSTNAME", "ZISADMIN", "ZISACTIVE",
)  # fmt: skip


class Chat(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of ZWACHATSESSION; several may share a thread."""

    row: Record
    jid: Jid | None
    type: str
    type_code: int | None
    #: Whom a direct chat or a status is of; the identity itself for all others.
    address: str
    thread_key: str

    @property
    def is_group(self) -> bool:
        """Whether several people may be in it."""
        return self.type not in {"direct", "status"}

    @property
    def is_person(self) -> bool:
        """Whether ``address`` is the handle of somebody."""
        return (
            not self.is_group
            and self.jid is not None
            and (self.jid.is_person or self.jid.server == "status")
        )


class Sender(msgspec.Struct, frozen=True, gc=False):
    """Somebody in a group, by the number of the row."""

    handle: str | None
    chat: Any
    is_admin: bool
    is_former: bool


class Chats:
    """The chats of one store."""

    def __init__(self, database: Database, app: App, people: People, tally: Tally) -> None:
        """Read chats and members."""
        self._database = database
        self._app = app
        self._people = people
        self._tally = tally
        self.by_number: dict[int, Chat] = {}
        self._threads: dict[str, list[Chat]] = {}
        for row in walk(database, "ZWACHATSESSION", _SESSION, tally, rest="order by Z_PK"):
            if isinstance(row["Z_PK"], int):
                chat = self._chat(row)
                self.by_number[row["Z_PK"]] = chat
                self._threads.setdefault(chat.thread_key, []).append(chat)
        #: Threads of calls with whom no chat is known, and of messages without a chat.
        self._others: dict[str, str | None] = {}
        self.senders: dict[int, Sender] = dict(self._read_senders())

    def _chat(self, row: Record) -> Chat:
        jid = read_jid(row["ZCONTACTJID"])
        code = int_of(row["ZSESSIONTYPE"])
        server = "" if jid is None else jid.server
        kind = CHAT_TYPES.get(-1 if code is None else code)
        if kind is None or (kind == "direct" and server in CHAT_TYPES_BY_SERVER):
            kind = CHAT_TYPES_BY_SERVER.get(server, "direct" if code is None else _NO_CHAT)
        if jid is None:
            address = f"row {row['Z_PK']}"
        elif kind == "status" and jid.server == "status":
            address = self._people.handle_of(Jid(jid.user, "s.whatsapp.net"))
        else:
            address = self._people.handle_of(jid)
        return Chat(
            row=row,
            jid=jid,
            type=kind,
            type_code=code,
            address=address,
            thread_key=self.key_of_status(address) if kind == "status" else self.key(address),
        )

    def key(self, address: str) -> str:
        """Return the key of the thread with somebody, or of a group."""
        return f"{self._app.key}:{address}"

    def key_of_status(self, address: str) -> str:
        """Return the key of the thread of what somebody shows to everybody."""
        return f"{self._app.key}:status:{address}"

    def _read_senders(self) -> Iterator[tuple[int, Sender]]:
        for row in walk(self._database, "ZWAGROUPMEMBER", _MEMBER, self._tally):
            if isinstance(row["Z_PK"], int):
                yield (
                    row["Z_PK"],
                    Sender(
                        self._people.person(row["ZMEMBERJID"]),
                        row["ZCHATSESSION"],
                        flag_of(row["ZISADMIN"]),
                        row["ZISACTIVE"] == 0,
                    ),
                )

    def thread_of_person(self, handle: str) -> str:
        """Return the key of the direct thread with somebody, which may have no chat."""
        key = self.key(handle)
        if key not in self._threads:
            self._others[key] = handle
        return key

    def thread_of_group(self, jid: Jid) -> str:
        """Return the key of a group's thread, which may have no chat any more."""
        key = self.key(str(jid))
        if key not in self._threads:
            self._others[key] = None
        return key

    def chat_of(self, number: object) -> Chat | None:
        """Return the chat that a message names, or None."""
        return self.by_number.get(number) if isinstance(number, int) else None

    def thread_of(self, number: object) -> str:
        """Return the key of a message's thread; those whose chat is not there share one."""
        chat = self.chat_of(number)
        if chat is not None:
            return chat.thread_key
        key = f"{self._app.key}:no chat"
        self._others[key] = None
        return key

    def threads(self) -> Iterator[StagedThread]:
        """Yield every thread; call it when all artifacts are known."""
        members: dict[Any, list[str]] = {}
        for sender in self.senders.values():
            if sender.handle is not None and not sender.is_former:
                members.setdefault(sender.chat, []).append(sender.handle)
        for key, chats in self._threads.items():
            newest = chats[-1]
            if newest.is_group:
                found = [h for chat in chats for h in members.get(chat.row["Z_PK"], ())]
                others = [h for h in dict.fromkeys(found) if h != self._people.own]
                participants = others[:_MOST_MEMBERS]
            else:
                participants = [newest.address] if newest.is_person else []
            yield StagedThread(
                key=key,
                title=next((name for chat in chats[::-1] if (name := self._name(chat))), None),
                is_group=newest.is_group,
                participants=participants,
                services=[self._app.service],
                raw_keys=[str(chat.jid) for chat in chats if chat.jid is not None],
            )
        for key, handle in self._others.items():
            yield StagedThread(
                key=key,
                title=self._people.name(handle),
                is_group=handle is None,
                participants=[] if handle is None else [handle],
                services=[self._app.service],
                raw_keys=[],
            )

    def _name(self, chat: Chat) -> str | None:
        if not chat.is_group:
            known = self._people.name(chat.address)
            if known is not None:
                return known
        name = word(chat.row["ZPARTNERNAME"])
        # A number in place of a name is what the handle says, too.
        return name if name is None or chat.is_group or is_name(name) else None

    def artifacts(self, media: Media) -> Iterator[tuple[int, StagedArtifact]]:
        """Yield an artifact of every chat with the moment at which it began, 0 for unknown."""
        groups = self._rows_by_chat("ZWAGROUPINFO", _GROUP, "ZCHATSESSION")
        pictures = self._pictures()
        blocked = self._jids_of("ZWABLACKLISTITEM")
        muted = self._rows_by_jid("ZWACHATPUSHCONFIG", ("ZJID", "ZMUTEDUNTIL"))
        members: dict[Any, list[Sender]] = {}
        for sender in self.senders.values():
            if sender.handle is not None:
                members.setdefault(sender.chat, []).append(sender)
        for number, chat in self.by_number.items():
            group = groups.get(number, {})
            own = str(chat.jid)
            info = ChatInfo(
                type=chat.type,
                name=self._name(chat),
                jid=None if chat.jid is None else own,
                handle=chat.address if chat.is_person else None,
                **self._about(chat),
                members=tuple(
                    self._member(sender) for sender in members.get(number, [])[:_MOST_MEMBERS]
                ),
                members_left_out=max(len(members.get(number, [])) - _MOST_MEMBERS, 0),
                created_at=cocoa_utc(group.get("ZCREATIONDATE")),
                creator=self._people.person(group.get("ZCREATORJID")),
                owner=self._people.person(group.get("ZOWNERJID")),
                renamed_at=cocoa_utc(group.get("ZSUBJECTTIMESTAMP")),
                is_archived=flag_of(chat.row["ZARCHIVED"]),
                is_removed=flag_of(chat.row["ZREMOVED"]),
                is_hidden=flag_of(chat.row["ZHIDDEN"]),
                is_blocked=chat.jid is not None and chat.address in blocked,
                muted_until=cocoa_utc(muted.get(own, {}).get("ZMUTEDUNTIL")),
                shares_location_until=cocoa_utc(chat.row["ZLOCATIONSHARINGENDDATE"]),
                unread_count=max(int_of(chat.row["ZUNREADCOUNT"]) or 0, 0),
                draft=word(chat.row["ZSAVEDINPUT"]),
                type_code=chat.type_code if chat.type == _NO_CHAT else None,
            )
            at_us = cocoa_microseconds(group.get("ZCREATIONDATE"))
            yield at_us or 0, self._artifact(chat, info, at_us, pictures.get(own), media)

    def _artifact(
        self, chat: Chat, info: ChatInfo, at_us: int | None, picture: str | None, media: Media
    ) -> StagedArtifact:
        shown = None
        if picture is not None:
            candidates = [media.find(f"{picture}{end}") for end in (".jpg", ".thumb")]
            shown = next((one for one in candidates if one.present), None)
        lines = [info.name, info.handle, info.about, info.draft]
        lines += [m.name for m in info.members[:_MOST_NAMES]]
        lines += [m.handle for m in info.members[:_MOST_NAMES] if m.name is None]
        # A person's chat may move from the number to a private identity, and is still the same;
        # where both are there, the newer one is the chat.
        is_newest = self._threads[chat.thread_key][-1] is chat
        key = f"{self._app.key}:chat:{chat.type}:{chat.address}"
        return StagedArtifact(
            key=key if is_newest else f"{key}:{chat.jid}",
            thread_key=chat.thread_key,
            occurred_at_us=at_us,
            title=info.name or info.handle,
            text="\n".join(dict.fromkeys(line for line in lines if line)) or None,
            payload=WhatsAppPayload(
                type="chat", service=self._app.service, direction=None, chat=info
            ),
            attachments=() if shown is None else (shown,),
            has_attachment=False,
        )

    def _about(self, chat: Chat) -> dict[str, Any]:
        about = None if chat.is_group else self._people.about.get(chat.address)
        return {} if about is None else {"about": about.text, "about_at": utc(about.at_us)}

    def _member(self, sender: Sender) -> Member:
        assert sender.handle is not None
        return Member(
            handle=sender.handle,
            name=self._people.name(sender.handle),
            is_admin=sender.is_admin,
            is_me=sender.handle == self._people.own,
            is_former=sender.is_former,
        )

    def _rows_by_chat(self, table: str, columns: tuple[str, ...], by: str) -> dict[int, Record]:
        return {
            row[by]: row
            for row in walk(self._database, table, columns, self._tally)
            if isinstance(row[by], int)
        }

    def _rows_by_jid(self, table: str, columns: tuple[str, ...]) -> dict[str, Record]:
        rows = walk(self._database, table, columns, self._tally)
        return {str(jid): row for row in rows if (jid := read_jid(row["ZJID"])) is not None}

    def _jids_of(self, table: str) -> frozenset[str]:
        rows = walk(self._database, table, ("ZJID",), self._tally)
        found = (self._people.handle(row["ZJID"]) for row in rows)
        return frozenset(handle for handle in found if handle is not None)

    def _pictures(self) -> dict[str, str]:
        rows = walk(self._database, "ZWAPROFILEPICTUREITEM", ("ZJID", "ZPATH"), self._tally)
        found = {}
        for row in rows:
            jid, path = read_jid(row["ZJID"]), word(row["ZPATH"])
            # Other rows of the table keep other things there, in base64.
            if jid is not None and path is not None and path.startswith("Media/Profile/"):
                found[str(jid)] = path
        return found

"""From the rows of sms.db to artifacts and threads.

One pass in the order of time. Rows about other messages (tapbacks, votes) are read before it and
folded into their message; what finds none follows at the end as an event. Groups of messages that
the run before knows already are left out, see ``fingerprints``.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from services.indexer.kinds.database import Database
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.message.assembly import Assembly, needing_details
from services.indexer.kinds.message.attachment_files import AttachmentRow, MessageFiles
from services.indexer.kinds.message.chat_of_messages import ChatOfMessage
from services.indexer.kinds.message.fingerprints import (
    GROUP_ROWS,
    Fingerprints,
    find_border,
    groups_of,
)
from services.indexer.kinds.message.keeping import days_kept
from services.indexer.kinds.message.plain import Encode, plain_encoder
from services.indexer.kinds.message.reactions import (
    ReactionRow,
    Reactions,
    comes_with_another,
    is_about_another,
    is_poll_change,
    parse_target,
)
from services.indexer.kinds.message.store import MessageStore, Row
from services.indexer.kinds.message.threads import NO_CHAT, Conversations, Handle, merge_chats
from services.indexer.kinds.phone_time import cocoa_microseconds
from services.indexer.kinds.protocol import ParserInputs, Sink, UnsupportedStoreError
from services.indexer.staging import StagedThread


def parse_messages(inputs: ParserInputs, sink: Sink) -> None:
    """Give every message of the backup to *sink*."""
    path = inputs.find("HomeDomain", "Library/SMS/sms.db")
    if path is None:
        raise UnsupportedStoreError("The backup has no messages database.")
    sink.tally.keeps_days = days_kept(inputs)
    with Database(path) as database:
        handles = Handles(inputs.region)
        store = MessageStore(database, handles, sink.tally)
        salt = (inputs.region, inputs.has_listing, *store.salt)
        _Pass(store, handles, MessageFiles(inputs), sink, salt).run()


class _OtherHalf(msgspec.Struct):
    """What the process that read the latter half tells the other one."""

    #: Keys of messages that others are about and that it has not met.
    left: list[str]
    folded: int
    #: By conversation, whether anything is in it.
    used: bytes
    uses_no_chat: bool


class _Pass:
    """The state of one pass over the messages."""

    def __init__(
        self,
        store: MessageStore,
        handles: Handles,
        files: MessageFiles,
        sink: Sink,
        salt: Sequence[object],
    ) -> None:
        self._salt = salt
        self._files = files
        self._memory = sink.memory
        self._store = store
        self._handles = handles
        self._sink = sink
        self._tally = sink.tally
        self._people: dict[int, Handle] = store.read_handles()
        self._conversations: Conversations = merge_chats(store.read_chats(self._people))
        self._used = bytearray(len(self._conversations.threads))
        self._uses_no_chat = False
        self._duplicates = store.duplicates()
        self._met: dict[str, int] = {}
        #: Whether the key of any message depends on other messages.
        self._has_shared_keys = False
        self._reactions = self._read_reactions()
        self._folded = 0
        self._recoverable = store.read_recoverable()
        self._assembly = Assembly(
            store=store, handles=handles, people=self._people, files=files, tally=sink.tally
        )
        self._deleted_parts = store.read_recoverable_parts()
        self._assembly.deleted_parts = self._deleted_parts

    def run(self) -> None:
        """Walk through everything, in two processes where that pays."""
        order = self._store.order()
        chats = self._store.read_chat_of_messages(order)
        encode_plain = self._plain_encoder(chats)
        prints = self._fingerprints(chats)

        def walk(part: array[int]) -> None:
            self._walk(part, encode_plain, chats, prints)

        def walk_beside() -> _OtherHalf:
            self._store.reopen()
            walk(order[border:])
            return _OtherHalf(
                left=list(self._reactions.targets), folded=self._folded, used=bytes(self._used),
                uses_no_chat=self._uses_no_chat,
            )  # fmt: skip

        border = find_border(order)
        if (
            border
            and (not self._sink.in_halves or self._store.are_apart(order, border))
            and self._sink.divide(len(order), walk_beside)
        ):
            walk(order[:border])
            other = msgspec.json.decode(self._sink.join(), type=_OtherHalf)
            for taken in set(self._reactions.targets) - set(other.left):
                self._reactions.take(taken)
            self._folded += other.folded
            self._uses_no_chat |= other.uses_no_chat
            for number, used in enumerate(other.used):
                self._used[number] |= used
        else:
            walk(order)
        self._take_orphans(chats)
        self._give_threads()
        if self._folded:
            self._tally.note(f"{self._folded} reactions are shown with their messages.")
        self._sink.progress(len(order), len(order))

    def _walk(
        self,
        order: array[int],
        encode_plain: Encode | None,
        chats: ChatOfMessage,
        prints: Fingerprints | None,
    ) -> None:
        about = self._reactions.targets
        for batch, is_whole in self._store.batches(order, GROUP_ROWS):
            noted = self._noted
            targets = [row for row in batch if row[1] in about]
            attachments = self._store.read_attachments(self._numbers(batch, targets))
            details = self._store.details(needing_details(batch))
            self._assembly.details = details or {}
            if prints is None:
                self._take_rows(batch, encode_plain, chats, attachments)
            else:
                is_clean = is_whole and details is not None and noted == self._noted
                prints.look_at(
                    batch, attachments=attachments, details=details or {}, targets=targets
                )
                for group in groups_of(batch):
                    found = prints.of(group) if is_clean else None
                    if not self._recall(found, group):
                        before = self._noted, self._tally.undecodable, self._tally.missing_files
                        self._take_rows(group, encode_plain, chats, attachments)
                        self._remember(found, *before)
            self._sink.progress(self._tally.read, len(order))

    def _take_rows(
        self,
        rows: Sequence[Row],
        encode_plain: Encode | None,
        chats: ChatOfMessage,
        attachments: dict[int, list[AttachmentRow]],
    ) -> None:
        for row in rows:
            self._tally.read += 1
            if encode_plain is not None:
                try:
                    encoded = encode_plain(row, attachments)
                except Exception:  # noqa: BLE001 -- an odd value, which is not plain
                    encoded = None
                if encoded is not None:
                    self._sink.row(encoded)
                    continue
            try:
                self._take(row, chats, attachments)
            except Exception as error:  # noqa: BLE001 -- one bad record costs one record
                self._tally.undecodable += 1
                self._tally.note(f"A message could not be understood ({type(error).__name__}).")

    def _fingerprints(self, chats: ChatOfMessage) -> Fingerprints | None:
        if self._memory is None:
            return None
        if self._duplicates or not self._store.is_sound:
            self._memory.refuse()
        return Fingerprints(
            salt=self._salt,
            conversations=self._conversations,
            chats=chats,
            people=self._people,
            files=self._files,
            reactions=self._reactions,
            recoverable=self._recoverable,
            deleted_parts=self._deleted_parts,
        )

    @property
    def _noted(self) -> int:
        return sum(self._tally.notes.values())

    def _recall(self, fingerprint: bytes | None, group: Sequence[Row]) -> bool:
        """Take the artifacts of a group from the run before, if it had the same one."""
        assert self._memory is not None
        known = self._memory.recall(fingerprint)
        if known is None:
            return False
        tally = self._tally
        tally.read += len(group)
        tally.kept += known.kept
        tally.undecodable += known.undecodable
        tally.missing_files += known.missing
        for row in group:
            if row[1] in self._reactions.targets and not (
                is_about_another(row[12]) or comes_with_another(row)
            ):
                self._folded += len(self._reactions.take(row[1]) or ())
        return True

    def _remember(
        self, fingerprint: bytes | None, noted: int, undecodable: int, missing: int
    ) -> None:
        assert self._memory is not None
        if self._has_shared_keys:
            self._memory.refuse()
        # What there was to say of a group is found out anew every time.
        self._memory.remember(
            fingerprint if noted == self._noted else None,
            self._sink.take_group(),
            undecodable=self._tally.undecodable - undecodable,
            missing=self._tally.missing_files - missing,
        )

    def _plain_encoder(self, chats: ChatOfMessage) -> Encode | None:
        if self._sink.named_threads is None:
            return None
        return plain_encoder(
            threads=self._sink.named_threads,
            conversations=self._conversations,
            used=self._used,
            chats=chats,
            people=self._people,
            handles=self._handles,
            special_rows={*self._recoverable, *self._deleted_parts, *chats.in_several},
            special_keys=(self._reactions.targets, self._duplicates),
        )

    def _numbers(self, batch: list[Row], targets: list[Row]) -> array[int]:
        """Row numbers whose attachments are needed: the batch's, and those of its stickers."""
        numbers = array("q", [row[0] for row in batch])
        for row in targets:
            reactions = self._reactions.peek(row[1])
            if reactions:
                numbers.extend(reaction.rowid for reaction in reactions if reaction.has_sticker)
        return numbers

    def _read_reactions(self) -> Reactions:
        reactions = Reactions()
        for row in self._store.read_associated():
            rowid, guid, target, kind, emoji, handle_id, from_me, date, service, balloon, body = row
            if not isinstance(guid, str) or not isinstance(target, str):
                continue
            key, part = parse_target(target)
            if not (is_about_another(kind) or is_poll_change(balloon, guid, key)):
                continue
            person = self._people.get(handle_id)
            reactions.add(
                key,
                ReactionRow(
                    rowid=rowid,
                    guid=guid,
                    type=kind if isinstance(kind, int) else 0,
                    by=None if from_me or person is None else person.handle,
                    is_me=bool(from_me),
                    at_us=cocoa_microseconds(date),
                    part=part,
                    emoji=emoji if isinstance(emoji, str) and emoji else None,
                    payload=body if isinstance(body, bytes) else None,
                    service=service if isinstance(service, str) else None,
                ),
            )
        return reactions

    def _take(
        self, row: Row, chats: ChatOfMessage, attachments: dict[int, list[AttachmentRow]]
    ) -> None:
        if comes_with_another(row):
            return  # or at the end
        rowid = row[0]
        key = self._key(row)
        reactions = None if is_about_another(row[12]) else self._reactions.take(key)
        thread, also_in, flags, deleted = self._place(rowid, chats)
        if reactions:
            self._folded += len(reactions)
        self._sink.artifact(
            self._assembly.message(
                row,
                key=key,
                thread=thread,
                also_in=also_in,
                chat_flags=flags,
                deleted=deleted,
                attachments=attachments,
                reactions=reactions or [],
            )
        )

    def _key(self, row: Row) -> str:
        guid = row[1]
        if not isinstance(guid, str) or not guid.strip("\0 "):
            # No guid: identity is what was said, when and by whom, never the row number.
            said = repr((row[2], row[3], row[4], row[6], row[9])).encode("utf-8", "replace")
            guid = f"no-guid:{blake2b(said, digest_size=16).hexdigest()}"
            self._tally.note("A message has no identity of its own.")
        elif guid not in self._duplicates:
            return guid
        self._has_shared_keys = True
        count = self._met.get(guid, 0) + 1
        self._met[guid] = count
        if count == 1:
            return guid
        self._tally.note("Several messages claim the same identity.")
        return f"{guid}#{count}"

    def _place(
        self, rowid: int, chats: ChatOfMessage
    ) -> tuple[StagedThread, tuple[str, ...], tuple[str, ...], Any]:
        """Return a message's thread, its other threads, its chat's flags, its deletion."""
        conversations = self._conversations
        chat = chats.first(rowid)
        deleted: Any = None
        recoverable = self._recoverable.get(rowid)
        if recoverable is not None:
            deleted = recoverable[1]
            if chat not in conversations.by_chat:
                chat = recoverable[0]
        number = conversations.by_chat.get(chat)
        if number is None:
            self._uses_no_chat = True
            return NO_CHAT, (), (), deleted
        self._used[number] = 1
        also_in: tuple[str, ...] = ()
        further = chats.further(rowid)
        if further:
            others = {conversations.by_chat.get(other, number) for other in further} - {number}
            also_in = tuple(sorted(conversations.threads[other].key for other in others))
        return conversations.threads[number], also_in, conversations.flags[chat], deleted

    def _take_orphans(self, chats: ChatOfMessage) -> None:
        for count, (target, reaction) in enumerate(self._reactions.remaining(), 1):
            thread, also_in, _, deleted = self._place(reaction.rowid, chats)
            self._sink.artifact(
                self._assembly.orphan(
                    reaction,
                    key=self._key((reaction.rowid, reaction.guid)),
                    target=target,
                    thread=thread,
                    also_in=also_in,
                    deleted=deleted,
                )
            )
            if self._memory is not None and not count % GROUP_ROWS:
                self._remember(None, 0, 0, 0)
        if self._memory is not None:
            self._remember(None, 0, 0, 0)

    def _give_threads(self) -> None:
        # Of what is known already it is not known where it is; threads of nothing are left out.
        gives_all = self._memory is not None and self._memory.relies
        for thread, used in zip(self._conversations.threads, self._used, strict=True):
            if used or gives_all:
                self._sink.thread(thread)
        if self._uses_no_chat or gives_all:
            self._sink.thread(NO_CHAT)

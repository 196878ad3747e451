"""Mail: a conversation as one mbox file, each message a mail of its time, in its thread.

Phones do not know mail addresses of everybody. Numbers and ids become addresses of the domain
``phone.invalid``, which by RFC 6761 nobody ever has: a reply goes nowhere.
"""

from __future__ import annotations

import datetime as dt
import email.message
import email.policy
import email.utils
import hashlib
import io
import re
from collections.abc import Iterable
from contextlib import ExitStack
from email.generator import BytesGenerator
from email.header import Header
from typing import ClassVar

from services.indexer.exports.formats.cleaning import clean, one_line
from services.indexer.exports.formats.protocol import (
    MOST_EMBEDDED_BYTES,
    Format,
    Group,
    Item,
    Place,
    Sink,
)
from services.indexer.exports.formats.told import Told, names_of, told
from shared.contracts.indexer import Artifact, Sender
from shared.member_names import name_part

_DOMAIN = "phone.invalid"
#: Addresses that go into headers as they are; everything else is put into the domain above.
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+){1,9}"
)
_NOT_IN_ADDRESS = re.compile(r"[^A-Za-z0-9.+_-]+")
_TYPE = re.compile(
    r"(?:application|audio|font|image|model|text|video)/[A-Za-z0-9][A-Za-z0-9.+-]{0,99}"
)
#: Readers of mbox take such a line for the beginning of the next mail.
_FROM_LINE = re.compile(r"^>*From ", re.MULTILINE)
_MOST_TO = 200
#: Characters of a header that is not folded, with its name.
_SHORT = 74
#: What stands after "From " where a mail has no date.
_NO_DATE = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class _ShortHeaders(email.policy.Compat32):
    """Writes what fits on one line as it is: folding it would be most of the work of a mail."""

    def fold_binary(self, name: str, value: str) -> bytes:
        if (
            isinstance(value, str)
            and value.isascii()
            and value.isprintable()
            and len(name) + len(value) < _SHORT
        ):
            return f"{name}: {value}\n".encode("ascii")
        return super().fold_binary(name, value)


_HEADERS = _ShortHeaders()


class Mbox(Format):
    """Messages, voicemails and notes as mails."""

    name = "mbox"
    kinds: ClassVar = frozenset({"message", "whatsapp", "voicemail", "note"})
    embeds = ("",)

    def place(self, group: Group, artifact: Artifact, n: int, size_bytes: int) -> Place | None:
        """Lay only files beside the mails that are too large to be attached."""
        if size_bytes <= MOST_EMBEDDED_BYTES:
            return None
        return super().place(group, artifact, n, size_bytes)

    def begin_group(self, group: Group) -> None:
        """Open the mailbox of a conversation."""
        self._group = group
        self._names = names_of(group.thread)
        path = self.output.name(f"{name_part(group.title, most_bytes=80)}.mbox")
        self._open = ExitStack()
        self._sink: Sink = self._open.enter_context(self.output.member(path))

    def add(self, item: Item) -> str | None:
        """Append one mail."""
        mail = self._mail(item)
        written = io.BytesIO()
        when = (item.artifact.occurred_at or _NO_DATE).astimezone(dt.UTC)
        written.write(f"From MAILER-DAEMON {when:%a %b %d %H:%M:%S %Y}\n".encode())
        BytesGenerator(written, mangle_from_=True, policy=_HEADERS).flatten(mail)
        # A line end and an empty line stand before the next mail.
        end = b"\n" if written.getvalue().endswith(b"\n") else b"\n\n"
        self._sink.write(written.getvalue() + end)
        return None

    def end_group(self) -> None:
        """Close the mailbox."""
        self._open.close()

    def end(self) -> None:
        """Nothing is about all of them."""

    def _mail(self, item: Item) -> email.message.Message:
        artifact = item.artifact
        said = told(artifact, self._names, self._moment)
        body = _part("\n".join(self._lines(item, said)) + "\n")
        files = [
            part
            for n, content in item.contents.items()
            if (part := _attached(artifact, n, content)) is not None
        ]
        mail: email.message.Message
        if files:
            mail = email.message.Message()
            mail["Content-Type"] = "multipart/mixed"
            mail.set_payload([body, *files])
        else:
            mail = body
        self._head(mail, artifact, said)
        return mail

    def _head(self, mail: email.message.Message, artifact: Artifact, said: Told) -> None:
        sender = artifact.sender or Sender()
        # Over several phones too a mail is found by the answers to it, and in one thread with them.
        history, thread = self._group.history, self._group.thread
        mail["MIME-Version"] = "1.0"
        mail["From"] = self._address_of(sender)
        mail["To"] = ", ".join(self._recipients(sender)) or self._me()
        subject = said.subject or self._group.title or artifact.title
        mail["Subject"] = Header(one_line(subject, most=200), header_name="Subject").encode()
        if artifact.occurred_at is not None:
            there = artifact.occurred_at.astimezone(self.about.zone)
            mail["Date"] = email.utils.format_datetime(there)
        mail["Message-ID"] = _id(history, artifact.kind, artifact.key)
        above = [] if thread is None else [_id("thread", str(thread.id))]
        answered = artifact.payload.get("reply_to")
        if isinstance(answered, str):
            above.append(_id(history, artifact.kind, answered))
            mail["In-Reply-To"] = above[-1]
        if above:
            mail["References"] = " ".join(above)
        mail["X-Keepsake-Kind"] = one_line(artifact.kind, most=60)
        mail["X-Keepsake-Device"] = one_line(artifact.device, most=60)
        if artifact.removed_revision is not None:
            mail["X-Keepsake-Removed"] = one_line(artifact.removed_revision, most=80)

    def _lines(self, item: Item, said: Told) -> Iterable[str]:
        if said.event is not None:
            yield f"* {said.event}"
        if said.quote is not None:
            yield f"> {said.quote}"
        if said.text:
            yield said.text
        yield from said.extras
        if said.reactions or said.notes:
            yield ""
        yield from said.reactions
        yield from (f"({note})" for note in said.notes)
        for attachment in item.artifact.attachments:
            media = item.media.get(attachment.n)
            name = one_line(attachment.name, most=200) or f"file {attachment.n}"
            if attachment.n in item.contents:
                continue
            if media is not None and media.path is not None:
                yield f"[{name}: {media.path}]"
            elif self.about.include_media:
                reason = attachment.reason if media is None else media.reason
                yield f"[{name}: not here: {one_line(reason) or 'unknown reason'}]"
            else:
                yield f"[{name}]"

    def _recipients(self, sender: Sender) -> list[str]:
        thread = self._group.thread
        others = [] if thread is None else thread.participants[:_MOST_TO]
        to = [_address(one.name, one.handle) for one in others if one.handle != sender.handle]
        return to if sender.is_me else [self._me(), *to]

    def _address_of(self, sender: Sender) -> str:
        return self._me() if sender.is_me else _address(sender.name, sender.handle)

    def _me(self) -> str:
        return _address(self._group.device.name or "Me", "me")

    def _moment(self, at: dt.datetime) -> str:
        return f"{at.astimezone(self.about.zone):%Y-%m-%d %H:%M}"


def _address(name: str | None, handle: str | None) -> str:
    spec = one_line(handle, most=200)
    if _ADDRESS.fullmatch(spec) is None:
        spec = f"{_NOT_IN_ADDRESS.sub('_', spec).strip('._') or 'unknown'}"[:64] + f"@{_DOMAIN}"
    return email.utils.formataddr((one_line(name, most=100), spec), charset="utf-8")


def _id(*parts: str) -> str:
    """Return a message id that is the same whenever the same thing is exported."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()
    return f"<{digest[:40]}@keepsake.invalid>"


def _part(text: str) -> email.message.Message:
    part = email.message.Message()
    part["Content-Type"] = 'text/plain; charset="utf-8"'
    part["Content-Disposition"] = "inline"
    _encode(part, clean(text).encode(), is_readable=_FROM_LINE.search(text) is None)
    return part


def _attached(artifact: Artifact, n: int, content: bytes) -> email.message.Message | None:
    known = next((one for one in artifact.attachments if one.n == n), None)
    media_type = "" if known is None else (known.media_type or "")
    part = email.message.Message()
    kind = media_type if _TYPE.fullmatch(media_type) else "application/octet-stream"
    part.add_header("Content-Type", kind)
    name = one_line(None if known is None else known.name, most=200) or f"file-{n}"
    name = name.replace("/", "_").replace("\\", "_")
    is_ascii = name.isascii()
    part.add_header(
        "Content-Disposition", "attachment", filename=name if is_ascii else ("utf-8", "", name)
    )
    _encode(part, content, is_readable=False)
    return part


def _encode(part: email.message.Message, content: bytes, *, is_readable: bool) -> None:
    """Set the content so that no line of it can be taken for anything else."""
    if is_readable and content.isascii() and max(map(len, content.split(b"\n"))) < 900:
        part["Content-Transfer-Encoding"] = "7bit"
        part.set_payload(content.decode("ascii"))
    else:
        import base64

        part["Content-Transfer-Encoding"] = "base64"
        part.set_payload(base64.encodebytes(content).decode("ascii"))


FORMAT = Mbox

"""From the list of voicemails, and the files beside it, to artifacts and threads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from services.indexer.kinds.backup_files import (
    NOT_DOWNLOADED,
    NOT_IN_BACKUP,
    BackupFiles,
    media_type_of,
)
from services.indexer.kinds.database import Database
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.phone_time import microseconds_of, utc
from services.indexer.kinds.protocol import ListedFile, ParserInputs, Sink
from services.indexer.kinds.records import Record, Records
from services.indexer.kinds.values import int_of
from services.indexer.kinds.voicemail import DOMAIN, FOLDER, STORE
from services.indexer.kinds.voicemail.payload import Transcript, VoicemailPayload
from services.indexer.kinds.voicemail.store import DOWNLOADED, VoicemailStore
from services.indexer.kinds.voicemail.transcript import read_transcript
from services.indexer.staging import StagedArtifact, StagedAttachment, StagedThread

_ENDINGS = ("amr", "m4a", "caf", "wav", "mp3")
_OF_A_ROW = re.compile(r"[0-9]{1,18}")
#: Far more than any carrier keeps.
_MOST_FILES = 20_000


def parse_voicemails(inputs: ParserInputs, sink: Sink) -> None:
    """Give every voicemail and greeting of the backup to *sink*."""
    reader = _Reader(inputs, sink)
    copy = inputs.find(DOMAIN, STORE)
    if copy is None:
        sink.tally.note("The backup has no list of voicemails; only their files tell of them.")
    else:
        with Database(copy) as database:
            reader.read_list(VoicemailStore(database, sink.tally))
    reader.read_files()


class _Reader:
    def __init__(self, inputs: ParserInputs, sink: Sink) -> None:
        self._inputs = inputs
        self._sink = sink
        self._records = Records(sink)
        self._files = BackupFiles(inputs)
        self._normalise = Handles(inputs.region).normalise
        self._claimed: set[str] = set()
        self._threads: set[str] = set()

    def read_list(self, store: VoicemailStore) -> None:
        for row in store:
            self._records.keep(lambda row=row: self._voicemail(store, row))  # type: ignore[misc]

    def _voicemail(self, store: VoicemailStore, row: Record) -> StagedArtifact:
        number = row["rowid"]
        transcript = self._transcript(number) if row["is_listed"] else None
        voicemail = store.payload(row, self._normalise, transcript)
        attachments: tuple[StagedAttachment, ...] = ()
        if row["is_listed"]:
            flags = int_of(row["flags"])
            is_here = flags is None or bool(flags & DOWNLOADED)
            attachments = (self._recording(number, is_downloaded=is_here),)
        handle = voicemail.sender or voicemail.callback
        return StagedArtifact(
            key=row["key"],
            thread_key=self._thread(handle),
            occurred_at_us=row["at_us"],
            title="Deleted voicemail"
            if voicemail.is_trashed or voicemail.is_deleted
            else "Voicemail",
            text=_searchable(voicemail, row),
            sender_handle=handle,
            payload=voicemail,
            attachments=attachments,
        )

    def _transcript(self, number: int) -> Transcript | None:
        path = self._inputs.find(DOMAIN, f"{FOLDER}{number}.transcript")
        if path is None:
            return None
        transcript = read_transcript(path)
        if transcript is None:
            self._sink.tally.note("The transcript of a voicemail could not be read.")
        return transcript

    def _recording(self, number: int, *, is_downloaded: bool) -> StagedAttachment:
        paths = [f"{FOLDER}{number}.{ending}" for ending in _ENDINGS]
        path = next((p for p in paths if self._files.size(DOMAIN, p) is not None), paths[0])
        self._claimed.add(path)
        reason = NOT_IN_BACKUP if is_downloaded else NOT_DOWNLOADED
        recording = self._files.find(DOMAIN, path, reason=reason)
        if not recording.present and self._files.is_known:
            self._sink.tally.missing_files += 1
        return recording

    def _thread(self, handle: str | None) -> str | None:
        if handle is None:
            return None
        key = f"direct:{handle}"
        if key not in self._threads:
            self._threads.add(key)
            self._sink.thread(
                StagedThread(
                    key=key,
                    title=None,
                    is_group=False,
                    participants=[handle],
                    services=["Voicemail"],
                    raw_keys=[],
                )
            )
        return key

    def read_files(self) -> None:
        """Give the greetings, and recordings that no list knows."""
        files = sorted(self._audio(), key=lambda file: (_moment(file) or 0, file.relative_path))
        for file in files:
            self._records.keep(lambda file=file: self._file(file))  # type: ignore[misc]
        self._records.finish()

    def _audio(self) -> Iterator[ListedFile]:
        count = 0
        for file in self._inputs.listed():
            path = file.relative_path
            if file.domain != DOMAIN or not path.startswith(FOLDER) or path in self._claimed:
                continue
            if not (media_type_of(path) or "").startswith("audio/"):
                continue
            count += 1
            if count > _MOST_FILES:
                self._sink.tally.note("The backup has more such files than are read.")
                return
            yield file

    def _file(self, file: ListedFile) -> StagedArtifact:
        path = file.relative_path
        stem = PurePosixPath(path).stem
        is_greeting = stem.lower().startswith("greeting")
        at_us = _moment(file)
        transcript = self._transcript(int(stem)) if _OF_A_ROW.fullmatch(stem) else None
        return StagedArtifact(
            key=f"file:{path}",
            occurred_at_us=at_us,
            title="Voicemail greeting" if is_greeting else PurePosixPath(path).name,
            text=transcript.text if transcript is not None else None,
            is_me=is_greeting,
            payload=VoicemailPayload(
                type="greeting" if is_greeting else "file_alone",
                received_at=utc(at_us),
                transcript=transcript,
            ),
            attachments=(self._files.find(DOMAIN, path),),
        )


def _moment(file: ListedFile) -> int | None:
    created_us = microseconds_of(file.created_at)
    return microseconds_of(file.modified_at) if created_us is None else created_us


def _searchable(voicemail: VoicemailPayload, row: Record) -> str | None:
    lines = [
        voicemail.transcript.text if voicemail.transcript is not None else None,
        voicemail.sender,
        voicemail.callback,
        row["sender"] if isinstance(row["sender"], str) else None,
    ]
    return "\n".join(dict.fromkeys(line for line in lines if line)) or None

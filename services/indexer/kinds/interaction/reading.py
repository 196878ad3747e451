"""From interactionC.db to artifacts, in the order of time; then the people with their totals.

Source: the store of an iOS 14.3 phone; later ones have more columns, which are not needed.
"""

from __future__ import annotations

from functools import partial
from itertools import islice

from services.indexer.kinds.app_names import AppNames
from services.indexer.kinds.core_data import find_join
from services.indexer.kinds.database import Database
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.interaction.payload import (
    Attachment,
    InteractionPayload,
    Person,
)
from services.indexer.kinds.interaction.people import PERSON_COLUMNS, People, totals_of
from services.indexer.kinds.phone_time import cocoa_microseconds, utc
from services.indexer.kinds.protocol import ParserInputs, Sink, UnsupportedStoreError
from services.indexer.kinds.records import Record, Records, key_of
from services.indexer.kinds.rows_by_number import pairs_by_number, rows_by_number
from services.indexer.kinds.rows_in_order import rows_in_order
from services.indexer.kinds.values import flag_of, int_of, text_of, uuid_of
from services.indexer.staging import StagedArtifact, StagedThread

_COLUMNS = (
    "Z_PK", "ZUUID", "ZSENDER", "ZSTARTDATE", "ZENDDATE", "ZBUNDLEID", "ZTARGETBUNDLEID",
    "ZACCOUNT", "ZDIRECTION", "ZMECHANISM", "ZRECIPIENTCOUNT", "ZDOMAINIDENTIFIER",
    "ZISRESPONSE", "ZCONTENTURL", "ZGROUPNAME",
)  # fmt: skip
_ATTACHMENT_COLUMNS = (
    "ZUTI", "ZCONTENTTEXT", "ZCONTENTURL", "ZSIZEINBYTES", "ZPHOTOLOCALIDENTIFIER",
)  # fmt: skip
_BATCH = 500
_MOST_ATTACHMENTS = 50
_MOST_APPS = 10_000
_LONGEST_TEXT = 4_000
#: Longer than a day is no call.
_LONGEST_SECONDS = 86_400
_DIRECTIONS = {0: "incoming", 1: "outgoing"}
#: Calls are noted under the screen that shows them.
_SCREENS = {"com.apple.InCallService": "com.apple.mobilephone"}


def parse_interactions(inputs: ParserInputs, sink: Sink) -> None:
    """Give every interaction of the backup to *sink*."""
    path = inputs.find("HomeDomain", "Library/CoreDuet/People/interactionC.db")
    if path is None:
        raise UnsupportedStoreError("The backup has no interactions.")
    with Database(path) as database:
        if not {"Z_PK", "ZSTARTDATE", "ZBUNDLEID"} <= database.columns("ZINTERACTIONS"):
            raise UnsupportedStoreError("The database has no table of interactions.")
        _Reader(database, inputs, sink).run()


class _Reader:
    def __init__(self, database: Database, inputs: ParserInputs, sink: Sink) -> None:
        self._database = database
        self._sink = sink
        self._people = People(database, Handles(inputs.region), sink.tally)
        self._names = AppNames(inputs)
        self._attached = find_join(database, "Z_#INTERACTIONS", "Z_#INTERACTIONS", "Z_#ATTACHMENTS")
        self._apps: set[str] = set()
        self._said: dict[str, int] = {}

    def run(self) -> None:
        tally = self._sink.tally
        records = Records(self._sink)
        rows = rows_in_order(self._database, "ZINTERACTIONS", _COLUMNS, tally, by="ZSTARTDATE")
        while batch := list(islice(rows, _BATCH)):
            self._batch(batch, records)
        people = rows_in_order(self._database, "ZCONTACTS", PERSON_COLUMNS, tally, by="Z_PK")
        for row in people:
            totals = totals_of(row)
            # The others are there for the interactions that name them.
            if totals is not None:
                records.keep(partial(self._person, row))
        records.finish()

    def _batch(self, rows: list[Record], records: Records) -> None:
        numbers = [row["Z_PK"] for row in rows]
        addressed = self._people.recipients(numbers)
        named = {person for found in addressed.values() for person in found}
        people = self._people.read([*named, *(row["ZSENDER"] for row in rows)])
        attachments = self._attachments(numbers)
        for row in rows:
            number = row["Z_PK"]
            recipients = tuple(people[one] for one in addressed.get(number, ()) if one in people)
            sender = people.get(row["ZSENDER"]) if type(row["ZSENDER"]) is int else None
            records.keep(
                partial(self._interaction, row, sender, recipients, attachments.get(number, ()))
            )

    def _attachments(self, numbers: list[object]) -> dict[int, tuple[Attachment, ...]]:
        if self._attached is None:
            return {}
        tally = self._sink.tally
        pairs = pairs_by_number(
            self._database, self._attached, numbers, tally, at_most=_MOST_ATTACHMENTS
        )
        wanted = {one for found in pairs.values() for one in found}
        rows = rows_by_number(
            self._database, "ZATTACHMENT", _ATTACHMENT_COLUMNS, wanted, tally, key="Z_PK"
        )
        return {
            number: tuple(_attachment(rows[one]) for one in found if one in rows)
            for number, found in pairs.items()
        }

    def _interaction(
        self,
        row: Record,
        sender: Person | None,
        recipients: tuple[Person, ...],
        attachments: tuple[Attachment, ...],
    ) -> StagedArtifact:
        start_us = cocoa_microseconds(row["ZSTARTDATE"])
        end_us = cocoa_microseconds(row["ZENDDATE"])
        app = text_of(row["ZBUNDLEID"])
        direction, mechanism = int_of(row["ZDIRECTION"]), int_of(row["ZMECHANISM"])
        raw = {} if mechanism is None else {"mechanism": mechanism}
        if direction is not None and direction not in _DIRECTIONS:
            raw["direction"] = direction
        target = text_of(row["ZTARGETBUNDLEID"])
        payload = InteractionPayload(
            type="interaction",
            app=app,
            app_name=self._name(app),
            target_app=target if target != app else None,
            direction=_DIRECTIONS.get(direction),  # type: ignore[arg-type]
            is_response=flag_of(row["ZISRESPONSE"]),
            sender=sender,
            recipients=recipients,
            recipient_count=int_of(row["ZRECIPIENTCOUNT"]),
            group=_cut(row["ZGROUPNAME"]),
            conversation=_cut(row["ZDOMAINIDENTIFIER"]),
            account=_cut(row["ZACCOUNT"]),
            started_at=utc(start_us),
            ended_at=utc(end_us),
            duration_seconds=_duration(start_us, end_us),
            content_url=_cut(row["ZCONTENTURL"]),
            attachments=attachments,
            raw=raw,
        )
        is_me = direction == 1
        others = [*recipients] if is_me else [one for one in (sender, *recipients) if one]
        return StagedArtifact(
            key=uuid_of(row["ZUUID"])
            or key_of(
                app, row["ZSTARTDATE"], direction, mechanism, row["ZDOMAINIDENTIFIER"],
                sender and sender.handle, [one.handle for one in recipients],
            ),
            thread_key=self._thread(app),
            occurred_at_us=start_us,
            title=_title(payload, others),
            text=_text(payload, others),
            sender_handle=None if is_me or sender is None else sender.handle,
            is_me=is_me,
            has_attachment=False,
            payload=payload,
        )  # fmt: skip

    def _person(self, row: Record) -> StagedArtifact:
        person = self._people.person(row)
        return StagedArtifact(
            key=self._person_key(row, person),
            occurred_at_us=None,
            title=person.name or person.handle,
            text="\n".join(word for word in (person.name, person.handle) if word) or None,
            sender_handle=person.handle,
            payload=InteractionPayload(type="person", person=person, totals=totals_of(row)),
        )

    def _person_key(self, row: Record, person: Person) -> str:
        """Return an identity that no other has: some are noted twice, in two ways of writing."""
        said = text_of(row["ZIDENTIFIER"]) or key_of(person.name, person.person_key)
        count = self._said[said] = self._said.get(said, 0) + 1
        return f"person:{said}" if count == 1 else f"person:{said}#{count}"

    def _name(self, app: str | None) -> str | None:
        return None if app is None else self._names.name(_SCREENS.get(app, app))

    def _thread(self, app: str | None) -> str | None:
        if app is not None and app not in self._apps and len(self._apps) < _MOST_APPS:
            self._apps.add(app)
            self._sink.thread(
                StagedThread(
                    key=app,
                    title=self._name(app) or app,
                    is_group=False,
                    participants=[],
                    services=[app],
                    raw_keys=[app],
                )
            )
        return app if app in self._apps else None


def _attachment(row: Record) -> Attachment:
    size = int_of(row["ZSIZEINBYTES"])
    return Attachment(
        type=_cut(row["ZUTI"]),
        text=_cut(row["ZCONTENTTEXT"]),
        url=_cut(row["ZCONTENTURL"]),
        size_bytes=size if size is not None and size > 0 else None,
        photo_key=_cut(row["ZPHOTOLOCALIDENTIFIER"]),
    )


def _cut(value: object) -> str | None:
    words = text_of(value)
    return None if words is None else words[:_LONGEST_TEXT]


def _duration(start_us: int | None, end_us: int | None) -> float | None:
    if start_us is None or end_us is None or end_us <= start_us:
        return None
    seconds = (end_us - start_us) / 1e6
    return seconds if seconds <= _LONGEST_SECONDS else None


def _title(payload: InteractionPayload, others: list[Person]) -> str | None:
    names = [name for one in others[:4] if (name := one.name or one.handle) is not None]
    if len(others) > 4:
        names.append("…")
    return payload.group or ", ".join(names) or payload.app_name or payload.app


def _text(payload: InteractionPayload, others: list[Person]) -> str | None:
    lines: list[str | None] = [payload.group, payload.app_name, payload.content_url]
    for one in others:
        lines += [one.name, one.handle]
    for attachment in payload.attachments:
        lines += [attachment.text, attachment.url]
    return "\n".join(dict.fromkeys(line for line in lines if line)) or None

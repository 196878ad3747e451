"""Calls from CallHistory.sqlite, in the threads of the chats with those who were in them.

They are artifacts of this kind: the app's own log knows more of them (groups, video, bytes) than
the phone's, which has the same calls again as kind ``call``; who shows both tells them by time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.indexer.kinds.core_data import column_like
from services.indexer.kinds.database import Database
from services.indexer.kinds.phone_time import cocoa_microseconds
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record, by_number, key_of, walk
from services.indexer.kinds.values import flag_of, float_of, int_of
from services.indexer.kinds.whatsapp.chats import Chats
from services.indexer.kinds.whatsapp.jids import read_jid, word
from services.indexer.kinds.whatsapp.payload import Call, Caller, WhatsAppPayload
from services.indexer.kinds.whatsapp.people import People
from services.indexer.kinds.whatsapp.places import App
from services.indexer.kinds.whatsapp.vocabulary import OUTCOMES
from services.indexer.staging import StagedArtifact

_EVENTS, _PARTICIPANTS = "ZWACDCALLEVENT", "ZWACDCALLEVENTPARTICIPANT"
_JOINABLE, _JOINABLE_PARTICIPANTS = "ZWAJOINABLECALLEVENT", "ZWAJOINABLECALLEVENTPARTICIPANT"
_MOST_PARTICIPANTS = 200
_LONGEST_IDENTITY = 200

_EVENT_COLUMNS = (
    "Z_PK", "ZDATE", "ZDURATION", "ZOUTCOME", "ZCALLIDSTRING", "ZGROUPCALLCREATORUSERJIDSTRING",
    "ZGROUPJIDSTRING", "ZBYTESRECEIVED", "ZBYTESSENT", "ZSCHEDULEDID",
)  # fmt: skip
_JOINABLE_COLUMNS = (
    "Z_PK", "ZDATE", "ZDURATION", "ZCURRENTOUTCOME", "ZCALLIDSTRING", "ZCALLCREATORJIDSTRING",
    "ZGROUPJIDSTRING", "ZBYTESRECEIVED", "ZBYTESSENT", "ZVIDEO", "ZFROMJIDSTRING",
    "ZLINKTOKEN", "ZSCHEDULEDID",
)  # fmt: skip


class Calls:
    """The calls of one app."""

    def __init__(
        self, database: Database, app: App, chats: Chats, people: People, tally: Tally
    ) -> None:
        """Read whatever calls refer to."""
        self._database = database
        self._app = app
        self._chats = chats
        self._people = people
        self._tally = tally

    def __iter__(self) -> Iterator[Record]:
        """Yield the rows of all calls in the order of time."""
        rows = [*self._ended(), *self._joinable()]
        return iter(sorted(rows, key=lambda row: (row["at_us"] or 0, row["Z_PK"] or 0)))

    def _ended(self) -> Iterator[Record]:
        columns: tuple[str, ...] = ("ZINCOMING", "ZMISSED", "ZVIDEO", "ZLINKTOKEN")
        together = by_number(self._database, "ZWAAGGREGATECALLEVENT", columns, self._tally)
        # The digit is the number of an entity.
        link = column_like(self._database, _EVENTS, "Z#CALLEVENTS")
        columns = _EVENT_COLUMNS if link is None else (*_EVENT_COLUMNS, link)
        people = self._participants(_PARTICIPANTS)
        for row in walk(self._database, _EVENTS, columns, self._tally, rest="order by Z_PK"):
            group = together.get(row[link]) if link is not None else None
            yield row | {
                "at_us": cocoa_microseconds(row["ZDATE"]),
                "group": group or {},
                "people": people.get(row["Z_PK"], []),
                "creator": row["ZGROUPCALLCREATORUSERJIDSTRING"],
                "is_joinable": False,
            }

    def _joinable(self) -> Iterator[Record]:
        people = self._participants(_JOINABLE_PARTICIPANTS)
        for row in walk(self._database, _JOINABLE, _JOINABLE_COLUMNS, self._tally):
            yield row | {
                "at_us": cocoa_microseconds(row["ZDATE"]),
                "group": {"ZVIDEO": row["ZVIDEO"], "ZLINKTOKEN": row["ZLINKTOKEN"]},
                "people": people.get(row["Z_PK"], []),
                "creator": row["ZCALLCREATORJIDSTRING"] or row["ZFROMJIDSTRING"],
                "ZOUTCOME": row["ZCURRENTOUTCOME"],
                "is_joinable": True,
            }

    def _participants(self, table: str) -> dict[Any, list[Caller]]:
        link = column_like(self._database, table, "Z#PARTICIPANTS")
        found: dict[Any, list[Caller]] = {}
        if link is None:
            return found
        columns = ("Z_PK", link, "ZJIDSTRING", "ZOUTCOME")
        for row in walk(self._database, table, columns, self._tally, rest="order by Z_PK"):
            handle, code = self._people.person(row["ZJIDSTRING"]), int_of(row["ZOUTCOME"])
            callers = found.setdefault(row[link], [])
            if handle is not None and len(callers) < _MOST_PARTICIPANTS:
                outcome = None if code is None else OUTCOMES.get(code)
                callers.append(Caller(handle=handle, outcome=outcome, outcome_code=code))
        return found

    def artifact(self, row: Record) -> StagedArtifact:
        """Return the artifact of a call."""
        group_jid = read_jid(row["ZGROUPJIDSTRING"])
        creator = self._people.person(row["creator"])
        people: list[Caller] = [c for c in row["people"] if c.handle != self._people.own]
        incoming = row["group"].get("ZINCOMING")
        is_me = self._is_mine(incoming, creator)
        other = creator if not is_me and creator is not None else None
        if other is None and len(people) == 1:
            other = people[0].handle
        if group_jid is not None:
            thread: str | None = self._chats.thread_of_group(group_jid)
        else:
            alone = people[0].handle if len(people) == 1 else None if people else other
            thread = None if alone is None else self._chats.thread_of_person(alone)
        call = self._call(row, people, creator, is_group=group_jid is not None or len(people) > 1)
        return StagedArtifact(
            key=self._key(row, creator),
            thread_key=thread,
            occurred_at_us=row["at_us"],
            title=_title(call, is_me=is_me),
            # No names: a call does not change when somebody is renamed.
            text="\n".join(dict.fromkeys(caller.handle for caller in people)) or None,
            sender_handle=None if is_me else other,
            is_me=is_me,
            payload=WhatsAppPayload(
                type="call",
                service=self._app.service,
                direction="outgoing" if is_me else "incoming",
                call=call,
            ),
        )

    def _is_mine(self, incoming: object, creator: str | None) -> bool:
        if incoming is not None:
            return not flag_of(incoming)
        return creator is not None and creator == self._people.own

    def _call(
        self, row: Record, people: list[Caller], creator: str | None, *, is_group: bool
    ) -> Call:
        code = int_of(row["ZOUTCOME"])
        seconds = float_of(row["ZDURATION"])
        video = row["group"].get("ZVIDEO")
        return Call(
            is_video=None if video is None else flag_of(video),
            outcome=None if code is None else OUTCOMES.get(code),
            outcome_code=code,
            is_missed=code == 1 or flag_of(row["group"].get("ZMISSED")),
            is_group=is_group,
            is_joinable=row["is_joinable"],
            duration_seconds=seconds if seconds is not None and seconds >= 0 else None,
            received_bytes=int_of(row["ZBYTESRECEIVED"]),
            sent_bytes=int_of(row["ZBYTESSENT"]),
            participants=tuple(people),
            creator=creator,
            link_token=_identity(row["group"].get("ZLINKTOKEN")),
            scheduled_id=_identity(row["ZSCHEDULEDID"]),
        )

    def _key(self, row: Record, creator: str | None) -> str:
        own = _identity(row["ZCALLIDSTRING"])
        if own is not None:
            return f"{self._app.key}:call:{own}"
        said = key_of(row["ZDATE"], creator, row["ZGROUPJIDSTRING"], row["is_joinable"])
        return f"{self._app.key}:call:{said}"


def _identity(value: object) -> str | None:
    said = word(value)
    return None if said is None or len(said) > _LONGEST_IDENTITY else said


def _title(call: Call, *, is_me: bool) -> str:
    kind = "video call" if call.is_video else "voice call" if call.is_video is False else "call"
    if call.is_missed and not is_me:
        return f"Missed {kind}"
    return f"{'Outgoing' if is_me else 'Incoming'} {kind}"

"""CallHistory.storedata: the calls of iOS 8 and later."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from services.indexer.kinds.call.assembly import Found, assemble
from services.indexer.kinds.call.payload import Junk, Participant
from services.indexer.kinds.call.people import (
    MOST_PARTICIPANTS,
    Counterparts,
    People,
    everybody,
    word,
)
from services.indexer.kinds.call.vocabulary import (
    APPS,
    CALL_TYPES,
    CATEGORIES,
    HIDDEN,
    JUNK_FROM,
    SERVICES,
    UNAVAILABLE,
)
from services.indexer.kinds.core_data import Join, find_join
from services.indexer.kinds.database import Database
from services.indexer.kinds.phone_time import cocoa_microseconds
from services.indexer.kinds.protocol import Tally, UnsupportedStoreError
from services.indexer.kinds.records import Record, by_number, key_of
from services.indexer.kinds.rows_in_order import rows_in_order
from services.indexer.kinds.values import flag_of, float_of, int_of, uuid_of
from services.indexer.staging import StagedArtifact

_TABLE, _HANDLES = "ZCALLRECORD", "ZHANDLE"
_LONGEST_IDENTITY = 200
#: Of calls that are told apart from those with one person.
_MOST_WITH_OTHERS = 100_000
_OF_JUNK = (
    "ZJUNKCONFIDENCE", "ZJUNKIDENTIFICATIONCATEGORY", "ZFILTERED_OUT_REASON",
    "ZBLOCKEDBYEXTENSIONNAME", "ZBLOCKEDBYEXTENSION",
)  # fmt: skip
_COLUMNS = (
    "Z_PK", "ZUNIQUE_ID", "ZDATE", "ZDURATION", "ZADDRESS", "ZNAME", "ZORIGINATED", "ZANSWERED",
    "ZREAD", "ZCALLTYPE", "ZCALL_CATEGORY", "ZSERVICE_PROVIDER", "ZDISCONNECTED_CAUSE",
    "ZISO_COUNTRY_CODE", "ZLOCATION", "ZHANDLE_TYPE", "ZNUMBER_AVAILABILITY", "ZFACE_TIME_DATA",
    "ZINITIATOR", "ZHASMESSAGE", "ZWASEMERGENCYCALL", "ZUSEDEMERGENCYVIDEOSTREAMING",
    "ZJUNKCONFIDENCE", "ZJUNKIDENTIFICATIONCATEGORY", "ZFILTERED_OUT_REASON",
    "ZBLOCKEDBYEXTENSION", "ZBLOCKEDBYEXTENSIONNAME", "ZIDENTITYEXTENSION",
    "ZORIGINATINGDEVICENAME", "ZDEVICE_ID", "ZCONVERSATIONID", "ZPARTICIPANTGROUPUUID",
    "ZLOCALPARTICIPANTUUID", "ZOUTGOINGLOCALPARTICIPANTUUID", "ZDIDENABLETRANSLATION",
    "ZVERIFICATIONSTATUS", "ZCALLDIRECTORYIDENTITYTYPE", "ZAUTOANSWEREDREASON",
    "ZSCREENSHARINGTYPE", "ZCOMMUNICATIONTRUSTSCORE", "ZORIGINATINGUITYPE",
)  # fmt: skip
#: Numbers without words, by the names under which they are kept.
_RAW = {
    "ZDISCONNECTED_CAUSE": "disconnected_cause",
    "ZVERIFICATIONSTATUS": "verification_status",
    "ZCALLDIRECTORYIDENTITYTYPE": "call_directory_identity_type",
    "ZAUTOANSWEREDREASON": "auto_answered_reason",
    "ZSCREENSHARINGTYPE": "screen_sharing_type",
    "ZCOMMUNICATIONTRUSTSCORE": "communication_trust_score",
    "ZORIGINATINGUITYPE": "originating_ui_type",
}


class CallStore:
    """One store of calls."""

    def __init__(
        self, database: Database, people: People, threads: Counterparts, tally: Tally
    ) -> None:
        """Read whom calls refer to; raises UnsupportedStoreError for what is no store of calls."""
        self._columns = database.columns(_TABLE)
        if not self._columns & {"ZDATE", "ZADDRESS", "ZUNIQUE_ID"}:
            raise UnsupportedStoreError("The database has no table of calls.")
        self._database = database
        self._people = people
        self._threads = threads
        self._tally = tally
        self._handles = by_number(
            database, _HANDLES, ("ZVALUE", "ZNORMALIZEDVALUE", "ZTYPE"), tally
        )
        self._join: Join | None = find_join(
            database,
            "Z_#REMOTEPARTICIPANTHANDLES",
            "Z_#REMOTEPARTICIPANTCALLS",
            "Z_#REMOTEPARTICIPANTHANDLES",
        )
        if self._join is not None:
            database.ensure_index(self._join.table, self._join.left)
        self._with_others = self._read_with_others()

    def _read_with_others(self) -> frozenset[Any] | None:
        """Return which calls have people in the table of them: few; None where all may."""
        if self._join is None:
            return frozenset()
        table, left, _ = self._join
        statement = f"select distinct {left} from {table} limit {_MOST_WITH_OTHERS + 1}"  # noqa: S608 -- found names
        try:
            found = frozenset(number for (number,) in self._database.rows(statement))
        except sqlite3.Error:
            return None
        return found if len(found) <= _MOST_WITH_OTHERS else None

    def count(self) -> int:
        """Return about how many calls there are."""
        try:
            return int(self._database.quick_rows(f"select count(*) from {_TABLE}")[0][0])  # noqa: S608 -- our name
        except sqlite3.Error:
            return 0

    def identities(self) -> frozenset[str]:
        """Return the identities of all calls."""
        found = self._database.select(_TABLE, ("ZUNIQUE_ID",))
        return frozenset(value for (value,) in found if isinstance(value, str))

    def moments(self) -> frozenset[tuple[int, str | None]]:
        """Return the second and the handle of all calls, by which older stores know them."""
        found = set()
        for date, address in self._database.select(_TABLE, ("ZDATE", "ZADDRESS")):
            at_us, said = cocoa_microseconds(date), word(address)
            if at_us is not None:
                handle = None if said is None else self._people.handle(said)
                found.add((at_us // 1_000_000, handle))
        return frozenset(found)

    def __iter__(self) -> Iterator[Record]:
        """Yield the rows of all calls in the order of time."""
        for row in rows_in_order(self._database, _TABLE, _COLUMNS, self._tally, by="ZDATE"):
            row["at_us"] = cocoa_microseconds(row["ZDATE"])
            yield row

    def artifact(self, row: Record) -> StagedArtifact:
        """Return the artifact of a call."""
        country = word(row["ZISO_COUNTRY_CODE"])
        initiator = self._handles.get(row["ZINITIATOR"])
        people = everybody(
            (
                self._people.participant(
                    row["ZADDRESS"], kind=int_of(row["ZHANDLE_TYPE"]), country=country
                ),
                *self._others(row["Z_PK"], country),
            )
        )
        raw = {
            name: number
            for column, name in _RAW.items()
            if (number := int_of(row[column])) is not None
            and (number != 0 or column == "ZDISCONNECTED_CAUSE")
        }
        self._read_kind(row, raw)
        availability = int_of(row["ZNUMBER_AVAILABILITY"])
        began = None if initiator is None else self._person(initiator, country)
        return assemble(
            Found(
                key=self._key(row),
                at_us=row["at_us"],
                people=people,
                direction=None
                if row["ZORIGINATED"] is None
                else "outgoing"
                if flag_of(row["ZORIGINATED"])
                else "incoming",
                is_answered=flag_of(row["ZANSWERED"]),
                seconds=float_of(row["ZDURATION"]),
                cause=int_of(row["ZDISCONNECTED_CAUSE"]),
                service=row["service"],
                is_video=row["is_video"],
                initiator=None if began is None else began.handle,
            ),
            self._threads,
            name=word(row["ZNAME"]),
            number="hidden"
            if availability == HIDDEN and not people
            else "unavailable"
            if availability == UNAVAILABLE and not people
            else None,
            identified_by=word(row["ZIDENTITYEXTENSION"]),
            country_code=None if country is None else country.upper(),
            location=word(row["ZLOCATION"]),
            provider=row["provider"],
            app=row["app"],
            is_read=None if row["ZREAD"] is None else flag_of(row["ZREAD"]),
            has_message=flag_of(row["ZHASMESSAGE"]),
            is_emergency=flag_of(row["ZWASEMERGENCYCALL"]),
            used_emergency_video=flag_of(row["ZUSEDEMERGENCYVIDEOSTREAMING"]),
            was_translated=flag_of(row["ZDIDENABLETRANSLATION"]),
            junk=_junk(row),
            transferred_bytes=int_of(row["ZFACE_TIME_DATA"]) or None,
            device_name=word(row["ZORIGINATINGDEVICENAME"]),
            conversation_key=uuid_of(row["ZCONVERSATIONID"]),
            group_key=uuid_of(row["ZPARTICIPANTGROUPUUID"]),
            line_key=uuid_of(row["ZLOCALPARTICIPANTUUID"])
            or uuid_of(row["ZOUTGOINGLOCALPARTICIPANTUUID"])
            or word(row["ZDEVICE_ID"]),
            raw=raw,
        )

    def _others(self, call: object, country: str | None) -> Iterator[Participant | None]:
        if self._join is None or not isinstance(call, int):
            return
        if self._with_others is not None and call not in self._with_others:
            return
        table, left, right = self._join
        statement = f"select {right} from {table} where {left} = ? order by {right} limit ?"  # noqa: S608 -- found names
        try:
            for (number,) in self._database.rows(statement, (call, MOST_PARTICIPANTS)):
                handle = self._handles.get(number)
                if handle is None:
                    self._tally.note("A call names somebody whom the phone's list lacks.")
                else:
                    yield self._person(handle, country)
        except sqlite3.Error:
            self._tally.note("Those in a group call could not be read.")

    def _person(self, row: Record, country: str | None) -> Participant | None:
        return self._people.participant(
            row["ZVALUE"],
            normalised=row["ZNORMALIZEDVALUE"],
            kind=int_of(row["ZTYPE"]),
            country=country,
        )

    def _read_kind(self, row: Record, raw: dict[str, int]) -> None:
        """Find out by what, and whether by video; numbers without a word go to *raw*."""
        provider, kind = word(row["ZSERVICE_PROVIDER"]), int_of(row["ZCALLTYPE"])
        category = int_of(row["ZCALL_CATEGORY"])
        service, is_video = CALL_TYPES.get(kind, (None, None)) if kind is not None else (None, None)
        if service is None and kind is not None:
            raw["call_type"] = kind
        if provider is not None and service in {None, "app"}:
            service = SERVICES.get(provider, "app")
        if category in CATEGORIES:
            is_video = CATEGORIES[category]
        elif category:
            raw["call_category"] = category
        row["service"], row["is_video"], row["provider"] = service, is_video, provider
        row["app"] = APPS.get(provider) if service == "app" and provider is not None else None

    def _key(self, row: Record) -> str:
        own = word(row["ZUNIQUE_ID"])
        if own is not None and len(own) <= _LONGEST_IDENTITY:
            return own
        return key_of(row["ZDATE"], row["ZADDRESS"], row["ZORIGINATED"], row["ZDURATION"])


def _junk(row: Record) -> Junk | None:
    if not any(row[column] for column in _OF_JUNK):
        return None
    confidence = int_of(row["ZJUNKCONFIDENCE"])
    junk = Junk(
        is_junk=(confidence or 0) >= JUNK_FROM,
        confidence=confidence or None,
        category=word(row["ZJUNKIDENTIFICATIONCATEGORY"]),
        filtered_out_reason=int_of(row["ZFILTERED_OUT_REASON"]) or None,
        blocked_by=word(row["ZBLOCKEDBYEXTENSIONNAME"]) or word(row["ZBLOCKEDBYEXTENSION"]),
    )
    return None if junk == Junk() else junk

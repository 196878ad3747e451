"""The people of interactionC.db, and who of them was addressed in which interaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from services.indexer.kinds.core_data import Join, find_join
from services.indexer.kinds.database import Database
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.interaction.payload import Person, Totals
from services.indexer.kinds.phone_time import cocoa_utc
from services.indexer.kinds.protocol import Tally
from services.indexer.kinds.records import Record, walk
from services.indexer.kinds.rows_by_number import pairs_by_number, rows_by_number
from services.indexer.kinds.values import int_of, text_of

PERSON_COLUMNS = (
    "Z_PK", "ZDISPLAYNAME", "ZIDENTIFIER", "ZCUSTOMIDENTIFIER", "ZPERSONID",
    "ZINCOMINGSENDERCOUNT", "ZINCOMINGRECIPIENTCOUNT", "ZOUTGOINGRECIPIENTCOUNT",
    "ZFIRSTINCOMINGSENDERDATE", "ZLASTINCOMINGSENDERDATE", "ZFIRSTOUTGOINGRECIPIENTDATE",
    "ZLASTOUTGOINGRECIPIENTDATE",
)  # fmt: skip
_CONTACTS, _INTERACTIONS = "ZCONTACTS", "ZINTERACTIONS"
#: So many rows tell which end is which.
_ENOUGH = 20_000
_MOST_RECIPIENTS = 500
_LONGEST_NAME = 1_000
_WHATSAPP = "@s.whatsapp.net"


class People:
    """The contacts of one store."""

    def __init__(self, database: Database, handles: Handles, tally: Tally) -> None:
        """Find out how recipients are kept."""
        self._database = database
        self._handles = handles
        self._tally = tally
        join = find_join(
            database, "Z_#INTERACTIONRECIPIENT", "Z_#INTERACTIONRECIPIENT", "Z_#RECIPIENTS"
        )
        if join is not None and _is_exchanged(database, join, tally):
            join = Join(join.table, join.right, join.left)
            tally.note("The two ends of recipients are exchanged in this store.")
        self._join = join

    def recipients(self, interactions: Iterable[object]) -> dict[int, list[int]]:
        """Return the numbers of those who were addressed, by interaction."""
        if self._join is None:
            return {}
        return pairs_by_number(
            self._database, self._join, interactions, self._tally, at_most=_MOST_RECIPIENTS
        )

    def read(self, numbers: Iterable[object]) -> dict[int, Person]:
        """Return people by their numbers."""
        rows = rows_by_number(
            self._database, _CONTACTS, PERSON_COLUMNS[1:5], numbers, self._tally, key="Z_PK"
        )
        return {number: self.person(row) for number, row in rows.items()}

    def person(self, row: Record) -> Person:
        """Return the person of a row."""
        said = text_of(row["ZIDENTIFIER"]) or text_of(row["ZCUSTOMIDENTIFIER"])
        name = text_of(row["ZDISPLAYNAME"])
        return Person(
            handle=None if said is None else self._handle(said[:_LONGEST_NAME]),
            name=None if name is None else name[:_LONGEST_NAME],
            person_key=text_of(row["ZPERSONID"]),
        )

    def _handle(self, said: str) -> str:
        # A number with the name of WhatsApp's server: as the person is known everywhere else.
        number = said.removesuffix(_WHATSAPP)
        if number != said and number.isascii() and number.isdigit():
            said = f"+{number}"
        return self._handles.normalise(said)


def _is_exchanged(database: Database, join: Join, tally: Tally) -> bool:
    """Whether the columns hold the ends that their names do not say.

    The phone counts the recipients of each interaction: whichever reading comes out as it counted,
    and points to rows that there are, is the right one; the names count where both do.
    """
    rest = f"limit {_ENOUGH}"
    pairs = [
        (row[join.left], row[join.right])
        for row in walk(database, join.table, (join.left, join.right), tally, rest=rest)
        if isinstance(row[join.left], int) and isinstance(row[join.right], int)
    ]
    return _fit(database, [(b, a) for a, b in pairs], tally) > _fit(database, pairs, tally)


def _fit(database: Database, pairs: list[tuple[int, int]], tally: Tally) -> int:
    """Return how well pairs of interaction and person agree with what both tables say."""
    counted = Counter(interaction for interaction, _ in pairs)
    interactions = rows_by_number(
        database, _INTERACTIONS, ("ZRECIPIENTCOUNT",), counted, tally, key="Z_PK"
    )
    people = rows_by_number(
        database, _CONTACTS, (), {person for _, person in pairs}, tally, key="Z_PK"
    )
    as_counted = sum(
        1 if row["ZRECIPIENTCOUNT"] == counted[number] else -1
        for number, row in interactions.items()
    )
    dangling = sum(a not in interactions or b not in people for a, b in pairs)
    return as_counted - dangling


def totals_of(row: Record) -> Totals | None:
    """Return a person's totals; None where there are none."""
    totals = Totals(
        received=_count(row["ZINCOMINGSENDERCOUNT"]),
        received_with_others=_count(row["ZINCOMINGRECIPIENTCOUNT"]),
        sent=_count(row["ZOUTGOINGRECIPIENTCOUNT"]),
        first_received_at=cocoa_utc(row["ZFIRSTINCOMINGSENDERDATE"]),
        last_received_at=cocoa_utc(row["ZLASTINCOMINGSENDERDATE"]),
        first_sent_at=cocoa_utc(row["ZFIRSTOUTGOINGRECIPIENTDATE"]),
        last_sent_at=cocoa_utc(row["ZLASTOUTGOINGRECIPIENTDATE"]),
    )
    return None if totals == Totals() else totals


def _count(value: object) -> int | None:
    number = int_of(value)
    return number if number is not None and number > 0 else None

"""Reads Accounts3.sqlite: accounts with their type, the account above them, and what they do.

Source: the stores of iOS 13, 15 and 16. What only the copy has that the phone
keeps of the store was removed since.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from services.indexer.kinds.account.details import (
    PROPERTIES,
    Properties,
    dataclass_name,
    emails,
    full_name,
    read_properties,
    server,
    service_words,
)
from services.indexer.kinds.account.payload import AccountPayload
from services.indexer.kinds.app_names import apple_name
from services.indexer.kinds.batched_rows import BatchedRows, Parts, numbers_in
from services.indexer.kinds.core_data import find_join
from services.indexer.kinds.database import Database
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.phone_time import cocoa_microseconds, cocoa_utc
from services.indexer.kinds.protocol import ParserInputs, Sink, UnsupportedStoreError
from services.indexer.kinds.records import Record, Records, key_of
from services.indexer.kinds.values import flag_of, text_of
from services.indexer.staging import StagedArtifact

_ACCOUNT = (
    "ZIDENTIFIER", "ZUSERNAME", "ZACCOUNTDESCRIPTION", "ZOWNINGBUNDLEID", "ZACTIVE",
    "ZAUTHENTICATED", "ZVISIBLE", "ZAUTHENTICATIONTYPE", "ZACCOUNTTYPE", "ZPARENTACCOUNT", "ZDATE",
    "ZLASTCREDENTIALRENEWALREJECTIONDATE",
)  # fmt: skip
_TYPE = ("ZIDENTIFIER", "ZACCOUNTTYPEDESCRIPTION")
_LONGEST_KEY = 200
_LONGEST_HANDLE = 500


def parse_accounts(
    inputs: ParserInputs, sink: Sink, *, stores: tuple[tuple[str, str], ...]
) -> None:
    """Give every account to *sink*; what only a later one of *stores* has was removed since."""
    copies = [copy for store in stores if (copy := inputs.find(*store)) is not None]
    if not copies:
        raise UnsupportedStoreError("This backup has no such store.")
    # Those of the first store that can be read are there; a copy adds what was removed since.
    records = Records(sink)
    known: set[str] = set()
    failure: UnsupportedStoreError | None = None
    read = 0
    for copy in copies:
        try:
            _read(copy, inputs, records, sink, known, is_removed=read > 0)
        except UnsupportedStoreError as error:
            failure = failure or error
        else:
            read += 1
    if failure is not None:
        if not read:
            raise failure
        sink.tally.note("One of several lists of accounts could not be read.")
    records.finish()


def _read(
    copy: Path,
    inputs: ParserInputs,
    records: Records,
    sink: Sink,
    known: set[str],
    *,
    is_removed: bool,
) -> None:
    with contextlib.ExitStack() as opened:
        database = opened.enter_context(Database(copy))
        if "Z_PK" not in database.columns("ZACCOUNT"):
            raise UnsupportedStoreError("The database has no table of accounts.")
        _Reader(database, inputs, records, sink, known, is_removed=is_removed).run()


class _Reader:
    def __init__(
        self,
        database: Database,
        inputs: ParserInputs,
        records: Records,
        sink: Sink,
        known: set[str],
        *,
        is_removed: bool,
    ) -> None:
        tally = sink.tally
        self._records = records
        self._sink = sink
        self._known = known
        self._is_removed = is_removed
        self._normalise = Handles(inputs.region).normalise
        self._accounts = BatchedRows(database, "ZACCOUNT", _ACCOUNT, tally, key="Z_PK")
        self._types = BatchedRows(database, "ZACCOUNTTYPE", _TYPE, tally, key="Z_PK")
        self._has_types = "Z_PK" in database.columns("ZACCOUNTTYPE")
        listed = ", ".join(f"'{name}'" for name in PROPERTIES)
        self._properties = Parts(
            database,
            "ZACCOUNTPROPERTY",
            ("ZKEY", "ZVALUE"),
            tally,
            of="ZOWNER",
            where=f"and ZKEY in ({listed})"
            if "ZKEY" in database.columns("ZACCOUNTPROPERTY")
            else "",
        )
        join = find_join(
            database, "Z_#ENABLEDDATACLASSES", "Z_#ENABLEDACCOUNTS", "Z_#ENABLEDDATACLASSES"
        )
        self._enabled = Parts(
            database,
            "" if join is None else join.table,
            () if join is None else (join.right,),
            tally,
            of=None if join is None else join.left,
        )
        self._right = None if join is None else join.right
        self._classes = BatchedRows(database, "ZDATACLASS", ("ZNAME",), tally, key="Z_PK")
        self._has_classes = "Z_PK" in database.columns("ZDATACLASS")
        self._class_names: dict[int, str | None] = {}

    def run(self) -> None:
        numbers = self._accounts.numbers(by=("ZDATE",))
        self._records.expect(len(numbers))
        for rows in self._accounts.batches(numbers):
            own = numbers_in(rows, "Z_PK")
            properties = self._properties.read(own)
            enabled = self._enabled.read(own)
            parents = {
                row["Z_PK"]: row for row in self._accounts.read(numbers_in(rows, "ZPARENTACCOUNT"))
            }
            types = self._types_of([*rows, *parents.values()])
            self._learn_classes(enabled)
            for row in rows:
                if self._is_removed and _key(row) in self._known:
                    continue  # the copy says once more what the store says
                number = row["Z_PK"]
                self._records.keep(
                    lambda row=row, number=number, parents=parents, types=types,  # type: ignore[misc]
                    properties=properties, enabled=enabled: self._artifact(
                        row,
                        parent=parents.get(row["ZPARENTACCOUNT"]),
                        types=types,
                        properties=read_properties(properties.get(number, [])),
                        services=self._services(enabled.get(number, [])),
                    )
                )  # fmt: skip

    def _types_of(self, rows: list[Record]) -> dict[int, Record]:
        if not self._has_types:
            return {}
        return {row["Z_PK"]: row for row in self._types.read(numbers_in(rows, "ZACCOUNTTYPE"))}

    def _learn_classes(self, enabled: dict[int, list[Record]]) -> None:
        if self._right is None or not self._has_classes:
            return
        wanted = {
            number
            for rows in enabled.values()
            for number in numbers_in(rows, self._right)
            if number not in self._class_names
        }
        for row in self._classes.read(sorted(wanted)):
            self._class_names[row["Z_PK"]] = dataclass_name(row["ZNAME"])

    def _services(self, rows: list[Record]) -> tuple[str, ...]:
        if self._right is None:
            return ()
        found = (self._class_names.get(row[self._right]) for row in rows)
        return service_words({name for name in found if name is not None})

    def _artifact(
        self,
        row: Record,
        *,
        parent: Record | None,
        types: dict[int, Record],
        properties: Properties,
        services: tuple[str, ...],
    ) -> StagedArtifact:
        key = _key(row)
        self._known.add(key)
        kind = types.get(row["ZACCOUNTTYPE"], {})
        username, owner = text_of(row["ZUSERNAME"]), text_of(row["ZOWNINGBUNDLEID"])
        payload = AccountPayload(
            type=text_of(kind.get("ZIDENTIFIER")),
            type_name=text_of(kind.get("ZACCOUNTTYPEDESCRIPTION")),
            description=text_of(row["ZACCOUNTDESCRIPTION"]),
            username=username,
            handle=None if username is None else self._normalise(username[:_LONGEST_HANDLE]),
            owner_bundle_id=owner,
            owner_name=None if owner is None else apple_name(owner),
            is_active=flag_of(row["ZACTIVE"]),
            is_authenticated=flag_of(row["ZAUTHENTICATED"]),
            is_visible=flag_of(row["ZVISIBLE"]),
            authentication_type=text_of(row["ZAUTHENTICATIONTYPE"]),
            parent_key=None if parent is None else _key(parent),
            parent_name=None if parent is None else _name(parent, types),
            services=services,
            full_name=full_name(properties),
            emails=emails(properties),
            server=server(properties),
            created_at=cocoa_utc(row["ZDATE"]),
            rejected_at=cocoa_utc(row["ZLASTCREDENTIALRENEWALREJECTIONDATE"]),
            is_removed=self._is_removed,
        )
        lines = (
            payload.type_name, payload.description, username, payload.handle, payload.full_name,
            *payload.emails, payload.server, payload.parent_name, payload.type,
        )  # fmt: skip
        return StagedArtifact(
            key=key,
            payload=payload,
            occurred_at_us=cocoa_microseconds(row["ZDATE"]),
            title=_name(row, types),
            text="\n".join(dict.fromkeys(line for line in lines if line)),
        )


def _key(row: Record) -> str:
    identity = text_of(row["ZIDENTIFIER"])
    if identity is None:
        return key_of(row["ZUSERNAME"], row["ZACCOUNTDESCRIPTION"], row["ZDATE"])
    return identity if len(identity) <= _LONGEST_KEY else key_of(identity)


def _name(row: Record, types: dict[int, Record]) -> str | None:
    """Return what Settings would show: the name of the account, and of whom it is."""
    kind = types.get(row["ZACCOUNTTYPE"], {})
    username = text_of(row["ZUSERNAME"])
    named = (row["ZACCOUNTDESCRIPTION"], kind.get("ZACCOUNTTYPEDESCRIPTION"))
    name = next((text for one in named if (text := text_of(one)) and text != username), None)
    if name is None or username is None:
        return name or username
    return f"{name}: {username}"

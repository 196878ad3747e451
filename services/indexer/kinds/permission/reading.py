"""Reads TCC.db: which app may use what. Those of location are with the location service.

Source: the database of iOS 14, and the columns that are known of those before.
"""

from __future__ import annotations

from pathlib import Path

from services.indexer.kinds.app_names import AppNames
from services.indexer.kinds.database import Database
from services.indexer.kinds.permission.location import client_of, read_clients
from services.indexer.kinds.permission.payload import PermissionPayload
from services.indexer.kinds.permission.vocabulary import (
    DECISIONS,
    OLD_DECISIONS,
    decision_words,
    reason_words,
    service_words,
)
from services.indexer.kinds.phone_time import microseconds_of, unix_utc
from services.indexer.kinds.protocol import ParserInputs, Sink, Tally, UnsupportedStoreError
from services.indexer.kinds.records import Record, Records, key_of
from services.indexer.kinds.rows_in_order import rows_in_order
from services.indexer.kinds.values import int_of, text_of
from services.indexer.staging import StagedArtifact

_ACCESS = (
    "service", "client", "client_type", "auth_value", "allowed", "auth_reason", "prompt_count",
    "indirect_object_identifier", "last_modified",
)  # fmt: skip
_EXPIRED = ("service", "client", "client_type", "last_modified", "expired_at")
_NO_TARGET = "UNUSED"
_LONGEST_KEY = 200


def parse_permissions(inputs: ParserInputs, sink: Sink) -> None:
    """Give every permission of the backup to *sink*: those of apps, then those of location."""
    names = AppNames(inputs)
    records = Records(sink)
    failures: list[UnsupportedStoreError] = []
    read = 0
    for (domain, path), reader in (
        (("HomeDomain", "Library/TCC/TCC.db"), _read_access),
        (("RootDomain", "Library/Caches/locationd/clients.plist"), _read_locations),
    ):
        copy = inputs.find(domain, path)
        if copy is None:
            continue
        try:
            reader(copy, names, records, sink)
        except UnsupportedStoreError as error:
            failures.append(error)
        else:
            read += 1
    if not read:
        raise failures[0] if failures else UnsupportedStoreError("This backup has no such store.")
    if failures:
        sink.tally.note("One of several lists of permissions could not be read.")
    records.finish()


def _read_access(copy: Path, names: AppNames, records: Records, sink: Sink) -> None:
    with Database(copy) as database:
        if not {"service", "client"} <= database.columns("access"):
            raise UnsupportedStoreError("The database has no table of permissions.")
        for table, columns in (("access", _ACCESS), ("expired", _EXPIRED)):
            by = "last_modified" if "last_modified" in database.columns(table) else "service"
            for row in rows_in_order(database, table, columns, sink.tally, by=by):
                records.keep(
                    lambda row=row, table=table: _artifact(  # type: ignore[misc]
                        _permission(row, names, is_expired=table == "expired"), sink.tally
                    )
                )


def _read_locations(copy: Path, names: AppNames, records: Records, sink: Sink) -> None:
    clients = read_clients(copy)
    if clients is None:
        raise UnsupportedStoreError("The file is damaged or not a property list.")
    records.expect(len(clients))
    for key, value in clients:
        records.keep(
            lambda key=key, value=value: _artifact(client_of(key, value, names), sink.tally)  # type: ignore[misc]
        )


def _permission(row: Record, names: AppNames, *, is_expired: bool) -> PermissionPayload | None:
    service, client = text_of(row["service"]), text_of(row["client"])
    if service is None or client is None:
        return None
    raw = int_of(row.get("auth_value"))
    if raw is None:
        raw = int_of(row.get("allowed"))
        decision = OLD_DECISIONS.get(raw, "unknown") if raw is not None else "unknown"
    else:
        decision = DECISIONS.get(raw, "unknown")
    is_path = row["client_type"] == 1
    reason = int_of(row.get("auth_reason"))
    target = text_of(row.get("indirect_object_identifier"))
    return PermissionPayload(
        service=service_words(service),
        decision="denied" if is_expired else decision,
        client=client,
        app_name=None if is_path else names.name(client),
        bundle_id=None if is_path else client,
        path=client if is_path else None,
        service_raw=service,
        decision_raw=raw,
        reason=reason_words(reason),
        reason_raw=reason,
        changed_at=unix_utc(row["last_modified"]),
        is_expired=is_expired,
        expired_at=unix_utc(row.get("expired_at")),
        target=None if target == _NO_TARGET else target,
        prompt_count=int_of(row.get("prompt_count")),
    )


def _artifact(payload: PermissionPayload | None, tally: Tally) -> StagedArtifact | None:
    if payload is None:
        tally.note("A record has no identity of its own.")
        return None
    key = _key(payload)
    name = payload.app_name or payload.client
    lines = (
        payload.app_name, payload.client, payload.service, payload.service_raw,
        decision_words(payload.decision), payload.target,
    )  # fmt: skip
    return StagedArtifact(
        key=key if len(key) <= _LONGEST_KEY else key_of(key),
        payload=payload,
        occurred_at_us=microseconds_of(
            payload.expired_at or payload.changed_at or payload.last_used_at
        ),
        title=f"{name}: {payload.service}",
        text="\n".join(dict.fromkeys(line for line in lines if line)),
    )


def _key(payload: PermissionPayload) -> str:
    """Return what identifies a permission: the table's own primary key."""
    parts = [
        "expired" if payload.is_expired else payload.service_raw or "location",
        payload.service_raw if payload.is_expired else None,
        "path" if payload.path is not None and payload.service_raw is not None else None,
        payload.client,
        payload.target,
    ]
    return ":".join(part for part in parts if part)

"""The AsyncAPI 3 document of everything on the bus, generated from the contracts.

``python -m shared.contracts.asyncapi`` prints it. It is committed as ``docs/asyncapi.json`` and a
contract test compares the two, so that a change of the wire shows in a diff.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import msgspec

from shared.contracts import (
    comparison,
    discovery,
    exports,
    gaps,
    health,
    index_rules,
    indexer,
    jobs,
    lineage,
    passphrase_references,
    people,
    unlock,
)
from shared.contracts.envelope import CONTENT_TYPE, Envelope
from shared.contracts.events import EVENTS, Event
from shared.contracts.jobs import JobProgress
from shared.contracts.problems import Problem
from shared.contracts.requests import Request
from shared.contracts.topology import CONSUMES, FOLLOWER

_MODULES: tuple[ModuleType, ...] = (
    discovery,
    unlock,
    passphrase_references,
    indexer,
    comparison,
    gaps,
    index_rules,
    lineage,
    people,
    exports,
    jobs,
    health,
)
_SCHEMA = "#/components/schemas/"

#: A JSON value on its way out; the only place where dictionaries stand in for structs.
Json = dict[str, Any]
Schemas = dict[object, Json]


def requests() -> list[type[Request[Any]]]:
    """Return every request of the contracts, in the order they are written."""
    return [
        found
        for module in _MODULES
        for found in vars(module).values()
        if inspect.isclass(found)
        and issubclass(found, Request)
        and found is not Request
        and found.__module__ == module.__name__
    ]


def request_address(request: type[Request[Any]]) -> str:
    """Return the subject with placeholders where there is more than one."""
    if "." in request.subject:
        return request.subject
    if request.subject == "health":
        return "cmd.{service}.health"
    if request in exports.OF_AN_EXPORT:
        return f"indexer.export.{{export_id}}.{request.subject}"
    return f"unlock.session.{{session_id}}.{request.subject}"


def document() -> Json:
    """Return the whole document; equal contracts give an equal document."""
    asked = requests()
    replies = [request.reply for request in asked if request.reply is not bytes]
    types: list[Any] = [*EVENTS, Envelope, JobProgress, Problem, *asked, *replies]
    schemas, components = msgspec.json.schema_components(
        list(dict.fromkeys(types)), ref_template=_SCHEMA + "{name}"
    )
    schema_of: Schemas = dict(zip(dict.fromkeys(types), schemas, strict=True))
    channels: Json = {}
    operations: Json = {}
    messages: Json = {"Problem": _message("application/json", schema_of[Problem], "The refusal.")}
    for event in EVENTS:
        _add_event(event, schema_of, channels, operations, messages)
    for request in asked:
        _add_request(request, schema_of, channels, operations, messages)
    _add_progress(schema_of, channels, operations, messages)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Keepsake bus",
            "version": "1.0.0",
            "description": "Events on the JetStream stream EVENTS; requests over core NATS. "
            "A reply's header Keepsake-Status is 200, or the status of a problem.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": dict(sorted(components.items()))},
    }


def _add_event(
    event: type[Event], schema_of: Schemas, channels: Json, operations: Json, messages: Json
) -> None:
    name = event.__name__
    consumers = [service for service, events in CONSUMES.items() if event in events]
    data = {"type": "object", "properties": {"data": schema_of[event]}}
    messages[name] = _message(
        CONTENT_TYPE, {"allOf": [schema_of[Envelope], data]}, inspect.getdoc(event) or ""
    )
    channels[name] = {
        "address": event.subject,
        "description": f"Published by {', '.join(event.producers)}; "
        f"consumed by {', '.join([*consumers, FOLLOWER])}.",
        "messages": {name: _ref("messages", name)},
    }
    operations[f"publish{name}"] = {"action": "send", "channel": {"$ref": f"#/channels/{name}"}}


def _add_request(
    request: type[Request[Any]],
    schema_of: Schemas,
    channels: Json,
    operations: Json,
    messages: Json,
) -> None:
    name = request.__name__
    messages[name] = _message("application/json", schema_of[request], inspect.getdoc(request) or "")
    if request.reply is bytes:
        messages[f"{name}Reply"] = _message(
            "application/octet-stream", {"type": "string", "format": "binary"}, "The bytes."
        )
    else:
        messages[f"{name}Reply"] = _message(
            "application/json", schema_of[request.reply], "The answer."
        )
    address = request_address(request)
    channel: Json = {"address": address, "messages": {name: _ref("messages", name)}}
    if placeholders := list(_placeholders(address)):
        channel["parameters"] = {placeholder: {} for placeholder in placeholders}
    channels[name] = channel
    channels[f"{name}Reply"] = {
        "address": None,
        "messages": {
            f"{name}Reply": _ref("messages", f"{name}Reply"),
            "Problem": _ref("messages", "Problem"),
        },
    }
    operations[f"answer{name}"] = {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{name}"},
        "reply": {"channel": {"$ref": f"#/channels/{name}Reply"}},
    }


def _add_progress(schema_of: Schemas, channels: Json, operations: Json, messages: Json) -> None:
    messages["JobProgress"] = _message(
        "application/json", schema_of[JobProgress], inspect.getdoc(JobProgress) or ""
    )
    channels["JobProgress"] = {
        "address": "progress.{service}.{job_id}",
        "parameters": {"service": {}, "job_id": {}},
        "messages": {"JobProgress": _ref("messages", "JobProgress")},
    }
    operations["sendJobProgress"] = {
        "action": "send",
        "channel": {"$ref": "#/channels/JobProgress"},
    }


def _message(content_type: str, payload: Json, summary: str) -> Json:
    return {"summary": summary, "contentType": content_type, "payload": payload}


def _ref(section: str, name: str) -> Json:
    return {"$ref": f"#/components/{section}/{name}"}


def _placeholders(address: str) -> Iterator[str]:
    for token in address.split("."):
        if token.startswith("{"):
            yield token.strip("{}")


def render() -> str:
    """Return the document as it is committed."""
    return msgspec.json.format(msgspec.json.encode(document()), indent=1).decode() + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())

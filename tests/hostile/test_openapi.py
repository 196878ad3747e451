"""The OpenAPI document against the running gateway: nothing undocumented, no error of ours."""

from __future__ import annotations

import json
import random
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.hostile.conftest import Vault

METHODS = {"get", "post", "put", "patch", "delete", "head"}
#: These end the vault's sessions or take long; each has tests of its own.
_LEFT_OUT = {("get", "/api/events"), ("delete", "/api/backups/{backup_id}")}
_ODD = (
    "", "0", "-1", "9223372036854775808", "9" * 19, "1e309", "null", "\0", "a\0", "%", "'", '"',
    "../..", "\u202e", "é" * 200, "x" * 3000, "2024-13-45", "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00", "*", "((", "!!&|", "a" * 1024, "true", "[]", "\ufffe", "\n",
)  # fmt: skip
_ODD_JSON: tuple[Any, ...] = (
    None, True, -1, 2**63, 1e308, "", "\0", "x" * 5000, [], [[]], {}, {"a": 1}, "\u202e",
    ["read"] * 9,
)  # fmt: skip


class Document:
    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self.client = vault.stack.client
        self.document: dict[str, Any] = self.client.get("/schema/openapi.json").json()
        files = self.client.get(f"/api/backups/{vault.plain}/files?kind=file").json()["items"]
        # Who guesses waits, and so does everybody who wants to open that backup.
        self.stranger = vault.stranger("read", "unlock")
        self.known = {
            "backup_id": [vault.plain, vault.locked],
            "udid": ["00008110-00000000000000A1"],
            "file_id": [files[0]["file_id"], "0" * 40],
            "job_id": [one["id"] for one in self.client.get("/api/jobs").json()["items"]] or ["0"],
            "artifact_id": ["1"],
            "thread_id": ["1"],
        }

    def operations(self) -> list[tuple[str, str, dict[str, Any]]]:
        return [
            (method, path, operation)
            for path, operations in self.document["paths"].items()
            for method, operation in operations.items()
            if method in METHODS and (method, path) not in _LEFT_OUT
        ]

    def request(
        self, method: str, path: str, operation: dict[str, Any], chance: random.Random
    ) -> httpx.Request:
        query: list[tuple[str, str | int | float | bool | None]] = []
        guesses = path.endswith("/unlock")
        headers: dict[str, str] = dict(self.stranger) if guesses else {}
        for parameter in operation.get("parameters", []):
            name, place = parameter["name"], parameter["in"]
            if place == "path":
                known = self.known.get(name)
                if guesses:
                    known = [self.vault.plain, self.vault.guessed]
                value = chance.choice(known if known and chance.random() < 0.8 else _ODD)
                path = path.replace(f"{{{name}}}", quote(value or "0", safe=""))
            elif place == "query" and chance.random() < 0.4:
                query.append((name, self._value(parameter.get("schema", {}), chance)))
            elif place == "header" and chance.random() < 0.1:
                headers[name] = chance.choice(("x", "a.b", "../..", "0" * 600))
        if chance.random() < 0.03:
            query.append(("nonsense", "1"))
        body = None
        if "requestBody" in operation and chance.random() < 0.9:
            headers["content-type"] = "application/json"
            body = self._body(chance)
        return self.client.build_request(
            method.upper(), path, params=query, headers=headers, content=body
        )

    def _value(self, schema: dict[str, Any], chance: random.Random) -> str:
        choices = [
            one for option in schema.get("oneOf", [schema]) for one in option.get("enum", [])
        ]
        if choices and chance.random() < 0.6:
            return str(chance.choice(choices))
        return (
            chance.choice(_ODD) if chance.random() < 0.6 else str(chance.choice((1, 5, "a", "IMG")))
        )

    def _body(self, chance: random.Random) -> bytes:
        draw = chance.random()
        if draw < 0.1:
            return chance.choice((b"", b"[" * 100_000, b"\xff\xfe", b"{", b'{"a":1,"a":2}', b"nul"))
        names = ("passphrase", "ttl_seconds", "label", "notes", "kinds", "name", "scopes", "x")
        chosen = chance.sample(names, chance.choice((0, 1, 2)))
        return json.dumps({name: chance.choice(_ODD_JSON) for name in chosen}).encode()


@pytest.mark.timeout(60)
def test_every_answer_is_documented_and_every_error_a_problem(vault: Vault) -> None:
    document = Document(vault)
    vault.index(vault.plain)
    chance = random.Random(8)
    wrong: list[str] = []
    for method, path, operation in document.operations():
        documented = operation["responses"].keys()
        # Wrong passphrases make the next ones wait, which has a test of its own.
        for _ in range(6 if path.endswith("/unlock") else 25):
            request = document.request(method, path, operation, chance)
            answer = vault.stack.client.send(request)
            what = f"{method.upper()} {request.url} {request.content[:60]!r}: {answer.status_code}"
            if answer.status_code >= 500:
                wrong.append(f"{what} {answer.text[:80]}")
            elif str(answer.status_code) not in documented:
                wrong.append(f"{what} is not documented")
            elif answer.status_code >= 400 and method != "head":
                problem = answer.json()
                if (
                    answer.headers["content-type"] != "application/problem+json"
                    or problem["status"] != answer.status_code
                    or not problem["type"].startswith("/problems/")
                ):
                    wrong.append(f"{what} {answer.text[:80]}")
    assert wrong == []


def test_what_is_left_out_there_answers_only_what_is_documented_as_well(vault: Vault) -> None:
    client = vault.stack.client
    paths: dict[str, Any] = client.get("/schema/openapi.json").json()["paths"]
    for chosen in ("", "7", "x", "-1", "9" * 19, "9" * 20, "9" * 400, "\u0661".encode(), "1\t2"):
        with client.stream("GET", "/api/events", headers={"Last-Event-ID": chosen}) as answer:
            assert str(answer.status_code) in paths["/api/events"]["get"]["responses"], chosen
            assert answer.status_code in {200, 400}
    forget = paths["/api/backups/{backup_id}"]["delete"]["responses"]
    for backup in ("0" * 8 + "-0000-0000-0000-" + "0" * 12, "0", "a" * 3000, "%00", "%F0%9F"):
        answer = client.delete(f"/api/backups/{backup}")
        assert str(answer.status_code) in forget
        assert answer.status_code in {400, 404}


def test_every_operation_is_tried(vault: Vault) -> None:
    """By the generator above, or here."""
    document = Document(vault)
    tried = {(method, path) for method, path, _ in document.operations()} | _LEFT_OUT
    operations = {
        (method, path)
        for path, operations in document.document["paths"].items()
        for method in operations
        if method in METHODS
    }
    assert tried == operations
    assert len(operations) >= 40

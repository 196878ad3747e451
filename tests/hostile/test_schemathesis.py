"""schemathesis over the OpenAPI document against the running gateway, no operation left out."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.hostile.conftest import Vault

_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
METHODS = {"get", "post", "put", "patch", "delete", "head"}
#: A stream has no end, which the program would wait for.
_ENDLESS = "/api/events"
_NOBODY = "00000000-0000-0000-0000-000000000000"


def configuration(vault: Vault) -> str:
    """Let most requests be about a backup that there is, and guesses about one to be guessed."""
    files = vault.stack.client.get(f"/api/backups/{vault.plain}/files?kind=file").json()["items"]
    return f"""
[parameters]
"path.backup_id" = "{vault.plain}"
"path.file_id" = "{files[0]["file_id"]}"

[[operations]]
include-path = "/api/backups/{{backup_id}}/unlock"
parameters = {{ "path.backup_id" = "{vault.guessed}" }}

[[operations]]
include-path = "/api/backups/{{backup_id}}"
include-method = "DELETE"
parameters = {{ "path.backup_id" = "{_NOBODY}" }}
"""


def answers_in(report: Path) -> dict[str, set[int]]:
    """The statuses of every operation that was tried."""
    found: dict[str, set[int]] = defaultdict(set)
    for line in report.read_bytes().splitlines():
        scenario = json.loads(line).get("ScenarioFinished")
        if scenario is not None:
            for one in scenario["recorder"]["interactions"].values():
                found[scenario["recorder"]["label"]].add(one["response"]["status_code"])
    return found


@pytest.mark.timeout(90)
def test_schemathesis_finds_nothing_undocumented(vault: Vault, tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("schemathesis")
    if not command.exists():
        pytest.skip("schemathesis is not installed; `make setup-dev` installs it")
    client, report = vault.stack.client, tmp_path / "report.ndjson"
    (tmp_path / "schemathesis.toml").write_text(configuration(vault))
    # Of a caller of its own: it guesses passphrases.
    [(name, value)] = vault.stranger().items()
    done = subprocess.run(
        [
            str(command), "run", f"{client.base_url}".rstrip("/") + "/schema/openapi.json",
            "--header", f"{name}: {value}",
            "--checks", ",".join(_CHECKS),
            "--phases", "fuzzing", "--max-examples", "2", "--seed", "1", "--no-color",
            "--exclude-path", _ENDLESS, "--workers", "1",
            "--report", "ndjson", "--report-ndjson-path", str(report),
        ],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout.decode()[-6000:] + done.stderr.decode()[-500:]
    answers = answers_in(report)
    paths: dict[str, Any] = client.get("/schema/openapi.json").json()["paths"]
    assert answers.keys() == {
        f"{method.upper()} {path}"
        for path, operations in paths.items()
        for method in METHODS & operations.keys()
        if path != _ENDLESS
    }
    # Some of them got to where the work is.
    assert 200 in answers["GET /api/backups/{backup_id}/zip"]
    assert 200 in answers["GET /api/backups/{backup_id}/files/{file_id}/content"]
    assert 200 in answers["DELETE /api/sessions"]
    assert answers["POST /api/backups/{backup_id}/unlock"] & {403, 429}


@pytest.mark.timeout(60)
def test_schemathesis_finds_nothing_undocumented_in_the_stream_of_events(vault: Vault) -> None:
    """Its requests, of whose answers only the beginning is read."""
    schemathesis = pytest.importorskip("schemathesis")
    import hypothesis
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    checks = [CHECKS.get_one(name) for name in _CHECKS]
    client = vault.stack.client
    schema = schemathesis.openapi.from_dict(client.get("/schema/openapi.json").json())
    operation = schema[_ENDLESS]["GET"]
    statuses: set[int] = set()

    @hypothesis.seed(1)
    @hypothesis.settings(
        max_examples=40,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        sent = case.as_transport_kwargs(base_url=f"{client.base_url}".rstrip("/"))
        headers = {**sent["headers"], "Authorization": client.headers["authorization"]}
        request = client.build_request(
            sent["method"],
            sent["url"],
            params=sent.get("params"),
            headers=[
                (name.encode(), str(value).encode("utf-8", "surrogatepass"))
                for name, value in headers.items()
            ],
        )
        try:
            answer = client.send(request, stream=True)
        except httpx.LocalProtocolError:
            # What no client could send.
            hypothesis.reject()
        try:
            statuses.add(answer.status_code)
            assert str(answer.status_code) in operation.definition.raw["responses"]
            if answer.status_code == 200:
                assert answer.headers["content-type"].startswith("text/event-stream")
                assert list(itertools.islice(answer.iter_lines(), 1))
            else:
                answer.read()
                case.validate_response(answer, checks=checks)
        finally:
            answer.close()

    ask()
    assert 200 in statuses
    assert 400 in statuses

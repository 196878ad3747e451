"""What every answer has in common: authentication, problems, limits, headers, health."""

from __future__ import annotations

import asyncio
import gc

import httpx
import pytest
from litestar.handlers import HTTPRouteHandler

from gateway.authentication import needed_by
from gateway.tokens import SCOPES
from tests.integration.gateway.conftest import House


def problem_of(answer: httpx.Response) -> dict[str, object]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"]
    return body


async def test_only_health_and_the_document_answer_without_a_token(gateway: House) -> None:
    async with httpx.AsyncClient(base_url=gateway.url, trust_env=False) as stranger:
        assert (await stranger.get("/health/live")).json() == {"status": "live"}
        ready = await stranger.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["services"]["unlock"]["state"] == "unavailable"
        assert ready.json()["dependencies"]["nats"]["state"] == "ready"
        assert (await stranger.get("/schema/openapi.json")).json()["openapi"].startswith("3.1")
        page = await stranger.get("/schema")
        assert page.status_code == 200
        assert "/api/backups/{backup_id}/unlock" in page.text
        assert "http://" not in page.text
        assert "https://" not in page.text
        for path in ("/api/backups", "/api/events", "/api/tokens", "/api/search?q=x"):
            refused = await stranger.get(path)
            assert problem_of(refused)["type"] == "/problems/unauthorized", path
            assert refused.headers["www-authenticate"].startswith("Bearer")
        wrong = await stranger.get("/api/tokens", headers={"Authorization": "Bearer nonsense"})
        assert wrong.status_code == 401


async def test_every_error_is_a_problem_that_tells_nothing_of_the_inside(gateway: House) -> None:
    client = gateway.client
    cases = {
        404: client.get("/api/nothing-here"),
        405: client.put("/api/backups"),
        400: client.get("/api/backups?limt=3"),
        413: client.post("/api/tokens", content=b"{" + b" " * (2 << 20)),
        414: client.get("/api/search", params={"q": "x" * 9000}),
        421: client.get("/api/backups", headers={"Host": "evil.example"}),
        503: client.get("/api/backups"),
    }
    for status, request in cases.items():
        answer = await request
        assert answer.status_code == status
        problem = problem_of(answer)
        assert "Traceback" not in answer.text
        assert str(problem["type"]).startswith("/problems/")
    assert (await client.get("/api/backups")).headers["retry-after"]


async def test_parameters_that_are_not_valid_are_refused_with_400_or_404(gateway: House) -> None:
    for path in (
        "/api/backups?limit=0",
        "/api/backups?limit=1001",
        "/api/backups?limit=many",
        "/api/backups?limit=1&limit=2",
        "/api/backups/not-a-uuid",
        "/api/backups/0b5f7c1e-6f0a-4f8e-9c53-0d9d7f3f2a11/files/..%2F..%2Fetc",
        "/api/devices/short",
        "/api/search?q=x&from=yesterday",
        "/api/threads/17/artifacts?direction=sideways",
        "/api/artifacts/1e9",
        "/api/jobs?state=asleep",
        "/api/tokens?cursor=rubbish",
    ):
        answer = await gateway.client.get(path)
        assert answer.status_code in (400, 404), path
        problem_of(answer)


async def test_requests_leave_nothing_behind(gateway: House) -> None:
    """The framework copies a route for every guard; keeping one of them was a leak."""

    async def routes_alive() -> int:
        for _ in range(20):
            await gateway.client.get("/api/threads?limit=1&q=x")
        gc.collect()
        return sum(isinstance(one, HTTPRouteHandler) for one in gc.get_objects())

    assert await routes_alive() == await routes_alive()


async def test_a_caller_that_goes_in_the_middle_of_a_body_is_no_failure_of_ours(
    gateway: House, capfd: pytest.CaptureFixture[str]
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    writer.write(
        b"POST /api/tokens HTTP/1.1\r\nHost: localhost\r\nX-API-Token: test-token\r\n"
        b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.close()
    logged = ""
    async with asyncio.timeout(10):
        while "route=/api/tokens" not in logged:
            await asyncio.sleep(0.02)
            logged += "".join(capfd.readouterr())
    assert "status=408" in logged
    assert "request_failed" not in logged


def test_every_route_says_who_may_call_it() -> None:
    from gateway.app import _ROUTES

    handlers = [handler for module in _ROUTES for handler in module.HANDLERS]
    assert all("needs" in handler.opt for handler in handlers)
    public = [handler for handler in handlers if needed_by(handler) is None]
    assert {path for handler in public for path in handler.paths} == {
        "/health/live",
        "/health/ready",
    }
    assert {needed_by(handler) for handler in handlers} == {None, *SCOPES}


async def test_a_method_that_is_not_known_is_told_with_those_that_are(gateway: House) -> None:
    answer = await gateway.client.put("/api/backups")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


async def test_every_answer_carries_headers_that_disarm_it(gateway: House) -> None:
    for path in ("/health/live", "/api/nothing", "/schema"):
        headers = (await gateway.client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers


async def test_a_token_does_only_what_its_scopes_say_and_ends_when_it_is_revoked(
    gateway: House,
) -> None:
    made = await gateway.client.post("/api/tokens", json={"name": "reader", "scopes": ["read"]})
    assert made.status_code == 201
    token = made.json()["token"]
    listed = await gateway.client.get("/api/tokens")
    assert token not in listed.text
    assert [one["name"] for one in listed.json()["items"]] == ["reader"]
    async with httpx.AsyncClient(
        base_url=gateway.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False
    ) as reader:
        assert (await reader.get("/api/kinds")).status_code == 503
        for method, path in (
            ("POST", "/api/backups/refresh"),
            ("GET", "/api/tokens"),
            ("DELETE", "/api/sessions"),
            ("GET", "/api/backups?reveal=true"),
        ):
            refused = await reader.request(method, path)
            assert problem_of(refused)["type"] == "/problems/forbidden", path
        gone = await gateway.client.delete(f"/api/tokens/{made.json()['id']}")
        assert gone.json() == {"changed": True}
        assert (await reader.get("/api/kinds")).status_code == 401
    assert (await gateway.client.delete(f"/api/tokens/{made.json()['id']}")).status_code == 404


async def test_a_token_expires(gateway: House) -> None:
    made = await gateway.client.post("/api/tokens", json={"name": "brief", "ttl_seconds": 1})
    headers = {"X-API-Token": made.json()["token"]}
    async with httpx.AsyncClient(base_url=gateway.url, headers=headers, trust_env=False) as brief:
        assert (await brief.get("/api/kinds")).status_code == 503
        async with asyncio.timeout(10):
            while (await brief.get("/api/kinds")).status_code != 401:  # noqa: ASYNC110 -- the clock decides
                await asyncio.sleep(0.05)


async def test_tokens_page_by_cursor(gateway: House) -> None:
    for number in range(5):
        await gateway.client.post("/api/tokens", json={"name": f"token {number}"})
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await gateway.client.get("/api/tokens", params=params)).raise_for_status().json()
        seen += [one["name"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"token {number}" for number in reversed(range(5))]


async def test_revealing_is_written_down(gateway: House) -> None:
    await gateway.client.get("/api/devices?reveal=true")
    async with gateway.stack.pool("gateway") as pool:
        rows = await pool.fetch("select actor, action, subject from audit")
    assert [tuple(row) for row in rows] == [("bootstrap", "reveal", "devices")]


async def test_dead_letters_of_an_untroubled_house_are_none(gateway: House) -> None:
    assert (await gateway.client.get("/api/dead-letters")).json() == {
        "items": [],
        "next_cursor": None,
    }
    assert (await gateway.client.post("/api/dead-letters/7/retry")).status_code == 404

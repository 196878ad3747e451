"""Attacks on the running gateway that a document does not describe."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections import Counter
from urllib.parse import quote

import httpx
import pytest

from deploy.demo.container import file_id
from tests.hostile.conftest import HTML, NAMES, PASSPHRASE, PLAIN, Vault
from tests.hostile.wire import is_well

EVIL = "AppDomain-com.example.evil"


@pytest.mark.parametrize("disposition", ["inline", "attachment"])
def test_no_name_of_a_file_gets_into_a_header_or_runs(vault: Vault, disposition: str) -> None:
    session = {"X-Backup-Session": vault.unlock(vault.locked)}
    for name in NAMES:
        path = f"/api/backups/{vault.locked}/files/{file_id(EVIL, name)}"
        metadata = vault.stack.client.get(path, headers=session)
        if metadata.status_code == 404:  # no manifest can hold that name
            continue
        content = vault.stack.client.get(
            f"{path}/content?disposition={disposition}", headers=session
        )
        assert content.status_code == 200, name
        assert content.content == HTML
        assert "set-cookie" not in content.headers
        shown = content.headers["content-disposition"]
        assert shown.isascii()
        assert shown.isprintable()
        assert len(shown) < 2000
        assert "/" not in shown.split("''")[-1]
        assert content.headers["x-content-type-options"] == "nosniff"
        if "html" in content.headers["content-type"]:
            assert shown.startswith("attachment")
            assert "sandbox" in content.headers["content-security-policy"]


def test_no_name_leads_out_of_an_archive(vault: Vault) -> None:
    import io
    import zipfile

    session = {"X-Backup-Session": vault.unlock(vault.locked)}
    answer = vault.stack.client.get(
        f"/api/backups/{vault.locked}/zip", params={"domain": EVIL}, headers=session
    )
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = archive.namelist()
    assert len(set(map(str.casefold, names))) == len(names)
    assert len(names) >= len(NAMES) - 2
    for name in names:
        assert not name.startswith("/")
        assert ".." not in name.replace("\\", "/").split("/")
        assert not any(ord(character) < 32 for character in name)
        assert all(len(part.encode()) <= 255 for part in name.split("/"))


def test_what_is_in_messages_comes_out_as_json_and_nothing_else(vault: Vault) -> None:
    session = {"X-Backup-Session": vault.unlock(vault.other)}
    job = vault.index(vault.other, **session)
    assert job["state"] == "completed", job
    found = vault.stack.client.get("/api/search", params={"q": "script"})
    assert found.headers["content-type"] == "application/json"
    assert found.headers["x-content-type-options"] == "nosniff"
    page = vault.stack.client.get("/api/artifacts?kind=message&limit=50").json()["items"]
    places = [place for one in page for place in one["attachments"]]
    answers = {
        vault.stack.client.get(
            f"/api/artifacts/{one['id']}/attachments/{place['n']}", headers=session
        ).status_code
        for one in page
        for place in one["attachments"]
    }
    assert places
    assert answers <= {200, 403, 404}


def test_a_broken_store_costs_its_kind_and_no_other(vault: Vault) -> None:
    job = vault.index(vault.broken)
    reports = {one["kind"]: one for one in job["report"]["kinds"]}  # type: ignore[index]
    assert reports["message"]["state"] == "failed"
    assert reports["message"]["note"]
    assert reports["contact"]["state"] == "indexed"
    assert reports["contact"]["kept"] > 0


def test_a_session_opens_its_own_backup_while_it_is_open(vault: Vault) -> None:
    token = vault.unlock(vault.locked)
    client, other = vault.stack.client, vault.unlock(vault.other)
    path = f"/api/backups/{vault.locked}/files"
    session_id, _, secret = token.partition(".")
    forged = {
        other: 403,
        f"{session_id}.{other.partition('.')[2]}": 403,
        f"{other.partition('.')[0]}.{secret}": 403,
        session_id: 403,
        f"{session_id}.": 403,
        f"{token}x": 403,
        "": 403,
        "00000000-0000-0000-0000-000000000000." + secret: 423,
    }
    for presented, expected in forged.items():
        status = client.get(path, headers={"X-Backup-Session": presented}).status_code
        assert status in {expected, 423}, presented[:8]
    assert client.get(path, headers={"X-Backup-Session": token}).status_code == 200
    client.post(f"/api/backups/{vault.locked}/lock", headers={"X-Backup-Session": token})
    assert client.get(path, headers={"X-Backup-Session": token}).status_code == 423


def test_an_expired_session_and_one_that_was_locked_elsewhere_open_nothing(vault: Vault) -> None:
    client = vault.stack.client
    path = f"/api/backups/{vault.locked}/files"
    body = {"passphrase": PASSPHRASE, "ttl_seconds": 1}
    short = client.post(f"/api/backups/{vault.locked}/unlock", json=body).json()["session_token"]
    long = client.post(
        f"/api/backups/{vault.locked}/unlock", json={"passphrase": PASSPHRASE}
    ).json()
    as_short, as_long = ({"X-Backup-Session": token} for token in (short, long["session_token"]))
    while client.get(path, headers=as_short).status_code == 200:
        time.sleep(0.05)
    # The other session on the same backup, which shares its keys, goes on until it is locked.
    assert client.get(path, headers=as_long).status_code == 200
    assert client.delete(f"/api/sessions/{long['session_id']}").status_code == 200
    for headers in (as_short, as_long):
        refused = client.get(path, headers=headers)
        assert refused.status_code == 423
        assert refused.json()["type"] == "/problems/locked"
        assert client.post(f"/api/backups/{vault.locked}/index", headers=headers).status_code == 423


def test_no_domain_that_is_asked_for_gets_into_a_header(vault: Vault) -> None:
    for domain in (EVIL, *NAMES):
        answer = vault.stack.client.get(
            f"/api/backups/{vault.plain}/zip", params={"domain": domain}
        )
        assert answer.status_code in {200, 400, 404}, (domain, answer.text[:100])
        shown = answer.headers.get("content-disposition", "")
        assert shown.isascii()
        assert shown.isprintable()
        assert "set-cookie" not in answer.headers


def test_expired_and_revoked_tokens_open_nothing(vault: Vault) -> None:
    client = vault.stack.client
    short, long = (
        client.post("/api/tokens", json={"name": "t", "ttl_seconds": seconds}).json()
        for seconds in (1, 100)
    )
    as_long = {"Authorization": f"Bearer {long['token']}"}
    assert client.get("/api/backups", headers=as_long).status_code == 200
    assert client.get("/api/tokens", headers=as_long).status_code == 403
    client.delete(f"/api/tokens/{long['id']}")
    assert client.get("/api/backups", headers=as_long).status_code == 401
    time.sleep(1.1)
    as_short = {"Authorization": f"Bearer {short['token']}"}
    assert client.get("/api/backups", headers=as_short).status_code == 401


def test_a_cursor_is_good_for_its_own_question_only(vault: Vault) -> None:
    client = vault.stack.client
    vault.index(vault.plain)
    questions = [
        f"/api/backups/{vault.plain}/files?limit=2",
        f"/api/backups/{vault.plain}/files?limit=2&sort=size",
        "/api/search?q=the&limit=1",
        "/api/search?q=the&limit=1&sort=newest",
        "/api/artifacts?kind=message&limit=2",
        "/api/threads?limit=1",
    ]
    cursors = [client.get(question).json()["next_cursor"] for question in questions]
    assert all(cursors)
    for question, own in zip(questions, cursors, strict=True):
        assert client.get(question, params=None).status_code == 200
        forged = [cursor for cursor in cursors if cursor != own]
        forged += [own[:-2], own + "AA", own[::-1], "\0", "a" * 2048, "💩", "-1", "W10", "bnVsbA"]
        with contextlib.suppress(ValueError):
            inside = base64.urlsafe_b64decode(own + "=" * (-len(own) % 4))
            for old, new in ((b"1", b"99999999999999999999"), (b"2", b'"x"'), (b"0", b"-1")):
                changed = inside.replace(old, new)
                forged.append(base64.urlsafe_b64encode(changed).decode().rstrip("="))
        for cursor in forged:
            answer = client.get(f"{question}&cursor={quote(cursor, safe='')}")
            assert answer.status_code in {200, 400}, (question, cursor[:60], answer.text[:100])
            if answer.status_code == 200:  # a position that happens to mean something
                assert len(answer.json()["items"]) <= 2


@pytest.fixture(scope="module")
def contents(vault: Vault) -> list[str]:
    """Where a file and the attachment of a message are downloaded."""
    client = vault.stack.client
    vault.index(vault.plain)
    file = client.get(f"/api/backups/{vault.plain}/files?path_like=%25IMG_0001%25").json()
    messages = client.get(f"/api/artifacts?kind=message&device={PLAIN}&limit=1000").json()["items"]
    places = [
        f"/api/artifacts/{message['id']}/attachments/{one['n']}"
        for message in messages
        for one in message["attachments"]
    ]
    return [
        f"/api/backups/{vault.plain}/files/{file['items'][0]['file_id']}/content",
        next(place for place in places if client.head(place).status_code == 200),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "bytes=0-", "bytes=-1", "bytes=-99999999999999999999", "bytes=9-1", "bytes=0-0,2-2",
        "bytes=" + "0-," * 5000, "bytes=99999999999999999999-", "bytes=0x0-1", "bits=0-1",
        "bytes=--1", "bytes= 0 - 1", "bytes=\u0660-\u0661", "bytes=-0", "", "=", "bytes",
    ],
)  # fmt: skip
def test_a_range_of_any_form_is_answered_within_the_file(
    vault: Vault, contents: list[str], header: str
) -> None:
    client = vault.stack.client
    for path in contents:
        whole = client.get(path)
        answer = client.get(path, headers=[(b"Range", header.encode())])
        assert answer.status_code in {200, 206, 416}
        if answer.status_code != 416:
            assert answer.content in whole.content
            assert answer.status_code == 206 or answer.content == whole.content


def test_no_header_of_a_request_comes_back_in_one_of_the_answer(vault: Vault) -> None:
    marks = {
        "Origin": "https://evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "gopher",
        "X-Request-Id": "evil",
        "Range": "bytes=evil",
        "If-None-Match": '"evil"',
        "Last-Event-ID": "evil",
        "traceparent": "00-evil",
        "Keepsake-Status": "evil",
        "Accept": "evil/evil",
    }
    for path in ("/api/backups", "/api/evil", "/schema", "/api/backups?limit=evil"):
        answer = vault.stack.client.get(path, headers=marks)
        assert "evil" not in str(answer.headers).lower()
        assert "access-control-allow-origin" not in answer.headers


def test_hostile_questions_are_answered_or_refused(vault: Vault) -> None:
    client = vault.stack.client
    for question in (
        "'; drop table artifact; --", "a & | ! ( ) : * <-> b", "a <-> b <5> c", '"' * 1000,
        "a* " * 300, "x:*A", "((((((((((", "!" * 1000, "\\" * 1000, "%" * 1000, "a" * 1024,
        "日" * 1024, "\u0301" * 1000, "-a -b -c", "a\0b", "🎉" * 400, "(a|" * 300, "NaN", "' '",
    ):  # fmt: skip
        for path in ("/api/search", "/api/threads"):
            answer = client.get(path, params={"q": question})
            assert answer.status_code in {200, 400, 414}, (question[:20], answer.text[:100])
    for pattern in ("%a" * 400, "%_" * 500, "%" * 1000, "_" * 1000):
        answer = client.get(f"/api/backups/{vault.plain}/files", params={"path_like": pattern})
        assert answer.status_code in {200, 400, 422}
    assert is_well(vault)


def test_guesses_over_many_connections_are_counted_as_one(vault: Vault) -> None:
    """A hundred guesses at once, by a caller and of a backup that no other test needs."""
    url = f"{vault.stack.client.base_url}"
    answers: Counter[int] = Counter()
    stranger = vault.stranger("read", "unlock")

    def guess(number: int) -> None:
        with httpx.Client(base_url=url, headers=stranger, timeout=60) as own:
            for turn in range(4):
                body = {"passphrase": f"guess {number} {turn}"}
                answer = own.post(f"/api/backups/{vault.guessed}/unlock", json=body)
                answers[answer.status_code] += 1
                if answer.status_code == 429:
                    assert int(answer.headers["retry-after"]) >= 1

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {403, 429, 503}
    # The free attempts, and one or two more while the waits are still short.
    assert 1 <= answers[403] <= 8, answers
    document = json.dumps(vault.stack.client.get("/api/sessions").json())
    assert "guess" not in document

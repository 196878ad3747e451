from __future__ import annotations

import datetime as dt

import pytest

from services.unlock import session_token
from services.unlock.sessions import LiveSession, SessionTable
from shared.contracts.identifiers import BackupId, SessionId
from shared.contracts.problems import ProblemError
from shared.contracts.unlock import BACKUP_HEADER, TOKEN_HEADER, Session

NOW = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
BACKUP = BackupId("7a3f1f9e-3f0c-4b0f-8f43-0a1e6fd4a111")


def open_session(
    let_go: list[str], name: str = "0b8f6a6e-9f6a-4a52-9d8e-4d8a3f1f4f51", seconds: int = 60
) -> tuple[LiveSession[str], str]:
    session_id = SessionId(name)
    minted = session_token.mint(session_id)
    live = LiveSession(
        Session(
            session_id=session_id,
            backup_id=BACKUP,
            udid=None,
            encrypted=True,
            opened_at=NOW,
            expires_at=NOW + dt.timedelta(seconds=seconds),
        ),
        token_digest=minted.digest,
        contents="keys",
        let_go=lambda contents, done: (let_go.append(contents), done()),
    )
    return live, minted.token


def problem_of(live: LiveSession[str], headers: dict[str, str], *, at: dt.datetime = NOW) -> str:
    with pytest.raises(ProblemError) as raised:
        live.admit(headers, now=at)
    return raised.value.problem.type


def test_services_need_no_token_and_people_need_the_right_one() -> None:
    live, token = open_session([])
    live.admit({}, now=NOW)
    live.admit({TOKEN_HEADER: token, BACKUP_HEADER: BACKUP}, now=NOW)
    _, other_token = open_session([])
    assert problem_of(live, {TOKEN_HEADER: other_token}) == "/problems/wrong-session"
    assert problem_of(live, {TOKEN_HEADER: ""}) == "/problems/wrong-session"


def test_the_right_token_does_not_open_another_backup() -> None:
    live, token = open_session([])
    headers = {TOKEN_HEADER: token, BACKUP_HEADER: "another"}
    assert problem_of(live, headers) == "/problems/wrong-session"
    assert problem_of(live, {BACKUP_HEADER: "another"}) == "/problems/wrong-session"


def test_a_session_is_locked_the_moment_it_expires_or_is_closed() -> None:
    live, token = open_session([])
    late = NOW + dt.timedelta(seconds=60)
    assert problem_of(live, {TOKEN_HEADER: token}, at=late) == "/problems/locked"
    assert live.close()
    assert not live.close()
    assert problem_of(live, {TOKEN_HEADER: token}) == "/problems/locked"


def test_keys_are_let_go_once_and_not_before_the_last_running_request() -> None:
    let_go: list[str] = []
    live, _ = open_session(let_go)
    assert live.enter() == "keys"
    live.enter()
    live.close()
    live.leave()
    assert let_go == []
    assert not live.ended.is_set()
    with pytest.raises(ProblemError):
        live.enter()
    live.leave()
    assert let_go == ["keys"]
    assert live.ended.is_set()
    live.close()
    assert let_go == ["keys"]


def test_the_table_knows_what_expires_next_and_what_was_used() -> None:
    table: SessionTable[str] = SessionTable()
    soon, _ = open_session([], "00000000-0000-0000-0000-000000000001", seconds=10)
    later, _ = open_session([], "00000000-0000-0000-0000-000000000002", seconds=20)
    table.add(soon)
    table.add(later)
    assert table.next_expiry() == NOW + dt.timedelta(seconds=10)
    assert table.expired(NOW + dt.timedelta(seconds=10)) == [soon.session_id]
    later.admit({}, now=NOW + dt.timedelta(seconds=5))
    assert list(table.used_since(NOW)) == [later.session_id]
    assert table.remove(soon.session_id) is soon
    assert table.remove(soon.session_id) is None
    assert len(table) == 1


def test_a_session_ends_in_its_time_although_the_clock_was_set_back() -> None:
    live, token = open_session([], seconds=0)
    long_ago = NOW - dt.timedelta(days=400)
    assert problem_of(live, {TOKEN_HEADER: token}, at=long_ago) == "/problems/locked"
    table: SessionTable[str] = SessionTable()
    table.add(live)
    assert table.expired(long_ago) == [live.session_id]


def test_a_session_ends_at_once_when_the_clock_is_set_beyond_its_end() -> None:
    live, token = open_session([], seconds=3600)
    live.admit({TOKEN_HEADER: token}, now=NOW)
    later = NOW + dt.timedelta(hours=2)
    assert problem_of(live, {TOKEN_HEADER: token}, at=later) == "/problems/locked"

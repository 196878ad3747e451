"""Boundaries in the database: what each service's own credentials may and may not do."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import msgspec
import pytest

from shared.contracts.topology import SERVICES
from shared.postgres import LockLostError, connect, provision, singleton
from shared.settings import Secret
from tests.stack import Stack


@pytest.mark.parametrize("reader", SERVICES)
async def test_a_service_cannot_read_write_or_list_another_schema(
    stack: Stack, reader: str
) -> None:
    owner = "unlock" if reader != "unlock" else "indexer"
    async with stack.pool(owner) as pool:
        await pool.execute("create table kept (id bigint)")
    async with stack.pool(reader) as pool:
        for statement in (
            f"select * from {owner}.kept",
            f"insert into {owner}.kept values (1)",
            f"create table {owner}.mine (id bigint)",
            "create table public.mine (id bigint)",
            "create schema mine",
            f"set role {stack.credentials(owner).postgres.user}",
            f"alter role {stack.credentials(owner).postgres.user} password 'x'",
            "copy (select 1) to program 'true'",
            "select pg_read_file('PG_VERSION')",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await pool.execute(statement)
        await pool.execute("create table own (id bigint)")
        await pool.execute("create temporary table staged (id bigint)")


async def test_a_password_is_needed_and_the_administrator_is_not_to_be_had(stack: Stack) -> None:
    own = stack.credentials("discovery").postgres
    for wrong in (
        msgspec.structs.replace(own, password=None),
        msgspec.structs.replace(own, password=Secret("guess")),
    ):
        with pytest.raises(asyncpg.PostgresError):
            await connect(wrong)


async def test_provisioning_again_changes_passwords_and_keeps_data(stack: Stack) -> None:
    before = stack.credentials("discovery").postgres
    async with stack.pool("discovery") as pool:
        await pool.execute("create table kept as select 1 as id")
    runs = await asyncio.gather(*(provision(stack.admin, SERVICES) for _ in range(3)))
    working = 0
    for after in (before, *(run["discovery"] for run in runs)):
        try:
            connection = await connect(after, schema="discovery")
        except asyncpg.InvalidPasswordError:
            continue
        working += 1
        assert await connection.fetchval("select id from kept") == 1
        await connection.close()
    assert working == 1


async def test_no_password_reaches_the_server_in_clear(stack: Stack) -> None:
    """The server sees verifiers, so no statement log can hold a password."""
    password = stack.credentials("unlock").postgres.password
    assert password is not None
    server = await connect(stack.admin)
    try:
        stored = await server.fetchval(
            "select rolpassword from pg_authid where rolname = $1",
            stack.credentials("unlock").postgres.user,
        )
    finally:
        await server.close()
    assert stored.startswith("SCRAM-SHA-256$")
    assert password.reveal() not in stored


async def test_json_columns_take_and_give_plain_values_also_through_copy(stack: Stack) -> None:
    async with stack.pool("indexer") as pool:
        await pool.execute("create table thing (payload jsonb)")
        await pool.copy_records_to_table("thing", records=[({"a": [1, None]},)])
        await pool.execute("insert into thing values ($1)", msgspec.Raw(b'{"b":2}'))
        rows = await pool.fetch("select payload from thing")
    assert [row["payload"] for row in rows] == [{"a": [1, None]}, {"b": 2}]


async def test_one_holds_a_lock_and_the_next_gets_it_when_the_holder_is_gone(
    stack: Stack,
) -> None:
    credentials = stack.credentials("indexer").postgres
    held: list[str] = []
    first_in, second_in = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with singleton(credentials, "sweep"):
            held.append("first")
            first_in.set()
            await asyncio.Event().wait()

    async def second() -> None:
        await first_in.wait()
        async with singleton(credentials, "sweep"):
            held.append("second")
            second_in.set()

    async def end_the_holder(server: asyncpg.Connection[Any]) -> None:
        await first_in.wait()
        await server.execute(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted"
            " and database = (select oid from pg_database where datname = current_database())"
        )

    server = await connect(stack.admin)
    try:
        results = await asyncio.gather(
            first(), second(), end_the_holder(server), return_exceptions=True
        )
    finally:
        await server.close()
    assert isinstance(results[0], LockLostError)
    assert results[1:] == [None, None]
    assert held == ["first", "second"]

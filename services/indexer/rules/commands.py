"""Requests about rules: list, create, change, remove."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from services.indexer.kinds import PARSERS
from services.indexer.rules.storage import (
    ask_round,
    fetch_rules,
    find_rule,
    record_rule,
    remove_rule,
)
from shared.bus import RequestContext
from shared.contracts.index_rules import (
    CheckIndexRules,
    CreateIndexRule,
    DeleteIndexRule,
    IndexRule,
    ListIndexRules,
    UpdateIndexRule,
)
from shared.contracts.problems import ProblemError, bad_request, not_found, problem
from shared.contracts.requests import Done, Page, Request

#: All of them are read for every backup that is looked at.
_MOST_RULES = 100


class RuleCommands:
    """Answers for rules."""

    def __init__(self, *, pool: asyncpg.Pool[Any], on_change: Callable[[], None]) -> None:
        """Call *on_change* whenever backups are to be held against other rules than before."""
        self._pool = pool
        self._on_change = on_change

    def answers(self) -> dict[type[Request[Any]], Callable[..., Awaitable[object]]]:
        """Return which of the handlers below answers what."""
        return {
            ListIndexRules: self.list_rules,
            CreateIndexRule: self.create_rule,
            UpdateIndexRule: self.update_rule,
            DeleteIndexRule: self.delete_rule,
            CheckIndexRules: self.check_rules,
        }

    async def list_rules(self, _: ListIndexRules, __: RequestContext) -> Page[IndexRule]:
        """All rules, oldest first."""
        return Page(items=await fetch_rules(self._pool))

    async def create_rule(self, request: CreateIndexRule, _: RequestContext) -> IndexRule:
        """Add a rule; one that says the same as another is fine."""
        _check_kinds(request.kinds)
        rule = IndexRule(
            id=str(uuid4()),
            device=request.device,
            kinds=request.kinds,
            enabled=request.enabled,
            created_at=dt.datetime.now(dt.UTC),
        )
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("lock table index_rule in share row exclusive mode")
            if len(await fetch_rules(connection)) >= _MOST_RULES:
                raise _too_many_rules()
            await record_rule(connection, rule)
            await ask_round(connection)
        self._on_change()
        return rule

    async def update_rule(self, request: UpdateIndexRule, _: RequestContext) -> IndexRule:
        """Change what is set."""
        changes = {
            name: value
            for name in ("device", "kinds", "enabled")
            if (value := getattr(request, name)) is not msgspec.UNSET
        }
        _check_kinds(changes.get("kinds"))
        async with self._pool.acquire() as connection, connection.transaction():
            rule = await find_rule(connection, _rule_id(request.rule_id))
            if rule is None:
                raise not_found("rule")
            rule = msgspec.structs.replace(rule, **changes)
            await record_rule(connection, rule)
            await ask_round(connection)
        self._on_change()
        return rule

    async def check_rules(self, _: CheckIndexRules, __: RequestContext) -> Done:
        """Look at every backup soon."""
        async with self._pool.acquire() as connection:
            await ask_round(connection)
        self._on_change()
        return Done()

    async def delete_rule(self, request: DeleteIndexRule, _: RequestContext) -> Done:
        """Remove a rule; jobs that it asked for go on."""
        if not await remove_rule(self._pool, _rule_id(request.rule_id)):
            raise not_found("rule")
        return Done()


def _check_kinds(kinds: Sequence[str] | None) -> None:
    if kinds is not None and (not kinds or set(kinds) - PARSERS.keys()):
        raise bad_request(f"kinds must be null, or some of: {', '.join(PARSERS)}.")


def _rule_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise not_found("rule") from None


def _too_many_rules() -> ProblemError:
    return problem(
        "conflict",
        "There are too many rules.",
        409,
        f"There may be {_MOST_RULES}. One rule without a device covers all devices.",
    )

"""Rules by which the indexer indexes backups without being asked for each."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

import msgspec

from shared.contracts.identifiers import Udid
from shared.contracts.requests import Done, Page, Request


class IndexRule(msgspec.Struct, frozen=True, kw_only=True):
    """Backups of ``device`` (null: of every device) are indexed for ``kinds`` (null: for all)."""

    id: str
    device: Udid | None
    kinds: list[str] | None
    enabled: bool
    created_at: dt.datetime


class ListIndexRules(Request[Page[IndexRule]], frozen=True, kw_only=True):
    """All rules, oldest first; there are never many."""

    subject: ClassVar[str] = "cmd.indexer.list_index_rules"
    reply: ClassVar[object] = Page[IndexRule]


class CreateIndexRule(Request[IndexRule], frozen=True, kw_only=True):
    """Add a rule; the backups that are there already are held against it at once."""

    subject: ClassVar[str] = "cmd.indexer.create_index_rule"
    reply: ClassVar[object] = IndexRule
    device: Udid | None = None
    kinds: list[str] | None = None
    enabled: bool = True


class UpdateIndexRule(Request[IndexRule], frozen=True, kw_only=True):
    """Change a rule; unset fields stay."""

    subject: ClassVar[str] = "cmd.indexer.update_index_rule"
    reply: ClassVar[object] = IndexRule
    rule_id: str
    device: Udid | msgspec.UnsetType | None = msgspec.UNSET
    kinds: list[str] | msgspec.UnsetType | None = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET


class CheckIndexRules(Request[Done], frozen=True, kw_only=True):
    """Hold every backup against the rules soon: something else that they depend on has changed."""

    subject: ClassVar[str] = "cmd.indexer.check_index_rules"
    reply: ClassVar[object] = Done


class DeleteIndexRule(Request[Done], frozen=True, kw_only=True):
    """Remove a rule; what was indexed by it stays."""

    subject: ClassVar[str] = "cmd.indexer.delete_index_rule"
    reply: ClassVar[object] = Done
    rule_id: str

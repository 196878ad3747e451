"""n8n's workflows and the names of its credentials, as they go into an archive.

A workflow may be edited without being published: then what runs is another version than what its
editor shows, and both are kept. Credentials are listed, and what is secret of them is not read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from services.archiver.format.bundle import BundleFile
from services.archiver.sources.databases.measuring import quoted
from services.archiver.sources.item import Item

if TYPE_CHECKING:
    from services.archiver.sources.databases.access import Connection
    from services.archiver.sources.n8n.tables import N8nTables

WORKFLOWS_MEMBER = "metadata/workflows.json"
CREDENTIALS_MEMBER = "metadata/credentials.json"
#: What a workflow does; everything else about it is bookkeeping.
CHECKED_FIELDS = (
    "name", "nodes", "connections", "settings", "staticData", "pinData", "nodeGroups",
)  # fmt: skip
#: Of these a version that was published has its own.
_VERSIONED = ("nodes", "connections", "nodeGroups")
#: n8n's ids; others are called by a hash, for they name files.
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: Rows are fetched one by one: a single workflow may carry megabytes of sample data.
_PREFETCH = 1


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a workflow."""

    version_id: str | None
    checksum: str
    node_count: int
    #: The member that holds it; a published version that is the draft has no member of its own.
    #: None where workflows are not wanted one by one.
    member: str | None


class Workflow(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a workflow in ``metadata/workflows.json``."""

    id: str
    name: str
    active: bool
    archived: bool
    created_at: str | None
    updated_at: str | None
    tags: list[str]
    #: Of the draft, which is what its editor shows.
    checksum: str
    draft: Version
    #: What runs. None: it was never published, or this n8n knows no difference.
    published: Version | None
    draft_differs: bool


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a credential: never what is secret of it."""

    id: str
    name: str
    type: str
    created_at: str | None
    updated_at: str | None


def checksum(fields: Mapping[str, Any]) -> str:
    """Return the hash of what a workflow does, whatever order its keys are in."""
    content = json.dumps(
        {name: fields[name] for name in CHECKED_FIELDS if name in fields},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


async def read_workflows(
    connection: Connection, n8n: N8nTables, folder: Path
) -> tuple[list[Workflow], list[BundleFile]]:
    """Read all workflows, and write each to a file of its own below *folder*.

    Inside the transaction whose snapshot is dumped. Raises ``SourceError``.
    """
    tags = await _tags(connection, n8n)
    table = n8n.name("workflow_entity").quoted
    found: list[Workflow] = []
    files: list[BundleFile] = []
    async for row in connection.cursor(
        f"select row_to_json(w)::text as row from {table} w order by w.id",  # noqa: S608 -- quoted
        prefetch=_PREFETCH,
    ):
        fields = json.loads(row["row"])
        name = safe_id(str(fields["id"]))
        draft: Version = _keep(fields, f"workflows/{name}.json", tags, folder, files)
        published, is_other = await _published(connection, n8n, fields, draft)
        if is_other and published is not None:
            member = f"workflows/{name}.published.json"
            version: Version | None = _keep({**fields, **published}, member, tags, folder, files)
        else:
            version = None if published is None else draft
        found.append(
            Workflow(
                id=str(fields["id"]),
                name=fields["name"],
                active=bool(fields.get("active")),
                archived=bool(fields.get("isArchived")),
                created_at=fields.get("createdAt"),
                updated_at=fields.get("updatedAt"),
                tags=tags.get(str(fields["id"]), []),
                checksum=draft.checksum,
                draft=draft,
                published=version,
                draft_differs=is_other,
            )
        )
    return found, files


async def read_credentials(connection: Connection, n8n: N8nTables) -> list[Credential]:
    """Read which credentials there are."""
    if not n8n.has("credentials_entity", "id", "name", "type"):
        return []
    has = n8n.columns["credentials_entity"]
    times = ", ".join(
        f"to_json({quoted(column)}) #>> '{{}}' as {alias}" if column in has else f"null as {alias}"
        for column, alias in (("createdAt", "created_at"), ("updatedAt", "updated_at"))
    )
    rows = await connection.fetch(
        f"select id::text, name, type, {times}"  # noqa: S608 -- quoted
        f" from {n8n.name('credentials_entity').quoted} order by id"
    )
    return [Credential(**dict(row)) for row in rows]


def items_of(workflows: list[Workflow], credentials: list[Credential]) -> list[Item]:
    """Return what the catalogue knows of them."""
    return [
        *(
            Item(
                kind="workflow",
                key=one.id,
                name=one.name,
                facts={
                    "active": one.active,
                    "archived": one.archived,
                    "created_at": one.created_at,
                    "updated_at": one.updated_at,
                    "tags": one.tags,
                    "checksum": one.checksum,
                    "draft_differs": one.draft_differs,
                    "published_checksum": one.published and one.published.checksum,
                    "published_member": one.published and one.published.member,
                    "node_count": one.draft.node_count,
                },
                member=one.draft.member,
            )
            for one in workflows
        ),
        *(
            Item(
                kind="credential",
                key=one.id,
                name=one.name,
                facts={
                    "type": one.type,
                    "created_at": one.created_at,
                    "updated_at": one.updated_at,
                },
            )
            for one in credentials
        ),
    ]


def safe_id(text: str) -> str:
    """Return what files of a workflow are called."""
    if _PLAIN_ID.fullmatch(text):
        return text
    return "sha256-" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _keep(
    fields: dict[str, Any],
    member: str,
    tags: Mapping[str, list[str]],
    folder: Path,
    files: list[BundleFile],
) -> Version:
    path = folder / f"workflow-{len(files)}"
    # As n8n's own export has it: its `import:workflow` takes the file.
    named = [{"name": name} for name in tags.get(str(fields["id"]), [])]
    content = json.dumps({**fields, "tags": named}, indent=1, ensure_ascii=False)
    path.write_bytes(content.encode("utf-8", "surrogatepass") + b"\n")
    files.append(BundleFile(path=member, content=path))
    nodes = fields.get("nodes")
    return Version(
        version_id=fields.get("versionId"),
        checksum=checksum(fields),
        node_count=len(nodes) if isinstance(nodes, list) else 0,
        member=member,
    )


async def _published(
    connection: Connection, n8n: N8nTables, fields: Mapping[str, Any], draft: Version
) -> tuple[dict[str, Any] | None, bool]:
    """Return what the published version has of its own, and whether it differs from the draft."""
    published_id = fields.get("activeVersionId")
    if not published_id or not n8n.has("workflow_history", "versionId", "nodes", "connections"):
        return None, False
    row = await connection.fetchval(
        f"select row_to_json(h)::text from {n8n.name('workflow_history').quoted} h"  # noqa: S608 -- quoted
        ' where h."versionId" = $1',
        published_id,
    )
    if row is None:
        return None, False
    history = json.loads(row)
    own = {name: history[name] for name in _VERSIONED if name in history and name in fields}
    return {**own, "versionId": published_id}, checksum({**fields, **own}) != draft.checksum


async def _tags(connection: Connection, n8n: N8nTables) -> dict[str, list[str]]:
    if not (
        n8n.has("workflows_tags", "workflowId", "tagId") and n8n.has("tag_entity", "id", "name")
    ):
        return {}
    rows = await connection.fetch(
        'select j."workflowId"::text as id, array_agg(t.name::text order by t.name) as tags'  # noqa: S608 -- quoted
        f" from {n8n.name('workflows_tags').quoted} j"
        f' join {n8n.name("tag_entity").quoted} t on t.id = j."tagId" group by 1'
    )
    return {row["id"]: list(row["tags"]) for row in rows}

"""What an archive of an n8n has beside its dump: workflows, credentials' names, the key's proof."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from services.archiver.format.bundle import BundleFile
from services.archiver.sources.gathered import Around
from services.archiver.sources.item import Item
from services.archiver.sources.n8n.encryption_key import DeploymentKey, KeyProof, prove
from services.archiver.sources.n8n.tables import N8nTables
from services.archiver.sources.n8n.workflows import (
    CREDENTIALS_MEMBER,
    WORKFLOWS_MEMBER,
    Workflow,
    items_of,
    read_credentials,
    read_workflows,
)
from shared.contracts.archiver import Source
from shared.credentials import Secret

if TYPE_CHECKING:
    from services.archiver.sources.databases.access import Connection

#: The manifest is bounded; all of them are in the member.
_MOST_TOLD = 5000
_KEY_LINE = re.compile(
    rb"^\s*(?:export\s+)?N8N_ENCRYPTION_KEY\s*=\s*(\"[^\"\n]+\"|'[^'\n]+'|[^\s#]+)", re.MULTILINE
)


class N8nRead(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    contents: dict[str, Any]
    report: dict[str, Any]
    members: list[BundleFile]
    items: list[Item]


async def read_n8n(
    connection: Connection,
    n8n: N8nTables,
    source: Source,
    around: Around,
    files: Sequence[BundleFile],
) -> N8nRead:
    """Read it, inside the transaction whose snapshot is dumped. Raises ``SourceError``.

    *files* are members that were read already: the key may stand in one of them.
    """
    around.begin("reading the workflows")
    workflows, members = await read_workflows(connection, n8n, around.folder)
    if "flows" not in (source.config.types or ["flows"]):
        members = []
        workflows = [_without_members(one) for one in workflows]
    credentials = await read_credentials(connection, n8n)
    around.begin("trying the encryption key")
    proof = await _prove(connection, n8n, source, around, files)
    said = msgspec.to_builtins(proof)
    return N8nRead(
        contents={
            "last_migration": await _last_migration(connection, n8n),
            "workflow_count": len(workflows),
            "workflows": [
                {
                    "id": one.id,
                    "name": one.name,
                    "active": one.active,
                    "checksum": one.checksum,
                    "published_checksum": one.published and one.published.checksum,
                }
                for one in workflows[:_MOST_TOLD]
            ],
            "credential_count": len(credentials),
            "encryption_key": said,
        },
        report={
            "workflows": len(workflows),
            "credentials": len(credentials),
            "encryption_key": said,
        },
        members=[
            BundleFile(path=WORKFLOWS_MEMBER, content=_json(workflows)),
            BundleFile(path=CREDENTIALS_MEMBER, content=_json(credentials)),
            *members,
        ],
        items=items_of(workflows, credentials),
    )


async def _prove(
    connection: Connection,
    n8n: N8nTables,
    source: Source,
    around: Around,
    files: Sequence[BundleFile],
) -> KeyProof:
    reference = source.config.encryption_key_ref
    if reference is not None:
        origin = "reference"
        key: Secret | None = await around.means.fetch(reference, "n8n's encryption key")
    else:
        origin, key = _key_among(files)
    deployment_keys = []
    if n8n.has("deployment_key", "id", "type", "value"):
        algorithm = "algorithm" if n8n.has("deployment_key", "algorithm") else "null as algorithm"
        deployment_keys = [
            DeploymentKey(**dict(row))
            for row in await connection.fetch(
                f"select id::text, type, value, {algorithm}"  # noqa: S608 -- quoted
                f" from {n8n.name('deployment_key').quoted}"
            )
        ]
    credentials = []
    if n8n.has("credentials_entity", "data"):
        credentials = [
            row["data"]
            for row in await connection.fetch(
                f"select data from {n8n.name('credentials_entity').quoted}"  # noqa: S608 -- quoted
            )
        ]
    if key is None:
        return KeyProof(state="unproved", secret_count=len(credentials))
    proof = prove(key, deployment_keys=deployment_keys, credentials=credentials)
    return msgspec.structs.replace(proof, key_from=origin)


def _key_among(files: Sequence[BundleFile]) -> tuple[str, Secret | None]:
    """Return the key that the settings of this n8n have, and the member that has it."""
    for file in files:
        assert isinstance(file.content, bytes)
        found = _KEY_LINE.search(file.content)
        if found is not None:
            return file.path, Secret(found[1].strip(b"\"'").decode("utf-8", "replace"))
        try:
            settings = msgspec.json.decode(file.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        # What n8n writes itself where nobody set a key: ~/.n8n/config.
        if isinstance(settings, dict) and isinstance(settings.get("encryptionKey"), str):
            return file.path, Secret(settings["encryptionKey"])
    return "", None


async def _last_migration(connection: Connection, n8n: N8nTables) -> str | None:
    """Return what tells n8n's version: a newer one takes the database, an older one does not."""
    if not n8n.has("migrations", "id", "name"):
        return None
    found: str | None = await connection.fetchval(
        f"select name from {n8n.name('migrations').quoted} order by id desc limit 1"  # noqa: S608 -- quoted
    )
    return found


def _without_members(workflow: Workflow) -> Workflow:
    def bare(version: Any) -> Any:
        return version and msgspec.structs.replace(version, member=None)

    return msgspec.structs.replace(
        workflow, draft=bare(workflow.draft), published=bare(workflow.published)
    )


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"

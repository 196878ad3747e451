"""``keepsake get``: one file onto this disk, whole or not at all.

Bytes go to a partial file beside the target, named by the content's ETag, so that a download that
broke off is continued and never mixed with another version. The target appears by one rename.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import click
import httpx

from gateway.cli.backup_names import find_backup
from gateway.cli.client import Client, answer_failure, connect, session_header
from gateway.cli.failure import FAILED, NOT_RUNNING, Failure
from gateway.cli.formats import size
from gateway.cli.options import json_option
from gateway.cli.output import console, print_json, say
from gateway.cli.session_tokens import find_token

#: A connection may break so often in a row without a single byte before we give up.
_FRUITLESS_TRIES = 4
_FILE_ID = re.compile(r"[0-9a-fA-F]{40}")

Advance = Callable[[int], None]


@click.command()
@click.argument("backup")
@click.argument("file", nargs=-1, required=True, metavar="DOMAIN PATH | FILE_ID")
@click.option("-o", "--output", metavar="FILE", help="Where to; a folder, or - for stdout.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@json_option
@click.pass_context
def get(
    context: click.Context,
    *,
    backup: str,
    file: tuple[str, ...],
    output: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Download one file of BACKUP; it continues where an earlier try broke off."""
    file_id = _file_id(context, file)
    if output == "-" and as_json:
        raise click.UsageError("--json and -o - both want stdout.", context)
    client = connect(context)
    backup_id = find_backup(client, backup)["id"]
    session = find_token(context, client.url, backup_id)
    source = Source(client, f"/api/backups/{backup_id}/files/{file_id}/content", session)
    facts = source.describe()
    if output == "-":
        source.copy(sys.stdout.buffer, 0, facts, lambda _: None)
        sys.stdout.buffer.flush()
        return
    target = target_of(output, facts["name"])
    if target.exists() and not force:
        raise Failure(f"{target} exists.", "Use --force to replace it.", exit_code=FAILED)
    part = fetch(source, facts, target)
    put_in_place(part, target, force=force)
    if as_json:
        print_json({"path": str(target), "size_bytes": facts["size_bytes"], "etag": facts["etag"]})
    else:
        say(f"{target}: {size(facts['size_bytes'])}")


class Source:
    """One file behind the API."""

    def __init__(self, client: Client, path: str, session: str | None) -> None:
        self._client = client
        self._path = path
        self._headers = session_header(session)

    def describe(self) -> dict[str, Any]:
        """Return name, exact size and ETag."""
        with self._client.unreachable_told():
            answer = self._client.http.head(self._path, headers=self._headers)
            if answer.status_code >= 400:
                # HEAD has no body: the first byte's answer says what is wrong.
                answer = self._client.http.get(
                    self._path, headers={**self._headers, "Range": "bytes=0-0"}
                )
        if answer.status_code >= 400:
            raise answer_failure(answer)
        return {
            "name": name_of(answer.headers.get("content-disposition", "")),
            "size_bytes": int(answer.headers["content-length"]),
            "etag": answer.headers["etag"],
        }

    def copy(self, file: Any, offset: int, facts: dict[str, Any], advance: Advance) -> None:
        """Write everything from *offset* on, through broken connections."""
        fruitless = 0
        while offset < facts["size_bytes"]:
            before = offset
            try:
                for chunk in self._chunks(offset, facts):
                    file.write(chunk)
                    offset += len(chunk)
                    advance(len(chunk))
            except httpx.TransportError:
                pass
            fruitless = 0 if offset > before else fruitless + 1
            if fruitless >= _FRUITLESS_TRIES:
                raise Failure(
                    "The download broke off.",
                    "Run the same command again to continue.",
                    exit_code=NOT_RUNNING,
                )

    def _chunks(self, offset: int, facts: dict[str, Any]) -> Iterator[bytes]:
        headers = dict(self._headers)
        if offset:
            headers |= {"Range": f"bytes={offset}-", "If-Range": facts["etag"]}
        with self._client.http.stream("GET", self._path, headers=headers) as answer:
            if answer.status_code >= 400:
                raise answer_failure(answer)
            if answer.headers.get("etag") != facts["etag"] or (
                offset and answer.status_code != 206
            ):
                raise Failure("The file changed meanwhile.", "Run the command again.")
            yield from answer.iter_raw()


def fetch(source: Source, facts: dict[str, Any], target: Path) -> Path:
    """Fill the partial file and return it."""
    digest = hashlib.sha256(facts["etag"].encode()).hexdigest()[:12]
    part = target.with_name(f".{target.name[:100]}.{digest}.part")
    try:
        # Only ours to read: it is the content of an encrypted backup.
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Failure(f"{part.parent} cannot be written: {error.strerror}.") from error
    with os.fdopen(descriptor, "wb") as file:
        offset = min(os.fstat(descriptor).st_size, facts["size_bytes"])
        file.truncate(offset)
        file.seek(offset)
        with _progress(target.name, facts["size_bytes"], offset) as advance:
            try:
                source.copy(file, offset, facts, advance)
            except OSError as error:
                raise Failure(f"{part} cannot be written: {error.strerror}.") from error
        file.flush()
        os.fsync(descriptor)
    return part


def put_in_place(part: Path, target: Path, *, force: bool) -> None:
    """Make the whole file appear at once. Raises ``Failure`` for what must not be replaced."""
    try:
        if not force:
            # A link refuses to replace a file that appeared meanwhile; a rename would not.
            try:
                os.link(part, target)
            except FileExistsError:
                raise Failure(f"{target} exists.", "Use --force to replace it.") from None
            except OSError:
                part.rename(target)  # no hard links on this file system
            else:
                part.unlink()
            return
        part.replace(target)
    except OSError as error:
        raise Failure(f"{target} cannot be written: {error.strerror}.") from error


@contextlib.contextmanager
def _progress(name: str, total: int, done: int) -> Iterator[Advance]:
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console(error=True), transient=True) as progress:
        task = progress.add_task(name[:24], total=total, completed=done)
        yield lambda amount: progress.advance(task, amount)


def _file_id(context: click.Context, file: tuple[str, ...]) -> str:
    if len(file) == 1 and _FILE_ID.fullmatch(file[0]):
        return file[0].lower()
    if len(file) != 2:
        raise click.UsageError("Give DOMAIN and PATH, or a FILE_ID of 40 hex digits.", context)
    # Apple's name of a blob; nothing secret.
    return hashlib.sha1("-".join(file).encode(), usedforsecurity=False).hexdigest()


def target_of(output: str | None, name: str) -> Path:
    """Return where a file called *name* goes: into the folder, or as the file, that was named."""
    if output is None:
        return Path.cwd() / name
    path = Path(output).expanduser().absolute()
    return path / name if path.is_dir() else path


def name_of(disposition: str) -> str:
    """Return the file name that a ``Content-Disposition`` gives, without any folder."""
    match = re.search(r"filename\*=UTF-8''([^;]+)", disposition)
    name = unquote(match[1], errors="replace") if match else "file"
    name = re.sub(r"[\x00-\x1f\x7f/\\]", "_", name).strip()
    return "file" if name in ("", ".", "..") else name

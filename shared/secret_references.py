"""References to secrets that lie elsewhere: ``file:/etc/keepsake/phone``, ``op://Home/Phone/backup``.

What is kept is where a secret lies, never the secret. It is fetched when it is needed, by the
service that needs it, and given as a ``Secret``. Whatever fails fails closed, with a sentence that
holds neither the secret nor the reference. Programs are run without a shell, with an environment
from scratch, and bounded in time and output.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import re
import shlex
import shutil
import signal
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from shared.credentials import Secret

SCHEMES = ("env", "file", "cred", "cmd", "op", "keyring")
#: Only these variables are secrets; any other would let a reference ask what else is set.
VARIABLE_PREFIX = "KEEPSAKE_SECRET_"
#: Where systemd puts credentials is in this variable; Docker and Kubernetes use the folder.
CREDENTIALS_DIRECTORY = "CREDENTIALS_DIRECTORY"
RUN_SECRETS = Path("/run/secrets")
#: What the 1Password program signs in with.
OP_TOKEN = "OP_SERVICE_ACCOUNT_TOKEN"  # noqa: S105 -- a variable's name
#: How ``op signin`` passes a person's session on, which ends after half an hour without use.
OP_SESSION_PREFIX = "OP_SESSION_"

_LONGEST_REFERENCE = 1024
_LONGEST_SECRET_BYTES = 4096
_LONGEST_ITEM_BYTES = 65_536
_SECONDS = 20.0
_ENDING_SECONDS = 2.0


class SecretReferenceError(Exception):
    """The reference gives no secret; the message is a sentence for people."""


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A reference taken apart. Shows its scheme only: paths and names are nobody's business."""

    scheme: str
    rest: str

    def __repr__(self) -> str:
        """Leave what is behind the scheme out of logs and tracebacks."""
        return f"Reference({self.scheme}:…)"


def parse_reference(text: str, *, allow_commands: bool) -> Reference:
    """Take a reference apart; ``SecretReferenceError`` for one that can never be resolved."""
    scheme, colon, rest = text.partition(":")
    if not colon or scheme not in (*SCHEMES, "vault"):
        raise SecretReferenceError(f"A reference begins with one of: {', '.join(SCHEMES)}.")
    if scheme == "vault":
        raise SecretReferenceError("HashiCorp Vault is not supported; use cmd: with its program.")
    if len(text) > _LONGEST_REFERENCE or not text.isprintable() or not rest.strip():
        raise SecretReferenceError("The reference is empty, too long, or not plain text.")
    if scheme == "cmd" and not allow_commands:
        raise SecretReferenceError(
            "Commands are switched off. Whoever runs Keepsake can allow them with"
            " KEEPSAKE_UNLOCK__REFERENCE_COMMANDS=true, for archives with"
            " KEEPSAKE_ARCHIVER__REFERENCE_COMMANDS=true."
        )
    expected, form = _FORMS[scheme]
    if not re.fullmatch(expected, rest):
        raise SecretReferenceError(f"A reference of this sort looks like {form}.")
    if scheme == "cmd":
        _arguments(rest)
    return Reference(scheme=scheme, rest=rest)


_FORMS = {
    "env": (rf"{VARIABLE_PREFIX}[A-Z0-9_]{{1,100}}", f"env:{VARIABLE_PREFIX}PHONE"),
    "file": (r"/.*", "file:/etc/keepsake/phone"),
    "cred": (r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}", "cred:phone"),
    "cmd": (r"/.*", "cmd:/usr/bin/pass show phone"),
    "op": (r"//[^/]+/[^/]+(/[^/]+){1,2}", "op://vault/item/field"),
    "keyring": (r"[^/]+/.+", "keyring:service/name"),
}


async def resolve(reference: Reference, *, environ: Mapping[str, str] = os.environ) -> Secret:
    """Fetch the secret, or raise ``SecretReferenceError``. Cancelled, it leaves nothing running."""
    rest = reference.rest
    try:
        async with asyncio.timeout(_SECONDS):
            match reference.scheme:
                case "env":
                    found = environ.get(rest, "").encode("utf-8", "surrogateescape")
                case "file":
                    found = await asyncio.to_thread(_read_private, Path(rest))
                case "cred":
                    found = await asyncio.to_thread(_read_credential, rest, environ)
                case "cmd":
                    found = await _run(_arguments(rest), _bare_environment(environ))
                case "op":
                    found = await _ask_one_password(f"op:{rest}", environ)
                case "keyring":
                    found = await asyncio.to_thread(_ask_keyring, *rest.split("/", 1))
                case _:
                    raise SecretReferenceError("The reference is of an unknown sort.")
    except TimeoutError:
        raise SecretReferenceError("The secret did not come in time.") from None
    return _secret(found)


def _secret(found: bytes) -> Secret:
    if len(found) > _LONGEST_SECRET_BYTES:
        raise SecretReferenceError("What the reference gives is too long for a secret.")
    for end in (b"\r\n", b"\n"):
        if found.endswith(end):
            # One only: whatever else stands there may belong to the secret.
            found = found.removesuffix(end)
            break
    try:
        text = found.decode("utf-8")
    except UnicodeDecodeError:
        raise SecretReferenceError("What the reference gives is not text in UTF-8.") from None
    if not text:
        raise SecretReferenceError("The reference gives nothing.")
    return Secret(text)


def _read_private(path: Path) -> bytes:
    with _opened(path) as descriptor:
        found = os.fstat(descriptor)
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise SecretReferenceError("Others may read the secret's file (chmod 600).")
        if found.st_uid not in (os.geteuid(), 0):
            raise SecretReferenceError("The secret's file belongs to somebody else.")
        return os.read(descriptor, _LONGEST_SECRET_BYTES + 1)


def _read_credential(name: str, environ: Mapping[str, str]) -> bytes:
    # Who may look into these folders is for those to say who made them.
    given = environ.get(CREDENTIALS_DIRECTORY)
    for folder in (*((Path(given),) if given else ()), RUN_SECRETS):
        if (folder / name).is_file():
            with _opened(folder / name) as descriptor:
                return os.read(descriptor, _LONGEST_SECRET_BYTES + 1)
    raise SecretReferenceError("There is no such credential.")


@contextlib.contextmanager
def _opened(path: Path) -> Any:
    try:
        # Not to wait for the other end of what is no file at all.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SecretReferenceError(f"The secret's file cannot be read: {reason}.") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SecretReferenceError("What the reference names is not a file.")
        yield descriptor
    finally:
        os.close(descriptor)


def _arguments(rest: str) -> list[str]:
    try:
        return shlex.split(rest)
    except ValueError:
        raise SecretReferenceError("The command's quotes do not match.") from None


def _bare_environment(environ: Mapping[str, str]) -> dict[str, str]:
    # Inherited variables have made programs take another password than the one that was meant.
    passed = {name: environ[name] for name in ("HOME", "PATH") if name in environ}
    return {"PATH": os.defpath, "LANG": "C.UTF-8", **passed}


async def _ask_one_password(reference: str, environ: Mapping[str, str]) -> bytes:
    return await call_one_password(["read", "--no-newline", reference], environ=environ)


async def call_one_password(
    arguments: list[str], *, content: bytes | None = None, environ: Mapping[str, str] = os.environ
) -> bytes:
    """Run 1Password's program with *content* as its input, and return what it prints.

    It is told who we are by a service account's token, or by the sessions of ``op signin`` where
    there is none. Raises ``SecretReferenceError``.
    """
    program = shutil.which("op", path=environ.get("PATH", os.defpath))
    if program is None:
        raise SecretReferenceError("The program of 1Password (op) is not installed.")
    known = {OP_TOKEN: environ[OP_TOKEN]} if environ.get(OP_TOKEN) else {}
    if not known:
        known = {name: environ[name] for name in environ if name.startswith(OP_SESSION_PREFIX)}
    if not known:
        raise SecretReferenceError(f"{OP_TOKEN} is not set where Keepsake was started.")
    return await _run(
        [program, *arguments],
        {**_bare_environment(environ), **known},
        content=content,
        longest_bytes=_LONGEST_SECRET_BYTES if content is None else _LONGEST_ITEM_BYTES,
    )


async def _run(
    arguments: list[str],
    environment: Mapping[str, str],
    *,
    content: bytes | None = None,
    longest_bytes: int = _LONGEST_SECRET_BYTES,
) -> bytes:
    try:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            env=dict(environment),
            cwd="/",
            stdin=asyncio.subprocess.DEVNULL if content is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Programs put into their complaints what nobody knows beforehand.
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise SecretReferenceError(
            f"The program cannot be started ({type(error).__name__})."
        ) from None
    assert process.stdout is not None
    status = None
    try:
        if content is not None:
            assert process.stdin is not None
            # One that ends without reading it says by its status what it thinks of that.
            with contextlib.suppress(ConnectionError):
                process.stdin.write(content)
                await process.stdin.drain()
            process.stdin.close()
        found = b""
        while len(found) <= longest_bytes and (more := await process.stdout.read(4096)):
            found += more
        if len(found) > longest_bytes:
            return found
        status = await process.wait()
    finally:
        if status is None:
            # The whole group: a program may have started others, which hold the pipe open.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            # asyncio calls a process over when its pipe is: one that was full must be emptied, and
            # one that somebody outside of the group holds open is not waited for.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ENDING_SECONDS):
                    await process.stdout.read()
                    await process.wait()
    if status != 0:
        raise SecretReferenceError(f"The program ended with status {status}.")
    return found


def _ask_keyring(service: str, name: str) -> bytes:
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        raise SecretReferenceError("The Python package keyring is not installed.") from None
    try:
        found = keyring.get_password(service, name)
    except Exception as error:  # noqa: BLE001 -- every backend has its own
        raise SecretReferenceError(
            f"The keyring cannot be asked ({type(error).__name__})."
        ) from None
    return (found or "").encode()

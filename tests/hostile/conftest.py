"""A running vault whose phones were made by somebody hostile."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.demo.container import PhoneFile, mint_backup
from deploy.demo.messages import MessagesDatabase
from deploy.demo.phone import phone_files
from gateway.tokens import SCOPES
from tests.running_stack import RunningStack, running_stack
from tests.stack import make_folder

PASSPHRASE = "Sauerkirschkuchen"
PLAIN, LOCKED, OTHER, BROKEN, GUESSED = (
    f"00008110-0000000000000{n:03X}" for n in range(0xA1, 0xA6)
)

#: Names that somebody might want to see in a header, a page, an archive or a shell.
NAMES = (
    "Documents/a\r\nSet-Cookie: stolen=1\r\n\r\n<script>alert(1)</script>.txt",
    'Documents/quo"te\\"; filename="evil.exe',
    "Documents/'; filename*=UTF-8''evil.html",
    "Documents/日本語 🎉 \u202egpj.exe",
    "Documents/" + "x" * 300 + ".txt",
    "Documents/" + "é" * 300,
    "Documents/<img src=x onerror=alert(1)>.html",
    "Documents/nul\0byte.txt",
    "Documents/\x1b[2J\x07bell.txt",
    "../../../../../../tmp/keepsake-escaped",
    "/etc/cron.d/keepsake",
    "..\\..\\windows\\system32",
    "Documents/CON",
    "Documents/trailing. ",
    "\ufeff",
    "%2e%2e%2f%00",
)
HTML = b"<!doctype html><script>alert(document.cookie)</script>"


@dataclass
class Vault:
    """The stack and the ids of its backups."""

    stack: RunningStack
    #: Where plaintext lies while it is needed.
    scratch: Path
    plain: str
    locked: str
    other: str
    broken: str
    #: Encrypted like the others; wrong passphrases are for this one, so that those stay open.
    guessed: str

    def stranger(self, *scopes: str) -> dict[str, str]:
        """The header of another caller, whose tries are not counted as ours."""
        asked = {"name": "stranger", "scopes": scopes or SCOPES}
        made = self.stack.client.post("/api/tokens", json=asked)
        assert made.status_code == 201, made.text
        return {"Authorization": f"Bearer {made.json()['token']}"}

    def unlock(self, backup: str) -> str:
        answer = self.stack.client.post(
            f"/api/backups/{backup}/unlock", json={"passphrase": PASSPHRASE}
        )
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["session_token"]
        return token

    def index(self, backup: str, **headers: str) -> dict[str, object]:
        answer = self.stack.client.post(f"/api/backups/{backup}/index", headers=headers)
        assert answer.status_code == 202, answer.text
        return self.stack.wait_for_job(answer.json()["job_id"])


def _mint(root: Path) -> None:
    hostile = [PhoneFile("AppDomain-com.example.evil", name, HTML) for name in NAMES]
    messages = MessagesDatabase()
    handle = messages.handle("<script>@example.com\r\nX: y")
    chat = messages.chat([handle], identifier="\u202eevil", name="<b>\0" * 200)
    at = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)
    for text in ("<script>alert(1)</script>", "a\0b", "\ud800", "x" * 300_000, "ﷺ" * 2000, "%s%n"):
        number = messages.message(text.replace("\ud800", "\ufffd"), at=at, chat=chat, handle=handle)
        messages.attach(number, "Library/SMS/Attachments/../../../etc/passwd", size=2**62)
    store = "Library/SMS/sms.db"
    own = [file for file in phone_files() if file.relative_path != store]
    mint_backup(root, files=phone_files(messages=300), udid=PLAIN)
    mint_backup(root, files=[*own, *hostile], udid=LOCKED, passphrase=PASSPHRASE)
    mint_backup(
        root,
        files=[*own, PhoneFile("HomeDomain", store, messages.to_bytes())],
        udid=OTHER,
        passphrase=PASSPHRASE,
        device_name="<img src=x onerror=alert(1)>\r\nX: y",
    )
    torn = messages.to_bytes()
    torn = torn[:3000] + b"\xff" * (len(torn) - 3000)
    mint_backup(root, files=[*own, PhoneFile("HomeDomain", store, torn)], udid=BROKEN)
    mint_backup(root, files=own, udid=GUESSED, passphrase=PASSPHRASE)


@pytest.fixture(scope="session")
def vault() -> Iterator[Vault]:
    folder = make_folder()
    try:
        _mint(folder / "phones")
        scratch = folder / "scratch"
        scratch.mkdir(mode=0o700)
        with running_stack(folder / "data", folder / "phones", SCRATCH_DIR=str(scratch)) as stack:
            stack.client.post("/api/backups/refresh")
            items = stack.client.get("/api/backups").json()["items"]
            ids = {item["udid"]: item["id"] for item in items}
            phones = (PLAIN, LOCKED, OTHER, BROKEN, GUESSED)
            yield Vault(stack, scratch, *(ids[udid] for udid in phones))
    finally:
        shutil.rmtree(folder, ignore_errors=True)

"""Nothing that is secret or said by people leaves its place, even at debug level.

A phone is made of marked words; a person then does everything with it, mistakes included; at the
end every log, every stored event, every process' arguments and environment, and every file that
Keepsake wrote outside Postgres is searched for the marks.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.demo.contacts import ContactsDatabase
from deploy.demo.container import PhoneFile, file_id, mint_backup
from deploy.demo.messages import MessagesDatabase
from tests.running_stack import RunningStack, running_stack

PASSPHRASE = "Zwiebelfisch-passphrase-7741"
WRONG = "Quittenbrot-guess-9182"
TEXT = "Marzipankartoffel"
OTHER_TEXT = "Heidelbeerkuchen"
NUMBER = "+4915155512379"
NAME = "Walburga"
SURNAME = "Kleinschmitt"
PHOTO = b"\xff\xd8\xff\xe0Photographenhimmel" + bytes(range(256)) * 64
DEVICE_NAME = "Pfefferkuchenphone"
NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)

#: The folder of a passphrase file: where secrets lie is told to nobody either.
HIDDEN = "Zwetschgendatschi"

#: What must be found nowhere: passphrases, words of messages, numbers, names, a file's bytes.
MARKS = (
    *(PASSPHRASE, WRONG, TEXT, OTHER_TEXT, NUMBER, NUMBER[1:], NAME, SURNAME, DEVICE_NAME),
    HIDDEN,
)


def _phone(root: Path, *, passphrase: str | None, udid: str) -> Path:
    messages = MessagesDatabase()
    handle = messages.handle(NUMBER)
    chat = messages.chat([handle], identifier=NUMBER)
    first = messages.message(f"A {TEXT} for you", at=NOW, chat=chat, handle=handle)
    messages.message(f"Rather {OTHER_TEXT}", at=NOW + dt.timedelta(minutes=1), chat=chat)
    picture = "Library/SMS/Attachments/0a/10/AAAA/IMG_1.JPG"
    messages.attach(first, picture, size=len(PHOTO))
    # A record that cannot be read must not be quoted in a complaint about it.
    messages.message(
        TEXT, at=NOW, chat=chat, handle=handle, body=b"\x04\x0bstreamtyped" + TEXT.encode()
    )
    contacts = ContactsDatabase()
    contacts.person(First=NAME, Last=SURNAME, values=[(3, "_$!<Mobile>!$_", NUMBER)])
    return mint_backup(
        root,
        files=[
            PhoneFile("HomeDomain", "Library/SMS/sms.db", messages.to_bytes()),
            PhoneFile(
                "HomeDomain", "Library/AddressBook/AddressBook.sqlitedb", contacts.to_bytes()
            ),
            PhoneFile("MediaDomain", picture, PHOTO),
        ],
        passphrase=passphrase,
        udid=udid,
        device_name=DEVICE_NAME,
        phone_number=NUMBER,
        taken_at=NOW,
    ).path


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("phones")
    _phone(root, passphrase=PASSPHRASE, udid="00008110-00000000000000A1")
    _phone(root, passphrase=None, udid="00008110-00000000000000A2")
    return root


def _listen(stack: RunningStack, received: list[str]) -> None:
    try:
        with stack.client.stream("GET", "/api/events") as answer:
            received.extend(answer.iter_lines())
    except httpx.HTTPError:
        pass


def _index_unattended(stack: RunningStack, folder: Path) -> None:
    """Have the encrypted phone indexed by rule, through a reference that is wrong at first."""
    client = stack.client
    address = "/api/devices/00008110-00000000000000A1/passphrase-reference"
    (folder / HIDDEN).mkdir(mode=0o700)
    secret = folder / HIDDEN / "phone"
    assert client.put(address, json={"reference": f"file:{secret}"}).status_code == 200
    assert client.post("/api/index-rules", json={"kinds": ["contact"]}).status_code == 201
    _wait_for_jobs(stack, failed=1, completed=1)
    secret.touch(0o600)
    secret.write_text(f"{PASSPHRASE}\n")
    assert client.put(address, json={"reference": f"file:{secret}"}).status_code == 200
    _wait_for_jobs(stack, failed=1, completed=2)
    assert HIDDEN not in client.get(address).text
    assert client.put(address, json={"reference": f"cmd:/bin/echo {WRONG}"}).status_code == 400


def _wait_for_jobs(stack: RunningStack, **expected: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        jobs = stack.client.get("/api/jobs").json()["items"]
        found = Counter(job["state"] for job in jobs)
        # What failed may have been tried again: the phone was found, and the rule was made.
        if found["completed"] == expected["completed"] and found["failed"] >= expected["failed"]:
            return
        time.sleep(0.05)
    raise AssertionError([(job["state"], job["error"]) for job in jobs])


def _use_everything(stack: RunningStack, folder: Path) -> tuple[list[str], list[str]]:
    """Do what people do, right and wrong. Returns the secrets met and the live events."""
    client = stack.client
    events: list[str] = []
    threading.Thread(target=_listen, args=(stack, events), daemon=True).start()
    backups = client.post("/api/backups/refresh").json()["items"]
    _index_unattended(stack, folder)
    encrypted = next(one for one in backups if one["encrypted"])["id"]
    plain = next(one for one in backups if not one["encrypted"])["id"]
    assert (
        client.post(f"/api/backups/{encrypted}/unlock", json={"passphrase": WRONG}).status_code
        == 403
    )
    assert (
        client.post(f"/api/backups/{encrypted}/unlock", json={"passphrase": 5}).status_code == 400
    )
    opened = client.post(f"/api/backups/{encrypted}/unlock", json={"passphrase": PASSPHRASE}).json()
    token = opened["session_token"]
    session = {"X-Backup-Session": token}
    blob = file_id("MediaDomain", "Library/SMS/Attachments/0a/10/AAAA/IMG_1.JPG")
    for backup, headers in ((encrypted, session), (plain, {})):
        base = f"/api/backups/{backup}"
        for path in ("domains", "apps", "files?path_like=%25sms%25", f"files/{blob}"):
            assert client.get(f"{base}/{path}", headers=headers).status_code == 200
        content = client.get(f"{base}/files/{blob}/content", headers=headers)
        assert content.content == PHOTO
        assert client.get(f"{base}/zip?domain=MediaDomain", headers=headers).status_code == 200
        job = client.post(f"{base}/index", headers=headers).json()["job_id"]
        assert stack.wait_for_job(job)["state"] == "completed"
    found = client.get("/api/search", params={"q": TEXT}).json()
    assert found["items"][0]["artifact"]["sender"]["name"] == f"{NAME} {SURNAME}"
    assert client.get("/api/search", params={"q": f'"{TEXT} {NUMBER}" ('}).status_code in {200, 400}
    thread = found["items"][0]["artifact"]["thread_id"]
    assert client.get(f"/api/threads/{thread}/artifacts").status_code == 200
    assert client.get("/api/threads", params={"q": SURNAME}).json()["items"]
    assert client.get(f"/api/backups?q={TEXT}").status_code == 400
    assert client.get(f"/api/threads/{TEXT}/artifacts").status_code in {400, 404}
    created = client.post("/api/tokens", json={"name": "laptop", "scopes": ["read"]})
    assert created.status_code == 201, created.text
    assert (
        client.get("/api/backups", headers={"Authorization": f"Bearer {WRONG}"}).status_code == 401
    )
    _look_at_processes(stack, [token, created.json()["token"]])
    assert client.post(f"/api/backups/{encrypted}/lock", headers=session).status_code in {200, 204}
    return [token, created.json()["token"]], events


def _look_at_processes(stack: RunningStack, secrets: list[str]) -> None:
    for pid in stack.processes():
        for name in ("cmdline", "environ"):
            try:
                shown = Path(f"/proc/{pid}/{name}").read_bytes()
            except OSError:
                continue
            for mark in (*MARKS, *secrets):
                assert mark.encode() not in shown, f"{name} of a process holds a secret"


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        # Indexed content lives in Postgres and nowhere else.
        folders[:] = [name for name in folders if (Path(parent) / name) != folder / "postgres"]
        yield from (Path(parent) / name for name in names)


def test_nothing_said_or_secret_is_left_anywhere(roots: Path, short_folder: Path) -> None:
    data, log, scratch = short_folder / "data", short_folder / "up.log", short_folder / "scratch"
    scratch.mkdir(mode=0o700)
    with running_stack(data, roots, log=log, LOG__LEVEL="debug", SCRATCH_DIR=str(scratch)) as stack:
        secrets, events = _use_everything(stack, short_folder)
        plaintext = [
            path
            for path in _files(scratch)
            if path.is_file() and path.stat().st_size > 0 and PHOTO[4:20] in path.read_bytes()
        ]
        assert plaintext == []
        opened = {
            path.parent for path in _files(scratch) if b"SQLite format 3" in path.read_bytes()[:16]
        }
        # The plain backup's shared session may stay open; the locked one's files are gone.
        assert len(opened) <= 1

    said = "\n".join(events)
    assert "index.completed" in said
    for mark in (*MARKS, *secrets):
        assert mark not in said, "a live event holds a secret"
    written = [log, *(path for path in _files(data) if path.name != "api-token")]
    assert any("jetstream" in str(path) for path in written)
    assert "index_completed" in log.read_text()
    assert "[debug" in log.read_text()
    bootstrap = (data / "api-token").read_text().strip()
    for path in written:
        content = path.read_bytes()
        for mark in (*MARKS, *secrets, bootstrap):
            assert mark.encode() not in content, f"{path.relative_to(short_folder)} holds a secret"
    assert [path for path in _files(scratch) if path.stat().st_size > 0] == []

"""Setting destinations up over HTTP, and what gets them back when everything else is lost."""

from __future__ import annotations

import asyncio
import html
import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fake_op import TOKEN, VAULT_ID, install
from tests.integration.archiver.rclone_servers import ACCESS_KEY, BUCKET, SECRET_KEY, Server
from tests.integration.gateway.conftest import House, open_house
from tests.integration.gateway.test_archives import facts
from tests.stack import Stack
from tests.unit.archiver.standalone_reader import needs_programs


@pytest.fixture
async def house(stack: Stack) -> AsyncIterator[House]:
    async with open_house(stack, "archiver") as house:
        yield house


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server("s3", tmp_path)
    yield started
    started.stop()


async def ask(house: House, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    answer = await house.client.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def private(path: Path, secret: str) -> str:
    path.touch(0o600)
    path.write_text(f"{secret}\n")
    return f"file:{path}"


async def archived(house: House, tree: Path, destination: dict[str, Any]) -> dict[str, Any]:
    """Archive a folder and return the finished job."""
    body = {"name": tree.name, "type": "directory", "config": {"path": str(tree)}}
    known = (await ask(house, "GET", "/api/sources"))["items"]
    source = known[0] if known else await ask(house, "POST", "/api/sources", body, 201)
    wish = {"source_id": source["id"], "destination_id": destination["id"]}
    job_id = (await ask(house, "POST", "/api/archives", wish, 202))["job_id"]
    while True:
        job: dict[str, Any] = await ask(house, "GET", f"/api/jobs/{job_id}")
        if job["state"] not in ("pending", "running"):
            assert job["state"] == "completed", job
            return job
        await asyncio.sleep(0.05)


def commands(sheet: str) -> str:
    """Return what a sheet tells to type."""
    lines = [line[4:] for line in sheet.splitlines() if line.startswith("    ")]
    assert len(lines) > 5
    return "\n".join(lines) + "\n"


def follow(sheet: str, home: Path, secrets: list[str]) -> subprocess.CompletedProcess[str]:
    """Type the commands of a sheet on a machine that knows nothing, and the secrets when asked."""
    home.mkdir()
    return subprocess.run(
        ["/bin/sh", "-eu", "-c", commands(sheet)],
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "TMPDIR": str(home),
        },
        input="".join(f"{secret}\n" for secret in secrets),
        capture_output=True, text=True, check=False,
    )  # fmt: skip


async def test_forms_are_told_and_a_place_is_tried_without_keeping_anything(house: House) -> None:
    listed = await ask(house, "GET", "/api/destinations/backends")
    known = {one["name"]: one for one in listed["items"]}
    assert (known["s3"]["login"], known["drive"]["login"]) == ("none", "token")
    assert "rclone authorize" in known["drive"]["note"]
    form = await ask(house, "GET", "/api/destinations/backends/b2")
    named = {field["name"]: field for field in form["fields"]}
    assert [field["name"] for field in form["fields"]][:2] == ["account", "key"]
    assert named["key"]["secret"]
    assert not named["account"]["secret"]
    assert form["fields"][-1]["advanced"]
    s3 = await ask(house, "GET", "/api/destinations/backends/s3")
    providers = next(field for field in s3["fields"] if field["name"] == "provider")
    assert "AWS" in [one["value"] for one in providers["examples"]]
    assert any(field["provider"] for field in s3["fields"])
    await ask(house, "GET", "/api/destinations/backends/google%20cloud%20storage")
    await ask(house, "GET", "/api/destinations/backends/crypt", status=404)

    tree, store = house.stack.folder / "tree", house.stack.folder / "store"
    tree.mkdir()
    store.mkdir()
    body = {"name": "tree", "type": "directory", "config": {"path": str(tree)}}
    await ask(house, "POST", "/api/sources", body, 201)
    wish: dict[str, Any] = {"type": "local", "config": {"path": str(store)}}
    tried = await ask(house, "POST", "/api/destinations/try", wish)
    assert (tried["good"], tried["holds_store"]) == (True, False)
    assert [one["outcome"] for one in tried["items"]] == ["warning", *["done"] * 4]
    assert "same disk as the source tree" in tried["items"][0]["detail"]
    assert list(store.iterdir()) == []
    assert (await ask(house, "GET", "/api/destinations"))["items"] == []
    crypt = {"password_ref": f"file:{store}/nothing"}
    tried = await ask(house, "POST", "/api/destinations/try", {**wish, "crypt": crypt})
    assert not tried["good"]
    assert [one["outcome"] for one in tried["items"]][1:3] == ["failed", "skipped"]
    assert tried["items"][1]["advice"]
    made = await ask(house, "POST", "/api/destinations", {**wish, "name": "disk"}, 201)
    assert (await ask(house, "POST", "/api/destinations/try", wish))["holds_store"]
    steps = (await ask(house, "POST", f"/api/destinations/{made['id']}/check"))["items"]
    assert [one["step"] for one in steps][-1] == "mark"


async def test_a_password_is_made_where_it_is_wanted_and_shown_nowhere(
    house: House, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = house.stack.folder
    place = install(folder)
    monkeypatch.setenv("PATH", str(place), prepend=os.pathsep)
    monkeypatch.setenv("OP_SERVICE_ACCOUNT_TOKEN", TOKEN)
    path = "/api/destinations/passwords"
    wish = {"place": "one_password", "vault": "Archives", "title": "Keepsake cloud"}
    item = await ask(house, "POST", path, wish, 201)
    assert item == {"reference": f"op://{VAULT_ID}/itemid0/password"}
    file = await ask(house, "POST", path, {"place": "file", "path": f"{folder}/secret"}, 201)
    refused = await ask(house, "POST", path, {"place": "file", "path": f"{folder}/secret"}, 409)
    assert refused["type"] == "/problems/password-not-made"
    await ask(house, "POST", path, {"place": "file", "path": "secret"}, 400)
    await ask(house, "POST", path, {"place": "one_password", "vault": "Archives"}, 400)
    (folder / "store").mkdir()
    made = await ask(
        house,
        "POST",
        "/api/destinations",
        {
            "name": "cloud",
            "type": "local",
            "config": {"path": f"{folder}/store"},
            "crypt": {"password_ref": item["reference"], "password2_ref": file["reference"]},
        },
        201,
    )
    checked = await ask(house, "POST", f"/api/destinations/{made['id']}/check")
    assert checked["items"][1]["outcome"] == "done"
    passwords = [
        re.findall(r'"value": "([^"]{32})"', (place / "itemid0").read_text())[0],
        (folder / "secret").read_text().strip(),
    ]
    told = f"{item}{file}{refused}{made}{checked}{capfd.readouterr()}"
    async with house.stack.pool("archiver") as pool, house.stack.pool("gateway") as audit:
        told += str(await pool.fetch("select d::text from destination d"))
        rows = str(await audit.fetch("select a::text from audit a"))
    assert "password in one_password" in rows
    for password in passwords:
        assert len(password) == 32
        assert password not in told + rows


@needs_programs
async def test_the_commands_of_a_sheet_get_everything_back_without_keepsake(
    house: House, server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = house.stack.folder
    tree = folder / "photos"
    (tree / "inner").mkdir(parents=True)
    (tree / "inner" / "film").write_bytes(os.urandom(5_000_000))
    (tree / "note.txt").write_text("hello\n")
    secrets = [SECRET_KEY, "correct horse $battery' staple", "a second \\one"]
    references = [private(folder / f"secret{n}", secret) for n, secret in enumerate(secrets)]
    made = await ask(
        house,
        "POST",
        "/api/destinations",
        {
            "name": "cloud & <co>",
            "type": "rclone",
            "config": {
                "backend": "s3",
                "path": f"{BUCKET}/my archives",
                "options": {
                    "provider": "Rclone",
                    "access_key_id": ACCESS_KEY,
                    "endpoint": f"http://127.0.0.1:{server.port}",
                },
                "secret_options": {"secret_access_key": references[0]},
            },
            "crypt": {"password_ref": references[1], "password2_ref": references[2]},
        },
        201,
    )
    address = f"/api/destinations/{made['id']}"
    assert made["sheet_downloaded_at"] is None
    assert "recovery sheet" in made["warnings"][0]
    job = await archived(house, tree, made)
    assert job["report"]["warnings"] == made["warnings"]

    answer = await house.client.post(f"{address}/sheet", json={"passwords": False})
    assert "THE PASSWORDS ARE NOT ON THIS SHEET" in answer.text
    assert not [secret for secret in secrets if html.escape(secret) in answer.text]
    assert (await ask(house, "GET", address))["sheet_downloaded_at"] is None

    capfd.readouterr()
    wish = {"passwords": True, "format": "text"}
    answer = await house.client.post(f"{address}/sheet", json=wish)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert "attachment" in answer.headers["content-disposition"]
    sheet = answer.text
    # The passwords once, and in no command; keys of the place not at all.
    assert [sheet.count(secret) for secret in secrets] == [0, 1, 1]
    assert not [secret for secret in secrets if secret in commands(sheet)]
    assert all(reference in sheet for reference in references)
    assert made["store_id"] in sheet
    done = follow(sheet, folder / "stranger", secrets)
    assert done.returncode == 0, done.stderr
    assert facts(folder / "stranger" / "restored") == facts(tree)
    assert not [secret for secret in secrets if secret in done.stdout + done.stderr]
    # With another password nothing comes back.
    assert follow(sheet, folder / "guesser", [secrets[0], "guess", secrets[2]]).returncode != 0

    known = await ask(house, "GET", address)
    assert known["sheet_downloaded_at"] is not None
    assert known["warnings"] == []
    assert (await archived(house, tree, known))["report"]["warnings"] == []
    page = (await house.client.post(f"{address}/sheet", json={"passwords": True})).text
    assert "<script" not in page
    assert "cloud &amp; &lt;co&gt;" in page
    assert not re.search("src=|href=|url[(]|@import", page)
    blocks = [html.unescape(one) for one in re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)]
    assert "\n".join(blocks) + "\n" == commands(sheet)
    async with house.stack.pool("gateway") as pool:
        audit = str(await pool.fetch("select a::text from audit a"))
    async with house.stack.pool("archiver") as pool:
        audit += str(await pool.fetch("select d::text from destination d"))
    assert "sheet with passwords of destination" in audit
    assert not [secret for secret in secrets if secret in f"{capfd.readouterr()}{audit}{job}"]


@needs_programs
async def test_a_sheet_of_a_plain_folder_needs_no_rclone(house: House) -> None:
    folder = house.stack.folder
    tree, store = folder / "photos", folder / "it's a store"
    tree.mkdir()
    store.mkdir()
    (tree / "note.txt").write_text("hello\n")
    made = await ask(
        house,
        "POST",
        "/api/destinations",
        {"name": "disk", "type": "local", "config": {"path": str(store)}},
        201,
    )
    # Nothing is encrypted there: whoever finds the disk can read it.
    assert (await archived(house, tree, made))["report"]["warnings"] == []
    answer = await house.client.post(
        f"/api/destinations/{made['id']}/sheet", json={"passwords": False, "format": "text"}
    )
    assert "rclone" not in commands(answer.text)
    assert "photos (archives: 1, newest" in answer.text
    done = follow(answer.text, folder / "stranger", [])
    assert done.returncode == 0, done.stderr
    assert facts(folder / "stranger" / "restored") == facts(tree)
    shown = await ask(house, "GET", f"/api/destinations/{made['id']}")
    assert shown["sheet_downloaded_at"] is not None


class Terminal:
    """Somebody at a terminal: waits for a question, then types."""

    def __init__(self, house: House, *arguments: str) -> None:
        self.ours, theirs = pty.openpty()
        self.said = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway.cli", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=client_environment(house) | {"TERM": "dumb", "COLUMNS": "200"},
            cwd=house.stack.folder,
            start_new_session=True,
        )
        os.close(theirs)

    def answer(self, question: str, typed: str) -> None:
        """Wait until *question* is asked, after all that was answered before."""
        self._read_until(lambda: question in self.said.rpartition("\0")[2])
        self.said += "\0"
        os.write(self.ours, f"{typed}\n".encode())

    def end(self) -> int:
        """Read what is left, and return what the program ends with."""
        self._read_until(lambda: False)
        os.close(self.ours)
        return self.process.wait(60)

    def _read_until(self, is_enough: Callable[[], bool]) -> None:
        while not is_enough():
            assert select.select([self.ours], [], [], 60)[0], self.said
            try:
                more = os.read(self.ours, 4096)
            except OSError:  # the other end is closed
                more = b""
            if not more:
                assert self.process.wait(60) is not None
                return
            self.said += more.decode("utf-8", "replace")


def client_environment(house: House) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "HOME": str(house.stack.folder),
        "LANG": "C.UTF-8",
        "KEEPSAKE_URL": house.url,
        "KEEPSAKE_API_TOKEN": "test-token",
    }


async def keepsake(house: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "gateway.cli", *arguments],
        env=client_environment(house),
        cwd=house.stack.folder,
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


async def test_somebody_at_a_terminal_is_asked_step_by_step(house: House, server: Server) -> None:
    folder = house.stack.folder
    key = private(folder / "key", SECRET_KEY)

    def talk() -> Terminal:
        terminal = Terminal(house, "archive", "setup")
        terminal.answer("folder or remote", "remote")
        terminal.answer("Back end", "amazon")
        terminal.answer("Back end", "s3")
        terminal.answer("provider", "Rclone")
        terminal.answer("env_auth", "")
        terminal.answer("access_key_id", ACCESS_KEY)
        terminal.answer("secret_access_key", SECRET_KEY)
        # That is no reference, and is asked for again.
        terminal.answer("secret_access_key", key)
        terminal.answer("endpoint", f"http://127.0.0.1:{server.port}")
        terminal.answer("bucket_object_lock_enabled", "")
        terminal.answer("advanced options", "n")
        terminal.answer("Path there", f"{BUCKET}/mine")
        terminal.answer("A name for it", "cloud")
        terminal.answer("Encrypt everything", "")
        terminal.answer("Password", "file")
        terminal.answer("File, which", f"{folder}/password")
        terminal.answer("set cloud up", "")
        terminal.answer("recovery sheet now", "")
        terminal.answer("Into which file", f"{folder}/sheet.txt")
        assert terminal.end() == 0, terminal.said
        return terminal

    said = (await asyncio.to_thread(talk)).said
    assert "Not the secret itself" in said
    steps = ("prerequisites", "credentials", "configure, reach", "canary", "test write", "save")
    assert re.findall(r"^\w+ +([a-z, ]+): ", said, re.MULTILINE)[-6:] == list(steps)
    (made,) = (await ask(house, "GET", "/api/destinations"))["items"]
    assert made["config"]["secret_options"] == {"secret_access_key": key}
    assert made["config"]["options"].keys() == {"provider", "access_key_id", "endpoint"}
    assert made["crypt"] == {"password_ref": f"file:{folder}/password"}
    assert made["sheet_downloaded_at"] is not None
    password = (folder / "password").read_text().strip()
    assert password in (folder / "sheet.txt").read_text()
    assert (folder / "sheet.txt").stat().st_mode & 0o777 == 0o600
    assert password not in said


async def test_everything_is_done_by_options_as_well(house: House) -> None:
    folder = house.stack.folder
    (folder / "store").mkdir()
    password, sheet = folder / "password", folder / "sheet.html"
    wish = ("archive", "setup", "disk", "--folder", "store", "--new-password", f"file:{password}")
    done = await keepsake(house, *wish, "--dry-run")
    assert (done.returncode, password.exists()) == (0, False), done.stderr
    assert "Nothing was kept" in done.stderr
    done = await keepsake(house, *wish, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["crypt"] == {"password_ref": f"file:{password}"}
    assert {one["outcome"] for one in made["steps"]} <= {"done", "warning"}
    # Not for what has a password already, and not with its name.
    again = await keepsake(house, *wish)
    assert (again.returncode, "called disk already" in again.stderr) == (1, True)
    other = ("archive", "setup", "other", *wish[3:5], "--new-password", f"file:{folder}/second")
    refused = await keepsake(house, *other, "--json")
    assert (refused.returncode, (folder / "second").exists()) == (1, False)
    assert [one["outcome"] for one in json.loads(refused.stdout)["steps"]][2] == "failed"
    for look in ("list", "status"):
        told = await keepsake(house, "archive", look)
        assert "Nobody has its recovery sheet" in told.stderr
        assert "keepsake archive sheet disk" in told.stderr
    done = await keepsake(house, "archive", "sheet", "disk", "-o", str(sheet))
    assert done.returncode == 0, done.stderr
    assert (sheet.stat().st_mode & 0o777, sheet.read_text()[:9]) == (0o600, "<!doctype")
    assert password.read_text().strip() in sheet.read_text()
    assert password.read_text().strip() not in done.stdout + done.stderr
    sheet.write_text("another")
    assert (await keepsake(house, "archive", "sheet", "-o", str(sheet))).returncode == 1
    assert sheet.read_text() == "another"
    told = await keepsake(house, "archive", "status")
    assert "recovery sheet" not in told.stderr
    listed = await keepsake(house, "archive", "backends", "drive")
    assert "rclone authorize" in listed.stderr
    asked = await keepsake(house, "archive", "setup")
    assert asked.returncode == 2

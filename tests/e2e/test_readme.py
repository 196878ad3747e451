"""The README's first five minutes, word for word, on the phones of ``make demo``."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_stack import RunningStack, running_stack
from tests.stack import make_folder

_README = Path(__file__).parents[2] / "README.md"
#: All that the demo makes.
_BACKUPS = 8
#: For a command, on a busy machine.
_SECONDS = 300


def _commands() -> list[str]:
    """The command lines of the section, without their comments."""
    section = _README.read_text().split("## The first five minutes")[1].split("\n## ")[0]
    blocks = re.findall(r"```\n(.*?)```", section, flags=re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("keepsake ")]


@pytest.fixture(scope="module")
def demo() -> Iterator[RunningStack]:
    folder = make_folder()
    try:
        with running_stack(folder / "data", folder / "unused", module="deploy.demo.show") as stack:
            # A person needs longer to open a second terminal than the first scan takes.
            while len(stack.client.get("/api/backups").json()["items"]) < _BACKUPS:
                time.sleep(0.1)
            yield stack
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _at_a_terminal(command: str, answer: str, environment: dict[str, str]) -> tuple[int, str]:
    """Run *command* at a terminal of its own and type *answer* when it asks."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe("sh", ["sh", "-c", command], environment)
    shown, typed, until = b"", False, time.monotonic() + _SECONDS
    while time.monotonic() < until:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break  # the other side is closed
        if not piece:
            break
        shown += piece
        if not typed and b"assphrase" in shown:
            os.write(terminal, answer.encode() + b"\n")
            typed = True
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


# Eight years of phones are made before it begins.
@pytest.mark.timeout(1200)
def test_every_command_of_the_first_five_minutes_works(demo: RunningStack, tmp_path: Path) -> None:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "KEEPSAKE_DATA_DIR": str(demo.data_dir),
        "XDG_RUNTIME_DIR": str(tmp_path),
        "COLUMNS": "100",
    }
    tmp_path.chmod(0o700)
    said: dict[str, str] = {}
    commands = _commands()
    assert len(commands) >= 10
    for command in commands:
        if " unlock " in command:
            code, shown = _at_a_terminal(f"cd {tmp_path} && {command}", "demo", environment)
            assert "demo" not in shown.replace("keepsake-demo", ""), "the passphrase was shown"
        else:
            done = subprocess.run(
                ["sh", "-c", command],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
            code, shown = done.returncode, done.stdout + done.stderr
        assert code == 0, f"{command}: {shown}"
        said[command] = shown

    def shown_by(beginning: str) -> str:
        return next(text for command, text in said.items() if command.startswith(beginning))

    assert "is ready" in shown_by("keepsake status")
    assert "Mira" in shown_by("keepsake backups")
    assert "MediaDomain" in shown_by("keepsake ls mira --domains")
    assert "completed" in shown_by("keepsake index")
    assert zipfile.is_zipfile(tmp_path / "jonas.zip")
    assert "Jonas Sandoval" in shown_by("keepsake threads")
    assert "cherry tree" in shown_by("keepsake search")
    (picture,) = tmp_path.glob("IMG_2041.jpg")
    assert picture.read_bytes()[:3] == b"\xff\xd8\xff"

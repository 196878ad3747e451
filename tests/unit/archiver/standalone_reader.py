"""The stand-alone reader, run the way a stranger runs it, and quickly within this process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from services.archiver.format.standalone import restore
from tests.unit.archiver.generated_store import PASSWORD

FOLDER = Path(restore.__file__).parent

#: A stranger has them; a machine that has only Keepsake may not.
needs_programs = pytest.mark.skipif(
    not (shutil.which("zstd") and shutil.which("openssl")),
    reason="the programs zstd and openssl are not both installed",
)


def run_alone(
    *arguments: str | Path,
    script: Path = FOLDER / "restore.py",
    password: str | None = PASSWORD,
    python: str = sys.executable,
) -> subprocess.CompletedProcess[str]:
    """Run the reader in a process that can import nothing of ours."""
    environment = {"PATH": os.environ["PATH"]} | (
        {} if password is None else {"KEEPSAKE_PASSWORD": password}
    )
    command = [python, "-I", script, *arguments]
    if script.suffix == ".sh":
        command = ["/bin/sh", script, *arguments]
    return subprocess.run(
        command, env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=100
    )


def check(store: Path, *, password: str | None = PASSWORD) -> int:
    """Return what checking a whole store ends with."""
    environment = {} if password is None else {"KEEPSAKE_PASSWORD": password}
    with mock.patch.dict(os.environ, environment):
        return restore.main(["--store", str(store), "check"])

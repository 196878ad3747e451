"""``make demo`` before anything runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(300)
def test_ctrl_c_while_phones_are_made_ends_with_a_sentence_and_leaves_no_half_of_them(
    tmp_path: Path,
) -> None:
    environment = os.environ | {"KEEPSAKE_DATA_DIR": str(tmp_path / "demo data")}
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.demo.show"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Making eight years")
        # What the terminal does, except that workers which are just being born are spared.
        process.send_signal(signal.SIGINT)
        said, complaints = process.communicate()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    # Python complains of a Ctrl-C that it forgot; it is minded all the same.
    assert process.returncode == 130, complaints
    assert "Stopped." in said
    assert complaints or not (tmp_path / "demo data" / "phones").exists()

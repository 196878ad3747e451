"""``make demo``: the whole product on eight years of generated phones, in a vault of its own."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.demo.family.phones import mint_phones, mint_tablet

#: The demo's content is no secret.
PASSPHRASE = "demo"  # noqa: S105


def main() -> None:
    """Make the demo phones once, then become ``keepsake up`` on them."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    data = Path(os.environ.get("KEEPSAKE_DATA_DIR") or Path(base) / "keepsake-demo").absolute()
    phones = data / "phones"
    if not phones.is_dir():
        try:
            with _stoppable():
                _make(data, phones)
        except KeyboardInterrupt:
            sys.stdout.write("\nStopped. The next `make demo` begins anew.\n")
            sys.exit(130)
    # For rules, which index what they find without asking anybody.
    secret = data / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE)
    sys.stdout.write(f"The passphrase of the demo's phones is: {PASSPHRASE}\n")
    if not sys.stdout.isatty():  # there, what to type next is said when everything runs
        sys.stdout.write(
            f"For the command line: export KEEPSAKE_DATA_DIR={shlex.quote(str(data))}\n"
        )
    sys.stdout.flush()
    environment = os.environ | {
        "KEEPSAKE_DATA_DIR": str(data),
        "KEEPSAKE_BACKUP_PATHS": str(phones),
        "KEEPSAKE_DISCOVERY__QUIET_SECONDS": "1",
    }
    os.execve(sys.executable, [sys.executable, "-m", "deploy.local"], environment)  # noqa: S606


@contextmanager
def _stoppable() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` for every Ctrl-C, at the end if not before.

    One that comes in the middle of a finaliser is printed by Python and forgotten.
    """
    was_asked = False

    def ask(_number: int, _frame: object) -> None:
        nonlocal was_asked
        was_asked = True
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if was_asked:
        raise KeyboardInterrupt


def _make(data: Path, phones: Path) -> None:
    """Make all phones; *phones* appears when they are whole."""
    data.parent.mkdir(parents=True, exist_ok=True)
    data.mkdir(mode=0o700, exist_ok=True)
    unfinished = data / "phones.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    sys.stdout.write("Making eight years of a family's phones, which takes some seconds ...\n")
    sys.stdout.flush()
    mint_phones(unfinished, passphrase=PASSPHRASE)
    mint_tablet(unfinished)
    unfinished.rename(phones)


if __name__ == "__main__":
    main()

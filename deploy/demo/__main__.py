"""``python -m deploy.demo <folder>``: write a demo phone's encrypted backup and a plain one."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from deploy.demo.everything import whole_phone
from deploy.demo.phone import SECOND_UDID

#: Used when no passphrase is given: the demo's content is no secret.
DEMO_PASSPHRASE = "demo"  # noqa: S105


def main() -> None:
    """Write the backups and print where they are."""
    options = argparse.ArgumentParser(prog="python -m deploy.demo", description=__doc__)
    options.add_argument("folder", type=Path, help="where the backups are written")
    options.add_argument("--messages", type=int, default=0, help="lines of small talk to add")
    options.add_argument("--passphrase-fd", type=int, help="descriptor to read a passphrase from")
    options.add_argument("--later", action="store_true", help="the phones four weeks later")
    given = options.parse_args()
    passphrase = DEMO_PASSPHRASE
    if given.passphrase_fd is not None:
        with os.fdopen(given.passphrase_fd, encoding="utf-8") as lines:
            passphrase = lines.readline().rstrip("\r\n")
    if not passphrase:
        sys.exit("The passphrase must not be empty.")
    given.folder.mkdir(parents=True, exist_ok=True)
    encrypted = whole_phone(
        given.folder, passphrase=passphrase, later=given.later, messages=given.messages
    )
    plain = whole_phone(
        given.folder,
        later=given.later,
        udid=SECOND_UDID,
        device_name="Family iPad",
        product_type="iPad13,18",
    )
    for backup in (encrypted, plain):
        sys.stdout.write(f"{backup.path}\n")


if __name__ == "__main__":
    main()

"""The backups of the family's phones, a folder for each copy, as ``make demo`` keeps them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import active_children, get_context
from pathlib import Path

from deploy.demo import bookmarks, calendar_events, open_tabs, places, reminders
from deploy.demo import notes as notes_of_summer
from deploy.demo.container import PhoneFile, mint_backup
from deploy.demo.family import (
    calendars,
    calls,
    device,
    health,
    messages,
    notes,
    photos,
    web,
    whatsapp,
)
from deploy.demo.family.life import REVISIONS, Revision
from deploy.demo.phone import SECOND_UDID, demo_phone

_WRITERS: tuple[Callable[[Revision], list[PhoneFile]], ...] = (
    device.files_of, messages.files_of, whatsapp.files_of, photos.files_of, calls.files_of,
    calendars.files_of, notes.files_of, health.files_of, web.files_of,
)  # fmt: skip
#: As few as readers accept: the passphrase is no secret, and nobody wants to wait.
_ROUNDS = 1000
#: One takes half a minute where others are busy.
_PROCESSES = 2


def files_of(revision: Revision) -> list[PhoneFile]:
    """Return everything that is on the phone at that moment."""
    return [file for write in _WRITERS for file in write(revision)]


def mint_phones(
    root: Path, *, passphrase: str, revisions: Sequence[Revision] = REVISIONS
) -> list[Path]:
    """Write a backup of each of *revisions* into a folder named after its day; return where."""
    # The large ones first, so that the processes end together.
    largest = sorted(revisions, key=lambda one: one.at, reverse=True)
    with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as processes:
        try:
            return sorted(processes.map(partial(_mint, root, passphrase), largest))
        except KeyboardInterrupt:
            # Nobody waits for phones that nobody wants any more.
            for process in active_children():
                process.terminate()
            raise


def mint_tablet(root: Path) -> Path:
    """Write the plain backup of the family's tablet, which shares what is in iCloud; return where.

    No conversations: the tablet is everybody's.
    """
    shared = (bookmarks, calendar_events, notes_of_summer, open_tabs, places, reminders)
    return demo_phone(
        root,
        udid=SECOND_UDID,
        device_name="Family iPad",
        product_type="iPad13,18",
        files=[file for module in shared for file in module.demo_files(later=False)],
    ).path


def _mint(root: Path, passphrase: str, revision: Revision) -> Path:
    return mint_backup(
        root / revision.folder,
        files=files_of(revision),
        apps=device.apps_of(revision),
        udid=revision.phone.udid,
        passphrase=passphrase,
        device_name=revision.phone.name,
        product_type=revision.phone.product_type,
        serial=revision.phone.serial,
        ios_version=revision.ios,
        phone_number="+1 (555) 014-2000",
        taken_at=revision.at,
        dpic=_ROUNDS,
        iterations=_ROUNDS,
    ).path

"""All that is on the demo phone: what everybody's tests use, and every other kind of thing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploy.demo import (
    accounts,
    bookmarks,
    calendar_events,
    calls,
    data_usages,
    health,
    installed_apps,
    interactions,
    notes,
    open_tabs,
    permissions,
    photos,
    places,
    reminders,
    voice_memos,
    voicemails,
    web_visits,
    whatsapp_chats,
    wifi_networks,
)
from deploy.demo.container import MintedBackup, PhoneFile
from deploy.demo.phone import demo_phone, phone_files

Writer = Callable[..., list[PhoneFile]]

_WRITERS: tuple[Writer, ...] = tuple(
    module.demo_files
    for module in (
        accounts, bookmarks, calendar_events, data_usages, installed_apps, interactions, notes,
        open_tabs, permissions, photos, places, reminders, voice_memos, voicemails, whatsapp_chats,
    )
)  # fmt: skip
#: What phones put into encrypted backups only.
_ENCRYPTED: tuple[Writer, ...] = (
    calls.demo_files, health.demo_files, web_visits.demo_files, wifi_networks.demo_files,
)  # fmt: skip


def all_files(*, later: bool = False, messages: int = 0, encrypted: bool = True) -> list[PhoneFile]:
    """Return every file of the phone; an unencrypted backup lacks what phones leave out of it."""
    # The library of photos has pictures of its own.
    files = [
        file
        for file in phone_files(later=later, messages=messages)
        if file.domain != "CameraRollDomain"
    ]
    for write in (*_WRITERS, *(_ENCRYPTED if encrypted else ())):
        files.extend(write(later=later))
    return files


def whole_phone(
    root: Path,
    *,
    passphrase: str | None = None,
    later: bool = False,
    messages: int = 0,
    **device: Any,
) -> MintedBackup:
    """Mint the backup of a phone that has everything; *device* as for ``demo_phone``."""
    return demo_phone(
        root,
        passphrase=passphrase,
        later=later,
        files=all_files(later=later, messages=messages, encrypted=passphrase is not None),
        apps=installed_apps.demo_apps(later=later),
        **device,
    )

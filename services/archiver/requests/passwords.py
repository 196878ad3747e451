"""Requests about secrets of destinations: passwords that are made, and the sheet that shows them.

What is secret here passes through once, to a file, to 1Password, or to the owner who asked for it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg

from services.archiver.destinations.forms import read_backends
from services.archiver.destinations.passwords import put_into_file, put_into_one_password
from services.archiver.destinations.recovery_page import page
from services.archiver.destinations.recovery_sheet import Sheet
from services.archiver.errors import ArchiverError, DestinationRefusedError
from services.archiver.identifiers import parse_id
from services.archiver.opening import Destinations
from services.archiver.problems import problem_of
from services.archiver.storage.destinations import fetch_held, get_destination, record_sheet
from shared.bus import RequestContext
from shared.contracts import archiver_destinations as told
from shared.contracts.archiver import Destination
from shared.contracts.archiver_destinations import GetSheet, MadePassword, MakePassword
from shared.contracts.problems import bad_request, problem
from shared.contracts.requests import Request
from shared.credentials import Secret


class SecretRequests:
    """Answers what makes passwords, and what shows them."""

    def __init__(self, *, pool: asyncpg.Pool[Any], destinations: Destinations) -> None:
        self._pool = pool
        self._destinations = destinations

    def answers(self) -> dict[type[Request[Any]], Callable[..., Awaitable[object]]]:
        """Return which of the handlers below answers what."""
        return {MakePassword: self.make_password, GetSheet: self.get_sheet}

    async def make_password(self, request: MakePassword, _: RequestContext) -> MadePassword:
        """Make a password that nobody sees, and tell where it is."""
        try:
            if request.place == "file":
                if not (request.path or "").startswith("/"):
                    raise bad_request("A file for a password has an absolute path.")
                reference = await put_into_file(Path(request.path or ""))
            else:
                if not request.vault or not request.title:
                    raise bad_request("An item of 1Password has a vault and a title.")
                reference = await put_into_one_password(request.vault, request.title)
        except DestinationRefusedError as error:
            raise problem(
                "password-not-made", "The password was not made.", 409, str(error)
            ) from None
        return MadePassword(reference=reference)

    async def get_sheet(self, request: GetSheet, _: RequestContext) -> told.Sheet:
        """Write the recovery sheet of a destination, and note that somebody has it."""
        destination_id = parse_id(request.destination_id, "destination")
        destination = await get_destination(self._pool, destination_id)
        try:
            obscured = await asyncio.to_thread(self._obscured, destination)
            passwords: tuple[Secret, Secret | None] | None = None
            if request.with_passwords and destination.crypt is not None:
                passwords = await self._destinations.passwords(destination.crypt)
        except ArchiverError as error:
            raise problem_of(error) from None
        sheet = Sheet(
            destination=destination,
            made_at=dt.datetime.now(dt.UTC),
            keepsake=version("keepsake"),
            obscured=obscured,
            passwords=passwords,
            held=await fetch_held(self._pool, destination_id),
        )
        is_page = request.format == "html"
        content = page(sheet) if is_page else sheet.text()
        if destination.crypt is None or passwords is not None:
            await record_sheet(self._pool, destination_id)
        return told.Sheet(
            name=f"keepsake-recovery-{destination.name}.{'html' if is_page else 'txt'}",
            media_type="text/html; charset=utf-8" if is_page else "text/plain; charset=utf-8",
            content=content,
        )

    def _obscured(self, destination: Destination) -> frozenset[str]:
        """Return which options of its back end rclone takes in a form of their own."""
        if not destination.config.secret_options:
            return frozenset()
        form = read_backends(self._destinations.daemon).get(destination.config.backend or "")
        return frozenset(one.name for one in (form.fields if form else ()) if one.is_password)

"""Making a place a destination, and knowing it again.

A destination carries two small files. The canary is text that everybody knows: with other
passwords it cannot be read, or is not even found, and rclone says nothing of that by itself. The
mark says which store this is. It is written last: a place that carries it was written to, read
back, and found to be right. Whoever uses a destination calls ``check_store`` first.
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Literal
from uuid import UUID

import msgspec

from services.archiver.destinations.places import Place, Top
from services.archiver.errors import (
    ArchiverError,
    DamagedArchiveError,
    DestinationAwayError,
    DestinationFullError,
    DestinationRefusedError,
    ObjectMissingError,
    TransportError,
)
from services.archiver.format.names import CANARY_FILE, STORE_FILE
from services.archiver.store.local_folder import PARTIAL
from services.archiver.store.transport import Transport

FORMAT = "keepsake-store"
VERSION = 1
CANARY = b"Whoever can read this has the right passwords.\n"

_TEST_PREFIX = "keepsake-test-"
#: Two blocks of crypt and a part of a third.
_TEST_BYTES = 150_000
_FOLDERS = frozenset({"bundles", "objects", "packs"})
_LARGEST_MARK_BYTES = 4096

StepName = Literal["prerequisites", "credentials", "reach", "canary", "write", "mark"]
#: What lies there: archives, or plain files.
Mode = Literal["store", "mirror"]
Outcome = Literal["done", "already", "warning", "failed", "skipped"]
_STEPS: tuple[StepName, ...] = (
    *("prerequisites", "credentials", "reach", "canary", "write", "mark"),
)


_ADVICE: dict[type[ArchiverError], str] = {
    DestinationAwayError: "See that it is switched on, mounted, and reached from this machine.",
    DestinationFullError: "Make room there.",
    DestinationRefusedError: "Correct its path, its keys, or the rights of whom they belong to.",
    DamagedArchiveError: "If the passwords are the right ones, somebody changed what lies there.",
    ArchiverError: "Look at the destination with its own tools.",
}
_STEP_ADVICE: dict[StepName, str] = {
    "prerequisites": "Correct that first.",
    "credentials": "See that the user whom Keepsake runs as gets the secret from its reference.",
}


class StoreMark(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``keepsake-store.json``."""

    format: str = FORMAT
    version: int = VERSION
    store_id: UUID
    #: In UTC.
    created_at: dt.datetime
    mode: Mode = "store"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a set-up or of an examination, and what came of it, as a sentence."""

    name: StepName
    outcome: Outcome
    message: str
    #: What a person can do about a step that failed.
    advice: str = ""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a place before anybody looks at it, as sentences."""

    warnings: tuple[str, ...] = ()
    #: Secrets that could not be fetched; how many there are in all.
    refused: tuple[str, ...] = ()
    secret_count: int = 0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All steps; those behind one that failed are skipped."""

    steps: tuple[Step, ...]
    #: The store that the destination is; None unless every step went well, or of a trial of a
    #: place that is none yet.
    store: StoreMark | None = None

    @property
    def is_good(self) -> bool:
        """Whether the destination can be used."""
        return not any(step.outcome in ("failed", "skipped") for step in self.steps)


def set_up(
    place: Place,
    store_id: UUID,
    *,
    now: dt.datetime,
    takes_existing: bool = False,
    findings: Findings | None = None,
    mode: Mode = "store",
) -> Report:
    """Make *place* the store *store_id*, or the store that it is already if *takes_existing*.

    A place that holds another store or anything of somebody else's is refused and left as it is.
    Safe to run twice, and after it was killed. Blocking; raises nothing that a place can cause.
    """
    run = _Run(place, store_id, findings=findings, now=now, takes_existing=takes_existing)
    run.mode = mode
    return run.run(_STEPS)


def attempt(place: Place, *, findings: Findings | None = None) -> Report:
    """Go through the steps of a set-up but for the mark, and take back what they wrote."""
    run = _Run(place, None, findings=findings, now=None, takes_existing=True)
    return run.run(_STEPS[:-1])


def examine(place: Place, store_id: UUID, *, findings: Findings | None = None) -> Report:
    """Go through the same steps with a place that was set up. Leaves nothing behind."""
    return _Run(place, store_id, findings=findings, now=None, takes_existing=False).run(_STEPS)


def check_store(transport: Transport, store_id: UUID) -> StoreMark:
    """Make sure that *transport* leads to the store *store_id*, and can read it.

    Raises ``DestinationAwayError`` when there is no store, ``DestinationRefusedError`` for another
    one, or one of a later version, and ``DamagedArchiveError`` when the canary is not as it was.
    """
    mark = read_mark(transport)
    if mark.store_id != store_id:
        raise DestinationRefusedError("The destination holds another store than it did.")
    _check_canary(transport)
    return mark


def read_mark(transport: Transport) -> StoreMark:
    """Return the mark of the store. Raises ``ArchiverError`` as ``check_store`` does."""
    try:
        content = transport.get(STORE_FILE, size_bytes=_LARGEST_MARK_BYTES)
    except ObjectMissingError:
        raise DestinationAwayError(
            "The destination holds no store: it is not mounted, it is not the one that was set up,"
            " or the passwords are others."
        ) from None
    try:
        mark = msgspec.json.decode(content, type=StoreMark)
    except msgspec.DecodeError:
        raise DamagedArchiveError("The mark of the store is damaged.") from None
    if mark.format != FORMAT or mark.version != VERSION:
        raise DestinationRefusedError(
            "The destination holds a store of a version that this Keepsake does not know."
        )
    return mark


def _check_canary(transport: Transport, path: str = CANARY_FILE) -> None:
    try:
        found = transport.get(path, size_bytes=len(CANARY) + 1)
    except ObjectMissingError:
        raise DamagedArchiveError(
            "The canary of the store is missing, or the passwords are others."
        ) from None
    if found != CANARY:
        raise DamagedArchiveError("The canary of the store is not what it was.")


class _Run:
    """One go through the steps; *now* is None for a place that must not be changed.

    Without *store_id* it is a trial, of whatever place.
    """

    def __init__(
        self,
        place: Place,
        store_id: UUID | None,
        *,
        findings: Findings | None,
        now: dt.datetime | None,
        takes_existing: bool,
    ) -> None:
        self._place = place
        self._store_id = store_id
        self._findings = findings or Findings()
        self._now = now
        self._takes_existing = takes_existing
        self._top = Top(names=frozenset())
        self._transport: Transport | None = None
        self._mark: StoreMark | None = None
        #: What a place becomes that is none yet.
        self.mode: Mode = "store"

    def run(self, names: tuple[StepName, ...]) -> Report:
        """Go through the steps up to the first that fails."""
        steps: list[Step] = []
        is_good = True
        try:
            for name in names:
                step = Step(name=name, outcome="skipped", message="An earlier step failed.")
                if is_good:
                    step = self._step(name)
                    is_good = step.outcome != "failed"
                steps.append(step)
        finally:
            if self._transport is not None:
                self._transport.close()
        return Report(steps=tuple(steps), store=self._mark if is_good else None)

    def _step(self, name: StepName) -> Step:
        advice = ""
        try:
            outcome, message = {
                "prerequisites": self._prerequisites,
                "credentials": self._credentials,
                "reach": self._reach,
                "canary": self._canary,
                "write": self._write,
                "mark": self._set_mark,
            }[name]()
        except ArchiverError as error:
            outcome, message = "failed", str(error)
            advice = next(said for kind, said in _ADVICE.items() if isinstance(error, kind))
        if outcome == "failed":
            advice = _STEP_ADVICE.get(name, advice)
        return Step(name=name, outcome=outcome, message=message, advice=advice)

    def _prerequisites(self) -> tuple[Outcome, str]:
        problems, warnings = self._place.prerequisites()
        if problems:
            return "failed", " ".join(problems)
        if warnings or self._findings.warnings:
            return "warning", " ".join([*warnings, *self._findings.warnings])
        return "done", "Everything that is needed is there."

    def _credentials(self) -> tuple[Outcome, str]:
        if self._findings.refused:
            return "failed", " ".join(self._findings.refused)
        if self._findings.secret_count:
            return "done", "Every secret was found where its reference leads."
        return "done", "No secret is needed."

    def _reach(self) -> tuple[Outcome, str]:
        self._top = self._place.top()
        self._transport = self._place.open(is_new=True)
        ours = {STORE_FILE, CANARY_FILE} | _FOLDERS
        others = {
            name
            for name in self._top.names - ours
            if not name.startswith(_TEST_PREFIX) and not name.endswith(PARTIAL)
        }
        if STORE_FILE in self._top.names:
            self._mark = read_mark(self._transport)
            if self._now is not None and self._mark.mode != self.mode:
                raise DestinationRefusedError(
                    f"The destination is a {self._mark.mode} already, and no {self.mode}."
                )
            if self._mark.store_id == self._store_id or self._takes_existing:
                return "already", "The destination answers; it holds the store already."
            raise DestinationRefusedError("The destination holds another store.")
        if self._store_id is not None and self._now is None:
            raise DestinationAwayError(
                "The destination holds no store: it is not mounted, it is not the one that was set"
                " up, or the passwords are others."
            )
        if self._top.unreadable_count:
            raise DestinationRefusedError(
                f"The place holds {self._top.unreadable_count} things that these passwords cannot"
                " read. Choose an empty folder, or give the passwords it was set up with."
            )
        if self._top.names & _FOLDERS:
            raise DestinationRefusedError("The place holds a store whose mark is lost.")
        if others:
            raise DestinationRefusedError(
                f"The place holds {len(others)} things that are not Keepsake's."
                " Choose an empty folder."
            )
        return "done", "The destination answers, and is empty."

    def _canary(self) -> tuple[Outcome, str]:
        transport = self._opened()
        if self._store_id is None and CANARY_FILE not in self._top.names:
            path = f"{_TEST_PREFIX}{secrets.token_hex(8)}"
            transport.put(path, [CANARY])
            try:
                _check_canary(transport, path)
            finally:
                transport.delete(path)
            return "done", "What everybody knows can be written and read."
        if CANARY_FILE in self._top.names:
            try:
                _check_canary(transport)
            except DamagedArchiveError:
                # Before there is a mark, it may be what a set-up that was killed left.
                if self._mark is not None:
                    raise
            else:
                return "already", "What everybody knows can be read."
        elif self._now is None:
            raise DamagedArchiveError("The canary of the store is missing.")
        # Also for a store that lost it: whoever can read the mark has the right passwords.
        transport.put(CANARY_FILE, [CANARY])
        _check_canary(transport)
        return "done", "What everybody knows was written, and can be read."

    def _write(self) -> tuple[Outcome, str]:
        transport = self._opened()
        for name in self._top.names:
            if name.startswith(_TEST_PREFIX):
                transport.delete(name)
        # With a name that is as long as those of packs.
        path = f"{_TEST_PREFIX}{secrets.token_hex(32)}"
        content = secrets.token_bytes(_TEST_BYTES)
        transport.put(path, [content])
        try:
            if (
                transport.size(path) != len(content)
                or transport.get(path) != content
                or transport.get(path, offset=70_000, size_bytes=1000) != content[70_000:71_000]
            ):
                raise TransportError("What was written for a test came back as something else.")
        finally:
            transport.delete(path)
        if transport.size(path) is not None:
            raise TransportError("What was written for a test cannot be deleted again.")
        return "done", "A test was written, came back byte for byte, and was deleted."

    def _set_mark(self) -> tuple[Outcome, str]:
        transport = self._opened()
        if self._mark is not None:
            return "already", "The store carries its mark."
        assert self._now is not None
        assert self._store_id is not None
        mark = StoreMark(
            store_id=self._store_id, created_at=self._now.astimezone(dt.UTC), mode=self.mode
        )
        transport.put(STORE_FILE, [msgspec.json.format(msgspec.json.encode(mark)) + b"\n"])
        self._mark = check_store(transport, self._store_id)
        return "done", "The store was given its mark."

    def _opened(self) -> Transport:
        assert self._transport is not None
        return self._transport

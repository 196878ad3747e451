"""What a backup folder says without its passphrase: the plists' facts, and whether it is whole.

Runs in a disk thread, on input that nobody has checked. Of an encrypted backup the list of files
cannot be read, so missing blobs are counted only where the manifest is readable, and never guessed.
"""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from msgspec import Struct, structs

from services.discovery.blobs import find_missing_blobs, has_any_blob
from services.discovery.errors import FolderUnreadable, Stopped
from services.discovery.folders import reason_of
from services.discovery.records import Facts, ManifestMemo
from services.discovery.revision import revision_of
from shared.contracts.discovery import BackupProblem, BackupState, InstalledApp, ManifestFormat
from shared.ios_backup import BackupFolder, completeness
from shared.ios_backup.completeness import FINISHED, Observation, Verdict
from shared.ios_backup.description import Description
from shared.ios_backup.errors import DamagedFile, DamagedManifest, DamagedPropertyList, MissingFile
from shared.ios_backup.property_lists import PropertyList, data, longest, read_property_list
from shared.ios_backup.safe_files import open_within, read_within
from shared.scratch import Scratch

_PLISTS = ("Info.plist", "Manifest.plist", "Status.plist")
_MANIFESTS: dict[str, str] = {"manifest_db": "Manifest.db", "mbdb": "Manifest.mbdb"}
_CHUNK_BYTES = 1 << 20
#: Thirty times the largest manifest known.
_MAX_MANIFEST_BYTES = 16 << 30
_AES_BLOCK_BYTES = 16
_SAME_DATE = dt.timedelta(days=1)
#: A reply on the bus must hold a backup with its apps.
_MAX_APPS_BYTES = 256 * 1024
_MAX_WORD = 200


_NO_FILES = BackupProblem(code="files_missing", detail="None of the backup's files is there.")


class Plists(Struct, frozen=True, kw_only=True):
    """What the property lists, and the first bytes of the manifest, say."""

    udid: str | None
    facts: Facts
    #: Status.plist says so; or says nothing, beside a manifest: a copy that lacks something.
    is_finished: bool
    encrypted: bool
    format: ManifestFormat
    last_backup_at: dt.datetime | None
    manifest_date: dt.datetime | None
    #: For the judgement; what is costly to look for is not in it yet.
    seen: Observation
    #: What is odd besides.
    remarks: list[BackupProblem]


class Judgement(Struct, frozen=True, kw_only=True):
    """Whether a finished backup is whole."""

    state: BackupState
    problems: list[BackupProblem]
    missing_files: int | None
    revision: str | None
    manifest: ManifestMemo | None


def read_plists(path: bytes) -> Plists:
    """Read the three property lists. Raises ``FolderUnreadable``; whatever else is a problem."""
    folder = Path(os.fsdecode(path))
    lists: dict[str, PropertyList] = {}
    forms: dict[str, Literal["readable", "damaged", "absent"]] = {}
    for name in _PLISTS:
        _check_readable(folder / name)
        try:
            lists[name] = read_property_list(read_within(folder, name, max_bytes=longest(name)))
            forms[name] = "readable"
        except MissingFile:
            forms[name] = "absent"
        except (DamagedFile, DamagedPropertyList):
            forms[name] = "damaged"
    for name in _MANIFESTS.values():
        _check_readable(folder / name)
    backup = BackupFolder(folder, lists)
    said = backup.description
    manifest_plist = lists.get("Manifest.plist", {})
    has_keys = backup.keybag_digest is not None and (
        backup.format == "mbdb" or data(manifest_plist, "ManifestKey") is not None
    )
    status_changed_at, manifest_changed_at = _written(folder, backup.format, said.status_at)
    return Plists(
        udid=said.udid,
        facts=_facts(said),
        is_finished=said.snapshot_state == FINISHED
        or (said.snapshot_state is None and backup.format != "none"),
        encrypted=backup.encrypted,
        format=backup.format,
        last_backup_at=said.taken_at,
        manifest_date=said.manifest_at,
        seen=Observation(
            format=backup.format,
            info=forms["Info.plist"],
            manifest_plist=forms["Manifest.plist"],
            status=forms["Status.plist"],
            snapshot_state=said.snapshot_state,
            manifest_readable=has_keys or not backup.encrypted,
            encrypted=backup.encrypted,
            # Whether the folder is quiet is decided from several looks, not from one.
            now=dt.datetime.now(dt.UTC),
            manifest_changed_at=manifest_changed_at,
            status_changed_at=status_changed_at,
            info_date=said.last_backup_at,
            manifest_date=said.manifest_at,
            status_date=said.status_at,
        ),
        remarks=_remarks(backup),
    )


def judge(
    path: bytes,
    plists: Plists,
    *,
    memo: ManifestMemo | None,
    scratch: Scratch,
    is_stopping: Callable[[], bool],
) -> Judgement:
    """Judge a finished backup. Hashes the manifest unless *memo* fits it.

    Raises ``FolderUnreadable`` and ``Stopped``.
    """
    folder = Path(os.fsdecode(path))
    if plists.format == "none":
        return _judgement(plists, plists.seen, missing_files=None, memo=None)
    try:
        memo = _digest(folder, _MANIFESTS[plists.format], memo=memo, is_stopping=is_stopping)
        seen, missing_files = _search(
            folder, plists, memo, scratch=scratch, is_stopping=is_stopping
        )
    except (DamagedManifest, DamagedFile):
        damaged = structs.replace(plists.seen, manifest_readable=False)
        return _judgement(plists, damaged, missing_files=None, memo=None)
    except OSError as error:
        raise FolderUnreadable(reason_of(error)) from error
    judgement = _judgement(plists, seen, missing_files=missing_files, memo=memo)
    if missing_files is None and judgement.state == "complete" and not has_any_blob(folder):
        # Nobody knows how many there should be, but no backup is without any.
        problems = [*judgement.problems, _NO_FILES]
        return structs.replace(judgement, state="partial", problems=problems)
    return judgement


def findings(plists: Plists, *, has_snapshot: bool) -> list[BackupProblem]:
    """Return what is wrong with a backup whose run did not finish."""
    return _problems(completeness.judge(structs.replace(plists.seen, has_snapshot=has_snapshot)))


def _judgement(
    plists: Plists, seen: Observation, *, missing_files: int | None, memo: ManifestMemo | None
) -> Judgement:
    verdict = completeness.judge(seen)
    state = verdict.state
    revision = None
    if memo is not None and state != "broken_off":
        revision = revision_of(
            udid=plists.udid, manifest_date=plists.manifest_date, manifest_sha256=memo.sha256
        )
    return Judgement(
        state="damaged" if state == "not_a_backup" else state,
        problems=_problems(verdict) + plists.remarks,
        missing_files=missing_files,
        revision=revision,
        manifest=memo,
    )


def _search(
    folder: Path,
    plists: Plists,
    memo: ManifestMemo,
    *,
    scratch: Scratch,
    is_stopping: Callable[[], bool],
) -> tuple[Observation, int | None]:
    """Look for missing blobs as far as they can be told; return what was seen, and how many."""
    seen, is_flat = plists.seen, plists.format == "mbdb"
    if plists.encrypted and not is_flat:
        if memo.size == 0 or memo.size % _AES_BLOCK_BYTES:
            raise DamagedManifest("The manifest is cut off.")
        return seen, None
    try:
        missing = find_missing_blobs(
            folder, is_flat=is_flat, scratch=scratch, is_stopping=is_stopping
        )
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        # No room of ours for a copy of the manifest: the backup is none the worse for it.
        return seen, None
    seen = structs.replace(seen, missing_count=missing.count, missing_files=tuple(missing.names))
    return seen, missing.count


def _problems(verdict: Verdict) -> list[BackupProblem]:
    return [
        BackupProblem(code=finding.code, detail=finding.detail, files=list(finding.files))
        for finding in verdict.findings
    ]


def _remarks(backup: BackupFolder) -> list[BackupProblem]:
    claim = backup.description.encrypted_flag
    if backup.format == "none" or claim in {None, backup.encrypted}:
        return []
    said = "encrypted" if claim else "not encrypted"
    detail = f"The backup says that it is {said}, but its bytes say otherwise."
    return [BackupProblem(code="wrong_encrypted_flag", detail=detail)]


def _written(
    folder: Path, manifest_format: str, status_date: dt.datetime | None
) -> tuple[dt.datetime | None, dt.datetime | None]:
    """When status and manifest were written, if times on disk can be trusted.

    A copy made without keeping times has them in the order of copying, hours apart maybe. In an
    original the file's time is close to the date that is written inside.
    """
    if status_date is None or manifest_format == "none":
        return None, None
    try:
        status, manifest = (
            dt.datetime.fromtimestamp((folder / name).lstat().st_mtime, dt.UTC)
            for name in ("Status.plist", _MANIFESTS[manifest_format])
        )
    except (OSError, OverflowError, ValueError):
        return None, None
    if abs(status - status_date) > _SAME_DATE:
        return None, None
    return status, manifest


def _digest(
    folder: Path, name: str, *, memo: ManifestMemo | None, is_stopping: Callable[[], bool]
) -> ManifestMemo:
    """Hash the manifest, unless its size and time are those that were hashed before."""
    descriptor = open_within(folder, name)
    try:
        status = os.fstat(descriptor)
        if status.st_size > _MAX_MANIFEST_BYTES:
            raise DamagedFile("The manifest is larger than any real one.")
        # Some file systems know years that nanoseconds in 64 bits do not.
        mtime_ns = min(status.st_mtime_ns, 2**63 - 1)
        if memo is not None and (memo.size, memo.mtime_ns) == (status.st_size, mtime_ns):
            return memo
        digest = hashlib.sha256()
        while chunk := os.read(descriptor, _CHUNK_BYTES):
            if is_stopping():
                raise Stopped
            digest.update(chunk)
    except OSError as error:
        raise FolderUnreadable(reason_of(error)) from error
    finally:
        os.close(descriptor)
    return ManifestMemo(size=status.st_size, mtime_ns=mtime_ns, sha256=digest.digest())


def _check_readable(path: Path) -> None:
    """Tell "we may not read it" from "it is damaged": the former can change without a trace."""
    try:
        if path.is_symlink() or not path.is_file():
            return
        os.close(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
    except FileNotFoundError:
        return
    except OSError as error:
        raise FolderUnreadable(reason_of(error)) from error


def _facts(said: Description) -> Facts:
    apps: list[InstalledApp] = []
    room = _MAX_APPS_BYTES
    for app in said.apps:
        shown = InstalledApp(
            bundle_id=app.bundle_id[:_MAX_WORD],
            name=None if app.name is None else app.name[:_MAX_WORD],
            version=None if app.version is None else app.version[:_MAX_WORD],
        )
        # JSON may need six bytes for a control character, and has some of its own.
        room -= 60 + 6 * sum(len(w or "") for w in (shown.bundle_id, shown.name, shown.version))
        if room < 0:
            break
        apps.append(shown)
    return Facts(
        name=said.name,
        product_type=said.product_type,
        model=said.model,
        ios_version=said.ios_version,
        build_version=said.build_version,
        serial_number=said.serial_number,
        phone_numbers=list(said.phone_numbers),
        imei=said.imei,
        apps=apps,
        region=_region(said.phone_numbers),
    )


def _region(phone_numbers: tuple[str, ...]) -> str | None:
    """Return the country whose numbers the device has; only a number with ``+`` tells it."""
    import phonenumbers  # some MB of memory that an empty vault does not need

    for number in phone_numbers:
        try:
            parsed = phonenumbers.parse(number, None)
        except phonenumbers.NumberParseException:
            continue
        # A number outside every known plan still has a country code; the code's main country
        # reads the device's other numbers as its owner does.
        region = phonenumbers.region_code_for_number(
            parsed
        ) or phonenumbers.region_code_for_country_code(parsed.country_code or 0)
        if region != "ZZ":
            return str(region)
    return None

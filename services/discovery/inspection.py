"""What a backup folder says without its passphrase: the plists' facts, and whether it is whole.

Runs in a disk thread, on input that nobody has checked. Of an encrypted backup the list of files
cannot be read, so missing blobs are counted only where the manifest is readable, and never guessed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from services.discovery.blobs import find_missing_blobs, has_any_blob
from services.discovery.errors import FolderUnreadable, Stopped
from services.discovery.folders import reason_of
from services.discovery.records import Facts, ManifestMemo
from services.discovery.revision import revision_of
from shared.contracts.discovery import BackupProblem, BackupState, InstalledApp, ManifestFormat
from shared.ios_backup import BackupFolder
from shared.ios_backup.description import Description
from shared.ios_backup.errors import DamagedFile, DamagedManifest, DamagedPropertyList, MissingFile
from shared.ios_backup.property_lists import MAX_BYTES, PropertyList, data, read_property_list
from shared.ios_backup.safe_files import open_within, read_within

_PLISTS = ("Info.plist", "Manifest.plist", "Status.plist")
_MANIFESTS: dict[str, str] = {"manifest_db": "Manifest.db", "mbdb": "Manifest.mbdb"}
_CHUNK_BYTES = 1 << 20
#: Thirty times the largest manifest known.
_MAX_MANIFEST_BYTES = 16 << 30
_AES_BLOCK_BYTES = 16
#: A reply on the bus must hold a backup with its apps.
_MAX_APPS_BYTES = 256 * 1024
_MAX_WORD = 200


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
    #: Everything is there that opening the manifest needs.
    has_keys: bool
    #: What is missing or odd about the property lists themselves.
    problems: list[BackupProblem]


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
    problems: list[BackupProblem] = []
    for name in _PLISTS:
        _check_readable(folder / name)
        slug = name.removesuffix(".plist").lower()
        try:
            lists[name] = read_property_list(read_within(folder, name, max_bytes=MAX_BYTES))
        except MissingFile:
            problems.append(_problem(f"{slug}-plist-missing", f"{name} is missing."))
        except (DamagedFile, DamagedPropertyList):
            problems.append(_problem(f"{slug}-plist-damaged", f"{name} cannot be read."))
    for name in _MANIFESTS.values():
        _check_readable(folder / name)
    backup = BackupFolder(folder, lists)
    said = backup.description
    if backup.format != "none" and said.encrypted_flag not in {None, backup.encrypted}:
        claim = "encrypted" if said.encrypted_flag else "not encrypted"
        problems.append(
            _problem(
                "wrong-encrypted-flag",
                f"The backup says that it is {claim}, but its bytes say otherwise.",
            )
        )
    is_unsaid = said.snapshot_state is None and backup.format != "none"
    manifest_plist = lists.get("Manifest.plist", {})
    return Plists(
        udid=said.udid,
        facts=_facts(said),
        is_finished=said.snapshot_state == "finished" or is_unsaid,
        encrypted=backup.encrypted,
        format=backup.format,
        last_backup_at=said.taken_at,
        manifest_date=said.manifest_at,
        has_keys=backup.keybag_digest is not None
        and (backup.format == "mbdb" or data(manifest_plist, "ManifestKey") is not None),
        problems=problems,
    )


def judge(
    path: bytes,
    plists: Plists,
    *,
    memo: ManifestMemo | None,
    is_stopping: Callable[[], bool],
) -> Judgement:
    """Judge a finished backup. Reads the manifest whole unless *memo* fits it.

    Raises ``FolderUnreadable`` and ``Stopped``.
    """
    folder = Path(os.fsdecode(path))
    problems = list(plists.problems)
    if plists.format == "none":
        problems.append(_problem("manifest-missing", "The list of the backup's files is missing."))
        return Judgement(
            state="damaged", problems=problems, missing_files=None, revision=None, manifest=None
        )
    try:
        memo = _digest(folder, _MANIFESTS[plists.format], memo=memo, is_stopping=is_stopping)
    except DamagedFile:
        problems.append(_problem("manifest-damaged", "The list of the backup's files is damaged."))
        return Judgement(
            state="damaged", problems=problems, missing_files=None, revision=None, manifest=None
        )
    state, missing_files, found = _check(folder, plists, memo, is_stopping=is_stopping)
    return Judgement(
        state=state,
        problems=problems + found,
        missing_files=missing_files,
        revision=revision_of(
            udid=plists.udid, manifest_date=plists.manifest_date, manifest_sha256=memo.sha256
        ),
        manifest=memo,
    )


def _check(
    folder: Path, plists: Plists, memo: ManifestMemo, *, is_stopping: Callable[[], bool]
) -> tuple[BackupState, int | None, list[BackupProblem]]:
    """Return the state, the number of missing blobs, and what is wrong besides."""
    is_flat = plists.format == "mbdb"
    if plists.encrypted and not plists.has_keys:
        lost = "The keys of this encrypted backup are lost: Manifest.plist is missing or damaged."
        return "damaged", None, [_problem("keys-missing", lost)]
    codes = {problem.code for problem in plists.problems}
    # Nothing then says that the last run was completed.
    is_unsure = bool(codes & {"status-plist-missing", "status-plist-damaged"})
    state: BackupState = "partial" if is_unsure else "complete"
    if plists.encrypted and not is_flat:
        return _check_unseen(folder, memo, state)
    try:
        missing = find_missing_blobs(folder, is_flat=is_flat, is_stopping=is_stopping)
    except OSError as error:
        raise FolderUnreadable(reason_of(error)) from error
    except (DamagedManifest, DamagedFile):
        bad = "The list of the backup's files cannot be read."
        return "damaged", None, [_problem("manifest-damaged", bad)]
    if missing.count:
        what = "file listed in the backup is" if missing.count == 1 else "files listed are"
        detail = f"{missing.count} {what} not in its folder. Was it copied completely?"
        return (
            "partial",
            missing.count,
            [BackupProblem(code="files-missing", detail=detail, files=missing.names)],
        )
    return state, 0, []


def _check_unseen(
    folder: Path, memo: ManifestMemo, state: BackupState
) -> tuple[BackupState, int | None, list[BackupProblem]]:
    """Check what can be seen of a backup whose manifest cannot be read."""
    if memo.size == 0 or memo.size % _AES_BLOCK_BYTES:
        cut = "The list of the backup's files is cut off."
        return "damaged", None, [_problem("manifest-damaged", cut)]
    if not has_any_blob(folder, is_flat=False):
        return "partial", None, [_problem("files-missing", "None of the files is there.")]
    return state, None, []


def _digest(
    folder: Path, name: str, *, memo: ManifestMemo | None, is_stopping: Callable[[], bool]
) -> ManifestMemo:
    """Hash the manifest, unless its size and time are those that were hashed before."""
    descriptor = open_within(folder, name)
    try:
        status = os.fstat(descriptor)
        if status.st_size > _MAX_MANIFEST_BYTES:
            raise DamagedFile("The manifest is larger than any real one.")
        if memo is not None and (memo.size, memo.mtime_ns) == (status.st_size, status.st_mtime_ns):
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
    return ManifestMemo(size=status.st_size, mtime_ns=status.st_mtime_ns, sha256=digest.digest())


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
        region = phonenumbers.region_code_for_number(parsed)
        if region:
            return str(region)
    return None


def _problem(code: str, detail: str) -> BackupProblem:
    return BackupProblem(code=code, detail=detail)

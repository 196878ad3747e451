"""What the container format found wrong with a backup, as the problems that callers are told."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from services.unlock import errors
from shared.contracts.problems import ProblemError, locked, problem
from shared.ios_backup.errors import (
    BackupFormatError,
    DamagedFile,
    DamagedKeybag,
    Incomplete,
    Locked,
    MissingFile,
    NotABackup,
    UnsupportedFormat,
    WrongPassphrase,
)

_COPY_AGAIN = "Copy the folder again from where it was made, or let the phone back up once more."


@contextlib.contextmanager
def told_as_problems() -> Iterator[None]:
    """Raise ``ProblemError`` for what is wrong with a backup; anything else passes."""
    try:
        yield
    except BackupFormatError as error:
        # The sentences hold nothing from inside a backup; the cause could.
        raise _problem_of(error) from None
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise problem(
                "no-space",
                "There is no room for the decrypted manifest.",
                507,
                "Free memory or set KEEPSAKE_SCRATCH_DIR to a private folder with more room.",
            ) from None
        raise errors.damaged(
            "The disk did not give the data. Check the disk or the network mount.", part="disk"
        ) from None


def _problem_of(  # noqa: PLR0911 -- one answer per fact
    error: BackupFormatError,
) -> ProblemError:
    match error:
        case MissingFile():
            return errors.not_in_this_backup(
                "The manifest lists it, but its content is not in the backup's folder."
            )
        case WrongPassphrase():
            return errors.wrong_passphrase()
        case Locked():
            return locked()
        case NotABackup():
            return errors.not_a_backup()
        case UnsupportedFormat():
            return problem("not-a-backup", "The backup cannot be read.", 422, str(error))
        case Incomplete():
            return errors.incomplete(f"{error} {_COPY_AGAIN}")
        case DamagedKeybag():
            return errors.damaged(f"{error} {_COPY_AGAIN}", part="keybag")
        case DamagedFile():
            return errors.damaged(f"{error} Other files can still be read.", part="file")
        case _:
            return errors.damaged(f"{error} {_COPY_AGAIN}", part="manifest")

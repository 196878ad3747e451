"""What unlock tells its callers when it cannot do what was asked.

All of them are ``ProblemError`` (shared.contracts.problems): errors are data on the bus. Inside the
house only two are caught by somebody::

    key_cache.PassphraseMismatchError    the passphrase is not the keybag's
    shared.scratch.UnsafeScratchError    the scratch directory is not ours; stops the start

No sentence holds a path, a name from inside a backup, a passphrase or a token.
"""

from __future__ import annotations

from shared.contracts.problems import ProblemError, problem


def wrong_passphrase() -> ProblemError:
    """The keybag did not open."""
    return problem(
        "wrong-passphrase",
        "The passphrase does not open this backup.",
        403,
        "It is the one that was set for encrypted backups in Finder, iTunes or on the computer "
        "that made the backup; often it is not the phone's own code.",
    )


def passphrase_missing() -> ProblemError:
    """The backup is encrypted and nothing was given."""
    return problem(
        "wrong-passphrase",
        "The passphrase does not open this backup.",
        403,
        "This backup is encrypted. Give the passphrase that was set for encrypted backups.",
    )


def wrong_referenced_passphrase() -> ProblemError:
    """What the device's reference gives does not open the keybag."""
    return problem(
        "wrong-passphrase",
        "The passphrase does not open this backup.",
        403,
        "It came from the device's passphrase reference. Correct it there, then set the reference "
        "again; until then it is tried at most once a night.",
    )


def reference_unresolved(detail: str) -> ProblemError:
    """The device's reference gives no passphrase; *detail* says why, without either."""
    return problem(
        "reference-unresolved", "The passphrase reference gives no passphrase.", 409, detail
    )


def throttled(retry_after_seconds: int, *, longest_seconds: int) -> ProblemError:
    """Too many passphrases were tried."""
    return problem(
        "throttled",
        "Too many passphrases were tried.",
        429,
        f"The next one can be tried in {retry_after_seconds} s. Every further wrong one makes the "
        f"wait longer, up to {longest_seconds} s. Nothing is locked for good: the right passphrase "
        "opens the backup after the wait.",
        retry_after_seconds=retry_after_seconds,
    )


def too_many_sessions() -> ProblemError:
    """No further session fits into this process."""
    return problem(
        "throttled",
        "Too many sessions are open.",
        429,
        "Lock some of them first, or wait until they expire.",
        retry_after_seconds=60,
    )


def not_a_backup() -> ProblemError:
    """The folder holds nothing that a backup holds."""
    return problem(
        "not-a-backup",
        "The folder is not an iPhone backup.",
        422,
        "It has neither a Manifest.db nor a Manifest.mbdb beside a Manifest.plist. Check whether "
        "the folder was moved or only copied in part.",
    )


def incomplete(detail: str) -> ProblemError:
    """The last run did not finish, or the copy lacks its manifest."""
    return problem("incomplete-backup", "The backup is not complete.", 409, detail)


def damaged(detail: str, *, part: str) -> ProblemError:
    """Something in the backup cannot be read; *detail* says what and what to do."""
    return problem("damaged", "The backup is damaged.", 422, detail, part=part)


def disk_silent() -> ProblemError:
    """A call to the file system does not come back."""
    return problem(
        "unreachable",
        "The backup cannot be reached at the moment.",
        503,
        "Its disk or network share does not answer. Keepsake goes on by itself when it does.",
        retry_after_seconds=10,
    )


def opening_abandoned() -> ProblemError:
    """Somebody locked everything, or whoever asked went away."""
    return problem(
        "opening-abandoned",
        "The backup is not opened.",
        409,
        "Everything was locked while it was being opened. Unlock it again if you need it.",
    )


def backup_changed() -> ProblemError:
    """The phone backed up again since the session was opened."""
    return problem(
        "backup-changed",
        "The backup changed since it was opened.",
        409,
        "The phone made its next backup into the same folder. Lock the backup and open it again.",
    )


def wrong_session() -> ProblemError:
    """The token is not this session's, or the session is another backup's."""
    return problem(
        "wrong-session",
        "The session token does not fit.",
        403,
        "It belongs to another session or another backup. Unlock this backup and use its token.",
    )


def not_in_this_backup(detail: str) -> ProblemError:
    """The manifest knows no such file, or its content is not stored."""
    return problem("not-in-this-backup", "The file is not in this backup.", 404, detail)

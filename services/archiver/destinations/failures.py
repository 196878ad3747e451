"""What a failure of rclone means for us, from the words of its reply.

Its exit codes and statuses are too coarse, and its words hold names, addresses and what was asked,
secrets included. So they are only matched, and what is told are sentences of ours, with the code
that a server gave where there is one.
"""

from __future__ import annotations

import re

import msgspec

from services.archiver.errors import (
    ArchiverError,
    DamagedArchiveError,
    DestinationAwayError,
    DestinationFullError,
    DestinationRefusedError,
    ObjectMissingError,
    TransportError,
)


class PassingError(DestinationAwayError):
    """It may be over the next moment: worth trying again."""


class _Error(msgspec.Struct):
    error: str = ""


_CODES = (
    re.compile(r"api error ([A-Z][A-Za-z]{2,40})\b"),
    re.compile(r"\((\d{3} [a-z_]{3,40})\)"),
    re.compile(r"\bStatusCode: (\d{3})\b"),
    re.compile(r"\b([45]\d\d) [A-Z][a-z]+"),
)

_QUOTED = re.compile(r'"[^"]*"|\b[a-z0-9]+://\S+')

#: In this order: a limit is often worded like a refusal, and a refusal like a missing object.
_MEANINGS: tuple[tuple[str, type[ArchiverError], str], ...] = (
    (
        r"decrypted block|bad magic|too short to be encrypted|truncated block header",
        DamagedArchiveError,
        (
            "What lies in the destination cannot be decrypted: it is damaged, or the passwords are"
            " others."
        ),
    ),
    (
        r"expired_auth_token|bad gateway|is a file not a directory",
        PassingError,
        "The destination does not answer as it should",
    ),
    (
        r"rate ?limit|SlowDown|slow down|too.?many.?requests|\b429\b|RequestLimitExceeded",
        PassingError,
        "The destination wants us to be slower",
    ),
    (
        (
            r"no space left|disk quota|quota.?exceeded|storage.?cap|insufficient.?storage|\b507\b"
            r"|remaining disk space|(not enough|insufficient) (free )?space|EntityTooLarge"
            r"|file too large"
        ),
        DestinationFullError,
        "The destination has no room, or its limit is reached",
    ),
    (
        r"cap_exceeded|cap exceeded",
        DestinationRefusedError,
        "A limit of the account is reached",
    ),
    (
        (
            r"NoSuchBucket|ContainerNotFound|bucket (not found|does not exist)"
            r"|bucket .{0,80}not exist|duplicate_bucket_name|couldn't find bucket"
        ),
        DestinationRefusedError,
        "The bucket does not exist",
    ),
    (
        r"name too long|KeyTooLong|path too long",
        DestinationRefusedError,
        "The destination does not take names as long as ours",
    ),
    (
        r"knownhosts|host key|x509|certificate",
        DestinationRefusedError,
        "The destination cannot prove that it is the one that was set up (certificate or host key)",
    ),
    (r"RequestTimeTooSkewed", DestinationRefusedError, "The clock of this machine is wrong"),
    (
        (
            r"InvalidAccessKeyId|SignatureDoesNotMatch|bad_auth_token|unauthori[sz]ed|\b401\b"
            r"|unable to authenticate|InvalidToken|ExpiredToken|invalid_grant|invalid_client"
            r"|AuthenticationFailed|InvalidSecurity|login incorrect|logon failure|token expired"
        ),
        DestinationRefusedError,
        "The destination does not accept the keys or the password",
    ),
    (
        (
            r"AccessDenied|\b403\b|forbidden|permission denied|not permitted|read-only file system"
            r"|AllAccessDisabled|access denied"
        ),
        DestinationRefusedError,
        "The destination does not allow it",
    ),
    (
        (
            r"didn't find section|couldn't find backend|base64 decode failed|obscured"
            r"|failed to parse|unsupported protocol|missing protocol|invalid port"
        ),
        DestinationRefusedError,
        "The destination's settings cannot be used",
    ),
    (
        r"object not found|directory not found",
        ObjectMissingError,
        "The destination does not hold it",
    ),
    (
        r"corrupted on transfer|hashes? differ|sizes differ|size mismatch",
        PassingError,
        "What arrived at the destination is not what was sent",
    ),
    (
        (
            r"refused|no such host|timeout|timed out|deadline exceeded|\bEOF\b|reset by peer"
            r"|broken pipe|unreachable|no route|host is down|not connected|stale (NFS )?file handle"
            r"|\b50[0234]\b|InternalError|ServiceUnavailable|service_unavailable|server misbehaving"
            r"|connection (lost|closed)|closed network connection|handshake failed"
            r"|input/output error|couldn't connect|context canceled|temporar"
        ),
        PassingError,
        "The destination does not answer as it should",
    ),
)
_COMPILED = tuple(
    (re.compile(words, re.IGNORECASE), error, sentence) for words, error, sentence in _MEANINGS
)


def failure(body: bytes) -> ArchiverError:
    """Return the error for a reply that tells one: JSON with ``error``, or a line of text."""
    try:
        said = msgspec.json.decode(body, type=_Error).error
    except msgspec.DecodeError:
        said = body[:2000].decode("utf-8", "replace")
    # Names and addresses are nobody's words.
    said = _QUOTED.sub("", said)
    code = next((found[1] for one in _CODES if (found := one.search(said))), None)
    for words, error, sentence in _COMPILED:
        if words.search(said):
            end = "" if sentence.endswith(".") else f" ({code})." if code else "."
            return error(f"{sentence}{end}")
    return TransportError(
        f"The destination cannot be used ({code})." if code else "The destination cannot be used."
    )

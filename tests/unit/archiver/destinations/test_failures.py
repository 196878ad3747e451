"""What rclone's words mean, from replies as servers of all kinds caused them."""

from __future__ import annotations

import msgspec
import pytest

from services.archiver.destinations.failures import PassingError, failure
from services.archiver.errors import (
    ArchiverError,
    DamagedArchiveError,
    DestinationFullError,
    DestinationRefusedError,
    ObjectMissingError,
    TransportError,
)

S3 = (
    "operation error S3: PutObject, https response error StatusCode: {}, RequestID: 5, api error {}"
)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (S3.format(403, "InvalidAccessKeyId: x"), DestinationRefusedError),
        (S3.format(403, "SignatureDoesNotMatch: x"), DestinationRefusedError),
        (S3.format(403, "RequestTimeTooSkewed: x"), DestinationRefusedError),
        (S3.format(404, "NoSuchBucket: x"), DestinationRefusedError),
        (S3.format(503, "SlowDown: reduce your rate"), PassingError),
        (S3.format(500, "InternalError: x"), PassingError),
        (S3.format(403, "QuotaExceeded: x"), DestinationFullError),
        ("failed to authorize account: (401 bad_auth_token)", DestinationRefusedError),
        ("failed to upload: (401 expired_auth_token)", PassingError),
        ("storage cap exceeded (403 storage_cap_exceeded)", DestinationFullError),
        ("(403 transaction_cap_exceeded)", DestinationRefusedError),
        ("no tomes available (503 service_unavailable)", PassingError),
        ("(429 too_many_requests)", PassingError),
        ("dial tcp: lookup nobody.example: no such host", PassingError),
        ("dial tcp 127.0.0.1:1: connect: connection refused", PassingError),
        ("read tcp 127.0.0.1:1: i/o timeout", PassingError),
        ("unexpected EOF", PassingError),
        ("couldn't connect SSH: ssh: handshake failed: EOF", PassingError),
        (
            "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none password]",
            DestinationRefusedError,
        ),
        ("ssh: handshake failed: knownhosts: key mismatch", DestinationRefusedError),
        ("x509: certificate signed by unknown authority", DestinationRefusedError),
        ("googleapi: Error 403: User Rate Limit Exceeded, userRateLimitExceeded", PassingError),
        ("googleapi: Error 403: x, storageQuotaExceeded", DestinationFullError),
        ("write /x: no space left on device", DestinationFullError),
        ("preallocate: file too big for remaining disk space", DestinationFullError),
        ("Insufficient Storage: 507 Insufficient Storage", DestinationFullError),
        ("open /x: file name too long", DestinationRefusedError),
        ("open /x: read-only file system", DestinationRefusedError),
        ("mkdir /x: permission denied", DestinationRefusedError),
        ("open /x: stale NFS file handle", PassingError),
        ("corrupted on transfer: sizes differ src(x) 5 vs dst(y) 4", PassingError),
        ("failed to authenticate decrypted block - bad password?", DamagedArchiveError),
        ("not an encrypted file - bad magic string", DamagedArchiveError),
        ("failed to find object: object not found", ObjectMissingError),
        ("error in ListJSON: directory not found", ObjectMissingError),
        ("is a file not a directory", PassingError),
        ("something nobody has ever seen", TransportError),
    ],
)
def test_words_of_a_failure_have_a_meaning(said: str, expected: type[ArchiverError]) -> None:
    reply = msgspec.json.encode({"error": said, "input": {"password": "p"}, "status": 500})
    assert type(failure(reply)) is expected
    assert type(failure(said.encode())) is expected


def test_a_message_holds_no_name_no_address_and_nothing_that_was_asked() -> None:
    reply = msgspec.json.encode(
        {
            "error": 'Post "https://u:pass-word@secret-host/x": open /home/me: permission denied',
            "input": {"password": "pass-word", "fs": "secret-host"},
        }
    )
    assert str(failure(reply)) == "The destination does not allow it."
    unknown = failure(b'{"error": "secret-host pass-word", "input": {"a": "pass-word"}}')
    assert str(unknown) == "The destination cannot be used."


def test_names_and_addresses_are_not_taken_for_words() -> None:
    said = b'{"error": "Put \\"http://quota-exceeded.example/no space left\\": unexpected EOF"}'
    assert type(failure(said)) is PassingError


def test_what_is_no_json_and_no_text_is_a_failure_too() -> None:
    for reply in (b"", b"\xff\xfe", b"[1]", b"{}", b'{"error": 5}', b"x" * 100_000):
        assert isinstance(failure(reply), TransportError)

import struct
from typing import Any

import msgspec

from services.indexer.kinds.contact_payload import ContactPayload
from services.indexer.staging import (
    ARTIFACT_COLUMNS,
    StagedArtifact,
    StagedAttachment,
    encode_json,
    encode_row,
)


class Payload(msgspec.Struct):
    note: str = ""


def decode(row: bytes) -> dict[str, bytes | None]:
    (count,) = struct.unpack_from(">h", row)
    assert count == len(ARTIFACT_COLUMNS)
    at, fields = 2, []
    for _ in range(count):
        (length,) = struct.unpack_from(">i", row, at)
        at += 4
        fields.append(None if length < 0 else row[at : at + length])
        at += max(length, 0)
    assert at == len(row)
    return {name: value for (name, _), value in zip(ARTIFACT_COLUMNS, fields, strict=True)}


def row(**fields: Any) -> dict[str, bytes | None]:
    given = {"key": "k", "payload": Payload()} | fields
    return decode(encode_row(StagedArtifact(**given)))


def test_a_row_has_every_column_in_order() -> None:
    found = row(text="Größe", occurred_at_us=946_684_800_000_001, is_me=True, has_link=True)
    assert found["text"] == "Größe".encode()
    assert found["folded"] == b"grosse"
    assert found["occurred_at"] == struct.pack(">q", 1)
    assert found["is_me"] == found["has_link"] == b"\x01"
    assert found["payload"] == b'{"note":""}'
    assert found["attachments"] == b"[]"
    assert found["thread_id"] is None


def test_what_postgres_refuses_is_mended() -> None:
    found = row(key="a\0b", text="x\0y\ud800", title="\ud83d\ude00", payload=Payload("n\0\udfff"))
    assert found["key"] == b"ab"
    assert found["text"] == "xy\ufffd".encode()
    assert found["title"] == "😀".encode()
    assert found["payload"] is not None
    assert b"\\u0000" not in found["payload"]


def test_a_backslash_before_u0000_is_no_nul() -> None:
    assert encode_json({"a": "\\u0000"}) == b'{"a":"\\\\u0000"}'
    assert encode_json({"a": "\\\0b"}) == b'{"a":"\\\\b"}'


def test_dates_that_no_calendar_has_are_left_out() -> None:
    assert row(occurred_at_us=10**30)["occurred_at"] is None
    assert row(occurred_at_us=-(10**18))["occurred_at"] is None


def test_the_digest_knows_everything() -> None:
    plain = row(text="a", title="b")
    assert plain["digest"] != row(text="ab", title="")["digest"]
    assert plain["digest"] != row(text="a", title="b", is_me=True)["digest"]
    attachment = StagedAttachment(
        name="a", media_type=None, size_bytes=None, domain=None, relative_path=None,
        file_id=None, present=False,
    )  # fmt: skip
    assert plain["digest"] != row(text="a", title="b", attachments=(attachment,))["digest"]


def test_endless_texts_are_cut() -> None:
    found = row(text="a" * 3_000_000)
    assert found["text"] is not None
    assert len(found["text"]) == 1_000_000
    assert found["folded"] is not None
    assert len(found["folded"]) == 200_000


def test_half_a_surrogate_pair_in_a_list_of_a_payload_is_mended() -> None:
    payload = ContactPayload(
        type="person", handles=("a\ud800", "b"), has_image=False, is_me=False, groups=("c\0",)
    )
    assert msgspec.json.decode(encode_json(payload))["handles"] == ["a\ufffd", "b"]
    assert msgspec.json.decode(encode_json(payload))["groups"] == ["c"]

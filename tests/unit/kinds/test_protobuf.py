"""The wire format of protocol buffers: what apps write, and what nobody should."""

import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.demo.minted_protobuf import protobuf, varint
from services.indexer.kinds import protobuf as reader
from services.indexer.kinds.protobuf import Message, ProtobufError, read_message


def test_every_kind_of_field_is_read_back() -> None:
    message = Message(
        protobuf({1: 150, 2: "Grüße", 3: {1: {1: 7}}, 4: -5, 5: 2.5, 6: b"\0\xff", 1000: 2**64 - 1})
    )
    assert message.integer(1) == 150
    assert message.text(2) == "Grüße"
    inner = message.find(3, 1)
    assert inner is not None
    assert inner.integer(1) == 7
    assert message.signed(4) == -5
    assert message.integer(4) == 2**64 - 5
    assert message.real(5) == 2.5
    assert message.content(6) == b"\0\xff"
    assert message.integer(1000) == 2**64 - 1
    assert message.numbers == (1, 2, 3, 4, 5, 6, 1000)
    assert 6 in message
    assert 7 not in message


def test_floats_have_four_bytes_or_eight() -> None:
    data = varint(1 << 3 | 5) + struct.pack("<f", 0.5) + varint(2 << 3 | 1) + struct.pack("<d", 1.5)
    message = Message(data)
    assert (message.real(1), message.real(2), message.real(3)) == (0.5, 1.5, None)
    # A fixed number is no content, and content is no number.
    assert message.contents(1) == []
    assert Message(protobuf({1: b"abcd"})).real(1) is None


def test_of_a_field_that_comes_again_the_last_counts_and_all_are_there() -> None:
    message = Message(protobuf({1: [1, 2, 3], 2: ["a", "b"], 3: [{1: 1}, {1: 2}]}))
    assert message.integer(1) == 3
    assert message.integers(1) == [1, 2, 3]
    assert message.text(2) == "b"
    assert message.texts(2) == ["a", "b"]
    assert [inner.integer(1) for inner in message.messages(3)] == [1, 2]


def test_what_is_not_there_or_of_another_type_is_none() -> None:
    message = Message(protobuf({1: "text", 2: 5}))
    assert message.integer(1) is None
    assert message.text(2) is None
    assert message.message(2) is None
    assert message.find(3, 4, 5) is None
    assert message.messages(9) == []
    assert Message(b"").numbers == ()


def test_bytes_that_are_no_utf8_are_replaced_in_texts() -> None:
    assert Message(protobuf({1: b"a\xffb"})).text(1) == "a\ufffdb"


@pytest.mark.parametrize(
    "data",
    [
        b"\x08",  # a number that is not there
        b"\x08\x80",  # one that does not end
        b"\x08" + b"\xff" * 10 + b"\x01",  # one of eleven bytes
        b"\x80" * 12,  # a tag without end
        b"\x0a\x05abc",  # content that is cut off
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # content of 2**64 bytes
        b"\x09\0\0\0",  # half a double
        b"\x0d\0",  # half a float
        b"\x00\x01",  # field 0
        b"\x0b\x0c",  # a group
        b"\x0e",  # a type that does not exist
        b"\x0f",
        varint(2**29 << 3) + b"\0",  # a number that is too high
    ],
)
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    with pytest.raises(ProtobufError):
        Message(data)
    assert read_message(data) is None


def test_a_message_in_a_message_that_is_none_is_refused_when_it_is_asked_for() -> None:
    message = Message(protobuf({1: b"\x0a\x05abc", 2: 3}))
    assert message.integer(2) == 3
    with pytest.raises(ProtobufError):
        message.message(1)


def test_depth_is_bounded() -> None:
    data = protobuf({2: 1})
    for _ in range(reader.DEEPEST + 1):
        data = protobuf({1: data})
    message = Message(data)
    with pytest.raises(ProtobufError, match="deep"):
        message.find(*[1] * (reader.DEEPEST + 1))


def test_fields_are_bounded_over_all_that_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MOST_FIELDS", 100)
    message = Message(protobuf({1: [{1: [0] * 30} for _ in range(4)]}))
    with pytest.raises(ProtobufError, match="too many"):
        message.messages(1)
    with pytest.raises(ProtobufError, match="too many"):
        Message(protobuf({1: [0] * 101}))


def test_length_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MOST_BYTES", 10)
    with pytest.raises(ProtobufError, match="long"):
        Message(protobuf({1: "0123456789"}))


def test_a_claim_of_gigabytes_costs_no_memory() -> None:
    data = b"\x0a\xff\xff\xff\xff\x0f" + b"x" * 1000
    tracemalloc.start()
    with pytest.raises(ProtobufError):
        Message(data)
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


@pytest.mark.parametrize("value", [None, 5, "text", 2.5])
def test_a_cell_that_holds_no_data_is_no_message(value: object) -> None:
    assert read_message(value) is None


_VALUES = st.recursive(
    st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20) | st.binary(max_size=20),
    lambda inner: st.dictionaries(st.integers(1, 2**29 - 1), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.integers(1, 2**29 - 1), _VALUES, max_size=6))
def test_whatever_is_written_is_read_back(fields: dict[int, object]) -> None:
    def check(message: Message, written: dict[int, object]) -> None:
        assert set(message.numbers) == set(written)
        for number, value in written.items():
            if isinstance(value, int):
                assert message.signed(number) == value
            elif isinstance(value, str):
                assert message.text(number) == value
            elif isinstance(value, bytes):
                assert message.content(number) == value
            elif isinstance(value, dict):
                inner = message.message(number)
                assert inner is not None
                check(inner, value)

    check(Message(protobuf(fields)), fields)  # type: ignore[arg-type]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_are_refused(data: bytes) -> None:
    message = read_message(data)
    if message is not None:
        for number in message.numbers:
            message.integers(number)
            message.texts(number)
            message.real(number)
            for content in message.contents(number):
                assert len(content) <= len(data)

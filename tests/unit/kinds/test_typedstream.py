import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.demo.attributed_body import attributed_body, utf16_length
from services.indexer.kinds.message.attributed_text import decode_attributed_text
from services.indexer.kinds.message.rich_text import read_rich_text
from services.indexer.kinds.message.typedstream import TypedStream, TypedStreamError

PART, FILE = "__kIMMessagePartAttributeName", "__kIMFileTransferGUIDAttributeName"
RICH = attributed_body(
    "\ufffcSee 👋🏽 https://a.example now",
    [
        (1, {FILE: "at_0", PART: 0, "__kIMInlineMediaWidthAttributeName": 12.5}),
        (9, {PART: 1, "__kIMTextBoldAttributeName": 1}),
        (17, {PART: 1, "__kIMLinkAttributeName": "https://a.example", "blob": b"\x86\x84\x92"}),
        (4, {PART: 1, "__kIMTextBoldAttributeName": 1}),
    ],
)


@given(st.text(max_size=300))
def test_plain_text_comes_back_as_it_was_written(text: str) -> None:
    decoded = decode_attributed_text(attributed_body(text))
    assert decoded is not None
    assert decoded.text == text
    assert decoded.is_whole


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 70000])
def test_every_form_of_a_length_is_read(length: int) -> None:
    decoded = decode_attributed_text(attributed_body("x" * length))
    assert decoded is not None
    assert len(decoded.text) == length


def test_runs_keep_their_attributes_and_repeat_earlier_ones() -> None:
    decoded = decode_attributed_text(RICH)
    assert decoded is not None
    assert [(run.start, run.length) for run in decoded.runs] == [(0, 1), (1, 9), (10, 17), (27, 4)]
    assert decoded.runs[3].attributes == decoded.runs[1].attributes
    assert decoded.runs[2].attributes["blob"] == b"\x86\x84\x92"
    assert sum(run.length for run in decoded.runs) == utf16_length(decoded.text)


def test_places_move_when_stand_ins_leave_the_text() -> None:
    decoded = decode_attributed_text(RICH)
    assert decoded is not None
    rich = read_rich_text(decoded)
    assert rich.text == "See 👋🏽 https://a.example now"
    assert rich.parts == ((0, ""), (1, "See 👋🏽 https://a.example now"))
    assert rich.places[0].guid == "at_0"
    link = next(run for run in rich.formatting if run.link)
    assert (link.start, link.length) == (9, 17)
    assert rich.has_link


def test_a_text_without_its_end_is_rescued_and_said_to_be_cut() -> None:
    whole = attributed_body("The quick brown fox jumped over the lazy dog")
    cut = decode_attributed_text(whole[:100])
    assert cut is not None
    assert "The quick brown fox jumped over the lazy dog".startswith(cut.text)
    assert not cut.is_whole


def test_bytes_that_are_no_stream_have_no_text() -> None:
    assert decode_attributed_text(b"") is None
    assert decode_attributed_text(b"bplist00nothing") is None
    with pytest.raises(TypedStreamError):
        TypedStream(b"\x04\x0bstreamtyped")


def test_flipped_and_cut_bytes_never_break_the_reader() -> None:
    chance = random.Random(20)
    samples = [RICH, attributed_body("plain"), attributed_body("y" * 500)]
    for _ in range(600):
        body = bytearray(chance.choice(samples))
        for _ in range(chance.randint(1, 6)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        if chance.random() < 0.3:
            del body[chance.randrange(len(body)) :]
        decoded = decode_attributed_text(bytes(body))
        if decoded is not None:
            assert len(decoded.text) <= len(body)
            read_rich_text(decoded)


def test_a_type_that_announces_endless_values_is_refused() -> None:
    head = b"\x04\x0bstreamtyped\x81\xe8\x03"
    for kind in (b"[999999999i]", b"[99999999[99999999i]]", b"{" * 40, b"[9", b"@" * 200):
        with pytest.raises(TypedStreamError):
            TypedStream(head + b"\x84" + bytes((len(kind),)) + kind + b"\x84" * 64).read_root()

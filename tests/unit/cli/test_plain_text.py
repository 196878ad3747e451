from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.plain_text import plain, plain_lines


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b[31mred",
        "\x9b31m",
        "\x07",
        "\x1b]0;title\x07",
        "a\u202egpj.exe",
        "\u2066x",
        "\r",
        "\x00",
    ],
)
def test_no_escape_or_direction_mark_reaches_the_terminal(hostile: str) -> None:
    assert "\ufffd" in plain(hostile)
    assert not set(plain(hostile)) & set("\x1b\x9b\x07\u202e\u2066\r\x00")


@given(st.text())
def test_what_is_printed_is_one_printable_line(text: str) -> None:
    assert all(unicodedata.category(one) not in ("Cc", "Cs", "Zl", "Zp") for one in plain(text))


@given(st.text())
def test_messages_keep_their_line_breaks_and_nothing_else_that_acts(text: str) -> None:
    shown = plain_lines(text)
    assert all(one == "\n" or unicodedata.category(one) != "Cc" for one in shown)


def test_ordinary_text_stays_as_it_is() -> None:
    assert plain("Größe 👍🏽 東京") == "Größe 👍🏽 東京"
    assert plain_lines("one\r\ntwo") == "one\ntwo"

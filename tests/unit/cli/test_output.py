from __future__ import annotations

import os
import sys

import pytest

from gateway.cli.output import broken, share_width, spare_columns


def test_short_columns_stay_whole_and_long_ones_share_what_is_left() -> None:
    assert share_width([10, 100, 100], [False, True, True], 80) == [10, 33, 33]
    assert share_width([10, 12, 100], [False, True, True], 80) == [10, 12, 54]
    assert share_width([5, 6], [True, True], 80) == [5, 6]
    assert share_width([70, 50], [False, True], 60) == [70, 8]


def test_a_column_that_can_be_spared_goes_where_names_would_be_cut_short() -> None:
    narrow = ["whole", "cut", "whole", "spare"]
    assert spare_columns([19, 14, 16, 80], narrow, 120) == [0, 1, 2, 3]
    assert spare_columns([19, 14, 16, 80], narrow, 80) == [0, 1, 2, 3]
    assert spare_columns([40, 14, 16, 80], narrow, 80) == [0, 1, 2]
    # What has no room in any case loses nothing else for it.
    assert spare_columns([70, 50], ["whole", "cut"], 60) == [0, 1]


def test_sentences_end_lines_between_words_at_a_terminal_and_are_whole_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = "Open it with `keepsake unlock`. " * 4 + "/a/folder-with/" + "x" * 60
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert broken(words) == words
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setitem(os.environ, "COLUMNS", "40")
    lines = broken(words).splitlines()
    assert " ".join(lines) == words
    assert [line for line in lines if len(line) > 40] == ["/a/folder-with/" + "x" * 60]

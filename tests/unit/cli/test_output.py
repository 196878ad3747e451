from __future__ import annotations

import io
import os
import sys

import pytest

from gateway.cli.output import broken, print_table, share_width, spare_columns


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


class Closed(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, _: str) -> int:
        raise BrokenPipeError


def test_a_table_whose_reader_has_seen_enough_is_no_failure_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The command line turns it into exit code 0; rich by itself would end with 1.
    monkeypatch.setattr(sys, "stdout", Closed())
    with pytest.raises(BrokenPipeError):
        print_table([("ID", "left", "whole")], [("1",)])

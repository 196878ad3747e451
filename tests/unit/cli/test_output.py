from __future__ import annotations

from gateway.cli.output import share_width


def test_short_columns_stay_whole_and_long_ones_share_what_is_left() -> None:
    assert share_width([10, 100, 100], [False, True, True], 80) == [10, 33, 33]
    assert share_width([10, 12, 100], [False, True, True], 80) == [10, 12, 54]
    assert share_width([5, 6], [True, True], 80) == [5, 6]
    assert share_width([70, 50], [False, True], 60) == [70, 8]

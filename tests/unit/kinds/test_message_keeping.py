"""For how long a phone is set to keep messages, as its preferences say in several ways."""

from __future__ import annotations

import plistlib
from pathlib import Path
from typing import Any

import pytest

from services.indexer.kinds.message.keeping import DOMAIN, PATH, days_kept
from services.indexer.kinds.protocol import ParserInputs


def inputs(folder: Path, content: bytes | None) -> ParserInputs:
    if content is None:
        return ParserInputs(files={})
    (folder / "settings").write_bytes(content)
    return ParserInputs(files={f"{DOMAIN}/{PATH}": folder / "settings"})


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"KeepMessageForDays": 30}, 30),
        ({"KeepMessageForDays": 365}, 365),
        ({"KeepMessageForDays": 0}, 0),
        # Since iOS 17; what stands beside it is of before the update.
        ({"KeepMessageForDays": 30, "SSKeepMessages": 0}, 0),
        ({"KeepMessageForDays": 0, "SSKeepMessages": 365}, 365),
        ({"SSKeepMessages": "for ever", "KeepMessageForDays": 30}, 30),
        ({"KeepMessageForDays": -5}, None),
        ({"KeepMessageForDays": 10**9}, None),
        ({"KeepMessageForDays": [30]}, None),
        ({"Other": 1}, None),
        ([30], None),
    ],
)
@pytest.mark.parametrize("form", [plistlib.FMT_BINARY, plistlib.FMT_XML])
def test_the_setting_is_read_as_the_phone_keeps_it(
    tmp_path: Path, settings: Any, form: Any, expected: int | None
) -> None:
    assert days_kept(inputs(tmp_path, plistlib.dumps(settings, fmt=form))) == expected


@pytest.mark.parametrize("content", [None, b"", b"bplist00", b"\xff" * 4000, b"<plist>" * 9000])
def test_preferences_that_are_away_or_damaged_say_nothing(
    tmp_path: Path, content: bytes | None
) -> None:
    assert days_kept(inputs(tmp_path, content)) is None

"""The table in docs/operations.md is the list of settings: nothing missing, nothing invented."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from shared.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "operations.md"


def test_every_setting_stands_in_the_table_of_operations_and_nothing_else_does() -> None:
    names = set()
    for field in msgspec.structs.fields(Settings):
        if field.name == "explicit":
            continue
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            inner = msgspec.structs.fields(field.type)
            names |= {f"KEEPSAKE_{field.name}__{one.name}".upper() for one in inner}
        else:
            names.add(f"KEEPSAKE_{field.name}".upper())
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| KEEPSAKE_")]
    documented = set(re.findall(r"KEEPSAKE_\w+", " ".join(row.split("|")[1] for row in rows)))
    assert documented == names

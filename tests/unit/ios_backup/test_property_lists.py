from __future__ import annotations

import contextlib
import datetime as dt
import plistlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ios_backup import property_lists as p
from shared.ios_backup.description import describe
from shared.ios_backup.errors import DamagedPropertyList
from shared.ios_backup.models import marketing_name

#: Property lists hold UTC without saying so.
NAIVE = dt.datetime(2024, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
BOMB = b"""<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>
<plist version="1.0"><dict><key>x</key><string>&b;</string></dict></plist>"""


def _nested(depth: int) -> dict[str, object]:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return {"x": value}


def _shared_bomb() -> bytes:
    """Arrays of the same two arrays, 40 levels: 2^40 values in under a kilobyte."""
    objects = [b"\xd1\x01\x02", b"\x51x"]
    objects += [b"\xa2" + bytes([level + 3, level + 3]) for level in range(40)]
    objects.append(b"\x10\x01")
    body, offsets = b"bplist00", []
    for item in objects:
        offsets.append(len(body))
        body += item
    table = len(body)
    body += b"".join(offset.to_bytes(2, "big") for offset in offsets)
    sizes = [len(objects).to_bytes(8, "big"), bytes(8), table.to_bytes(8, "big")]
    return body + bytes(6) + b"\x02\x01" + b"".join(sizes)


def _cycle() -> bytes:
    body = b"bplist00" + b"\xd1\x01\x02" + b"\x51x" + b"\xa1\x02"
    table = len(body)
    body += bytes([8, 11, 13])
    sizes = [(3).to_bytes(8, "big"), bytes(8), table.to_bytes(8, "big")]
    return body + bytes(6) + b"\x01\x01" + b"".join(sizes)


BAD = {
    "empty": b"",
    "text": b"hello",
    "a binary head only": b"bplist00",
    "garbage behind a binary head": b"bplist00" + bytes(range(256)),
    "an entity bomb": BOMB,
    "an entity bomb in UTF-16": BOMB.decode().encode("utf-16"),
    "shared arrays without end": _shared_bomb(),
    "a cycle": _cycle(),
    "depth, binary": plistlib.dumps(_nested(200), fmt=plistlib.FMT_BINARY),
    "depth, XML": plistlib.dumps(_nested(200)),
    "an array": plistlib.dumps([1]),
    "a number": plistlib.dumps(1),
    "XML cut off": plistlib.dumps({"a": 1})[:-20],
    "XML with a bad date": plistlib.dumps({"a": 1}).replace(
        b"<integer>1</integer>", b"<date>yesterday</date>"
    ),
    "XML with a huge number": plistlib.dumps({"a": 1}).replace(b">1<", b">" + b"9" * 10_000 + b"<"),
    "claims of a million objects": plistlib.dumps({"a": 1}, fmt=plistlib.FMT_BINARY)[:-24]
    + (2**40).to_bytes(8, "big")
    + bytes(16),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_bad_property_lists_are_damaged_and_nothing_else(content: bytes) -> None:
    with pytest.raises(DamagedPropertyList) as caught:
        p.read_property_list(content)
    assert caught.value.__cause__ is None


def test_a_property_list_beyond_the_limit_is_refused_before_parsing() -> None:
    with pytest.raises(DamagedPropertyList):
        p.read_property_list(plistlib.dumps({"a": "b" * 1000}), max_bytes=500)


@given(st.binary(max_size=200), st.sampled_from([b"", b"bplist00", b"<?xml version='1.0'?>"]))
def test_garbage_never_raises_anything_else(tail: bytes, head: bytes) -> None:
    with contextlib.suppress(DamagedPropertyList):
        p.read_property_list(head + tail)


@given(
    st.data(),
    st.sampled_from([plistlib.FMT_BINARY, plistlib.FMT_XML]),
)
def test_one_flipped_byte_never_raises_anything_else(
    data: st.DataObject, plist_format: plistlib.PlistFormat
) -> None:
    whole = plistlib.dumps({"a": [1, "b", b"c", 1.5, NAIVE.replace(year=2024)]}, fmt=plist_format)
    at = data.draw(st.integers(0, len(whole) - 1))
    value = data.draw(st.integers(0, 255))
    with contextlib.suppress(DamagedPropertyList):
        p.read_property_list(whole[:at] + bytes([value]) + whole[at + 1 :])


def test_looks_return_none_for_other_types() -> None:
    values = {"t": " x\0 ", "n": True, "d": NAIVE.replace(year=1), "m": [], "e": "", "s": "\ud800"}
    assert p.text(values, "t") == "x"
    assert p.text(values, "n") is None
    assert p.text(values, "e") is None
    assert p.text(values, "s") == "?"
    assert p.number(values, "n") is None
    assert p.flag(values, "n") is True
    assert p.moment(values, "d") is None
    assert p.mapping(values, "m") == {}
    assert p.data(values, "t") is None


def test_a_description_holds_what_the_lists_say_and_names_the_model() -> None:
    info = {
        "Device Name": "Kitchen",
        "Product Type": "iPhone14,5",
        "Phone Number": "+1 555",
        "IMEI": "1",
        "IMEI 2": "2",
        "Installed Applications": ["b.app", 7],
        "Applications": {
            "a.app": {
                "iTunesMetadata": plistlib.dumps({"itemName": "A", "bundleShortVersionString": "2"})
            },
            "b.app": {"iTunesMetadata": b"garbage"},
        },
        "Last Backup Date": NAIVE.replace(year=2024),
        "Unique Identifier": "00008110-000a1b2c3d4e5f60",
    }
    facts = describe(info=info, manifest={}, status={"SnapshotState": "finished"})
    assert (facts.name, facts.model, facts.imei) == ("Kitchen", "iPhone 13", "1")
    assert facts.udid == "00008110-000A1B2C3D4E5F60"
    assert [(app.bundle_id, app.name, app.version) for app in facts.apps] == [
        ("a.app", "A", "2"),
        ("b.app", None, None),
    ]
    assert facts.taken_at == dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    assert "Kitchen" not in repr(facts)


def test_a_description_of_nothing_is_all_unknown_but_for_the_folder() -> None:
    facts = describe(info={}, manifest={}, status={}, folder_name="a" * 40 + "-20240101-000000")
    assert facts.udid == "A" * 40
    assert facts.taken_at is None
    assert facts.apps == ()


def test_a_description_survives_wrong_types_everywhere() -> None:
    junk = {"Device Name": 7, "Applications": [1], "Lockdown": "x", "Installed Applications": {}}
    junk |= {"Last Backup Date": "today", "Unique Identifier": b"x", "IMEI": []}
    facts = describe(info=junk, manifest=junk, status=junk)
    assert facts.name is None
    assert facts.apps == ()


@pytest.mark.parametrize(
    ("product_type", "name"),
    [
        ("iPhone18,3", "iPhone 17"),
        ("iPhone10,6", "iPhone X"),
        ("iPad14,1", "iPad mini (6th generation)"),
        ("iPod9,1", "iPod touch (7th generation)"),
        ("iPhone99,1", "iPhone99,1"),
    ],
)
def test_product_types_have_names_and_unknown_ones_stay(product_type: str, name: str) -> None:
    assert marketing_name(product_type) == name

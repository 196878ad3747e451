import plistlib
import random

from services.indexer.kinds.keyed_archive import load_archive, load_plist


def archive(objects: list[object]) -> bytes:
    return plistlib.dumps(
        {"$top": {"root": plistlib.UID(1)}, "$objects": objects}, fmt=plistlib.FMT_BINARY
    )


def test_wrapped_values_become_plain_ones() -> None:
    uid = plistlib.UID
    body = archive(
        [
            "$null",
            {"NS.keys": [uid(2), uid(3)], "NS.objects": [uid(4), uid(6)]},
            "link",
            "list",
            {"NS.base": uid(0), "NS.relative": uid(5)},
            "https://a.example",
            {"NS.objects": [uid(2), uid(7)]},
            {"field": 1, "$class": uid(8)},
            {"$classname": "Thing"},
        ]
    )
    assert load_archive(body) == {
        "link": "https://a.example",
        "list": ["link", {"field": 1, "$class": "Thing"}],
    }


def test_circles_and_dangling_references_end() -> None:
    uid = plistlib.UID
    circle = archive(["$null", {"NS.objects": [uid(1), uid(2)]}, {"a": uid(1), "b": uid(99)}])
    assert load_archive(circle) == [None, {"a": None, "b": None}]


def test_a_plist_that_claims_endless_objects_is_refused() -> None:
    body = bytearray(plistlib.dumps({"a": 1}, fmt=plistlib.FMT_BINARY))
    body[-24:-16] = (1 << 60).to_bytes(8, "big")
    assert load_plist(bytes(body)) is None


def test_flipped_bytes_never_break_the_reader() -> None:
    chance = random.Random(9)
    uid = plistlib.UID
    sample = archive(["$null", {"NS.keys": [uid(2)], "NS.objects": [uid(3)]}, "a", {"x": uid(1)}])
    for _ in range(500):
        body = bytearray(sample)
        for _ in range(chance.randint(1, 4)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        load_archive(bytes(body))

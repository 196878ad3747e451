"""What is marked, kept and deleted, and what is said of it beforehand."""

from __future__ import annotations

import datetime as dt

from services.archiver.format.names import object_path, pack_path
from services.archiver.store.collection import GRACE, Held, Sweep, sweep, would_free
from services.archiver.store.transport import StoredName
from tests.unit.archiver.generated_store import MOMENT

A, B, C, PACK = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)
LONG_AGO = MOMENT - 2 * GRACE


def _object(name: str = A, *, marked_at: dt.datetime | None = None, **changes: object) -> Held:
    facts = {"size_bytes": 10, "stored_at": LONG_AGO, "blobs": (name,), "is_pack": False} | changes
    return Held(name=name, marked_at=marked_at, **facts)  # type: ignore[arg-type]


def _sweep(*objects: Held, referred: tuple[str, ...] = (), **changes: object) -> Sweep:
    facts: dict[str, object] = {"sizes": {}, "now": MOMENT} | changes
    return sweep(objects, referred=referred, **facts)  # type: ignore[arg-type]


def test_what_no_archive_needs_is_marked_first_and_deleted_after_the_grace() -> None:
    assert _sweep(_object()).mark == [A]
    young = _object(marked_at=MOMENT - GRACE + dt.timedelta(seconds=1))
    assert _sweep(young) == _sweep()
    old = _object(marked_at=MOMENT - GRACE)
    assert (_sweep(old).delete, _sweep(old).freed_bytes) == ([old], 10)


def test_what_is_needed_again_loses_its_mark() -> None:
    plan = _sweep(_object(marked_at=LONG_AGO), referred=(A,))
    assert (plan.unmark, plan.delete, plan.freed_bytes) == ([A], [], 0)


def test_what_was_stored_again_since_has_a_grace_of_its_own() -> None:
    plan = _sweep(_object(marked_at=LONG_AGO, stored_at=MOMENT - GRACE))
    assert (plan.mark, plan.delete) == ([A], [])


def test_a_pack_is_kept_for_one_blob_and_the_others_are_told_as_dead() -> None:
    pack = _object(PACK, is_pack=True, blobs=(A, B, C), marked_at=LONG_AGO)
    plan = _sweep(pack, referred=(B,), sizes={A: 3, B: 4, C: 5})
    assert (plan.unmark, plan.delete, plan.dead_bytes) == ([PACK], [], 8)


def test_what_the_journal_does_not_know_goes_after_a_grace_and_counts() -> None:
    listed = [
        StoredName(path=object_path(A), size_bytes=7),
        StoredName(path=pack_path(PACK), size_bytes=9),
        StoredName(path=object_path(B), size_bytes=10),
        StoredName(path="keepsake-store.json", size_bytes=5),
        StoredName(path="objects/somebody/elses", size_bytes=5),
    ]
    first = _sweep(_object(B), referred=(B,), listed=listed, named={PACK})
    assert first.delete_strays == []
    assert first.strays_since == {object_path(A): MOMENT}
    soon = _sweep(
        _object(B), referred=(B,), listed=listed, named={PACK},
        strays_since=first.strays_since, now=MOMENT + GRACE / 2,
    )  # fmt: skip
    assert (soon.delete_strays, soon.strays_since) == ([], first.strays_since)
    later = _sweep(
        _object(B), referred=(B,), listed=listed, named={PACK},
        strays_since=soon.strays_since, now=MOMENT + GRACE,
    )  # fmt: skip
    assert (later.delete_strays, later.freed_bytes) == ([object_path(A)], 7)


def test_a_stray_that_was_known_meanwhile_begins_anew() -> None:
    listed = [StoredName(path=object_path(A), size_bytes=7)]
    known = _sweep(_object(), referred=(A,), listed=listed, strays_since={object_path(A): LONG_AGO})
    assert known.strays_since == {}
    again = _sweep(listed=listed, strays_since=known.strays_since)
    assert (again.delete_strays, again.strays_since) == ([], {object_path(A): MOMENT})


def test_what_deleting_archives_would_free_is_known_beforehand() -> None:
    objects = [
        _object(A),
        _object(B),
        _object(C, blobs=()),
        _object(PACK, is_pack=True, blobs=(A, C), size_bytes=100),
    ]
    assert would_free(objects, referred={A, B, C}, remaining={A, B, C}) == 0
    assert would_free(objects, referred={A, B, C}, remaining={A}) == 10
    assert would_free(objects, referred={A, B, C}, remaining={B}) == 110
    # What nobody needed before is not freed by this.
    assert would_free(objects, referred={A}, remaining=set()) == 110

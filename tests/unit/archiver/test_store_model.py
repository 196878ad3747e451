"""A store against a model of it: any order of work, with an end at any call.

Out of scope: bytes that go bad in a destination (``test_damage``), and what a real destination does
(integration tests of each).
"""

from __future__ import annotations

import datetime as dt
import io
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.archiver.errors import TransportError
from services.archiver.format.bundle import check_bundle
from services.archiver.format.names import (
    SMALL_BYTES,
    pack_path,
    parse_bundle_path,
    parse_object_path,
)
from services.archiver.store.blobs import BlobReader
from services.archiver.store.collection import GRACE, Held, Sweep, carry_out, sweep, would_free
from services.archiver.store.journal import StoredObject
from services.archiver.store.transport import StoredName
from services.archiver.store.tree_restorer import restore_tree
from services.archiver.store.verification import verify_object
from tests.unit.archiver.generated_store import MOMENT, archive_tree, snapshot, tree_of
from tests.unit.archiver.memory_journal import MemoryJournal
from tests.unit.archiver.memory_transport import MemoryTransport

_NAMES = ("a", "b", "c/d", "c/e", "f/g/h")
#: Small ones share packs; the large ones are objects of their own.
_CONTENTS = (
    b"", b"one", b"two", b"three", bytes(range(256)) * 40, b"4" * 4095, b"L" * SMALL_BYTES,
    b"M" * (SMALL_BYTES + 1),
)  # fmt: skip


class Ledger(MemoryJournal):
    """A journal with moments, as the database's."""

    def __init__(self) -> None:
        super().__init__()
        self.now = MOMENT
        self.stored_at: dict[str, dt.datetime] = {}
        self.marked_at: dict[str, dt.datetime] = {}
        self.strays: dict[str, dt.datetime] = {}

    def record(self, stored: StoredObject) -> None:
        super().record(stored)
        self.stored_at[stored.name] = self.now

    def set_marks(
        self, *, mark: Sequence[str], unmark: Sequence[str], strays: Mapping[str, dt.datetime]
    ) -> None:
        for name in unmark:
            del self.marked_at[name]
        self.marked_at |= dict.fromkeys(mark, self.now)
        self.strays = dict(strays)

    def forget(self, name: str) -> None:
        self.strike(name)
        self.marked_at.pop(name, None)

    def held(self) -> list[Held]:
        return [
            Held(
                name=name,
                is_pack=stored.is_pack,
                size_bytes=stored.size_bytes,
                stored_at=self.stored_at[name],
                marked_at=self.marked_at.get(name),
                blobs=tuple(blob.sha256 for blob in stored.blobs),
            )
            for name, stored in self.objects.items()
        ]

    def sizes(self) -> dict[str, int]:
        return {
            blob.sha256: blob.size_bytes
            for stored in self.objects.values()
            for blob in stored.blobs
        }


_FAULTS = st.one_of(st.none(), st.tuples(st.integers(0, 6), st.sampled_from(["before", "after"])))


class StoreMachine(RuleBasedStateMachine):
    """The model: what each archive was made of, and what may lie about from work that ended."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="archiver-model-"))
        self.source = self.folder / "source"
        self.source.mkdir()
        self.transport = MemoryTransport()
        self.ledger = Ledger()
        #: What was there when an archive was made; those of which nobody heard are archives too.
        self.archives: dict[str, dict[bytes, tuple[object, ...]]] = {}
        self.ticks = 0

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @rule(name=st.sampled_from(_NAMES), content=st.sampled_from(_CONTENTS))
    def put(self, name: str, content: bytes) -> None:
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(content)

    @rule(name=st.sampled_from(_NAMES))
    def remove(self, name: str) -> None:
        (self.source / name).unlink(missing_ok=True)

    @rule(fault=_FAULTS)
    def archive(self, fault: tuple[int, str] | None) -> None:
        self.ticks += 1
        was = set(self.ledger.objects)
        stored = len(self.transport.stored)
        present = set(self.ledger.places(_blobs(self.ledger.objects.values())))
        bundles = self._bundles()
        made = snapshot(self.source)
        self._script(fault)
        try:
            _, sums = archive_tree(
                self.source, self.transport, self.ledger,
                at=MOMENT + dt.timedelta(seconds=self.ticks),
            )  # fmt: skip
        except TransportError:
            assert self.transport.has_failed
        else:
            fresh = [self.ledger.objects[name] for name in set(self.ledger.objects) - was]
            assert sums.added_bytes == sum(stored.size_bytes for stored in fresh)
            assert sums.object_count == len(fresh)
        finally:
            self.transport.fail(after_calls=None)
        for path in self._bundles() - bundles:
            self.archives[path] = made
        # Nothing is stored that was known to be there, and nothing twice in one run.
        put = Counter(path for path in self.transport.stored[stored:])
        assert set(put.values()) <= {1}
        again = [
            blob
            for name in set(self.ledger.objects) - was
            for blob in _blobs([self.ledger.objects[name]])
            if blob in present
        ]
        assert not again

    @precondition(lambda self: self.archives)
    @rule(data=st.data(), fault=_FAULTS)
    def delete_archive(self, data: st.DataObject, fault: tuple[int, str] | None) -> None:
        path = data.draw(st.sampled_from(sorted(self.archives)))
        remaining = self._referred(set(self.archives) - {path})
        told = would_free(
            self.ledger.held(), referred=self._referred(self.archives), remaining=remaining
        )
        self._script(fault)
        try:
            self.transport.delete(path)
        except TransportError:
            pass
        finally:
            self.transport.fail(after_calls=None)
        if path not in self.transport.objects:
            del self.archives[path]
            unneeded = sum(
                held.size_bytes for held in self.ledger.held() if not set(held.blobs) & remaining
            )
            assert told <= unneeded

    @rule(hours=st.sampled_from([1, 23, 25, 60]))
    def wait(self, hours: int) -> None:
        self.ledger.now += dt.timedelta(hours=hours)

    @rule(fault=_FAULTS)
    def collect(self, fault: tuple[int, str] | None) -> None:
        plan = self._plan()
        before = self._bytes()
        young = {
            held.name for held in self.ledger.held() if self.ledger.now - held.stored_at < GRACE
        }
        assert not young & {held.name for held in plan.delete}
        self._script(fault)
        try:
            carry_out(plan, transport=self.transport, ledger=self.ledger)
        except TransportError:
            assert before - self._bytes() <= plan.freed_bytes
        else:
            assert before - self._bytes() == plan.freed_bytes
            self.transport.fail(after_calls=None)
            again = self._plan()
            assert not again.delete
            assert not again.delete_strays
            assert not again.mark
            assert not again.unmark
        finally:
            self.transport.fail(after_calls=None)

    @precondition(lambda self: self.archives)
    @rule(data=st.data(), fault=_FAULTS)
    def delete_and_collect(self, data: st.DataObject, fault: tuple[int, str] | None) -> None:
        """What chance seldom puts in this order."""
        self.delete_archive(data, None)
        self.collect(None)
        self.wait(25)
        self.collect(fault)

    @rule()
    def verify(self) -> None:
        for stored in self.ledger.objects.values():
            assert verify_object(self.transport, stored) == "right"
        for path in self.archives:
            check_bundle(io.BytesIO(self.transport.objects[path]), key=None, path=path)

    @rule()
    def lose_the_stat_cache(self) -> None:
        self.ledger._files.clear()

    @precondition(lambda self: self.archives)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(self.archives)))
        target = self.folder / "target"
        blobs = BlobReader(self.transport, takes_whole_packs=data.draw(st.booleans()))
        restored = restore_tree(tree_of(self.transport, path), target, blobs=blobs)
        assert not restored.refused
        assert snapshot(target) == self.archives[path]
        shutil.rmtree(target)

    @invariant()
    def every_byte_that_an_archive_needs_is_there(self) -> None:
        if not hasattr(self, "archives"):
            return
        assert self._bundles() == set(self.archives)
        reader = BlobReader(self.transport, takes_whole_packs=False)
        for path in self.archives:
            for entry in tree_of(self.transport, path):
                for place in entry.blobs:
                    reader.read(place)

    @invariant()
    def the_journal_knows_nothing_that_is_not_there_and_no_blob_twice(self) -> None:
        if not hasattr(self, "archives"):
            return
        for held in self.ledger.held():
            assert len(self.transport.objects[held.path]) == held.size_bytes
        blobs = Counter(_blobs(self.ledger.objects.values()))
        assert not [blob for blob, count in blobs.items() if count > 1]

    def _plan(self) -> Sweep:
        trees = [entry for path in self.archives for entry in tree_of(self.transport, path)]
        places = [place for entry in trees for place in entry.blobs]
        return sweep(
            self.ledger.held(),
            referred={place.sha256 for place in places},
            sizes=self.ledger.sizes(),
            now=self.ledger.now,
            listed=[*self.transport.names("objects"), *self.transport.names("packs")],
            named={place.pack or place.sha256 for place in places},
            strays_since=self.ledger.strays,
        )

    def _referred(self, archives: Iterable[str]) -> set[str]:
        return {
            place.sha256
            for path in archives
            for entry in tree_of(self.transport, path)
            for place in entry.blobs
        }

    def _script(self, fault: tuple[int, str] | None) -> None:
        if fault is not None:
            self.transport.fail(after_calls=fault[0], moment=fault[1])  # type: ignore[arg-type]

    def _bundles(self) -> set[str]:
        return {path for path in self.transport.objects if parse_bundle_path(path)}

    def _bytes(self) -> int:
        return sum(
            len(content)
            for path, content in self.transport.objects.items()
            if parse_object_path(path) is not None
        )


def _blobs(objects: Iterable[StoredObject]) -> list[str]:
    return [blob.sha256 for stored in objects for blob in stored.blobs]


def test_no_order_of_work_and_no_end_of_it_loses_a_byte_or_keeps_one_for_nothing() -> None:
    run_state_machine_as_test(
        StoreMachine,
        settings=settings(
            max_examples=25, stateful_step_count=20, derandomize=True, deadline=None,
            suppress_health_check=list(HealthCheck), database=None,
        ),
    )  # fmt: skip


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_run_that_ends_at_any_call_is_finished_by_the_next(tmp_path: Path, moment: str) -> None:
    """For every call of a run: end there, run again; the same store, and one archive."""
    source = tmp_path / "source"
    for number, content in enumerate(_CONTENTS):
        (source / f"{number}").mkdir(parents=True)
        (source / f"{number}" / "file").write_bytes(content)
    whole = MemoryTransport()
    path, _ = archive_tree(source, whole, Ledger())
    for calls in range(len(whole.stored)):
        transport, ledger = MemoryTransport(), Ledger()
        transport.fail(after_calls=calls, moment=moment)  # type: ignore[arg-type]
        with pytest.raises(TransportError):
            archive_tree(source, transport, ledger)
        # The bundle is the last but one; a line of sha256sum follows it.
        is_stored = calls + (moment == "after") > len(whole.stored) - 2
        assert (path in transport.objects) == is_stored
        transport.fail(after_calls=None)
        known = set(ledger.objects)
        first = len(transport.stored)
        archive_tree(source, transport, ledger)
        assert transport.objects.keys() >= whole.objects.keys()
        # What lies about beside was in flight, and what was written down is not stored again.
        in_flight = {path for path, count in Counter(transport.stored).items() if count > 1}
        assert len(in_flight - {path}) <= 3
        again = {
            parsed[0] for name in transport.stored[first:] if (parsed := parse_object_path(name))
        }
        assert not again & known


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_collection_that_ends_at_any_call_is_finished_by_the_next(
    tmp_path: Path, moment: str
) -> None:
    """For every call: end there; the journal knows only what is there; in the end all is gone."""
    for calls in range(3):
        transport, ledger, path = _collectable(tmp_path / f"{calls}")
        del transport.objects[path]
        _collect(transport, ledger)
        ledger.now += GRACE
        transport.fail(after_calls=calls, moment=moment)  # type: ignore[arg-type]
        with pytest.raises(TransportError):
            _collect(transport, ledger)
        transport.fail(after_calls=None)
        assert {held.path for held in ledger.held()} <= transport.objects.keys()
        # One that was forgotten and not deleted is a stray, and goes a day later.
        _collect(transport, ledger)
        ledger.now += GRACE
        _collect(transport, ledger)
        assert transport.objects.keys() == {f"{path}.sha256"}
        assert not ledger.objects


def test_a_pack_that_is_struck_stays_while_an_archive_names_it(tmp_path: Path) -> None:
    """One blob of it is bad, and the others are nowhere else."""
    transport, ledger, _ = _collectable(tmp_path)
    (pack,) = (stored for stored in ledger.objects.values() if stored.is_pack)
    ledger.forget(pack.name)
    for _ in range(3):
        _collect(transport, ledger)
        ledger.now += GRACE
    assert pack_path(pack.name) in transport.objects


def _collectable(folder: Path) -> tuple[MemoryTransport, Ledger, str]:
    """Return a store of one pack and two objects, and the bundle that needs them."""
    folder.mkdir(exist_ok=True)
    for number, content in enumerate(_CONTENTS):
        (folder / f"{number}").write_bytes(content)
    transport, ledger = MemoryTransport(), Ledger()
    path, _ = archive_tree(folder, transport, ledger)
    return transport, ledger, path


def _collect(transport: MemoryTransport, ledger: Ledger) -> None:
    places = [
        place
        for path in transport.objects
        if parse_bundle_path(path)
        for entry in tree_of(transport, path)
        for place in entry.blobs
    ]
    objects = [path for path in transport.objects if not path.startswith("bundles/")]
    plan = sweep(
        ledger.held(),
        referred={place.sha256 for place in places},
        sizes=ledger.sizes(),
        now=ledger.now,
        listed=[StoredName(path=path, size_bytes=len(transport.objects[path])) for path in objects],
        named={place.pack or place.sha256 for place in places},
        strays_since=ledger.strays,
    )
    carry_out(plan, transport=transport, ledger=ledger)

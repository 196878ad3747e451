from typing import Any
from uuid import UUID

from services.discovery.folders import Unreadable
from services.discovery.matching import (
    FoundFolder,
    KnownFolder,
    by_path,
    find_moved,
    is_other_device,
    is_removed,
    remounted,
)


def known(number: int = 1, **given: Any) -> KnownFolder:
    facts: dict[str, Any] = {
        "id": UUID(int=number),
        "path": b"/root/a",
        "udid": "U",
        "revision": "r",
        "run": b"marks",
        "root": b"/root",
        "file_system": 7,
        "is_removed": False,
        **given,
    }
    return KnownFolder(**facts)


def found(udid: str | None = "U", revision: str | None = "r", run: bytes = b"?") -> FoundFolder:
    return FoundFolder(udid=udid, revision=revision, run=run)


def test_a_moved_folder_is_known_by_its_revision_or_by_its_marks() -> None:
    gone = known()
    assert find_moved([gone], found()) == gone
    assert find_moved([gone], found(revision="other", run=b"marks")) == gone
    assert find_moved([gone], found(revision="other")) is None
    assert find_moved([known(revision=None)], found(revision=None)) is None


def test_another_device_or_an_unknown_one_is_never_the_moved_one() -> None:
    assert find_moved([known()], found(udid="V")) is None
    assert find_moved([known(udid=None)], found(udid=None)) is None


def test_of_two_candidates_the_one_that_was_there_until_now_moved() -> None:
    old, recent = known(1, is_removed=True), known(2)
    assert find_moved([old, recent], found()) == recent
    assert find_moved([old], found()) == old


def test_a_removed_backup_yields_its_path_to_the_one_that_lies_there() -> None:
    old, now = known(2, is_removed=True), known(1)
    assert by_path([now, old]) == by_path([old, now]) == {b"/root/a": now}


def test_a_folder_that_lost_its_plists_is_not_taken_for_another_device() -> None:
    assert is_other_device(known(), "V")
    assert not is_other_device(known(), None)
    assert not is_other_device(known(udid=None), "V")


def gone(backup: KnownFolder, remaining: int | None, *places: Unreadable, **numbers: Any) -> bool:
    return is_removed(
        backup,
        remaining_file_system=remaining,
        remounted=numbers.get("remounted", {}),
        unreadable=places,
    )


def unreadable(path: bytes, *, is_root: bool = False) -> Unreadable:
    return Unreadable(root=b"/root", path=path, reason="x", is_root=is_root)


def test_a_folder_is_removed_when_the_file_system_that_held_it_is_there_without_it() -> None:
    assert gone(known(), 7)


def test_an_empty_mount_point_is_no_removal() -> None:
    assert not gone(known(), 8)
    assert not gone(known(), None)


def test_a_network_mount_with_another_number_is_recognised_by_what_it_still_holds() -> None:
    assert gone(known(), 8, remounted=remounted([(7, 8)]))
    assert not gone(known(), 9, remounted=remounted([(7, 8)]))


def test_nothing_is_removed_below_what_could_not_be_read() -> None:
    assert not gone(known(), 7, unreadable(b"/root"))
    assert not gone(known(), 7, unreadable(b"/root/a"))
    assert not gone(known(path=b"/real/a"), 7, unreadable(b"/moved", is_root=True))
    assert gone(known(), 7, unreadable(b"/root/ab"))
    assert not gone(known(), 7, unreadable(b"/"))

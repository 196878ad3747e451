"""Whether two folders would be lost together."""

from __future__ import annotations

from pathlib import Path

from services.archiver.destinations.same_disk import disks_of_device, together


def block(sysfs: Path, number: str, place: str, *, partition: bool = False) -> Path:
    """Make a device as the kernel shows it: a link from its number to where it hangs."""
    folder = sysfs / "devices" / place
    folder.mkdir(parents=True)
    (folder / "dev").write_text(f"{number}\n")
    if partition:
        (folder / "partition").write_text("1\n")
    (sysfs / number).symlink_to(folder)
    return folder


def test_partitions_volumes_and_arrays_are_told_by_the_disks_below_them(tmp_path: Path) -> None:
    block(tmp_path, "8:0", "sda")
    one = block(tmp_path, "8:1", "sda/sda1", partition=True)
    two = block(tmp_path, "8:2", "sda/sda2", partition=True)
    block(tmp_path, "8:16", "sdb")
    other = block(tmp_path, "8:17", "sdb/sdb1", partition=True)
    volume = block(tmp_path, "253:0", "virtual/dm-0")
    array = block(tmp_path, "9:0", "virtual/md0")
    (volume / "slaves").mkdir()
    (volume / "slaves" / "md0").symlink_to(array)
    (array / "slaves").mkdir()
    (array / "slaves" / "sda1").symlink_to(one)
    (array / "slaves" / "sdb1").symlink_to(other)
    assert disks_of_device("8:2", tmp_path) == {"sda"}
    assert disks_of_device("253:0", tmp_path) == {"sda", "sdb"}
    assert two.exists()
    # A share, or memory: no disk is known, and it is like itself only.
    assert disks_of_device("0:52", tmp_path) == {"0:52"}


def test_folders_of_one_file_system_are_lost_together_and_what_is_missing_is_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "photos").mkdir()
    others = [
        ("photos", tmp_path / "photos"),
        ("gone", tmp_path / "gone"),
        ("system", Path("/proc")),
    ]
    assert together(tmp_path / "store", others) == ["photos"]

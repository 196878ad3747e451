"""Folders whose disk or share is not mounted."""

from __future__ import annotations

from pathlib import Path

from services.archiver.destinations.mount_points import missing_mount


def test_a_folder_of_what_the_table_has_and_nobody_mounted_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "fstab"
    share, disc = tmp_path / "my share", tmp_path / "cdrom"
    share.mkdir()
    table.write_text(
        "# /dev/x /proc ext4 defaults 0 0\n"
        "UUID=1 / ext4 errors=remount-ro 0 1\n"
        f"nas:/export {str(share).replace(' ', chr(92) + '040')} nfs4 _netdev,nofail 0 0\n"
        f"/dev/sr0 {disc} udf,iso9660 user,noauto 0 0\n"
        "proc /proc proc defaults 0 0\n"
        "UUID=2 none swap sw 0 0\nshort line\n"
    )
    for folder in (share, share / "keepsake", tmp_path / "other" / ".." / "my share"):
        refused, warned = missing_mount(folder, table)
        assert (len(refused), warned) == (1, [])
        assert "not mounted" in refused[0]
    refused, warned = missing_mount(disc / "keepsake", table)
    assert (refused, len(warned)) == ([], 1)
    # Mounted, on the root, beside one, and without a table.
    for folder in (Path("/proc/self"), tmp_path, tmp_path / "my share too"):
        assert missing_mount(folder, table) == ([], [])
    assert missing_mount(share, tmp_path / "no table") == ([], [])

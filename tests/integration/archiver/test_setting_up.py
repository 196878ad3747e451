"""Making places destinations, and telling the right one from another."""

from __future__ import annotations

import datetime as dt
import secrets
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

from services.archiver.destinations.places import LocalPlace, Place, RclonePlace
from services.archiver.destinations.rclone_daemon import RcloneDaemon
from services.archiver.destinations.remotes import Crypt, RcloneRemote
from services.archiver.destinations.setting_up import (
    Findings,
    StoreMark,
    attempt,
    check_store,
    examine,
    read_mark,
    set_up,
)
from services.archiver.errors import (
    ArchiverError,
    DamagedArchiveError,
    DestinationAwayError,
    DestinationRefusedError,
)
from services.archiver.format.names import CANARY_FILE, STORE_FILE, object_path
from shared.credentials import Secret
from tests.integration.archiver.conftest import IMPATIENT
from tests.integration.archiver.rclone_servers import (
    BUCKET,
    CRYPT,
    PASSWORD,
    Server,
    stored_files,
)

NOW = dt.datetime(2026, 11, 21, 20, 0, tzinfo=dt.UTC)
OTHERS = Crypt(password=Secret("another-password"), password2=CRYPT.password2)
KINDS = ("folder", "local crypt", "s3", "sftp crypt", "webdav crypt")


class Site:
    """A place, and the folder of files behind it."""

    def __init__(
        self, kind: str, daemon: RcloneDaemon, servers: dict[str, Server], folder: Path
    ) -> None:
        self.kind, _, crypt = kind.partition(" ")
        self.is_encrypted = bool(crypt)
        self._daemon = daemon
        self._servers = servers
        self._name = secrets.token_hex(8)
        self.files = folder
        if self.kind in servers:
            self.files = servers[self.kind].files / BUCKET / self._name

    def place(self, crypt: Crypt | None = CRYPT) -> Place:
        if self.kind == "folder":
            return LocalPlace(self.files)
        crypt = crypt if self.is_encrypted else None
        if self.kind == "local":
            remote = RcloneRemote(backend="local", path=str(self.files), crypt=crypt)
        else:
            remote = self._servers[self.kind].remote(self._name, crypt=crypt)
        return RclonePlace(self._daemon, remote, limits=IMPATIENT)


@pytest.fixture(params=KINDS)
def site(
    request: pytest.FixtureRequest,
    daemon: RcloneDaemon,
    servers: dict[str, Server],
    tmp_path: Path,
) -> Site:
    return Site(request.param, daemon, servers, tmp_path)


def outcomes(report: object) -> dict[str, str]:
    return {step.name: step.outcome for step in report.steps}  # type: ignore[attr-defined]


def check(place: Place, store_id: UUID) -> StoreMark:
    transport = place.open()
    try:
        return check_store(transport, store_id)
    finally:
        transport.close()


def test_an_empty_place_becomes_a_store_and_stays_the_same_when_it_is_set_up_again(
    site: Site,
) -> None:
    store_id = uuid4()
    first = set_up(site.place(), store_id, now=NOW)
    assert first.is_good, first
    found = outcomes(first)
    assert found.pop("prerequisites") in ("done", "warning")
    done = ("credentials", "reach", "canary", "write", "mark")
    assert found == dict.fromkeys(done, "done")
    assert first.store == StoreMark(store_id=store_id, created_at=NOW)
    # The canary and the mark; nothing is left of the test.
    stored = {path: path.read_bytes() for path in stored_files(site.files)}
    assert len(stored) == 2

    again = set_up(site.place(), store_id, now=NOW + dt.timedelta(days=1))
    assert again.store == first.store
    assert outcomes(again)["reach"] == outcomes(again)["canary"] == outcomes(again)["mark"]
    assert outcomes(again)["mark"] == "already"
    assert outcomes(again)["write"] == "done"
    assert check(site.place(), store_id) == first.store
    assert examine(site.place(), store_id).store == first.store
    assert {path: path.read_bytes() for path in stored_files(site.files)} == stored


def test_a_trial_goes_through_the_same_steps_and_leaves_everything_as_it_was(
    daemon: RcloneDaemon, servers: dict[str, Server], tmp_path: Path
) -> None:
    for kind in ("folder", "local crypt", "s3"):
        site = Site(kind, daemon, servers, tmp_path / kind)
        site.files.mkdir(exist_ok=True)
        tried = attempt(site.place())
        assert tried.is_good, tried
        assert tried.store is None
        assert list(outcomes(tried)) == ["prerequisites", "credentials", "reach", "canary", "write"]
        assert stored_files(site.files) == []
        store_id = uuid4()
        set_up(site.place(), store_id, now=NOW)
        before = {path: path.read_bytes() for path in stored_files(site.files)}
        tried = attempt(site.place())
        assert tried.is_good
        assert tried.store is not None
        assert tried.store.store_id == store_id
        assert {path: path.read_bytes() for path in stored_files(site.files)} == before


def test_a_secret_that_cannot_be_fetched_ends_the_steps_before_it_is_used(tmp_path: Path) -> None:
    findings = Findings(refused=("The secret's file cannot be read.",), secret_count=1)
    place = LocalPlace(tmp_path)
    for report in (
        attempt(place, findings=findings),
        set_up(place, uuid4(), now=NOW, findings=findings),
        examine(place, uuid4(), findings=findings),
    ):
        assert not report.is_good
        assert outcomes(report)["credentials"] == "failed"
        assert outcomes(report)["reach"] == "skipped"
        assert report.steps[1].advice
    assert list(tmp_path.iterdir()) == []


def test_another_store_is_refused_and_left_as_it_is_unless_it_is_wanted(site: Site) -> None:
    store_id, another = uuid4(), uuid4()
    set_up(site.place(), store_id, now=NOW)
    before = {path: path.read_bytes() for path in stored_files(site.files)}
    report = set_up(site.place(), another, now=NOW)
    assert not report.is_good
    assert outcomes(report)["reach"] == "failed"
    assert outcomes(report)["canary"] == "skipped"
    assert "another store" in report.steps[2].message
    with pytest.raises(DestinationRefusedError):
        check(site.place(), another)
    assert not examine(site.place(), another).is_good
    assert {path: path.read_bytes() for path in stored_files(site.files)} == before

    taken = set_up(site.place(), another, now=NOW, takes_existing=True)
    assert taken.store is not None
    assert taken.store.store_id == store_id


def test_a_place_with_things_of_others_is_refused_and_left_as_it_is(site: Site) -> None:
    plain = site.place(None).open(is_new=True)
    plain.put("holiday.jpg", [b"a picture"])
    plain.close()
    report = set_up(site.place(), uuid4(), now=NOW)
    assert not report.is_good
    assert outcomes(report)["reach"] == "failed"
    assert "holiday" not in str(report)
    assert [path.name for path in stored_files(site.files)] == ["holiday.jpg"]


def test_what_systems_put_into_folders_is_in_nobodys_way(
    daemon: RcloneDaemon, servers: dict[str, Server], tmp_path: Path
) -> None:
    for kind in ("folder", "local crypt"):
        site = Site(kind, daemon, servers, tmp_path / kind)
        (site.files / "lost+found").mkdir(parents=True)
        (site.files / ".DS_Store").write_bytes(b"x")
        assert set_up(site.place(), uuid4(), now=NOW).is_good


def test_other_passwords_are_noticed_before_anything_is_written(
    daemon: RcloneDaemon, servers: dict[str, Server], tmp_path: Path
) -> None:
    for kind in ("local crypt", "s3 crypt"):
        site = Site(kind, daemon, servers, tmp_path)
        store_id = uuid4()
        set_up(site.place(), store_id, now=NOW)
        before = stored_files(site.files)
        for report in (
            set_up(site.place(OTHERS), store_id, now=NOW),
            set_up(site.place(OTHERS), uuid4(), now=NOW, takes_existing=True),
            examine(site.place(OTHERS), store_id),
        ):
            assert outcomes(report)["reach"] == "failed"
            assert "passwords" in report.steps[2].message
        with pytest.raises(DestinationAwayError, match="passwords"):
            check(site.place(OTHERS), store_id)
        assert stored_files(site.files) == before


def test_a_set_up_that_was_killed_goes_on(site: Site) -> None:
    transport = site.place().open(is_new=True)
    transport.put(CANARY_FILE, [b"half a can"])
    transport.put("keepsake-test-0123", [b"left over"])
    transport.close()
    store_id = uuid4()
    assert set_up(site.place(), store_id, now=NOW).is_good
    assert check(site.place(), store_id).store_id == store_id
    assert len(stored_files(site.files)) == 2


def test_a_store_that_lost_its_mark_or_its_canary_is_not_used(
    daemon: RcloneDaemon, servers: dict[str, Server], tmp_path: Path
) -> None:
    for kind in ("folder", "local crypt"):
        site = Site(kind, daemon, servers, tmp_path / kind)
        site.files.mkdir()
        store_id = uuid4()
        set_up(site.place(), store_id, now=NOW)
        transport = site.place().open()
        transport.put(object_path("ab" * 32), [b"content"])
        transport.put(CANARY_FILE, [b"another bird"])
        with pytest.raises(DamagedArchiveError):
            check_store(transport, store_id)
        assert outcomes(set_up(site.place(), store_id, now=NOW))["canary"] == "failed"
        transport.delete(CANARY_FILE)
        with pytest.raises(DamagedArchiveError):
            check_store(transport, store_id)
        assert outcomes(examine(site.place(), store_id))["canary"] == "failed"
        assert outcomes(set_up(site.place(), store_id, now=NOW))["canary"] == "done"
        assert check_store(transport, store_id).store_id == store_id
        transport.delete(STORE_FILE)
        with pytest.raises(DestinationAwayError):
            check_store(transport, store_id)
        report = set_up(site.place(), store_id, now=NOW)
        assert outcomes(report)["reach"] == "failed"
        assert "mark is lost" in report.steps[2].message
        transport.close()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\xff",
        b'{"format":"keepsake-store","version":2,"store_id":"%b","created_at":"2026-11-21T20:00:00Z"}',
    ],
)
def test_a_mark_that_is_damaged_or_of_a_later_version_is_told(
    content: bytes, tmp_path: Path
) -> None:
    store_id = uuid4()
    place = LocalPlace(tmp_path)
    set_up(place, store_id, now=NOW)
    transport = place.open()
    transport.put(STORE_FILE, [content.replace(b"%b", str(store_id).encode())])
    with pytest.raises(ArchiverError):
        read_mark(transport)
    assert not set_up(place, store_id, now=NOW).is_good


def test_the_mark_is_plain_json(tmp_path: Path) -> None:
    store_id = uuid4()
    set_up(LocalPlace(tmp_path), store_id, now=NOW)
    assert msgspec.json.decode((tmp_path / STORE_FILE).read_bytes()) == {
        "format": "keepsake-store",
        "version": 1,
        "store_id": str(store_id),
        "mode": "store",
        "created_at": "2026-11-21T20:00:00Z",
    }


def test_settings_that_cannot_be_used_are_told_before_anything_is_tried(
    daemon: RcloneDaemon, tmp_path: Path
) -> None:
    secret = {"pass": Secret(PASSWORD)}
    cases = [
        (RcloneRemote(backend="nonsense", path="x"), "no such back end"),
        (RcloneRemote(backend="crypt", path="x"), "no such back end"),
        (RcloneRemote(backend="local", path="x"), "slash"),
        (RcloneRemote(backend="sftp", path="x"), "host"),
        (RcloneRemote(backend="sftp", path="../x", options={"host": "h"}), "'..'"),
        (
            RcloneRemote(backend="sftp", path="x", options={"host": "h", "pass": "open"}),
            "reference",
        ),
        (
            RcloneRemote(backend="b2", path="x", options={"account": "a", "key": "open"}),
            "reference",
        ),
        (
            RcloneRemote(
                backend="sftp", path="x", secrets=secret, options={"host": "h", "ssh": "touch /x"}
            ),
            "no option of the name 'ssh'",
        ),
        (
            RcloneRemote(backend="local", path="/tmp", options={"override.bind": "x"}),
            "override.bind",
        ),
        (
            RcloneRemote(backend="local", path="/tmp", crypt=Crypt(password=Secret(""))),
            "password of the encryption is empty",
        ),
    ]
    for remote, said in cases:
        report = set_up(RclonePlace(daemon, remote, limits=IMPATIENT), uuid4(), now=NOW)
        assert outcomes(report)["prerequisites"] == "failed"
        assert said in report.steps[0].message


def test_a_folder_whose_share_is_gone_is_told_and_left_alone(tmp_path: Path) -> None:
    mount = tmp_path / "mount"
    mount.mkdir()
    store_id = uuid4()
    assert set_up(LocalPlace(mount), store_id, now=NOW).is_good
    mount.rename(tmp_path / "elsewhere")
    gone = examine(LocalPlace(mount), store_id)
    assert outcomes(gone)["prerequisites"] == "failed"
    assert "not mounted" in gone.steps[0].message
    # The mount point is there, and empty: what is not mounted looks like that.
    mount.mkdir()
    empty = examine(LocalPlace(mount), store_id)
    assert outcomes(empty)["reach"] == "failed"
    assert "it is not mounted" in empty.steps[2].message
    assert empty.steps[2].advice
    transport = LocalPlace(mount).open()
    with pytest.raises(DestinationAwayError, match="not mounted"):
        check_store(transport, store_id)
    with pytest.raises(DestinationAwayError, match="not mounted"):
        transport.put(object_path("ab" * 32), [b"content"])
    assert list(mount.iterdir()) == []


def test_options_that_run_programs_never_reach_rclone(daemon: RcloneDaemon) -> None:
    remote = RcloneRemote(
        backend="webdav", path="x", options={"url": "http://x", "bearer_token_command": "touch /x"}
    )
    with pytest.raises(DestinationRefusedError, match="runs a program"):
        RclonePlace(daemon, remote, limits=IMPATIENT).open()


def test_a_bucket_must_exist_and_be_named(daemon: RcloneDaemon, servers: dict[str, Server]) -> None:
    missing = servers["s3"].remote("x", bucket="nobodys")
    report = set_up(RclonePlace(daemon, missing, limits=IMPATIENT), uuid4(), now=NOW)
    assert outcomes(report)["reach"] == "failed"
    assert "bucket does not exist" in report.steps[2].message
    unnamed = servers["s3"].remote("", bucket="")
    report = set_up(RclonePlace(daemon, unnamed, limits=IMPATIENT), uuid4(), now=NOW)
    assert "name of a bucket" in report.steps[2].message

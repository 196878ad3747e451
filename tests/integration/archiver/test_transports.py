"""What every destination does alike, whatever is behind it: one suite for all of them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.archiver.destinations.rclone_daemon import RcloneDaemon
from services.archiver.destinations.rclone_transport import RcloneTransport
from services.archiver.destinations.remotes import RcloneRemote
from services.archiver.errors import DestinationAwayError, ObjectMissingError
from services.archiver.format.names import STORE_FILE, object_path, pack_path
from services.archiver.store.local_folder import LocalFolder
from services.archiver.store.transport import StoredName, Transport
from tests.integration.archiver.conftest import IMPATIENT
from tests.integration.archiver.rclone_servers import CRYPT, Server

#: Long as real names are, which matters to crypt.
NAME = object_path("ab" * 32)
PACK = pack_path("cd" * 32)
BACK_ENDS = (
    "folder",
    *("s3", "sftp", "webdav"),
    *("local crypt", "s3 crypt", "sftp crypt", "webdav crypt"),
)


@pytest.fixture(params=BACK_ENDS)
def transport(
    request: pytest.FixtureRequest,
    daemon: RcloneDaemon,
    servers: dict[str, Server],
    tmp_path: Path,
) -> Iterator[Transport]:
    """An empty store that carries its mark."""
    name, _, crypt = request.param.partition(" ")

    def opened(*, is_new: bool) -> Transport:
        if name == "folder":
            return LocalFolder(tmp_path, is_new=is_new)
        chosen = CRYPT if crypt else None
        if name == "local":
            remote = RcloneRemote(backend="local", path=str(tmp_path), crypt=chosen)
        else:
            remote = servers[name].remote(secrets.token_hex(8), crypt=chosen)
        return RcloneTransport(daemon, remote, is_new=is_new, limits=IMPATIENT)

    if name == "folder":
        opened(is_new=True).put(STORE_FILE, [b"{}"])
        made = opened(is_new=False)
    else:
        made = opened(is_new=True)
        made.put(STORE_FILE, [b"{}"])
        made._is_new = False  # type: ignore[attr-defined]
    yield made
    made.close()


def test_what_was_put_comes_back_as_a_whole_and_in_parts(transport: Transport) -> None:
    content = secrets.token_bytes(200_001)
    transport.put(NAME, [content[:70_000], content[70_000:], b""])
    assert transport.size(NAME) == len(content)
    assert transport.get(NAME) == content
    assert transport.get(NAME, offset=65_530, size_bytes=20) == content[65_530:65_550]
    assert transport.get(NAME, offset=200_000) == content[200_000:]
    assert transport.get(NAME, size_bytes=len(content) + 1) == content
    assert transport.get(NAME, offset=199_999, size_bytes=100) == content[199_999:]
    assert transport.get(NAME, offset=200_001, size_bytes=1) == b""
    assert transport.get(NAME, offset=300_000) == b""
    assert transport.get(NAME, size_bytes=0) == b""


def test_nothing_is_an_object_too(transport: Transport) -> None:
    transport.put(NAME, [])
    assert transport.size(NAME) == 0
    assert transport.get(NAME) == b""
    assert transport.get(NAME, size_bytes=10) == b""
    assert StoredName(path=NAME, size_bytes=0) in list(transport.names("objects"))


def test_an_object_is_replaced_even_by_one_of_the_same_length(transport: Transport) -> None:
    transport.put(NAME, [b"first"])
    transport.put(NAME, [b"other"])
    assert transport.get(NAME) == b"other"
    transport.put(NAME, [b"a longer one"])
    assert transport.get(NAME) == b"a longer one"
    assert [one.path for one in transport.names("objects")] == [NAME]


def test_a_file_of_ours_is_stored_as_it_is(transport: Transport, tmp_path: Path) -> None:
    folder = tmp_path.parent / f"{tmp_path.name}-source"
    folder.mkdir()
    source = folder / "a bundle.tar"
    source.write_bytes(secrets.token_bytes(100_000))
    transport.put_file(PACK, source)
    assert transport.get(PACK) == source.read_bytes()


def test_names_tells_what_lies_below_a_folder_and_nothing_else(transport: Transport) -> None:
    assert list(transport.names("objects")) == []
    transport.put(NAME, [b"1"])
    transport.put(object_path("ef" * 32), [b"22"])
    transport.put(PACK, [b"333"])
    found = sorted((one.path, one.size_bytes) for one in transport.names("objects"))
    assert found == [(NAME, 1), (object_path("ef" * 32), 2)]
    assert [one.path for one in transport.names("packs")] == [PACK]


def test_what_is_not_there_is_said_to_be_missing(transport: Transport) -> None:
    assert transport.size(NAME) is None
    assert transport.delete(NAME) is False
    for wanted in ({}, {"offset": 5}, {"size_bytes": 0}, {"offset": 5, "size_bytes": 10}):
        with pytest.raises(ObjectMissingError):
            transport.get(NAME, **wanted)


def test_what_was_deleted_is_gone(transport: Transport) -> None:
    transport.put(NAME, [b"content"])
    assert transport.delete(NAME) is True
    assert transport.delete(NAME) is False
    assert transport.size(NAME) is None
    assert list(transport.names("objects")) == []


def test_leftovers_are_nobodys_objects_and_are_removed(transport: Transport) -> None:
    leftover = f"{NAME}.0a1b2c3d.partial"
    transport.put(NAME, [b"content"])
    transport.put(leftover, [b"cont"])
    assert [one.path for one in transport.names("objects")] == [NAME]
    assert transport.clean() == 1
    assert transport.size(leftover) is None
    assert transport.clean() == 0
    assert transport.get(NAME) == b"content"


def test_without_its_mark_nothing_is_said_to_be_missing_and_nothing_is_written(
    transport: Transport,
) -> None:
    transport.delete(STORE_FILE)
    with pytest.raises(DestinationAwayError):
        transport.get(NAME)
    with pytest.raises(DestinationAwayError):
        transport.size(NAME)
    with pytest.raises(DestinationAwayError):
        list(transport.names("objects"))
    with pytest.raises(DestinationAwayError):
        transport.clean()
    with pytest.raises(DestinationAwayError):
        transport.put(NAME, [b"content"])


def test_many_threads_use_it_at_once(transport: Transport) -> None:
    contents = {object_path(f"{n:02x}" * 32): secrets.token_bytes(1000 + n) for n in range(6)}
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda path: transport.put(path, [contents[path]]), contents))
        found = dict(zip(contents, threads.map(transport.get, contents), strict=True))
    assert found == contents
    assert {one.path for one in transport.names("objects")} == set(contents)

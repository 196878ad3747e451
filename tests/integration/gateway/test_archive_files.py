"""What is in archives: listed, searched through all of them, read in parts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.archiver.format import names
from services.archiver.format.names import CHUNK_BYTES, MOST_BLOB_BYTES
from tests.integration.gateway.conftest import open_house
from tests.integration.gateway.test_archives import LARGE, Vault
from tests.stack import Stack


@pytest.fixture
async def vault(stack: Stack) -> AsyncIterator[Vault]:
    async with (
        stack.service("archiver", {"KEEPSAKE_ARCHIVER__TRIES": "1"}),
        open_house(stack, "discovery") as house,
    ):
        vault = Vault(house)
        await vault.set_up()
        yield vault


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


async def found(vault: Vault, words: str, **params: Any) -> list[str]:
    page = await vault.get("/api/archives/files", q=words, **params)
    return [one["file"]["path"] for one in page["items"]]


async def test_paths_are_found_by_words_in_all_archives_and_read_from_any_that_holds_them(
    vault: Vault,
) -> None:
    write(vault.tree / "Bilder" / "Zürich 2021" / "IMG_0042.JPG", "lake")
    # As a Mac writes it: a letter, and what is put above it.
    write(vault.tree / "Bilder" / "Zu\u0308rich 2022" / "lighthouse-50%.txt", "first")
    write(vault.tree / "3d" / "3d0d7e5fb2ce288813306e4d4636395e047a3d28", "a blob of a phone")
    first = await vault.archive()
    write(vault.tree / "Bilder" / "Zu\u0308rich 2022" / "lighthouse-50%.txt", "second one")
    second = await vault.archive()
    ids = [job["report"]["archive_id"] for job in (first, second)]

    assert await found(vault, "img 42") == []
    assert await found(vault, "img 0042") == ["Bilder/Zürich 2021/IMG_0042.JPG"]
    assert await found(vault, "ZÜR img") == ["Bilder/Zürich 2021/IMG_0042.JPG"]
    assert await found(vault, "3d0d7e5fb2ce288813306e4d4636395e047a3d28") == []
    assert await found(vault, "lighthouse & ! (") == await found(vault, "lighthouse")

    page = await vault.get("/api/archives/files", q="züri", limit=1)
    versions = [*page["items"]]
    while page["next_cursor"]:
        page = await vault.get("/api/archives/files", q="züri", limit=1, cursor=page["next_cursor"])
        versions += page["items"]
    new = versions[0]
    assert (new["file"]["size_bytes"], new["archive_id"], new["archive_count"]) == (10, ids[1], 1)
    numbers = [one["file"]["n"] for one in versions]
    assert numbers == sorted(set(numbers), reverse=True)
    # Two folders, the picture, and two versions of the text.
    assert len(versions) == 5
    (kept,) = [one for one in versions if one["file"]["path"].endswith(".JPG")]
    assert (kept["archive_id"], kept["archive_count"]) == (ids[1], 2)
    (old,) = [one for one in versions if one["file"]["size_bytes"] == 5]
    assert (old["archive_id"], old["source_id"]) == (ids[0], vault.source["id"])
    for archive_id, wanted in ((ids[0], 200), (ids[1], 404)):
        path = f"/api/archives/{archive_id}/files/{old['file']['n']}/content"
        answer = await vault.house.client.get(path)
        assert answer.status_code == wanted
        assert wanted == 404 or answer.text == "first"

    here, elsewhere = vault.source["id"], vault.destination["id"]
    assert len(await found(vault, "zürich", source=here)) == 5
    assert await found(vault, "zürich", source=elsewhere) == []
    assert await found(vault, "zürich", destination=here) == []
    for words in ("", "- /", "a " * 17):
        answer = await vault.house.client.get("/api/archives/files", params={"q": words})
        assert answer.status_code == 400, words


async def test_lists_are_narrowed_by_patterns_and_by_whole_paths(vault: Vault) -> None:
    for name in ("100%", "100x", "a_b", "aXb", "back\\slash"):
        write(vault.tree / "odd" / name, name)
    archive = (await vault.archive())["report"]["archive_id"]

    async def listed(pattern: str) -> list[str]:
        page = await vault.get(f"/api/archives/{archive}/files", path_like=pattern)
        return [one["path"] for one in page["items"]]

    assert await listed("odd/100%") == ["odd/100%", "odd/100x"]
    assert await listed("odd/100\\%") == ["odd/100%"]
    assert await listed("odd/100\\%%") == ["odd/100%"]
    assert await listed("%dd/10%x") == ["odd/100x"]
    assert await listed("odd/a_b") == ["odd/aXb", "odd/a_b"]
    assert await listed("odd/a\\_b") == ["odd/a_b"]
    assert await listed("odd/back\\\\slash") == ["odd/back\\slash"]
    assert await listed("odd/back\\\\sl%") == ["odd/back\\slash"]
    assert await listed("odd") == ["odd"]
    answer = await vault.house.client.get(
        f"/api/archives/{archive}/files", params={"path_like": "odd\\"}
    )
    assert answer.status_code == 400
    pages, cursor = [], None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        page = await vault.get(f"/api/archives/{archive}/files", limit=2, path_like="odd/%", **more)
        pages.append([one["path"] for one in page["items"]])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert pages == [["odd/100%", "odd/100x"], ["odd/aXb", "odd/a_b"], ["odd/back\\slash"]]


@pytest.mark.parametrize("cut_bytes", [CHUNK_BYTES, MOST_BLOB_BYTES])
async def test_parts_of_a_file_that_are_asked_for_at_once_are_right_however_it_was_cut(
    vault: Vault, cut_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "CHUNK_BYTES", cut_bytes)
    archive = (await vault.archive())["report"]["archive_id"]
    page = await vault.get(f"/api/archives/{archive}/files", path_like="inner/deep/large")
    address = f"/api/archives/{archive}/files/{page['items'][0]['n']}/content"
    content = (vault.tree / "inner" / "deep" / "large").read_bytes()
    border = MOST_BLOB_BYTES
    stored = [path.stat().st_size for path in vault.store.glob("objects/*/*")]
    assert max(stored) == cut_bytes
    spans = [(0, 9), (border - 5, border + 5), (border, LARGE - 1), (7, 3_000_000)]

    async def part(first: int, last: int) -> bytes:
        answer = await vault.house.client.get(address, headers={"Range": f"bytes={first}-{last}"})
        assert answer.status_code == 206, answer.text
        return answer.content

    parts = await asyncio.gather(*(part(*span) for span in spans))
    assert parts == [content[first : last + 1] for first, last in spans]

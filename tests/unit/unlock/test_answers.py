from __future__ import annotations

import base64

import msgspec
import pytest

from services.unlock import answers
from shared.contracts.identifiers import FileId
from shared.contracts.problems import ProblemError
from shared.contracts.requests import Page
from shared.contracts.unlock import READ_CHUNK_BYTES, File, ListFiles, ReadFile


def file(n: int, path: str = "Library/SMS/sms.db") -> File:
    return File(
        file_id=FileId(f"{n:040x}"),
        domain="HomeDomain",
        relative_path=path,
        kind="file",
        size_bytes=n,
        modified_at=None,
        created_at=None,
        mode=0o100644,
        protection_class=3,
        target=None,
        present=True,
    )


def test_a_cursor_continues_the_list_it_came_from() -> None:
    request = ListFiles(domain="HomeDomain", path_like="%.db", sort="size")
    cursor = answers.make_cursor(request, after=4711)
    again = msgspec.structs.replace(request, cursor=cursor, limit=7)
    assert answers.read_cursor(again) == 4711
    assert answers.read_cursor(request) is None


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "ö", "====", base64.urlsafe_b64encode(b'["1","x"]').decode(), "bnVsbA",
     base64.urlsafe_b64encode(b'[-1,""]').decode(), "W10", "A" * 100_000],
)  # fmt: skip
def test_a_cursor_that_is_not_ours_is_a_bad_request(cursor: str) -> None:
    with pytest.raises(ProblemError) as raised:
        answers.read_cursor(ListFiles(cursor=cursor))
    assert raised.value.problem.status == 400


def test_a_cursor_of_another_question_is_refused() -> None:
    cursor = answers.make_cursor(ListFiles(domain="HomeDomain"), after=1)
    with pytest.raises(ProblemError):
        answers.read_cursor(ListFiles(domain="MediaDomain", cursor=cursor))


def test_a_page_is_cut_to_the_message_and_says_where_it_goes_on() -> None:
    files = [file(n, path="p" * 500) for n in range(20)]
    page = answers.fit_page(files, max_bytes=4096, cursor_after=lambda n: f"after {n}")
    decoded = msgspec.json.decode(page.body, type=Page[File])
    assert 1 < page.kept < 20
    assert len(page.body) <= 4096
    assert decoded.items == files[: page.kept]
    assert decoded.next_cursor == f"after {page.kept}"


def test_an_empty_page_is_a_page() -> None:
    page = answers.fit_page([], max_bytes=4096, cursor_after=lambda _: None)
    assert msgspec.json.decode(page.body) == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    "request_",
    [
        ReadFile(file_id=FileId("0" * 40), offset=-1),
        ReadFile(file_id=FileId("0" * 40), length=0),
        ReadFile(file_id=FileId("0" * 40), length=READ_CHUNK_BYTES + 1),
        ReadFile(file_id=FileId("0" * 40), offset=2**63),
    ],
)
def test_ranges_that_no_reply_can_hold_are_refused(request_: ReadFile) -> None:
    with pytest.raises(ProblemError):
        answers.check_read(request_)


@pytest.mark.parametrize("file_id", ["", "../../etc/passwd", "0" * 39, "A" * 40, "0" * 40 + "\n"])
def test_only_forty_hex_digits_are_a_file_id(file_id: str) -> None:
    with pytest.raises(ProblemError):
        answers.check_file_id(file_id)


@pytest.mark.parametrize(
    "request_",
    [ListFiles(limit=0), ListFiles(limit=1001), ListFiles(path_like="%" * 2000)],
)
def test_lists_are_bounded(request_: ListFiles) -> None:
    with pytest.raises(ProblemError):
        answers.check_list(request_)

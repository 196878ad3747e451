from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.disposition import (
    content_disposition,
    content_policy,
    may_be_inline,
    safe_media_type,
)
from gateway.front import is_host_served
from shared.member_names import MemberNames, safe_member_name


@given(st.text(max_size=80))
def test_no_name_breaks_out_of_its_header(name: str) -> None:
    header = content_disposition(name, "attachment", "text/plain")
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert header.startswith('attachment; filename="')


def test_a_name_keeps_its_letters_in_the_encoded_form() -> None:
    assert content_disposition("Größe 1.txt", "inline", "text/plain") == (
        "inline; filename=\"Gr__e 1.txt\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%201.txt"
    )
    assert 'filename="file"' in content_disposition("..", "inline", "text/plain")
    assert "/" not in content_disposition("../../etc/passwd", "inline", "text/plain")[8:40]


@pytest.mark.parametrize(
    "media_type",
    ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/javascript"],
)
def test_what_can_run_is_downloaded_and_never_shown(media_type: str) -> None:
    assert not may_be_inline(media_type)
    assert content_disposition("x", "inline", media_type).startswith("attachment;")
    assert content_policy(media_type).startswith("sandbox;")


def test_what_is_no_media_type_becomes_bytes() -> None:
    assert safe_media_type("text/plain; charset=x") == "text/plain"
    for odd in (None, "", "text", "text/plain\r\nX: y", "a/b/c", "<x>/y"):
        assert safe_media_type(odd) == "application/octet-stream"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b.txt", "D/a/b.txt"),
        ("../../etc/passwd", "D/_/_/etc/passwd"),
        ("/etc/passwd", "D/etc/passwd"),
        ("C:\\Windows\\x", "D/C_/Windows/x"),
        ("a/./b//c", "D/a/b/c"),
        ("con.txt", "D/_con.txt"),
        ("ends. ", "D/ends"),
        ("nul\x00byte", "D/nul_byte"),
        ("...", "D/_"),
    ],
)
def test_members_stay_below_their_folder(path: str, name: str) -> None:
    assert safe_member_name("D", path) == name


@given(st.text(max_size=60), st.text(max_size=400))
def test_no_member_name_is_absolute_or_climbs(domain: str, path: str) -> None:
    name = safe_member_name(domain, path)
    assert name
    assert not name.startswith("/")
    assert "\\" not in name
    parts = name.split("/")
    assert all(part not in ("", ".", "..") for part in parts)
    assert all(len(part.encode()) <= 241 for part in parts)


def test_equal_names_are_told_apart_also_without_case() -> None:
    names = MemberNames()
    claimed = [names.claim(name) for name in ("a/x.txt", "a/x.txt", "A/X.TXT", "a/.x", "a/.x")]
    assert claimed == ["a/x.txt", "a/x (2).txt", "A/X (3).TXT", "a/.x", "a/.x (2)"]


@pytest.mark.parametrize(
    "host",
    ["localhost:8080", "127.0.0.1", "[::1]:8080", "192.168.1.5:80", "Vault.Home", "a.localhost"],
)
def test_addresses_localhost_and_given_names_are_served(host: str) -> None:
    assert is_host_served(host, frozenset({"vault.home"}))


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.1.nip.io"])
def test_other_names_are_refused_because_of_rebinding(host: str) -> None:
    assert not is_host_served(host, frozenset({"vault.home"}))

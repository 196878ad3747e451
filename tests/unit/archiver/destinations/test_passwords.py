"""Passwords that are made: where they go, and where they do not."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from services.archiver.destinations.passwords import (
    draw_password,
    put_into_file,
    put_into_one_password,
)
from services.archiver.errors import DestinationRefusedError
from shared.secret_references import parse_reference, resolve
from tests.fake_op import TOKEN, VAULT_ID, install


async def reveal(reference: str, environ: dict[str, str]) -> str:
    parsed = parse_reference(reference, allow_commands=False)
    return (await resolve(parsed, environ=environ)).reveal()


def test_a_password_is_long_and_can_be_typed_from_paper() -> None:
    drawn = {draw_password().reveal() for _ in range(200)}
    assert len(drawn) == 200
    assert {len(one) for one in drawn} == {32}
    letters = set("".join(drawn))
    assert all(one.isascii() and one.isalnum() for one in letters)
    assert not letters & set("0O1Il")
    assert len(letters) == 57


async def test_a_file_is_made_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "archives"
    old = os.umask(0)
    try:
        reference = await put_into_file(path)
    finally:
        os.umask(old)
    assert reference == f"file:{path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(await reveal(reference, {})) == 32


async def test_what_is_there_is_never_replaced_nor_reached_through_a_link(tmp_path: Path) -> None:
    path = tmp_path / "archives"
    path.write_text("the only copy")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    for wanted in (path, link):
        with pytest.raises(DestinationRefusedError, match="already"):
            await put_into_file(wanted)
    assert path.read_text() == "the only copy"
    assert not (tmp_path / "elsewhere").exists()
    with pytest.raises(DestinationRefusedError, match="No such file"):
        await put_into_file(tmp_path / "nowhere" / "archives")
    with pytest.raises(DestinationRefusedError, match="called so"):
        await put_into_file(tmp_path / "two\nlines")
    assert {path.read_text()} == {"the only copy"}


@pytest.mark.parametrize("vault", ["Archives", VAULT_ID])
@pytest.mark.parametrize("signed_in", ["service account", "session"])
async def test_an_item_of_1password_is_made_and_named_by_its_ids(
    tmp_path: Path, vault: str, signed_in: str
) -> None:
    place = install(tmp_path)
    environ = {"PATH": str(place), "AWS_SECRET_ACCESS_KEY": "no", "OP_CONNECT_HOST": "no"}
    if signed_in == "session":
        environ["OP_SESSION_home"] = "session"
    else:
        environ["OP_SERVICE_ACCOUNT_TOKEN"] = TOKEN
    reference = await put_into_one_password(vault, "Keepsake: cloud/1", environ=environ)
    assert reference == f"op://{VAULT_ID}/itemid0/password"
    password = await reveal(reference, environ)
    assert len(password) == 32
    item = json.loads((place / "itemid0").read_text())
    assert (item["title"], item["category"]) == ("Keepsake: cloud/1", "PASSWORD")
    (field,) = (one for one in item["fields"] if one["id"] == "password")
    assert (field["type"], field["purpose"]) == ("CONCEALED", "PASSWORD")
    said = (place / "calls").read_text()
    assert password not in said
    for _, known in map(json.loads, said.splitlines()):
        assert not {"AWS_SECRET_ACCESS_KEY", "OP_CONNECT_HOST"} & set(known)


async def test_1password_that_refuses_is_told_without_what_it_said(tmp_path: Path) -> None:
    place = install(tmp_path)
    good = {"PATH": str(place), "OP_SERVICE_ACCOUNT_TOKEN": TOKEN}
    for environ, said in (
        (good, "vault is called so"),
        (good | {"OP_SERVICE_ACCOUNT_TOKEN": "ops_old"}, "sign-in"),
        ({"PATH": str(place)}, "OP_SERVICE_ACCOUNT_TOKEN is not set"),
        ({"PATH": str(tmp_path)}, "not installed"),
    ):
        with pytest.raises(DestinationRefusedError, match=said):
            await put_into_one_password("Private", "cloud", environ=environ)
    assert not list(place.glob("item*"))


async def test_an_item_that_comes_back_as_another_is_not_believed(tmp_path: Path) -> None:
    place = install(tmp_path)
    program = place / "op"
    program.write_text(program.read_text().replace('["value"] for f', '["value"][::-1] for f'))
    environ = {"PATH": str(place), "OP_SERVICE_ACCOUNT_TOKEN": TOKEN}
    with pytest.raises(DestinationRefusedError, match="another"):
        await put_into_one_password("Archives", "cloud", environ=environ)
    # An answer that is no item, with the password in it.
    program.write_text(program.read_text().replace("print(json.dumps(item))", "print([item])"))
    with pytest.raises(DestinationRefusedError, match="something else") as raised:
        await put_into_one_password("Archives", "cloud", environ=environ)
    item = json.loads((place / "itemid1").read_text())
    assert item["fields"][0]["value"] not in f"{raised.value!r} {raised.value.__cause__!r}"

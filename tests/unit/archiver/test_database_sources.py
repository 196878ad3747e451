"""What database sources are made of, without a database: addresses, programs, keys, settings."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from services.archiver.errors import ScratchFullError, SourceError, SourceMissingError
from services.archiver.sources.configs import check_config
from services.archiver.sources.databases.access import read_dsn
from services.archiver.sources.databases.dumping import check_room
from services.archiver.sources.databases.measuring import Column, TableName
from services.archiver.sources.databases.programs import find_pg_dump
from services.archiver.sources.n8n.encryption_key import DeploymentKey, prove
from services.archiver.sources.n8n.tables import find_n8n
from services.archiver.sources.n8n.workflows import checksum, safe_id
from services.archiver.sources.named_files import read_named_files
from services.archiver.storage.items import fold
from shared.contracts.archiver import Preset, SourceConfig, SourceType
from shared.contracts.problems import ProblemError
from shared.credentials import PostgresCredentials, Secret

plain = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20)


@given(user=plain, password=plain, database=plain)
def test_whatever_stands_in_an_address_comes_out_of_it(
    user: str, password: str, database: str
) -> None:
    whole = PostgresCredentials(
        host="/run/pg", port=5433, database=database, user=user, password=Secret(password)
    )
    access = read_dsn(whole.dsn())
    assert (access.host, access.port) == ("/run/pg", 5433)
    assert (access.user, access.database, access.password) == (user, database, Secret(password))
    assert password not in repr(access) or len(password) < 3


@pytest.mark.parametrize(
    "dsn",
    [
        "mysql://a:secret@b/c",
        "postgresql://a:secret@b:port/c",
        "postgresql://a:secret@b/c?sslmode=require&search_path=x",
        "postgresql://a:secret%0A@b/c",
        "host=b password=secret",
    ],
)
def test_an_address_that_is_none_is_refused_without_being_repeated(dsn: str) -> None:
    with pytest.raises(SourceError) as error:
        read_dsn(Secret(dsn))
    assert "secret" not in str(error.value)


def test_what_libpq_reads_is_private_and_escaped(tmp_path: Path) -> None:
    access = read_dsn(Secret("postgresql://me:a%3Ab%5Cc@db:5432/shop?sslmode=require"))
    variables = access.write_files(tmp_path, server_major=13)
    assert set(variables) == {"PGSERVICEFILE", "PGPASSFILE"}
    for path in variables.values():
        assert Path(path).stat().st_mode & 0o777 == 0o600
    assert Path(variables["PGPASSFILE"]).read_text() == "*:*:*:*:a\\:b\\\\c\n"
    service = Path(variables["PGSERVICEFILE"]).read_text()
    assert "dbname=shop\n" in service
    assert "sslmode=require\n" in service
    assert "options" not in service


def test_a_server_that_is_newer_than_every_program_is_told_which_one_is_needed(
    tmp_path: Path,
) -> None:
    for major in (15, 17):
        (tmp_path / "pg_dump").write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {major}.2'\n")
        (tmp_path / "pg_dump").chmod(0o755)
        assert find_pg_dump(major, given=tmp_path).path == tmp_path / "pg_dump"
    with pytest.raises(SourceError, match="pg_dump of version 99 or newer is needed; here is only"):
        find_pg_dump(99, given=tmp_path)


def test_a_database_without_room_is_refused_before_it_is_read(tmp_path: Path) -> None:
    check_room(tmp_path, 1 << 20)
    with pytest.raises(ScratchFullError, match="KEEPSAKE_SCRATCH_DIR"):
        check_room(tmp_path, 1 << 62)


def wrap(plaintext: str, key_hex: str) -> str:
    """Encrypt as n8n 2 wraps its keys."""
    salt = os.urandom(32)
    drawn = HKDF(hashes.SHA256(), length=44, salt=salt, info=b"n8n-encryption-v1").derive(
        bytes.fromhex(key_hex)
    )
    sealed = AESGCM(drawn[:32]).encrypt(drawn[32:], plaintext.encode(), None)
    return base64.b64encode(b"\x01" + salt + sealed[-16:] + sealed[:-16]).decode()


def openssl(plaintext: str, passphrase: str) -> str:
    """Encrypt as n8n encrypted credentials from its beginning on."""
    salt, drawn, last = os.urandom(8), b"", b""
    while len(drawn) < 48:
        last = hashlib.md5(last + passphrase.encode() + salt, usedforsecurity=False).digest()
        drawn += last
    padding = 16 - len(plaintext.encode()) % 16
    cipher = Cipher(algorithms.AES(drawn[:32]), modes.CBC(drawn[32:48])).encryptor()
    sealed = cipher.update(plaintext.encode() + bytes([padding]) * padding) + cipher.finalize()
    return base64.b64encode(b"Salted__" + salt + sealed).decode()


def test_a_key_is_proved_by_everything_that_it_opens() -> None:
    key, data = "the key of this n8n", json.dumps({"password": "x"})
    wrapping = hashlib.sha256(key.encode()).hexdigest()
    inner = os.urandom(32).hex()
    keys = [
        DeploymentKey(id="1", type="signing.hmac", value=wrap("a", wrapping), algorithm=None),
        DeploymentKey(
            id="2", type="data_encryption", value=wrap(inner, wrapping), algorithm="aes-256-gcm"
        ),
        DeploymentKey(
            id="3", type="data_encryption", value=wrap(inner, wrapping), algorithm="aes-256-cbc"
        ),
        DeploymentKey(id="4", type="instance.id", value="not encrypted", algorithm=None),
    ]
    credentials = [openssl(data, key), "2:" + wrap(data, inner), "3:" + openssl(data, inner)]
    proof = prove(Secret(key), deployment_keys=keys, credentials=credentials)
    assert (proof.state, proof.secret_count, proof.opened_count) == ("proved", 6, 6)
    wrong = prove(Secret("another"), deployment_keys=keys, credentials=credentials)
    assert (wrong.state, wrong.opened_count) == ("wrong", 0)
    mixed = prove(Secret(key), deployment_keys=[], credentials=[credentials[0], "9:x", "?", ""])
    assert (mixed.state, mixed.opened_count) == ("partial", 1)
    assert prove(Secret(key), deployment_keys=[], credentials=[]).state == "unproved"


@given(st.text(max_size=60))
def test_no_ciphertext_whatsoever_breaks_the_proof(text: str) -> None:
    row = DeploymentKey(id="1", type="signing.hmac", value=text, algorithm=None)
    proof = prove(Secret("key"), deployment_keys=[row], credentials=[text, f"1:{text}"])
    assert (proof.state, proof.opened_count) == ("wrong", 0)


def test_a_workflow_is_called_by_its_id_unless_that_would_lead_elsewhere() -> None:
    assert safe_id("V3TXBopAb8xDzBCf") == "V3TXBopAb8xDzBCf"
    for hostile in ("../../etc/passwd", "a/b", "", ".", "x" * 80, "a\nb"):
        assert safe_id(hostile).startswith("sha256-")
        assert "/" not in safe_id(hostile)


def test_the_checksum_of_a_workflow_is_that_of_what_it_does() -> None:
    fields = {"name": "é", "nodes": [{"b": 1, "a": 2.5}], "connections": {}, "active": True}
    same = {"connections": {}, "nodes": [{"a": 2.5, "b": 1}], "name": "é", "active": False}
    assert checksum(fields) == checksum(same)
    expected = '{"connections":{},"name":"é","nodes":[{"a":2.5,"b":1}]}'
    assert checksum(fields) == hashlib.sha256(expected.encode()).hexdigest()


def test_n8n_is_found_whatever_its_tables_are_called() -> None:
    columns = [
        Column(name=name, type="text", is_nullable=False)
        for name in ("id", "name", "nodes", "connections")
    ]
    tables = {
        TableName("flows", "x_workflow_entity"): columns,
        TableName("flows", "x_tag_entity"): columns[:2],
        TableName("public", "tag_entity"): columns[:2],
    }
    found = find_n8n(tables)
    assert (found.schema, found.prefix) == ("flows", "x_")
    assert found.has("tag_entity", "id", "name")
    assert not found.has("tag_entity", "color")
    with pytest.raises(SourceError, match="none of n8n"):
        find_n8n({TableName("public", "workflow_entity"): columns[:2]})


def test_files_of_one_name_stand_beside_each_other(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / ".env").write_text(folder)
    (tmp_path / "link").symlink_to("a/.env")
    paths = [str(tmp_path / name) for name in ("a/.env", "b/.env", "link")]
    found = read_named_files(paths, folder="config")
    assert [(one.path, one.content) for one in found] == [
        ("config/.env", b"a"), ("config/2/.env", b"b"), ("config/link", b"a"),
    ]  # fmt: skip
    with pytest.raises(SourceMissingError, match="gone"):
        read_named_files([str(tmp_path / "gone")], folder="config")
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "a"):
        with pytest.raises(SourceError, match="it is no file"):
            read_named_files([str(tmp_path / name)], folder="config")


@pytest.mark.parametrize(
    ("kind", "preset", "config"),
    [
        ("postgres", None, SourceConfig()),
        ("postgres", None, SourceConfig(dsn_ref="postgresql://a:b@c/d")),
        ("postgres", None, SourceConfig(dsn_ref="file:/x", types=["flows"])),
        ("postgres", None, SourceConfig(dsn_ref="file:/x", path="/srv")),
        ("postgres", "immich", SourceConfig(dsn_ref="file:/x")),
        ("postgres", "n8n", SourceConfig(types=["flows", "n8n_config"])),
        ("postgres", "n8n", SourceConfig(dsn_ref="file:/x", config_files=["relative"])),
        ("postgres", "n8n", SourceConfig(dsn_ref="file:/x", service_url="https://a:b@c")),
        ("system", None, SourceConfig(dsn_ref="file:/x")),
        ("directory", None, SourceConfig(path="/srv", ssl_files=["/x"])),
    ],
)
def test_what_cannot_be_a_source_is_refused(
    kind: SourceType, preset: Preset | None, config: SourceConfig
) -> None:
    with pytest.raises(ProblemError) as error:
        check_config(kind, preset, config)
    assert error.value.problem.status == 400


def test_what_can_be_a_source_is_taken() -> None:
    check_config("system", None, SourceConfig())
    check_config("postgres", None, SourceConfig(dsn_ref="op://Home/Shop/address"))
    check_config("postgres", "n8n", SourceConfig(types=["n8n_config"], config_files=["/srv/.env"]))


def test_names_are_found_however_they_are_written() -> None:
    assert fold("Ünïcode STRASSE ﬁle") == fold("unicode straße file")
    assert "\0" not in fold("a\0b")

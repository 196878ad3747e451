"""Servers of three kinds for destinations, all of them rclone's own, on ports of their own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.archiver.destinations.rclone_program import find_rclone
from services.archiver.destinations.remotes import Crypt, RcloneRemote
from shared.credentials import Secret

ACCESS_KEY = "AKIATESTKEY00001"
SECRET_KEY = "SECRETTESTKEY0001"
USER = "someone"
PASSWORD = "correct-horse-7391"
CRYPT = Crypt(password=Secret("battery-staple-5542"), password2=Secret("salt-8813"))
BUCKET = "bucket"
KINDS = ("s3", "sftp", "webdav")


class Server:
    """One of them, over a folder of files that can be looked at."""

    def __init__(self, kind: str, folder: Path, *more: str) -> None:
        self.kind = kind
        self.files = folder / "files"
        (self.files / BUCKET).mkdir(parents=True)
        options = ["--user", USER, "--pass", PASSWORD]
        if kind == "s3":
            options = ["--auth-key", f"{ACCESS_KEY},{SECRET_KEY}"]
        if kind == "sftp":
            key = folder / "host.key"
            key.write_bytes(
                Ed25519PrivateKey.generate().private_bytes(
                    Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
                )
            )
            options += ["--key", str(key)]
        command = ["serve", kind, str(self.files), "--addr", "127.0.0.1:0", *options, *more]
        self._process = subprocess.Popen(
            [find_rclone(), "--config", "", "--cache-dir", folder / "cache", *command],
            stderr=subprocess.PIPE,
            env={"HOME": str(folder)},
        )
        assert self._process.stderr is not None
        self.port = 0
        for line in self._process.stderr:
            if found := re.search(rb"127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                break
        assert self.port, "the server did not start"

    def remote(
        self,
        path: str,
        *,
        port: int | None = None,
        password: str | None = None,
        crypt: Crypt | None = None,
        bucket: str = BUCKET,
    ) -> RcloneRemote:
        """Return how it is reached; over another *port* where something stands between."""
        port = port or self.port
        if self.kind == "s3":
            return RcloneRemote(
                backend="s3",
                options={
                    "provider": "Rclone",
                    "access_key_id": ACCESS_KEY,
                    "endpoint": f"http://127.0.0.1:{port}",
                    "region": "us-east-1",
                },
                secrets={"secret_access_key": Secret(password or SECRET_KEY)},
                path=f"{bucket}/{path}".rstrip("/"),
                crypt=crypt,
            )
        own = {"host": "127.0.0.1", "port": str(port)}
        if self.kind == "webdav":
            own = {"url": f"http://127.0.0.1:{port}", "vendor": "other"}
        return RcloneRemote(
            backend=self.kind,
            options={**own, "user": USER},
            secrets={"pass": Secret(password or PASSWORD)},
            path=f"{bucket}/{path}".rstrip("/"),
            crypt=crypt,
        )

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


def stored_files(folder: Path) -> list[Path]:
    """Return all files below *folder*, as they really are called."""
    return sorted(path for path in folder.rglob("*") if path.is_file())

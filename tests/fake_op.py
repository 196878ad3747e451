"""A stand-in for 1Password's program: a folder of items, in the shapes that the real one has."""

from __future__ import annotations

import sys
from pathlib import Path

VAULT_ID = "vaultid2345678901234567890"
TOKEN = "ops_test"
_SCRIPT = """#!{python}
import json, os, sys
from pathlib import Path

folder = Path({folder!r})
arguments = sys.argv[1:]
with open(folder / "calls", "a") as calls:
    calls.write(json.dumps([arguments, sorted(os.environ)]) + "\\n")

def refuse(message):
    sys.stderr.write("[ERROR] 2026/11/20 09:00:00 " + message + "\\n")
    raise SystemExit(1)

if os.environ.get("OP_SERVICE_ACCOUNT_TOKEN") != {token!r} and "OP_SESSION_home" not in os.environ:
    refuse("account is not signed in")
if arguments[:2] == ["item", "create"]:
    assert arguments[2:] == ["--vault", arguments[3], "--format", "json", "-"], arguments
    if arguments[3] not in ("Archives", {vault!r}):
        refuse('"' + arguments[3] + '" isn\\'t a vault in this account.')
    template = json.load(sys.stdin)
    number = len(list(folder.glob("item*")))
    item = {{
        "id": f"itemid{{number}}", "title": template["title"], "version": 1,
        "vault": {{"id": {vault!r}, "name": "Archives"}}, "category": template["category"],
        "created_at": "2026-11-20T09:00:00Z", "updated_at": "2026-11-20T09:00:00Z",
        "fields": [
            dict(field, reference="op://Archives/" + template["title"] + "/" + field["label"])
            for field in template["fields"]
        ],
    }}
    (folder / item["id"]).write_text(json.dumps(item))
    print(json.dumps(item))
elif arguments[:2] == ["read", "--no-newline"]:
    vault, name, label = arguments[2].removeprefix("op://").split("/")
    if vault != {vault!r} or not (folder / name).exists():
        refuse('"' + name + '" isn\\'t an item in the vault.')
    item = json.loads((folder / name).read_text())
    print(next(f["value"] for f in item["fields"] if f["id"] == label), end="")
else:
    refuse("unknown command")
"""


def install(folder: Path) -> Path:
    """Make the program ``op`` in a new folder below *folder*; return that folder, for PATH."""
    place = folder / "op"
    place.mkdir(mode=0o700)
    program = place / "op"
    program.write_text(
        _SCRIPT.format(python=sys.executable, folder=str(place), token=TOKEN, vault=VAULT_ID)
    )
    program.chmod(0o700)
    return place

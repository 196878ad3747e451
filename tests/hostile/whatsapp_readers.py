"""The stores of WhatsApp: chats with their blobs, contacts, calls and private identities."""

from __future__ import annotations

import datetime as dt
import json
import random
from pathlib import Path

from deploy.demo.whatsapp_chats import BUSINESS_DOMAIN, DOMAIN, demo_files
from deploy.demo.whatsapp_database import WhatsAppDatabase, many_messages
from services.indexer.kinds.backup_files import file_id_of
from services.indexer.kinds.whatsapp.places import APPS
from tests.hostile import seeds
from tests.hostile.mutations import mutate, sqlite_spots
from tests.hostile.rows import Value, change_value, disturb
from tests.hostile.workers import Stores

_AT = dt.datetime(2014, 5, 1, 12, tzinfo=dt.UTC)
_CHATS = f"{DOMAIN}/ChatStorage.sqlite"
_OLD = f"{APPS[2].domain}/{APPS[2].chats}"
_TABLES = (
    "ZWAMESSAGE", "ZWAMESSAGE", "ZWAMESSAGE", "ZWAMEDIAITEM", "ZWAMEDIAITEM", "ZWAMESSAGEINFO",
    "ZWAMESSAGEINFO", "ZWACHATSESSION", "ZWAGROUPMEMBER", "ZWAGROUPINFO", "ZWAMESSAGEDATAITEM",
    "ZWAPROFILEPUSHNAME", "ZWAPROFILEPICTUREITEM", "ZWAZ1PAYMENTTRANSACTION", "ZWABLACKLISTITEM",
    "ZWACHATPUSHCONFIG", "Z_PRIMARYKEY",
)  # fmt: skip
_BESIDE = (
    "ZWAADDRESSBOOKCONTACT", "ZWACDCALLEVENT", "ZWACDCALLEVENT", "ZWACDCALLEVENTPARTICIPANT",
    "ZWAAGGREGATECALLEVENT", "ZWAPHONENUMBERLIDPAIR",
)  # fmt: skip
_IDENTITIES = (
    "@", "@s.whatsapp.net", "@lid", "0@s.whatsapp.net", "status@broadcast", "x" * 300 + "@g.us",
    "15550142001:99@s.whatsapp.net", "9" * 400 + "@lid", "a@b@c@d", "@".join("1" * 90),
    "15550142000@s.whatsapp.net;" * 5000, '{"new_subject":' * 500, "\u200e",
)  # fmt: skip


class WhatsApps(Stores):
    """Both apps' stores; one or several of them damaged."""

    name = "whatsapp (worker)"
    kind = "whatsapp"

    def open(self, folder: Path) -> None:
        files = demo_files(later=False)
        self._stores = {
            f"{file.domain}/{file.relative_path}": file.content
            for file in files
            if file.relative_path.endswith(".sqlite")
        }
        self._seeds = [self._stores[_CHATS], many_messages(600), _old(), *_samples()]
        self._listed = "\n".join(
            json.dumps(
                {
                    "domain": file.domain, "relative_path": file.relative_path,
                    "file_id": file_id_of(file.domain, file.relative_path),
                    "size_bytes": len(file.content), "present": True,
                }
            )
            for file in files
        )  # fmt: skip

    def damage(self, chance: random.Random) -> dict[str, bytes]:
        stores = dict(self._stores)
        chats = chance.choice(self._seeds)
        draw = chance.random()
        if draw < 0.7:
            chats = disturb(chats, chance, tables=_TABLES, change=_change)
        if draw > 0.65:
            chats = mutate(chats, chance, others=self._seeds, spots=sqlite_spots)
        stores[_CHATS] = chats
        for name in list(stores)[1:]:
            if chance.random() < 0.25:
                stores[name] = disturb(stores[name], chance, tables=_BESIDE, change=_change)
            if chance.random() < 0.1:
                stores[name] = mutate(stores[name], chance, spots=sqlite_spots)
            if chance.random() < 0.1:
                del stores[name]
        if chance.random() < 0.1:
            stores = {_OLD: chats, f"{BUSINESS_DOMAIN}/ChatStorage.sqlite": chats}
        return stores

    def listing(self, store: Path) -> str | None:
        path = store / "listing.jsonl"
        path.write_text(self._listed)
        return str(path)


def _change(value: Value, chance: random.Random) -> Value:
    if isinstance(value, str) and chance.random() < 0.3:
        return chance.choice(_IDENTITIES)
    return change_value(value, chance)


def _old() -> bytes:
    store = WhatsAppDatabase(schema="2014")
    chat = store.chat("15550142001@s.whatsapp.net", "Jonas")
    for number in range(40):
        store.message(
            chat, f"line {number}", at=_AT, jid="15550142001@s.whatsapp.net", ZPUSHNAME="Jojo"
        )
    return store.to_bytes()


def _samples() -> list[bytes]:
    folder = seeds.samples_folder()
    found = [] if folder is None else sorted(folder.rglob("ChatStorage.sqlite"))
    return [path.read_bytes() for path in found]

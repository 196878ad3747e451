"""What a phone says of itself: apps, accounts, Wi-Fi networks, permissions and data use."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import plistlib
import random
from pathlib import Path
from typing import Any

from deploy.demo import accounts, data_usages, installed_apps, permissions, wifi_networks
from tests.hostile import seeds
from tests.hostile.mutations import mutate, property_list_spots
from tests.hostile.rows import HOSTILE_TEXTS, hurt_database
from tests.hostile.workers import Stores

_AT = dt.datetime(2020, 5, 1, 12, tzinfo=dt.UTC)
_ODD: tuple[Any, ...] = (
    "", "x" * 70_000, "\0", 0, -1, 2**63, -(2**63), 1e300, True, b"", b"bplist00", [], {},
    dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31), [[[[]]]], {"a": {"b": {}}},  # noqa: DTZ001
    "0:1:2:3:4:5", {"iconLists": [[{"iconLists": [[{}]]}]]}, "com.apple.tips",
    "4001-01-01T00:00:00Z",
)  # fmt: skip


def disturb_list(content: bytes, chance: random.Random) -> bytes:
    """Return a property list with some of its values, or keys, made hostile."""
    value = plistlib.loads(content)
    for _ in range(chance.choice((1, 2, 5, 12))):
        _disturb_once(value, chance)
    # Not everything can be written.
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        return plistlib.dumps(value, fmt=plistlib.FMT_BINARY)
    return content


def _disturb_once(value: Any, chance: random.Random) -> None:
    at = value
    while True:
        if isinstance(at, dict) and at:
            key: Any = chance.choice(list(at))
        elif isinstance(at, list) and at:
            key = chance.randrange(len(at))
        else:
            return
        if isinstance(at[key], dict | list) and at[key] and chance.random() < 0.8:
            at = at[key]
            continue
        break
    draw = chance.random()
    if draw < 0.5:
        at[key] = chance.choice(_ODD)
    elif draw < 0.7:
        at[key] = chance.choice(HOSTILE_TEXTS)
    elif isinstance(at, dict) and draw < 0.85:
        at[chance.choice(HOSTILE_TEXTS)] = at[key]
    elif isinstance(at[key], bytes) and at[key]:
        at[key] = mutate(at[key], chance, spots=property_list_spots)
    elif isinstance(at, dict):
        del at[key]
    else:
        at.extend(at[:50])


class _Lists(Stores):
    """Property lists, of which some are wrong in what they say and some in their bytes."""

    def hurt(self, content: bytes, chance: random.Random) -> bytes:
        draw = chance.random()
        if draw < 0.65:
            content = disturb_list(content, chance)
        if draw > 0.6:
            content = mutate(content, chance, spots=property_list_spots)
        return content


class InstalledApps(_Lists):
    """Info.plist, the home screen, and the apps that the manifest tells of."""

    name = "apps (worker)"
    kind = "installed_app"

    def open(self, folder: Path) -> None:
        self._seeds = [
            installed_apps.info_plist(installed_apps.demo_apps(later=later))
            for later in (False, True)
        ]
        self._screen = installed_apps.demo_files(later=False)[0].content
        self._lines = ""

    def damage(self, chance: random.Random) -> dict[str, bytes]:
        self._lines = "\n".join(_app_line(chance) for _ in range(chance.choice((0, 1, 9))))
        stores = {"/Info.plist": self.hurt(chance.choice(self._seeds), chance)}
        name = chance.choice(("IconState.plist", "IconState~ipad.plist"))
        if chance.random() < 0.7:
            screen = self.hurt(self._screen, chance)
            stores[f"HomeDomain/Library/SpringBoard/{name}"] = screen
        return stores

    def apps(self, store: Path) -> str | None:
        path = store / "apps.jsonl"
        path.write_text(self._lines)
        return str(path)


def _app_line(chance: random.Random) -> str:
    bundle = chance.choice((*HOSTILE_TEXTS, "com.apple.tips", "net.whatsapp.WhatsApp"))
    app: dict[str, Any] = {
        "bundle_id": bundle, "name": chance.choice((None, *HOSTILE_TEXTS)), "version": "1",
        "domains": [chance.choice((f"AppDomain-{bundle}", "AppDomainGroup-x", ""))],
        "file_count": chance.choice((0, 7, 2**62)), "size_bytes": chance.choice((None, 0, 2**62)),
    }  # fmt: skip
    if chance.random() < 0.2:
        app[chance.choice(list(app))] = chance.choice((None, [], {}, -1, "x"))
    return json.dumps(app)


class WifiNetworks(_Lists):
    """The lists of networks of today and of old."""

    name = "wifi networks (worker)"
    kind = "wifi_network"

    def open(self, folder: Path) -> None:
        self._files = {
            f"{file.domain}/{file.relative_path}": file.content
            for file in wifi_networks.demo_files(later=True)
        }
        self._old = wifi_networks.old_list(
            [
                wifi_networks.old_network(
                    "Kaffeehaus", "0:1f:33:a:b:c", lastJoined=_AT, CHANNEL={"CHANNEL": 11}
                )
            ]
        )

    def damage(self, chance: random.Random) -> dict[str, bytes]:
        stores = dict(self._files)
        if chance.random() < 0.4:
            stores[f"{wifi_networks.DOMAIN}/{wifi_networks.OLD}"] = self._old
        for name in list(stores):
            if chance.random() < 0.6:
                stores[name] = self.hurt(stores[name], chance)
        return stores


class Accounts(Stores):
    """Accounts3.sqlite and the phone's own copy of it."""

    name = "accounts (worker)"
    kind = "account"

    def open(self, folder: Path) -> None:
        self._seeds = [
            accounts.demo_accounts(later=False).to_bytes(),
            accounts.demo_accounts(later=True).to_bytes(),
            accounts.many_accounts(300),
            *seeds.small_samples("Accounts3.sqlite"),
        ]

    def damage(self, chance: random.Random) -> dict[str, bytes]:
        stores = {f"HomeDomain/{accounts.STORE}": self._hurt(chance)}
        if chance.random() < 0.5:
            stores[f"HomeDomain/{accounts.COPY}"] = self._hurt(chance)
        return stores

    def _hurt(self, chance: random.Random) -> bytes:
        return hurt_database(
            chance.choice(self._seeds), chance, self._seeds,
            "ZACCOUNT", "ZACCOUNT", "ZACCOUNT", "ZACCOUNTPROPERTY", "ZACCOUNTPROPERTY",
            "ZACCOUNTTYPE", "ZDATACLASS", "Z_2ENABLEDDATACLASSES", "Z_PRIMARYKEY",
        )  # fmt: skip


class Permissions(_Lists):
    """TCC.db of every age, and the clients of the location service."""

    name = "permissions (worker)"
    kind = "permission"

    def open(self, folder: Path) -> None:
        old = permissions.PermissionsDatabase("ios9")
        old.grant("Photos", "net.whatsapp.WhatsApp", 1)
        files = permissions.demo_files(later=True)
        self._seeds = [files[0].content, old.to_bytes(), permissions.many_permissions(400)]
        self._clients = files[1].content

    def damage(self, chance: random.Random) -> dict[str, bytes]:
        content = hurt_database(
            chance.choice(self._seeds), chance, self._seeds, "access", "access", "expired"
        )
        stores = {f"HomeDomain/{permissions.TCC}": content}
        if chance.random() < 0.5:
            stores[f"RootDomain/{permissions.CLIENTS}"] = self.hurt(self._clients, chance)
        return stores


class DataUsages(Stores):
    """DataUsage.sqlite."""

    name = "data usage (worker)"
    kind = "data_usage"

    def open(self, folder: Path) -> None:
        self._seeds = [
            data_usages.demo_usage(later=True).to_bytes(),
            data_usages.many_processes(300),
            *seeds.small_samples("DataUsage.sqlite"),
        ]

    def damage(self, chance: random.Random) -> dict[str, bytes]:
        content = hurt_database(
            chance.choice(self._seeds), chance, self._seeds, "ZPROCESS", "ZPROCESS", "ZLIVEUSAGE"
        )
        return {f"{data_usages.DOMAIN}/{data_usages.PATH}": content}

"""The stores of browsers, bookmarks, tabs and interactions."""

from __future__ import annotations

import datetime as dt
import random
from abc import abstractmethod
from pathlib import Path

from deploy.demo import bookmarks, interactions, open_tabs, web_visits
from deploy.demo.container import PhoneFile
from tests.hostile import seeds
from tests.hostile.mutations import mutate, property_list_spots, sqlite_spots
from tests.hostile.rows import disturb
from tests.hostile.workers import Stores

_AT = dt.datetime(2013, 5, 1, 12, tzinfo=dt.UTC)
_HOME = "HomeDomain/Library/Safari"
_PLIST = b"bplist00"


class _Web(Stores):
    """Stores of one kind; each of a case may be damaged, or gone."""

    tables: tuple[str, ...]
    #: Names of samples' files, and where they would lie.
    samples: tuple[tuple[str, str], ...] = ()

    def open(self, folder: Path) -> None:
        self._sets = [self.by_name(files) for files in self.sets()]
        for path, name in self.samples:
            self._sets += [{name: content} for content in _samples(path)]
        self._contents = [content for stores in self._sets for content in stores.values()]

    @abstractmethod
    def sets(self) -> list[list[PhoneFile]]:
        """Return what whole phones hold."""

    @staticmethod
    def by_name(files: list[PhoneFile]) -> dict[str, bytes]:
        return {f"{file.domain}/{file.relative_path}": file.content for file in files}

    def damage(self, chance: random.Random) -> dict[str, bytes]:
        stores = dict(chance.choice(self._sets))
        first = chance.choice(list(stores))
        for name, content in list(stores.items()):
            if name == first or chance.random() < 0.2:
                stores[name] = self._damaged(content, chance)
            elif chance.random() < 0.1:
                del stores[name]
        return stores

    def _damaged(self, content: bytes, chance: random.Random) -> bytes:
        if content.startswith(_PLIST):
            return mutate(content, chance, others=self._contents, spots=property_list_spots)
        draw = chance.random()
        if draw < 0.7:
            content = disturb(content, chance, tables=self.tables)
        if draw > 0.65:
            content = mutate(content, chance, others=self._contents, spots=sqlite_spots)
        return content


class WebVisits(_Web):
    """Histories of all browsers, new and old."""

    name = "web visits (worker)"
    kind = "web_visit"
    tables = (
        "history_visits", "history_visits", "history_visits", "history_items", "history_items",
        "history_tombstones", "history_tags", "history_items_to_tags", "bookmarks", "urls",
        "visits", "moz_places", "moz_historyvisits",
    )  # fmt: skip
    samples = (
        ("*safari*.History.db", f"{_HOME}/History.db"),
        ("safari/History.db", f"{_HOME}/History.db"),
    )

    def sets(self) -> list[list[PhoneFile]]:
        many = web_visits.HistoryDatabase(form="13", seed=9)
        for number in range(300):
            many.visit(f"https://h{number % 7}.example/{number}", f"page {number}", at=_AT)
        many.execute("update history_visits set redirect_source = id - 1 where id % 3 = 0")
        old = web_visits.old_history([("https://a.example/", "A", _AT, 3)] * 20)
        fox = web_visits.firefox_places([("https://a.example/", "A", _AT, True)], old=True)
        return [
            web_visits.demo_files(later=True),
            [
                PhoneFile("HomeDomain", "Library/Safari/History.db", many.to_bytes()),
                PhoneFile("HomeDomain", "Library/Safari/History.plist", old),
                PhoneFile(web_visits.FIREFOX_DOMAIN, "profile.profile/browser.db", fox),
                *open_tabs.demo_files(later=False)[:1],
            ],
        ]


class Bookmarks(_Web):
    """Bookmarks.db of two ages, and the property list before."""

    name = "bookmarks (worker)"
    kind = "bookmark"
    tables = ("bookmarks",)
    samples = (("*safari*.Bookmarks.db", f"{_HOME}/Bookmarks.db"),)

    def sets(self) -> list[list[PhoneFile]]:
        old = bookmarks.demo_bookmarks(later=True, form="13").to_bytes()
        leaf = {"URLString": "https://a.example/", "URIDictionary": {"title": "A"},
                "ReadingList": {"DateAdded": _AT, "PreviewText": "x"}}  # fmt: skip
        nested: dict[str, object] = {"Title": "deepest", "Children": [leaf]}
        for number in range(20):
            nested = {"Title": str(number), "Children": [leaf, nested]}
        plist = bookmarks.old_bookmarks([nested, leaf])
        return [
            bookmarks.demo_files(later=False),
            [PhoneFile("HomeDomain", "Library/Safari/Bookmarks.db", old)],
            [PhoneFile("HomeDomain", "Library/Safari/Bookmarks.plist", plist)],
        ]


class OpenTabs(_Web):
    """All of Safari's stores of tabs."""

    name = "open tabs (worker)"
    kind = "open_tab"
    tables = (
        "bookmarks", "bookmarks", "bookmarks", "windows", "windows_tab_groups", "tabs", "tabs",
        "tab_sessions", "browser_windows", "cloud_tabs", "cloud_tab_devices",
    )  # fmt: skip
    samples = (("3a47b0981ed7c10f3e2800aa66bac96a3b5db28e", f"{_HOME}/BrowserState.db"),)

    def sets(self) -> list[list[PhoneFile]]:
        state = open_tabs.BrowserStateDatabase(seed=4)
        pages = open_tabs.session([(f"https://a.example/{n}", "x") for n in range(30)], 3)
        for number in range(40):
            state.tab(f"tab {number}", "https://a.example/", viewed_at=_AT, pages=pages)
        old = open_tabs.suspend_state([{"SafariStateDocumentURL": "https://a.example/"}] * 9)
        return [
            [
                *open_tabs.demo_files(later=False),
                PhoneFile("HomeDomain", "Library/Safari/BrowserState.db", state.to_bytes()),
            ],
            [PhoneFile("HomeDomain", "Library/Safari/SuspendState.plist", old)],
        ]


class Interactions(_Web):
    """interactionC.db, also with its ends exchanged."""

    name = "interactions (worker)"
    kind = "interaction"
    tables = (
        "ZINTERACTIONS", "ZINTERACTIONS", "ZINTERACTIONS", "ZCONTACTS", "ZCONTACTS",
        "Z_2INTERACTIONRECIPIENT", "Z_2INTERACTIONRECIPIENT", "Z_1INTERACTIONS", "ZATTACHMENT",
    )  # fmt: skip
    samples = (
        (
            "1f5a521220a3ad80ebfdc196978df8e7a2e49dee",
            f"{interactions.DOMAIN}/{interactions.STORE}",
        ),
    )

    def sets(self) -> list[list[PhoneFile]]:
        turned = interactions.demo_interactions(later=True, exchanged=True)
        return [
            interactions.demo_files(later=False),
            [PhoneFile(interactions.DOMAIN, interactions.STORE, turned.to_bytes())],
        ]


def _samples(path: str) -> list[bytes]:
    folder = seeds.samples_folder()
    found = [] if folder is None else sorted(folder.rglob(path))
    return [one.read_bytes() for one in found]

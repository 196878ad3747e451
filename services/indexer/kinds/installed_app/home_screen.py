"""Where the icons are on the home screen, from IconState.plist.

``iconLists`` are the pages and ``buttonBar`` is the dock. An icon is a bundle id, or a dictionary:
a folder has pages of its own, a stack of widgets has neither id nor pages.
Source: the list as it is known of iOS 4 to 18.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.indexer.kinds.installed_app.payload import HomeScreenPlace
from services.indexer.kinds.plist_values import dict_of, list_of
from services.indexer.kinds.values import text_of

#: Phones allow 15 pages of 24 icons, and folders of 15 pages of 9.
_MOST_PAGES = 100
_MOST_ICONS = 200
_LONGEST = 500
_IDS = ("bundleIdentifier", "displayIdentifier")


def read_places(state: dict[str, Any]) -> dict[str, HomeScreenPlace]:
    """Return the place of every app by its bundle id; the first one of several."""
    places: dict[str, HomeScreenPlace] = {}
    for bundle, place in _icons(state):
        places.setdefault(bundle, place)
    return places


def _icons(state: dict[str, Any]) -> Iterator[tuple[str, HomeScreenPlace]]:
    yield from _page(state.get("buttonBar"), page=None)
    for page, icons in enumerate(list_of(state.get("iconLists"))[:_MOST_PAGES], 1):
        yield from _page(icons, page=page)


def _page(icons: object, *, page: int | None) -> Iterator[tuple[str, HomeScreenPlace]]:
    for position, icon in enumerate(list_of(icons)[:_MOST_ICONS], 1):
        bundle = _bundle(icon)
        if bundle is not None:
            yield bundle, HomeScreenPlace(position=position, page=page, is_in_dock=page is None)
            continue
        folder = dict_of(icon)
        name = folder.get("displayName")
        title = text_of(name[:_LONGEST]) if isinstance(name, str) else None
        for inner_page, inner in enumerate(list_of(folder.get("iconLists"))[:_MOST_PAGES], 1):
            for inner_position, one in enumerate(list_of(inner)[:_MOST_ICONS], 1):
                bundle = _bundle(one)
                if bundle is not None:
                    yield (
                        bundle,
                        HomeScreenPlace(
                            position=position,
                            page=page,
                            is_in_dock=page is None,
                            folder=title,
                            folder_page=inner_page,
                            folder_position=inner_position,
                        ),
                    )


def _bundle(icon: object) -> str | None:
    if isinstance(icon, str):
        return text_of(icon[:_LONGEST])
    entry = dict_of(icon)
    if "iconLists" in entry:
        return None
    found = (entry.get(name) for name in _IDS)
    return next((text_of(one[:_LONGEST]) for one in found if isinstance(one, str) and one), None)

"""What was typed into Safari's field for addresses: its preferences keep the last searches.

They are in no history of their own, and without the address of a page; phones keep about twenty.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from services.indexer.kinds.plist_values import date_microseconds, dict_of, list_of, read_plist
from services.indexer.kinds.protocol import ParserInputs, Tally
from services.indexer.kinds.records import key_of, note_too_many_records
from services.indexer.kinds.safari_profiles import SAFARI_DOMAINS
from services.indexer.kinds.values import text_of
from services.indexer.kinds.web_visit.payload import WebVisitPayload
from services.indexer.kinds.web_visit.safari import Item
from services.indexer.kinds.web_visit.visit import Browser
from services.indexer.staging import StagedArtifact

PREFERENCES = "Library/Preferences/com.apple.mobilesafari.plist"
_MOST_BYTES = 4 * 1024 * 1024
_MOST = 1_000
_LONGEST = 2_000


def recent_searches(inputs: ParserInputs, browser: Browser, tally: Tally) -> list[Item]:
    """Return the last searches in the order of time; none where there are no preferences."""
    found = [item for domain in SAFARI_DOMAINS for item in _of(inputs, domain, browser, tally)]
    return sorted(found, key=lambda item: item[0])


def _of(inputs: ParserInputs, domain: str, browser: Browser, tally: Tally) -> Iterator[Item]:
    path = inputs.find(domain, PREFERENCES)
    if path is None:
        return
    preferences = read_plist(path, most_bytes=_MOST_BYTES)
    if preferences is None:
        tally.note("The last searches in Safari could not be read.")
        return
    searches = list_of(preferences.get("RecentWebSearches"))
    if len(searches) > _MOST:
        note_too_many_records(tally)
    for one in searches[:_MOST]:
        said = dict_of(one)
        yield date_microseconds(said.get("Date")) or 0, partial(_artifact, said, browser)


def _artifact(said: dict[str, Any], browser: Browser) -> StagedArtifact | None:
    words, at_us = text_of(said.get("SearchString")), date_microseconds(said.get("Date"))
    if words is None:
        return None
    words = words[:_LONGEST]
    return StagedArtifact(
        key=key_of("search", browser.key, words, at_us),
        thread_key=browser.key,
        occurred_at_us=at_us,
        title=words,
        text=words,
        payload=WebVisitPayload(type="search", app=browser.app, searched_for=words),
    )

"""A tab as any of Safari's stores tells it, and the artifact that it becomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.indexer.kinds.keyed_archive import load_plist
from services.indexer.kinds.open_tab.payload import Page, TabPayload
from services.indexer.kinds.values import text_of
from services.indexer.kinds.web import LONGEST_URL, read_address, search_lines, title_of
from services.indexer.staging import StagedArtifact, StagedThread

#: When a tab was seen last in microseconds since 1970, and what makes its artifact.
Item = tuple[int, Callable[[], StagedArtifact | None]]

#: In front of the list stands a number of the format in four bytes.
_VERSION_BYTES = 4
_MOST_PAGES = 100


def tab_artifact(
    *,
    key: str,
    thread: StagedThread,
    url: object,
    title: object,
    at_us: int | None,
    shown_url: object = None,
    **more: Any,
) -> StagedArtifact | None:
    """Return the artifact of a tab; None for an empty one. *more* are fields of the payload."""
    address = read_address(url) or read_address(shown_url)
    if address is None:
        return None
    shown = text_of(shown_url)
    payload = TabPayload(
        url=address.url,
        is_url_cut=address.is_cut,
        host=address.host,
        shown_url=shown[:LONGEST_URL] if shown and shown != address.url else None,
        **more,
    )
    lines = [
        *search_lines(address), payload.shown_url, payload.group, payload.profile, payload.device,
        payload.topic,
    ]  # fmt: skip
    for page in payload.pages:
        lines += [page.title, page.url]
    return StagedArtifact(
        key=key,
        thread_key=thread.key,
        occurred_at_us=at_us,
        title=title_of(title) or address.url[:200],
        text="\n".join(dict.fromkeys(line for line in lines if line)) or None,
        has_link=True,
        payload=payload,
    )


class TabThreads:
    """The threads of tabs: groups, private browsing, other devices."""

    def __init__(self) -> None:
        """Begin with none."""
        self._made: dict[str, StagedThread] = {}

    def find(self, key: str, title: str, *, service: str = "safari") -> StagedThread:
        """Return the thread of a group of tabs; the first title counts."""
        thread = self._made.get(key)
        if thread is None:
            thread = self._made[key] = StagedThread(
                key=key,
                title=title,
                is_group=False,
                participants=[],
                services=[service],
                raw_keys=[key],
            )
        return thread

    def window(self, *, is_private: bool) -> StagedThread:
        """Return the thread of the tabs in no group that anybody made."""
        return self.find(*(("private", "Private tabs") if is_private else ("tabs", "Tabs")))

    def all(self) -> list[StagedThread]:
        """Return those that were asked for."""
        return list(self._made.values())


def read_pages(session: object) -> tuple[Page, ...]:
    """Return the pages of a tab's session; none when it is compressed or of an unknown form."""
    if not isinstance(session, bytes):
        return ()
    plist = load_plist(session[_VERSION_BYTES:])
    history = plist.get("SessionHistory") if isinstance(plist, dict) else None
    entries = history.get("SessionHistoryEntries") if isinstance(history, dict) else None
    if not isinstance(history, dict) or not isinstance(entries, list):
        return ()
    current = history.get("SessionHistoryCurrentIndex")
    pages = []
    first = max(0, len(entries) - _MOST_PAGES)
    for number, entry in enumerate(entries[first:], first):
        if not isinstance(entry, dict):
            continue
        address = read_address(entry.get("SessionHistoryEntryURL"))
        if address is not None:
            title = title_of(entry.get("SessionHistoryEntryTitle"))
            pages.append(Page(url=address.url, title=title, is_current=number == current))
    # A tab that went nowhere has nothing to tell but itself.
    return tuple(pages) if len(pages) > 1 else ()

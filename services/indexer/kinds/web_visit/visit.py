"""A visit as any browser tells it, and the artifact that it becomes."""

from __future__ import annotations

from typing import Any

import msgspec

from services.indexer.kinds.records import key_of
from services.indexer.kinds.web import Address, search_lines, search_query
from services.indexer.kinds.web_visit.payload import App, WebVisitPayload
from services.indexer.staging import StagedArtifact, StagedThread

_NAMES: dict[App, str] = {"safari": "Safari", "chrome": "Chrome", "firefox": "Firefox"}


class Browser(msgspec.Struct, frozen=True, kw_only=True):
    """A browser on the phone, or one of its profiles."""

    app: App
    profile: str | None = None
    profile_key: str | None = None

    @property
    def key(self) -> str:
        """The key of the thread that its visits are in."""
        return self.app if self.profile_key is None else f"{self.app}:{self.profile_key}"

    @property
    def thread(self) -> StagedThread:
        """The thread of its visits."""
        name = _NAMES[self.app]
        profile = self.profile or self.profile_key
        return StagedThread(
            key=self.key,
            title=name if profile is None else f"{name}: {profile}",
            is_group=False,
            participants=[],
            services=[self.app],
            raw_keys=[self.key],
        )


def visit_artifact(
    browser: Browser,
    address: Address,
    title: str | None,
    *,
    at_us: int | None,
    said_at: object,
    **more: Any,
) -> StagedArtifact:
    """Return the artifact of a visit; *said_at* is the browser's own word for the time.

    *more* are the other fields of its payload.

    Browsers give visits no identity that lasts: numbers are given anew when a history comes back
    from iCloud. Page and moment are the same on every device.
    """
    searched_for = search_query(address)
    payload = WebVisitPayload(
        type="visit",
        app=browser.app,
        profile=browser.profile,
        profile_key=browser.profile_key,
        url=address.url,
        is_url_cut=address.is_cut,
        host=address.host,
        searched_for=searched_for,
        **more,
    )
    lines = [searched_for, *search_lines(address), *payload.topics]
    return StagedArtifact(
        key=key_of(browser.key, address.url, at_us if at_us is not None else repr(said_at)),
        thread_key=browser.key,
        occurred_at_us=at_us,
        title=title or address.url[:200],
        text="\n".join(dict.fromkeys(line for line in lines if line)) or None,
        has_link=True,
        payload=payload,
    )

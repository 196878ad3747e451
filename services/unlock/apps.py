"""Which domains of a backup belong to which app. Pure.

The manifest names domains after bundles and app groups; no file of a backup says which group is
whose. A group or an extension belongs to the app whose bundle id its own name continues, the
longest such id; what fits no app stands for itself, so that no byte is left out of the sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from shared.contracts.unlock import AppSummary, DomainSummary

_OWN = ("AppDomain-", "AppDomainPlaceholder-")
_OF_AN_APP = ("AppDomainGroup-", "AppDomainPlugin-")


class AppName(msgspec.Struct, frozen=True, kw_only=True):
    """What Info.plist says of an app."""

    name: str | None = None
    version: str | None = None


def summarize_apps(
    domains: Sequence[DomainSummary], *, installed: Mapping[str, AppName]
) -> list[AppSummary]:
    """Return apps with their counts over all of their domains, largest first.

    An app's bytes are unknown where those of one of its domains are.
    """
    bundles = set(installed)
    for summary in domains:
        bundle = _after(summary.domain, _OWN)
        if bundle:
            bundles.add(bundle)
    by_lower = {bundle.lower(): bundle for bundle in bundles}
    owned: dict[str, list[DomainSummary]] = {}
    for summary in domains:
        owner = _after(summary.domain, _OWN)
        if not owner:
            member = _after(summary.domain, _OF_AN_APP)
            if not member:
                continue
            owner = _owner(member, by_lower)
        owned.setdefault(owner, []).append(summary)
    apps = [
        AppSummary(
            bundle_id=bundle,
            name=installed.get(bundle, AppName()).name,
            version=installed.get(bundle, AppName()).version,
            domains=sorted(summary.domain for summary in summaries),
            file_count=sum(summary.file_count for summary in summaries),
            size_bytes=_sum(summary.size_bytes for summary in summaries),
        )
        for bundle, summaries in owned.items()
    ]
    return sorted(apps, key=lambda app: (-(app.size_bytes or 0), -app.file_count, app.bundle_id))


def _sum(sizes: Iterable[int | None]) -> int | None:
    total = 0
    for size in sizes:
        if size is None:
            return None
        total += size
    return total


def _after(domain: str, prefixes: Sequence[str]) -> str | None:
    for prefix in prefixes:
        if domain.startswith(prefix):
            return domain.removeprefix(prefix)
    return None


def _owner(member: str, by_lower: Mapping[str, str]) -> str:
    """Return the app that a group's or an extension's name continues, else the name itself."""
    words = member.removeprefix("group.").split(".")
    # Some groups begin with the ten characters of a developer's team.
    if len(words[0]) == 10 and words[0].isalnum() and words[0].isupper():
        words = words[1:]
    for length in range(len(words), 1, -1):
        bundle = by_lower.get(".".join(words[:length]).lower())
        if bundle is not None:
            return bundle
    return member

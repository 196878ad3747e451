"""The whole history of a device as the API shows it, without what may differ between two vaults.

Row ids, and times of work done, differ; keys, contents, validity, order and counts may not.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections import Counter
from typing import Any

from tests.chaos.client import Client
from tests.chaos.phones import run_at

QUESTIONS = ("river", "icycl", '"quiet later"', "lemon gard*", "東京駅", "changed", "dinner")
_PAGE = 1000


def revisions(client: Client, udid: str) -> list[dict[str, Any]]:
    """Return the revisions of which a kind was read whole, oldest first, each with its run."""
    found = client.pages("revisions", f"/api/devices/{udid}/revisions", limit=_PAGE)
    moments = [one["taken_at"] for one in found]
    if any(dt.datetime.fromisoformat(moment).microsecond for moment in moments):
        client.record.violated(f"one run of {udid} stands as two revisions: {moments}")
    for one in found:
        one["run"] = run_at(one["taken_at"])
        one["indexed"] = [kind for kind in one["kinds"] if kind["state"] == "indexed"]
    return [one for one in reversed(found) if one["indexed"]]


def take(client: Client, udid: str) -> dict[str, Counter[str]]:
    """Return the parts of the history as multisets of canonical JSON."""
    known = revisions(client, udid)
    runs = {one["revision"]: one["run"] for one in known}
    people = client.pages("people", "/api/people", limit=_PAGE)
    persons = {one["id"]: " ".join(sorted(one["handles"])) or one["name"] for one in people}
    threads = _named(client.pages("threads", "/api/threads", device=udid, limit=_PAGE), persons)
    names = {thread["id"]: _text(_thread(thread)) for thread in threads}
    parts: dict[str, Counter[str]] = {
        "revisions": _bag(
            [
                {"run": one["run"], **{k: v for k, v in kind.items() if k != "note"}}
                for one in known
                for kind in one["indexed"]
            ]
        ),
        "threads": _bag([_thread(thread) for thread in threads]),
        "people": _bag([{n: v for n, v in one.items() if n != "id"} for one in people]),
        "kinds": _bag(client.get("kinds", "/api/kinds", device=udid)["items"]),
    }
    for kind in ("message", "contact"):
        artifacts = client.pages(
            "artifacts", "/api/artifacts", device=udid, kind=kind, removed="include", limit=_PAGE
        )
        parts[f"{kind}s"] = _bag(
            [_artifact(one, runs, names) for one in _named(artifacts, persons)]
        )
        of_kind = [o["revision"] for o in known if kind in [k["kind"] for k in o["indexed"]]]
        parts[f"diffs of {kind}s"] = _bag(_diffs(client, udid, kind, of_kind))
    parts["reading order"] = _bag(_reading_orders(client, threads, names))
    found = [_found(client, udid, q, runs, names) for q in QUESTIONS]
    parts["search"] = _bag(_named(found, persons))
    return parts


def differences(expected: dict[str, Counter[str]], found: dict[str, Counter[str]]) -> list[str]:
    """Return what is too much and too little, part by part."""
    problems = []
    for part, wanted in expected.items():
        for words, bag in (
            ("is missing", wanted - found[part]),
            ("is too much", found[part] - wanted),
        ):
            if bag:
                example = next(iter(bag))[:400]
                problems.append(f"{part}: {bag.total()} {words}, e.g. {example}")
    return problems


def _diffs(client: Client, udid: str, kind: str, known: list[str]) -> list[Any]:
    found = []
    for number, (before, after) in enumerate(itertools.pairwise(known)):
        path = f"/api/devices/{udid}/diff"
        options = {"from": before, "to": after, "kind": kind, "limit": 1}
        diff = client.get("diff", path, **options)
        found.append({"number": number, **{n: diff[n] for n in ("added", "removed", "changed")}})
    return found


def _reading_orders(client: Client, threads: list[Any], names: dict[str, str]) -> list[Any]:
    longest = sorted(threads, key=lambda t: (-t["artifact_count"], names[t["id"]]))[:3]
    return [
        {
            "thread": names[thread["id"]],
            # Of the same moment either may be first.
            "moments": [
                item["occurred_at"]
                for item in client.pages(
                    "thread", f"/api/threads/{thread['id']}/artifacts", limit=_PAGE
                )
            ],
        }
        for thread in longest
    ]


def _found(client: Client, udid: str, q: str, runs: dict[str, int], names: dict[str, str]) -> Any:
    page = client.get("search", "/api/search", q=q, device=udid, removed="include", limit=_PAGE)
    if not page["total_is_exact"]:
        # Counted up to the limit: which hits were counted is chance.
        return {"q": q, "total": "more than are counted"}
    hits = []
    if page["next_cursor"] is None:
        hits = sorted(
            (_artifact(hit["artifact"], runs, names) for hit in page["items"]),
            key=lambda hit: (str(hit["key"]), str(hit["added_revision"])),
        )
    facets = {
        name: sorted((one["value"], one["count"]) for one in values)
        for name, values in page["facets"].items()
    }
    return {"q": q, "total": page["total"], "facets": facets, "hits": hits}


def _thread(thread: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in thread.items() if name != "id"}


def _artifact(one: dict[str, Any], runs: dict[str, int], names: dict[str, str]) -> dict[str, Any]:
    kept = {n: v for n, v in one.items() if n not in ("id", "thread_id")}
    kept["thread"] = names.get(one["thread_id"])
    for name in ("added_revision", "removed_revision"):
        # A digest that no whole revision has would be a mistake: it stays visible.
        kept[name] = runs.get(one[name], one[name])
    return kept


def _named(value: Any, persons: dict[str, str]) -> Any:
    """Return *value* with the handles of persons in place of their ids, which are chance."""
    if isinstance(value, list):
        return [_named(item, persons) for item in value]
    if isinstance(value, dict):
        return {
            name: persons.get(item, item) if name == "person_id" else _named(item, persons)
            for name, item in value.items()
        }
    return value


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _bag(values: list[Any]) -> Counter[str]:
    return Counter(_text(value) for value in values)

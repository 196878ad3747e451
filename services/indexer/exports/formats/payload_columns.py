"""The fields of a kind's payload as columns: those that its struct declares, always the same."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, get_args, get_origin

import msgspec

from services.indexer.kinds import OURS

_MOST_DEPTH = 4


@cache
def payload_columns(kind: str) -> tuple[tuple[str, ...], ...]:
    """Return the path of each column, in the order of the struct; none for kinds of packages."""
    struct = _struct(kind)
    return () if struct is None else tuple(_paths(struct, (), frozenset()))


def _struct(kind: str) -> type[msgspec.Struct] | None:
    if kind not in OURS:
        return None
    for name in (f"{kind}.payload", f"{kind}_payload"):
        try:
            module = import_module(f"services.indexer.kinds.{name}")
        except ModuleNotFoundError:
            continue
        for found in vars(module).values():
            is_here = getattr(found, "__module__", None) == module.__name__
            if is_here and _is_struct(found) and found.__name__.endswith("Payload"):
                struct: type[msgspec.Struct] = found
                return struct
    return None


def _paths(
    struct: type[msgspec.Struct], above: tuple[str, ...], seen: frozenset[type]
) -> Iterator[tuple[str, ...]]:
    for field in msgspec.structs.fields(struct):
        path = (*above, field.encode_name)
        inner = next((one for one in _alternatives(field.type) if _is_struct(one)), None)
        if inner is None or inner in seen or len(path) >= _MOST_DEPTH:
            yield path
        else:
            yield from _paths(inner, path, seen | {inner})


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    """Return what a union is made of; lists and tuples stay what they are."""
    if get_origin(annotation) in (tuple, list, dict):
        return (annotation,)
    return get_args(annotation) or (annotation,)


def _is_struct(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, msgspec.Struct)

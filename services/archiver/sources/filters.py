"""The same choice of paths as ``matching`` makes, in the words of rclone's filters.

Rules are read from above, and the first that fits decides. What no rule fits is taken.
"""

from __future__ import annotations

import re

import msgspec

from services.archiver.errors import SourceError
from services.archiver.sources.immich import FIRST, MARKER, ImmichTree
from services.archiver.sources.tree import TreeSource
from shared.contracts.archiver import Source

#: What rclone gives a meaning in patterns, beside stars and question marks.
_SPECIAL = re.compile(r"([\\\[\]{}])")
_ALL_OTHERS = "- **"
_LITERAL = re.compile(r"([\\\[\]{}*?])")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a tree that is copied before the next one is begun."""

    name: str
    rules: tuple[str, ...] = ()


def steps_of(source: Source, tree: TreeSource) -> list[Step]:
    """Return the parts of *tree* in the order in which they are copied.

    Raises ``SourceError`` for patterns that rclone has no words for.
    """
    config = source.config
    own = tuple(
        [rule for pattern in config.exclude for rule in _rules("-", pattern)]
        + [rule for pattern in config.include for rule in _rules("+", pattern)]
        + ([_ALL_OTHERS] if config.include else [])
    )
    if not isinstance(tree, ImmichTree):
        return [Step(name="everything", rules=own)]
    dump = _literal(tree.dump_path)
    common = (
        *(f"- /{_literal(top)}/**" for top in tree.databases),
        f"+ /{dump}",
        f"+ /*/{_literal(MARKER)}",
        *(f"- /{_literal(top)}/**" for top in tree.left_out),
        "- /backups/**.sql.gz.tmp",
        *own,
    )
    steps = [Step(name="the database dump", rules=(f"+ /{dump}", _ALL_OTHERS))]
    if config.include:
        return [*steps, Step(name="everything", rules=common)]
    done: list[str] = []
    for top in FIRST:
        name = _literal(top)
        # What the steps before have done is not listed again.
        steps.append(
            Step(
                name=name,
                rules=(*done, *common, f"+ /{name}/**", _ALL_OTHERS),
            )
        )
        done.append(f"- /{name}/**")
    return [*steps, Step(name="everything else", rules=(*done, *common))]


def _rules(sign: str, pattern: str) -> list[str]:
    """Return what takes, or leaves out, what a pattern fits, and all that is below it."""
    body = pattern.strip("/")
    if body != body.strip() or "\n" in body or "\r" in body:
        raise SourceError("A pattern begins or ends with a space, which a mirror cannot have.")
    top = "/" if "/" in pattern.rstrip("/") else ""
    glob = top + _translate(body)
    below = f"{sign} {glob}" if glob.endswith("**") else f"{sign} {glob}/**"
    return [below] if pattern.endswith("/") else [f"{sign} {glob}", below]


def _translate(body: str) -> str:
    """Return a pattern in rclone's words: there, two stars and a slash are at least a folder."""
    parts = body.split("**/")
    return "{{(?:.*/)?}}".join(_SPECIAL.sub(r"\\\1", part) for part in parts)


def _literal(path: bytes) -> str:
    return _LITERAL.sub(r"\\\1", path.decode("utf-8", "replace"))

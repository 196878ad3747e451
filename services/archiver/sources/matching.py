"""Which paths of a folder are taken: patterns as people know them from ``.gitignore``.

``*`` and ``?`` stay within a name, ``**`` goes over folders; a pattern without ``/`` fits at any
depth, one with ``/`` is a path from the top; one that ends in ``/`` is a folder. What a folder's
pattern leaves out is left out with all that is in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence


def takes(*, include: Sequence[str], exclude: Sequence[str]) -> Callable[[bytes, bool], bool]:
    """Return what tells of a path, and whether it is a folder, if it is taken.

    Without *include* everything is. Folders are gone into whatever *include* says: what fits may
    lie in them.
    """
    wanted = [_compile(pattern) for pattern in include]
    unwanted = [_compile(pattern) for pattern in exclude]

    def is_taken(path: bytes, is_folder: bool) -> bool:  # noqa: FBT001 -- called with one path
        if any(fits(path, is_folder) for fits in unwanted):
            return False
        return not wanted or is_folder or any(_or_above(fits, path) for fits in wanted)

    return is_taken


_Fits = Callable[[bytes, bool], bool]


def _or_above(fits: _Fits, path: bytes) -> bool:
    """Whether the path fits, or a folder that it lies in does."""
    if fits(path, False):
        return True
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        if fits(path, True):
            return True
    return False


def _compile(pattern: str) -> _Fits:
    only_folders = pattern.endswith("/")
    body = pattern.strip("/")
    if not body:
        raise ValueError("an empty pattern")
    is_path = "/" in pattern.rstrip("/")
    expression = re.compile(
        (b"" if is_path else b"(?:.*/)?") + _translate(body.encode("utf-8", "surrogateescape")),
        re.DOTALL,
    )

    def fits(path: bytes, is_folder: bool) -> bool:  # noqa: FBT001 -- as above
        return (is_folder or not only_folders) and expression.fullmatch(path) is not None

    return fits


_TOKEN = re.compile(rb"\*\*/|/\*\*$|\*\*|\*|\?|[^*?]+", re.DOTALL)
_MEANING = {
    b"**/": b"(?:.*/)?",
    b"/**": b"/.*",
    b"**": b".*",
    b"*": b"[^/]*",
    b"?": b"[^/]",
}


def _translate(pattern: bytes) -> bytes:
    return b"".join(_MEANING.get(token) or re.escape(token) for token in _TOKEN.findall(pattern))

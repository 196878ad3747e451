"""What may stand in a log line, decided by construction and not by care at each call.

Three rules: a key whose words name something secret or personal shows no value; a value is shown
only if its type is plain; an exception is shown by type and place, because messages of libraries
quote rows, paths and input.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
import sys
import uuid
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from pathlib import PurePath
from types import TracebackType
from typing import Any

#: Words of a key, split at underscores, that mark its value as nobody's business.
_PRIVATE_WORDS = frozenset(
    (
        # Secrets.
        *("passphrase", "password", "passwd", "passcode", "secret", "token", "seed", "key", "keys"),
        *("keybag", "credential", "credentials", "authorization", "cookie", "dsn", "signature"),
        # What people wrote, and what they look for.
        *("text", "body", "content", "payload", "data", "title", "snippet", "query", "q", "search"),
        *("message", "messages", "reply", "raw", "detail", "like"),
        # Who they are.
        *("name", "names", "number", "numbers", "phone", "handle", "handles", "participant"),
        *("participants", "sender", "recipient", "email", "mail", "address", "addresses"),
        *("contact", "contacts", "person", "serial", "imei", "iccid"),
        # Paths inside a phone.
        *("filename", "relative", "domain", "target"),
    )
)
#: Whole keys that would be caught by a word and are safe: identifiers and machinery.
_PUBLIC_KEYS = frozenset(
    {"message_id", "message_count", "data_dir", "key_count", "token_id", "person_id", "contact_id"}
)
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")

_MASK = "***"
_PLAIN = frozenset({str, int, float})
#: Of a NATS seed, in characters.
_SHORTEST_SEED = 42
_LONGEST_TEXT = 300
_MOST_ITEMS = 20
_DEEPEST = 3
_MOST_FRAMES = 8

#: Caught in any text, wherever it came from: NATS seeds, logins inside URLs, phone numbers, mails.
_SCRUBBED = (
    (re.compile(r"\bS[UAOCNX][A-Z2-7]{40,}"), _MASK),
    (re.compile(r"(?<=://)[^/@\s]+@"), _MASK + "@"),
    (re.compile(r"\+\d[\d ().-]{5,}\d"), _MASK),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), _MASK),
)


def redact(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Mask what must not be shown (a structlog processor, after exceptions were described)."""
    for name, value in event.items():
        event[name] = _redact(name, value, 0)
    return event


@lru_cache(maxsize=1024)
def is_private(name: str) -> bool:
    """Tell whether a value of this name may hold a secret or somebody's content."""
    if name in _PUBLIC_KEYS:
        return False
    return any(word.lower() in _PRIVATE_WORDS for word in _WORDS.findall(name))


def scrub(text: str) -> str:
    """Mask secrets and numbers of known looks inside *text*, and cut it to a sane length."""
    if len(text) < _SHORTEST_SEED and "@" not in text and "+" not in text:
        return text  # none of the patterns can match: most of what is logged
    for pattern, replacement in _SCRUBBED:
        text = pattern.sub(replacement, text)
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"


def _redact(name: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if is_private(name):
        return _MASK
    # Nearly all that is logged; asking whether something is a mapping takes longest.
    if type(value) in _PLAIN:
        return _show(value)
    if isinstance(value, Mapping) and depth < _DEEPEST:
        return {str(key): _redact(str(key), one, depth + 1) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)) and depth < _DEEPEST:
        return [_redact(name, one, depth + 1) for one in list(value)[:_MOST_ITEMS]]
    return _show(value)


def _show(value: Any) -> str | int | float:
    if type(value) is str:
        return scrub(value)
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, (str, uuid.UUID, PurePath, dt.date, dt.timedelta)):
        return scrub(str(value))
    if isinstance(value, BaseException):
        return describe_error(value)
    # A struct or an unknown object may hold anything: its type is all that is said.
    return f"<{(value if isinstance(value, type) else type(value)).__name__}>"


def describe_exception(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace ``exc_info`` by type, SQLSTATE and place (a structlog processor)."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()[1]
    elif isinstance(given, tuple):
        given = given[1]
    if isinstance(given, BaseException):
        event.setdefault("error", describe_error(given))
        event["at"] = _places(given.__traceback__)
    return event


def describe_error(error: BaseException) -> str:
    """Return types only, outermost first, with SQLSTATE or errno where there is one."""
    names: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(names) < 4:
        name = type(seen).__name__
        if isinstance(state := getattr(seen, "sqlstate", None), str):
            name += f"[{state}]"
        elif isinstance(seen, OSError) and seen.errno is not None:
            name += f"[errno {seen.errno}]"
        elif isinstance(seen, BaseExceptionGroup):
            name += f"[{', '.join(describe_error(one) for one in seen.exceptions[:4])}]"
        names.append(name)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return " from ".join(names)


def _places(traceback: TracebackType | None) -> list[str]:
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        module = traceback.tb_frame.f_globals.get("__name__", "?")
        places.append(f"{module}.{code.co_name}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return places[-_MOST_FRAMES:]

"""What a validator refused, in words for who sent it: names of the API, bounds, never values."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

from litestar.exceptions import ValidationException
from litestar.handlers.base import BaseRouteHandler

_LONGEST_MESSAGE = 300

#: What Litestar 2.25 says of a parameter that has to be given.
_MISSING = re.compile(r"Missing required [a-z ]*parameter '([\w-]+)'")

#: What a value of each JSON type is called.
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_SHAPES: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"^Expected `([a-z| ]+)`, got `", lambda found: f"must be {_types(found[1])}"),
    (r"^Expected `(?:int|float)` >= (\S+)$", lambda found: f"must be {found[1]} or more"),
    (r"^Expected `(?:int|float)` <= (\S+)$", lambda found: f"must be {found[1]} or less"),
    (
        r"^Expected `str` of length >= (\S+)$",
        lambda found: f"must have at least {found[1]} characters",
    ),
    (
        r"^Expected `str` of length <= (\S+)$",
        lambda found: f"may have at most {found[1]} characters",
    ),
    (
        r"^Expected `array` of length >= (\S+)$",
        lambda found: f"must have at least {found[1]} items",
    ),
    (r"^Expected `array` of length <= (\S+)$", lambda found: f"may have at most {found[1]} items"),
    (r"^Object missing required field `(\w+)`$", lambda found: f"lacks the field {found[1]}"),
    (
        r"^Object contains unknown field `(\w{1,40})`$",
        lambda found: f"has an unknown field {found[1]}",
    ),
    (r"^Object contains unknown field ", lambda _: "has an unknown field"),
    (r"^Invalid enum value ", lambda _: "is not one of the values that it may have"),
)
#: Forms of text, by the pattern that tells them.
_FORMS = (
    (r"[0-9a-f]{4}-[0-9a-f]{12}$", "must be a UUID in lower case"),
    (r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{16})$", "must be the UDID of a device"),
    (r"^[0-9a-f]{40}$", "must be 40 hex digits in lower case"),
    (r"^[0-9]{1,19}$", "must be a number of at most 19 digits"),
    (r"^[a-z_]{1,40}$", "must be the name of a kind, such as message"),
)


def told(error: ValidationException, handler: BaseRouteHandler | None) -> list[dict[str, str]]:
    """Return parameter and message of everything that *handler*'s arguments refused."""
    extra = error.extra if isinstance(error.extra, list) else []
    if not extra and (found := _MISSING.match(error.detail)) is not None:
        return [{"parameter": found[1], "message": "is missing"}]
    return [
        _told(str(one.get("key", "data")), str(one.get("message", "")), handler)
        for one in extra
        if isinstance(one, dict)
    ]


def _told(name: str, message: str, handler: BaseRouteHandler | None) -> dict[str, str]:
    field = handler.parsed_fn_signature.parameters.get(name) if handler is not None else None
    choices: tuple[Any, ...] = ()
    if field is not None:
        choices = _choices(field.annotation)
        name = getattr(field.kwarg_definition, "name", None) or name
    if name == "data":
        name = "body"
    return {"parameter": name, "message": in_words(message, choices)}


def in_words(message: str, choices: tuple[Any, ...] = ()) -> str:
    """Return the validator's *message* without its own terms, and without the value."""
    if choices and message.startswith("Invalid enum value "):
        return f"must be one of: {', '.join(str(one) for one in choices)}"
    if message.startswith("Expected `str` matching regex "):
        pattern = message.removesuffix("'")
        return next((words for end, words in _FORMS if pattern.endswith(end)), "has another form")
    for shape, words in _SHAPES:
        if (found := re.search(shape, message)) is not None:
            return words(found)
    return message[:_LONGEST_MESSAGE] or "is not valid"


def _types(names: str) -> str:
    return " or ".join(_TYPES.get(one.strip(), one.strip()) for one in names.split("|"))


def _choices(annotation: Any) -> tuple[Any, ...]:
    """Return the values of a ``Literal``, also inside of a union or ``Annotated``."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    for part in get_args(annotation):
        if found := _choices(part):
            return found
    return ()


def sentence(errors: list[dict[str, str]]) -> str:
    """Return all *errors* as one sentence."""
    return "; ".join(f"{one['parameter']} {one['message']}" for one in errors) + "."

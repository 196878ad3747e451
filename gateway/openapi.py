"""The OpenAPI document with examples, and a page for it that needs nothing from elsewhere."""

from __future__ import annotations

import asyncio
import html
import json
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from litestar import Litestar, Request
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import Receive, Send

from gateway.examples import REQUESTS, RESPONSES

_PATH = "/schema"
_METHODS = ("get", "head", "post", "patch", "put", "delete")

_DESCRIPTION = """\
Lists page by opaque cursor; errors are RFC 9457 problems; unknown query parameters are refused. \
Send the API token as `Authorization: Bearer` or `X-API-Token`. What is inside an encrypted \
backup also needs the `session_token` of its unlock as `X-Backup-Session`."""


def openapi_config() -> OpenAPIConfig:
    """Return the configuration of ``/schema`` and ``/schema/openapi.json``."""
    return OpenAPIConfig(
        title="Keepsake",
        version=_version(),
        description=_DESCRIPTION,
        path=_PATH,
        use_handler_docstrings=True,
        security=[{"bearer": []}, {"apiToken": []}],
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer"),
                "apiToken": SecurityScheme(
                    type="apiKey", name="X-API-Token", security_scheme_in="header"
                ),
            }
        ),
        render_plugins=[_Page(path="/"), _Json(path="/openapi.json")],
    )


class DocumentOnDemand:
    """Makes the document in a thread when it is first asked for: that takes a fifth of a second."""

    def __init__(self, app: Litestar) -> None:
        self._app = app
        self._is_made = False
        self._making = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Hand everything on; what is below ``/schema`` when the document is there."""
        if not self._is_made and scope["path"].startswith(_PATH):
            async with self._making:
                if not self._is_made:
                    maker: Any = self._app.plugins.get("OpenAPIPlugin")
                    # It keeps what it has made.
                    await asyncio.to_thread(maker.provide_openapi_schema)
                    self._is_made = True
        await self._app(scope, receive, send)


class _Json(JsonRenderPlugin):
    """The document, with our examples put in."""

    def __init__(self, *, path: str) -> None:
        super().__init__(path=path, media_type="application/json")  # type: ignore[arg-type]

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return self.render_json(request, with_examples(openapi_schema))


class _Page(OpenAPIRenderPlugin):
    """One static page: operations, parameters, examples. No script, no font, no CDN."""

    def __init__(self, *, path: str) -> None:
        super().__init__(path=path)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        document = json.loads(self.render_json(request, with_examples(openapi_schema)))
        return render_page(document).encode()


def with_examples(document: dict[str, Any]) -> dict[str, Any]:
    """Return *document* with an example in every operation that has one."""
    _correct(document)
    for path, operations in document.get("paths", {}).items():
        for method in _METHODS:
            operation = operations.get(method)
            if operation is None:
                continue
            key = f"{method.upper()} {path}"
            if key in REQUESTS:
                for media in (operation.get("requestBody") or {}).get("content", {}).values():
                    media["example"] = REQUESTS[key]
            if key in RESPONSES:
                for status, response in operation.get("responses", {}).items():
                    if status.startswith("2"):
                        for media in (response.get("content") or {}).values():
                            media["example"] = RESPONSES[key]
    return document


def _correct(document: dict[str, Any]) -> None:
    """Say that parts of a snippet are arrays: litestar 2.25 takes every struct for an object."""
    schemas = document.get("components", {}).get("schemas", {})
    if "SnippetPart" in schemas:
        schemas["SnippetPart"] = {
            "type": "array",
            "prefixItems": [{"type": "string"}, {"type": "boolean"}],
            "minItems": 2,
            "maxItems": 2,
            "description": "Some text, and whether it is what was searched for",
        }


def render_page(document: dict[str, Any]) -> str:
    """Return the page for *document*."""
    sections = [
        _operation(method, path, operations[method])
        for path, operations in sorted(document["paths"].items())
        for method in _METHODS
        if method in operations
    ]
    info = document["info"]
    return _PAGE.format(
        title=html.escape(info["title"]),
        version=html.escape(info["version"]),
        description=html.escape(info.get("description", "")).replace("`", ""),
        operations="\n".join(sections),
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{html.escape(one['name'])}</code></td><td>{one['in']}"
        f"{' (required)' if one.get('required') else ''}</td>"
        f"<td>{html.escape(one.get('description') or '')}</td></tr>"
        for one in operation.get("parameters") or []
    )
    examples = []
    for title, holder in [("Request", operation.get("requestBody") or {})] + [
        (f"Answer {status}", response)
        for status, response in operation.get("responses", {}).items()
        if status.startswith("2")
    ]:
        for media in (holder.get("content") or {}).values():
            if "example" in media:
                text = html.escape(json.dumps(media["example"], indent=2, ensure_ascii=False))
                examples.append(f"<p>{title}</p><pre>{text}</pre>")
    text = html.escape(operation.get("description") or operation.get("summary") or "")
    return (
        f"<details><summary><b class={method}>{method.upper()}</b> "
        f"<code>{html.escape(path)}</code></summary><p>{text}</p>"
        f"{f'<table>{rows}</table>' if rows else ''}{''.join(examples)}</details>"
    )


def _version() -> str:
    try:
        return version("keepsake")
    except PackageNotFoundError:
        return "0"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} API</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
details {{ border-bottom: 1px solid #8884; padding: .4rem 0; }}
summary {{ cursor: pointer; }}
b {{ display: inline-block; width: 4.5rem; font-size: .8rem; }}
pre {{ overflow: auto; padding: .8rem; border-radius: .4rem; background: #8882; }}
td {{ padding: .15rem 1rem .15rem 0; vertical-align: top; }}
</style></head><body>
<h1>{title} API <small>{version}</small></h1>
<p>{description}</p>
<p>As a document for programs: <a href="/schema/openapi.json">/schema/openapi.json</a></p>
{operations}
</body></html>
"""

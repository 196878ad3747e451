"""A recovery sheet as a page that prints well and needs nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from services.archiver.destinations.recovery_sheet import (
    WITH_KEEPSAKE,
    Sheet,
    made_words,
    missing_words,
    programs_words,
)


def page(sheet: Sheet) -> str:
    """Return *sheet* as HTML."""
    name = escape(sheet.destination.name)
    parts = [
        f"<h1>Keepsake recovery sheet: {name}</h1>",
        f"<p>{escape(made_words(sheet))}</p>",
        "<h2>Where it is</h2>",
        _table(sheet.places()),
    ]
    if sheet.revealed():
        parts += ["<h2>The passwords</h2>", _table(sheet.revealed(), kind="passwords")]
    if sheet.references():
        parts += [
            "<h2>Secrets that are needed, and where Keepsake found them</h2>",
            _table(sheet.references()),
            f"<p>{escape(missing_words(sheet))}</p>",
        ]
    if sheet.held:
        parts += ["<h2>What lies there</h2>", _table(sheet.contents())]
    parts += [
        "<h2>To get everything back without Keepsake</h2>",
        f"<p>{escape(programs_words(sheet))}</p>",
        "<ol>",
        *(
            f"<li>{escape(step.title)}<pre>{escape(step.commands)}</pre></li>"
            for step in sheet.steps()
        ),
        "</ol>",
        f"<p>{escape(WITH_KEEPSAKE)}</p>",
    ]
    body = "\n".join(parts)
    return _PAGE.format(title=name, body=body)


def _table(rows: Sequence[tuple[str, str]], *, kind: str = "facts") -> str:
    inside = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows
    )
    return f'<table class="{kind}">{inside}</table>'


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Keepsake recovery sheet: {title}</title>
<style>
@page {{ size: A4; margin: 14mm 16mm; }}
body {{ font: 10.5pt/1.4 system-ui, sans-serif; max-width: 48rem; margin: 1.5rem auto;
  padding: 0 1rem; color: #000; background: #fff; }}
h1 {{ font-size: 16pt; margin: 0 0 .3rem; }}
h2 {{ font-size: 11.5pt; margin: .9rem 0 .2rem; break-after: avoid; }}
p {{ margin: .2rem 0; }}
table {{ border-collapse: collapse; }}
th {{ text-align: left; font-weight: 600; padding: .05rem 1rem .05rem 0; vertical-align: top;
  white-space: nowrap; }}
td, pre {{ font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 9pt; }}
td {{ overflow-wrap: anywhere; }}
.passwords td {{ font-size: 13pt; letter-spacing: .04em; border: 1px solid #000;
  padding: .15rem .5rem; white-space: pre-wrap; }}
ol {{ padding-left: 1.3rem; margin: .3rem 0; }}
li {{ margin: .3rem 0; break-inside: avoid; }}
pre {{ margin: .2rem 0; padding: .35rem .5rem; border: 1px solid #999; white-space: pre-wrap;
  overflow-wrap: anywhere; }}
@media print {{ body {{ margin: 0; padding: 0; max-width: none; }} }}
</style></head><body>
{body}
</body></html>
"""

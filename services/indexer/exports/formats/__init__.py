"""The formats of exports, by name. A new one is a module with a ``Format`` and a line here."""

from __future__ import annotations

from importlib import import_module

from services.indexer.exports.formats.protocol import Format

#: Modules that hold a format, called ``FORMAT``. Imported when they are needed.
_MODULES: dict[str, str] = {
    "vcf": "vcf",
    "photos": "photos",
    "pdf": "pdf",
    "mbox": "mbox",
    "ics": "ics",
    "gpx": "gpx",
    "html": "html_pages",
    "json": "json_lines",
    "csv": "csv_tables",
    "txt": "plain_text",
}

FORMATS = tuple(_MODULES)


def find_format(name: str) -> type[Format]:
    """Return a format by its name, which is one of ``FORMATS``."""
    module = import_module(f"services.indexer.exports.formats.{_MODULES[name]}")
    found: type[Format] = module.FORMAT
    return found

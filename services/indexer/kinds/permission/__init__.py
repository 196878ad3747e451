"""Permissions: what apps may do, from TCC.db and from the location service's list of clients."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink


class PermissionParser(KindParser):
    """What each app may use - camera, photos, contacts, location - and what was refused."""

    kind = "permission"
    title = "Permissions"
    note = (
        "What apps may use and what was refused them, as in Settings under Privacy & Security;"
        " for location also when they last used it."
    )
    files = (
        NeededFile(domain="HomeDomain", relative_path="Library/TCC/TCC.db"),
        NeededFile(domain="RootDomain", relative_path="Library/Caches/locationd/clients.plist"),
    )
    needs_apps = True
    needs_app_sizes = False

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every permission; one bad record costs one record."""
        from services.indexer.kinds.permission.reading import parse_permissions

        parse_permissions(inputs, sink)

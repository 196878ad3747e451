"""Installed apps: Info.plist of the backup, the sums of their files, and the home screen."""

from __future__ import annotations

from services.indexer.kinds.protocol import (
    FOLDER,
    KindParser,
    NeededFile,
    ParserInputs,
    Sink,
)

_SPRING_BOARD = "Library/SpringBoard"


class InstalledAppParser(KindParser):
    """The apps on the phone: who made them, when they were bought, what they keep."""

    kind = "installed_app"
    title = "Apps"
    note = (
        "Apps on the phone with version, maker, date of purchase, icon, place on the home screen,"
        " and the size of their data. The apps themselves are in no backup."
    )
    files = (
        NeededFile(domain=FOLDER, relative_path="Info.plist"),
        NeededFile(domain="HomeDomain", relative_path=f"{_SPRING_BOARD}/IconState.plist"),
        NeededFile(domain="HomeDomain", relative_path=f"{_SPRING_BOARD}/IconState~ipad.plist"),
    )
    needs_apps = True

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every app; one bad record costs one record."""
        from services.indexer.kinds.installed_app.reading import parse_apps

        parse_apps(inputs, sink)

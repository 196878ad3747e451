"""Reminders: a store for each account, and the calendar's tasks of iOS 12 and before."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink

GROUP = "AppDomainGroup-group.com.apple.reminders"
#: One store per account: ``Data-local.sqlite`` and ``Data-<UUID>.sqlite``.
STORES = (
    (GROUP, "Container_v1/Stores/Data-*.sqlite"),
    ("HomeDomain", "Library/Reminders/Container_v1/Stores/Data-*.sqlite"),
)
FILES = (
    (GROUP, "Container_v1/Files/"),
    ("HomeDomain", "Library/Reminders/Container_v1/Files/"),
)
CALENDAR = ("HomeDomain", "Library/Calendar/Calendar.sqlitedb")


class ReminderParser(KindParser):
    """What is to be done and was done, of all accounts on the phone."""

    kind = "reminder"
    title = "Reminders"
    note = (
        "Reminders of all accounts of iOS 8 to 26 with lists, groups, sections, tags, subtasks, "
        "alarms by time and place, repetition, assignments and pictures; those in the trash are "
        "marked. Templates and smart lists are left out. From iOS 12 and before come those that "
        "the calendar's database keeps."
    )
    version = 1
    files = (
        *(NeededFile(domain=domain, relative_path=path) for domain, path in STORES),
        NeededFile(domain=CALENDAR[0], relative_path=CALENDAR[1]),
    )
    listings = FILES

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every reminder; one bad record costs one record."""
        from services.indexer.kinds.reminder.reading import parse_reminders

        parse_reminders(inputs, sink)

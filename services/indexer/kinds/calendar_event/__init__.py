"""Events of the calendar: Calendar.sqlitedb."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink

#: iOS 26 may keep further databases beside the first; the Mac keeps all of it in a group's folder.
PLACES = (
    ("HomeDomain", "Library/Calendar/*.sqlitedb"),
    ("AppDomainGroup-group.com.apple.calendar", "*Calendar.sqlitedb"),
)


class CalendarEventParser(KindParser):
    """What stands in all calendars of the phone: a series is one artifact with its rule."""

    kind = "calendar_event"
    title = "Calendar"
    note = (
        "Events of all calendars and accounts of iOS 8 to 26, birthdays, holidays and subscribed "
        "calendars among them, with guests, answers, alarms, places and rules of repetition. "
        "A series is one entry; dates of it that were changed have their own. Attachments mostly "
        "stay on the server."
    )
    version = 1
    files = tuple(
        NeededFile(domain=domain, relative_path=path, at_most=16) for domain, path in PLACES
    )
    listings = (("HomeDomain", "Library/Calendar/"),)

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every event; one bad record costs one record."""
        from services.indexer.kinds.calendar_event.reading import parse_events

        parse_events(inputs, sink)

"""The histories of Chrome and Firefox.

Chrome: ``urls`` and ``visits`` of Chromium, in microseconds since 1601. Firefox: browser.db
(``history`` and ``visits``, microseconds since 1970) and, later, places.db (``moz_places`` and
``moz_historyvisits``, milliseconds).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice

import msgspec

from services.indexer.kinds.database import Database
from services.indexer.kinds.phone_time import unix_microseconds
from services.indexer.kinds.protocol import Tally, UnsupportedStoreError
from services.indexer.kinds.records import Record
from services.indexer.kinds.rows_by_number import rows_by_number
from services.indexer.kinds.rows_in_order import rows_in_order
from services.indexer.kinds.values import int_of
from services.indexer.kinds.web import read_address, title_of
from services.indexer.kinds.web_visit.safari import Item
from services.indexer.kinds.web_visit.visit import Browser, visit_artifact
from services.indexer.staging import StagedArtifact

_BATCH = 500
_1601_US = 11_644_473_600_000_000
#: Dates above these are in milliseconds, in microseconds.
_MILLISECONDS_FROM, _MICROSECONDS_FROM = 10**11, 10**14
#: Chromium's way to a page is in the low byte; one of them is a form.
_TRANSITION, _FORM_SUBMIT = 0xFF, 7


class _Form(msgspec.Struct, frozen=True, kw_only=True):
    """The tables of one form of store."""

    pages: str
    visits: str
    page: str
    at: str
    #: Whether the visit was made on this device.
    is_local: str | None = None


_CHROME = _Form(pages="urls", visits="visits", page="url", at="visit_time")
_FIREFOX = (
    _Form(
        pages="moz_places",
        visits="moz_historyvisits",
        page="place_id",
        at="visit_date",
        is_local="is_local",
    ),
    _Form(pages="history", visits="visits", page="siteID", at="date", is_local="is_local"),
)


def other_visits(database: Database, browser: Browser, tally: Tally) -> Iterator[Item]:
    """Yield the visits of Chrome or Firefox in the order of time.

    Raises UnsupportedStoreError when the store is of no known form.
    """
    forms = (_CHROME,) if browser.app == "chrome" else _FIREFOX
    for form in forms:
        if {form.page, form.at} <= database.columns(form.visits):
            return _visits(database, browser, form, tally)
    raise UnsupportedStoreError("The database has no table of visits.")


def _visits(database: Database, browser: Browser, form: _Form, tally: Tally) -> Iterator[Item]:
    columns = [form.page, form.at, "transition"]
    if form.is_local is not None:
        columns.append(form.is_local)
    rows = rows_in_order(database, form.visits, columns, tally, by=form.at)
    while batch := list(islice(rows, _BATCH)):
        pages = rows_by_number(
            database, form.pages, ("url", "title"), [row[form.page] for row in batch], tally
        )
        for row in batch:
            at_us = _moment(row[form.at], browser)
            page = pages.get(row[form.page]) if type(row[form.page]) is int else None
            yield at_us or 0, partial(_visit, browser, form, row, page, at_us=at_us, tally=tally)


def _moment(value: object, browser: Browser) -> int | None:
    number = int_of(value)
    if number is None:
        return None
    if browser.app == "chrome":
        return unix_microseconds((number - _1601_US) / 1e6)
    if number > _MICROSECONDS_FROM:
        return unix_microseconds(number / 1e6)
    return unix_microseconds(number / 1e3 if number > _MILLISECONDS_FROM else number)


def _visit(
    browser: Browser,
    form: _Form,
    row: Record,
    page: Record | None,
    *,
    at_us: int | None,
    tally: Tally,
) -> StagedArtifact | None:
    address = None if page is None else read_address(page["url"])
    if page is None or address is None:
        tally.note("A visit to a page that the history does not name was left out.")
        return None
    if at_us is None:
        tally.note("A visit has no date that can be read.")
    is_local = None if form.is_local is None else row[form.is_local]
    transition = int_of(row["transition"]) if browser.app == "chrome" else None
    return visit_artifact(
        browser,
        address,
        title_of(page["title"]),
        at_us=at_us,
        said_at=row[form.at],
        origin=None if is_local is None else "this_device" if is_local else "icloud",
        is_form=transition is not None and transition & _TRANSITION == _FORM_SUBMIT,
        raw={} if transition is None else {"transition": transition},
    )

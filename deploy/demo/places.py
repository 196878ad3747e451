"""Where Mira looked, what she saved and where she was in the summer of 2024. All invented."""

from __future__ import annotations

import datetime as dt

from deploy.demo.container import PhoneFile
from deploy.demo.places_database import Form, PlacesDatabase, route_request

DOMAIN = "AppDomainGroup-group.com.apple.Maps"
STORE = "Maps/MapsSync_0.0.1"

_HOME = (47.3717, 8.5423)
_PIER = (47.3401, 8.5361)
_CLINIC = (47.0707, 15.4395)
_TEA = (35.6655, 139.7291)


def demo_places(*, later: bool, form: Form = "26") -> PlacesDatabase:
    """Return the store of Maps of the first run, or of four weeks later."""
    db = PlacesDatabase(form=form, seed=37)
    at = dt.datetime(2024, 6, 10, 1, 30, tzinfo=dt.UTC)
    day = dt.timedelta(days=1)
    tea = db.item("Teehaus Matsu", place=_TEA, address=["2-8 Kitaaoyama", "Minato, Tokyo"])
    pier = db.item("Harbour Pizza", place=_PIER, address=["Seestrasse 201", "8810 Horgen"])
    db.history(
        "HistorySearchItem", at=at, ZQUERY="green tea 抹茶", ZLOCATIONDISPLAY="Minato, Tokyo",
        ZLATITUDE1=_TEA[0], ZLONGITUDE1=_TEA[1],
    )  # fmt: skip
    db.history("HistoryPlaceItem", at=at + day, ZMAPITEM=tea)
    db.history("HistoryPlaceItem", at=at + 2 * day, ZLATITUDE=46.5197, ZLONGITUDE=6.6323)
    db.history(
        "HistoryDirectionsItem", at=at + 44 * day, ZNAVIGATIONINTERRUPTED=1,
        ZROUTEREQUESTSTORAGE=route_request(
            [["Lindenweg 12", "8001 Zürich"], ["Seestrasse 201", "8810 Horgen"]]
        ),
    )  # fmt: skip
    db.favourite(
        at=at - 300 * day, ZCUSTOMNAME="Home", ZTYPE=1, ZPOSITIONINDEX=0, ZHIDDEN=0,
        ZORIGINATINGADDRESSSTRING="12 Lindenweg, 8001 Zürich", ZLATITUDE=_HOME[0],
        ZLONGITUDE=_HOME[1], ZMUID=-2679868148951248105,
    )  # fmt: skip
    db.favourite(
        at=at - 200 * day, ZMAPITEMNAME="Tierklinik am See", ZTYPE=0, ZPOSITIONINDEX=1,
        ZLATITUDE=_CLINIC[0], ZLONGITUDE=_CLINIC[1],
    )  # fmt: skip
    db.favourite(at=at - 199 * day, ZTYPE=2, ZPOSITIONINDEX=2, ZHIDDEN=1)
    food = db.guide("Good food", at=at)
    lake = db.guide("Lake weekend", at=at + 30 * day)
    db.saved(
        [food, lake], at=at + 31 * day, ZCUSTOMNAME="Pizza by the pier",
        ZMAPITEMNAME="Harbour Pizza", ZMAPITEMADDRESS="Seestrasse 201, 8810 Horgen",
        ZPLACEITEMNOTE="Ask for the table at the window", ZMAPITEM=pier, ZLATITUDE=_PIER[0],
        ZLONGITUDE=_PIER[1],
    )  # fmt: skip
    db.saved([food], at=at + 32 * day, ZMAPITEMNAME="Teehaus Matsu", ZMAPITEM=tea)
    if form == "26":
        seen = db.location(
            "Harbour Pizza", place=_PIER, ZMAPITEMADDRESS="Seestrasse 201, 8810 Horgen",
            ZMAPITEMCITY="Horgen", ZMAPITEMCATEGORY="Dining||Pizza Restaurant||Restaurant",
        )  # fmt: skip
        db.location("Never there", place=_HOME)
        db.visit(seen, at=at + 46 * day + dt.timedelta(hours=9))
        db.visit(seen, at=at + 47 * day + dt.timedelta(hours=9), classification=3)
    if later:
        _four_weeks_later(db, at + 80 * day)
    return db


def _four_weeks_later(db: PlacesDatabase, at: dt.datetime) -> None:
    db.history("HistorySearchItem", at=at, ZQUERY="rope shop", ZLOCATIONDISPLAY="Zürich")
    # The first search is older than Maps keeps them; the home is elsewhere.
    db.connection.execute("delete from ZHISTORYITEM where Z_PK = 1")
    db.connection.execute(
        "update ZFAVORITEITEM set ZORIGINATINGADDRESSSTRING = '9 Rue de la Forêt, 1004 Lausanne', "
        "ZLATITUDE = 46.5298, ZLONGITUDE = 6.6201 where ZCUSTOMNAME = 'Home'"
    )


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return the store of Maps."""
    return [PhoneFile(DOMAIN, STORE, demo_places(later=later).to_bytes())]

"""Builds Photos.sqlite."""

from __future__ import annotations

import datetime as dt
import plistlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deploy.demo.minted_database import MintedTables
from deploy.demo.photos_schema import ENTITIES, Form, asset_table, face_columns, schema_of

_COCOA = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
_MODELS = {"13": 13703, "16": 16320, "18": 18200, "26": 19063}
USER_ALBUM, SHARED_ALBUM, USER_FOLDER = 2, 1505, 4000


def cocoa_seconds(at: dt.datetime) -> float:
    """Return a moment as Core Data keeps it."""
    return (at - _COCOA).total_seconds()


@dataclass
class PhotosDatabase(MintedTables):
    """A library in the making."""

    form: Form = "18"
    seed: int = 1

    def __post_init__(self) -> None:
        """Make the empty tables."""
        self.begin(schema_of(self.form), seed=self.seed)
        self._table = asset_table(self.form)
        album, asset, keyword = self._entities = ENTITIES[self.form]
        names = {1: "AdditionalAssetAttributes", album: "Album", keyword: "Keyword"}
        names[asset] = "GenericAsset" if self.form == "13" else "Asset"
        self.connection.executemany(
            "insert into Z_PRIMARYKEY values (?, ?, 0, 0)", sorted(names.items())
        )
        self.connection.execute(
            "insert into Z_METADATA values (1, ?, ?)",
            (self.uuid(), plistlib.dumps({"PLModelVersion": _MODELS[self.form]})),
        )

    def asset(
        self,
        path: str | None,
        *,
        taken_at: dt.datetime | None,
        offset: int | None = None,
        zone: str | None = None,
        additional: dict[str, Any] | None = None,
        camera: dict[str, Any] | None = None,
        caption: str | None = None,
        **columns: Any,
    ) -> int:
        """Add a photo at *path* below Media; *columns* are the table's own."""
        directory, _, name = (path or "").rpartition("/")
        created = None if taken_at is None else cocoa_seconds(taken_at)
        own: dict[str, Any] = {
            "Z_ENT": self._entities[1], "ZUUID": columns.get("ZUUID") or self.uuid(),
            "ZDIRECTORY": directory if path else None, "ZFILENAME": name or None, "ZKIND": 0,
            "ZKINDSUBTYPE": 0, "ZPLAYBACKSTYLE": 1, "ZDATECREATED": created, "ZADDEDDATE": created,
            "ZMODIFICATIONDATE": created, "ZWIDTH": 4032, "ZHEIGHT": 3024, "ZORIENTATION": 1,
            "ZDURATION": 0.0, "ZLATITUDE": -180.0, "ZLONGITUDE": -180.0, "ZFAVORITE": 0,
            "ZHIDDEN": 0, "ZTRASHEDSTATE": 0, "ZVISIBILITYSTATE": 0, "ZSAVEDASSETTYPE": 3,
            "ZCOMPLETE": 1, "ZCLOUDLOCALSTATE": 0, "ZAVALANCHEPICKTYPE": 0,
        } | columns  # fmt: skip
        number = self.insert(self._table, **own)
        more = self.insert(
            "ZADDITIONALASSETATTRIBUTES",
            **{
                "ZASSET": number, "ZTIMEZONEOFFSET": offset, "ZTIMEZONENAME": zone,
                "ZORIGINALFILENAME": name or None, "ZIMPORTEDBY": 1,
            }
            | (additional or {}),
        )  # fmt: skip
        changes: dict[str, Any] = {"ZADDITIONALATTRIBUTES": more}
        if camera is not None:
            changes["ZEXTENDEDATTRIBUTES"] = self.insert(
                "ZEXTENDEDATTRIBUTES", ZASSET=number, **camera
            )
        if caption is not None:
            written = self.insert(
                "ZASSETDESCRIPTION", ZASSETATTRIBUTES=more, ZLONGDESCRIPTION=caption
            )
            self._set("ZADDITIONALASSETATTRIBUTES", more, ZASSETDESCRIPTION=written)
        self._set(self._table, number, **changes)
        return number

    def _set(self, table: str, number: int, **values: Any) -> None:
        changes = ", ".join(f"{name} = ?" for name in values)
        self.connection.execute(
            f"update {table} set {changes} where Z_PK = ?",  # noqa: S608 -- own names
            (*values.values(), number),
        )

    def change(self, number: int, **values: Any) -> None:
        """Change a photo's own columns."""
        self._set(self._table, number, **values)

    def edit(self, number: int, *, at: dt.datetime, app: str = "com.apple.Photos") -> None:
        """Say that a photo was edited."""
        is_new = self.form in {"18", "26"}
        self.change(number, **{"ZADJUSTMENTSSTATE" if is_new else "ZHASADJUSTMENTS": 1})
        more = self._more(number)
        made = self.insert(
            "ZUNMANAGEDADJUSTMENT", ZASSETATTRIBUTES=more, ZADJUSTMENTTIMESTAMP=cocoa_seconds(at),
            ZADJUSTMENTFORMATIDENTIFIER=app,
        )  # fmt: skip
        self._set("ZADDITIONALASSETATTRIBUTES", more, ZUNMANAGEDADJUSTMENT=made)

    def _more(self, number: int) -> int:
        found = self.connection.execute(
            f"select ZADDITIONALATTRIBUTES from {self._table} where Z_PK = ?",  # noqa: S608
            (number,),
        )
        return int(found.fetchone()[0])

    def album(
        self, title: str | None, assets: Sequence[int], *, kind: int = USER_ALBUM, **columns: Any
    ) -> int:
        """Add an album, shared album or folder with its photos."""
        number = self.insert(
            "ZGENERICALBUM",
            **{
                "Z_ENT": self._entities[0], "ZKIND": kind, "ZTITLE": title,
                "ZUUID": columns.get("ZUUID") or self.uuid(), "ZTRASHEDSTATE": 0,
                "ZCREATIONDATE": 700_000_000.0, "ZCACHEDCOUNT": len(assets),
            }
            | columns,
        )  # fmt: skip
        album, asset, _ = self._entities
        for place, one in enumerate(assets):
            self.connection.execute(
                f"insert into Z_{album}ASSETS values (?, ?, ?)",  # noqa: S608 -- own names
                (number, one, 1024 * (place + 1)),
            )
        assert asset
        return number

    def person(self, name: str, **columns: Any) -> int:
        """Add a person; unnamed ones have an empty name."""
        return self.insert(
            "ZPERSON",
            **{
                "ZFULLNAME": name,
                "ZDISPLAYNAME": name.split(" ", maxsplit=1)[0],
                "ZPERSONUUID": self.uuid(),
            }
            | columns,
        )

    def face(self, asset: int, person: int | None, **columns: Any) -> int:
        """Add a face to a photo."""
        of_asset, of_person = face_columns(self.form)
        return self.insert(
            "ZDETECTEDFACE",
            **{
                of_asset: asset, of_person: person, "ZCENTERX": 0.5, "ZCENTERY": 0.6,
                "ZSIZE": 0.2, "ZHIDDEN": 0, "ZISINTRASH": 0, "ZMANUAL": 0, "ZUUID": self.uuid(),
            }
            | columns,
        )  # fmt: skip

    def keyword(self, word: str, assets: Sequence[int]) -> None:
        """Give a word to photos."""
        number = self.insert("ZKEYWORD", ZTITLE=word, ZUUID=self.uuid())
        for one in assets:
            self.connection.execute(
                "insert into Z_1KEYWORDS values (?, ?)", (self._more(one), number)
            )

    def resource(self, asset: int, kind: int, store: int, *, is_here: bool, size: int = 0) -> None:
        """Say where the phone has one of a photo's files."""
        self.insert(
            "ZINTERNALRESOURCE", ZASSET=asset, ZRESOURCETYPE=kind, ZDATASTORESUBTYPE=store,
            ZLOCALAVAILABILITY=1 if is_here else -1, ZREMOTEAVAILABILITY=0 if is_here else 1,
            ZDATALENGTH=size,
        )  # fmt: skip

    def invite(self, album: int, first: str, last: str, *, person: str) -> None:
        """Share a shared album with somebody."""
        self.insert(
            "ZCLOUDSHAREDALBUMINVITATIONRECORD", ZALBUM=album, ZINVITEEFIRSTNAME=first,
            ZINVITEELASTNAME=last, ZINVITEEFULLNAME=f"{first} {last}",
            ZINVITEEHASHEDPERSONID=person, ZINVITATIONSTATE=2,
        )  # fmt: skip

    def comment(
        self, asset: int, text: str | None, *, at: dt.datetime, person: str, is_mine: bool = False
    ) -> None:
        """Let somebody say something of a photo in a shared album; no text: like it."""
        self.insert(
            "ZCLOUDSHAREDCOMMENT", ZISLIKE=int(text is None), ZISMYCOMMENT=int(is_mine),
            ZISCAPTION=0, ZCOMMENTTEXT=text, ZCOMMENTDATE=cocoa_seconds(at),
            ZCOMMENTERHASHEDPERSONID=person,
            **{"ZCOMMENTEDASSET" if text is not None else "ZLIKEDASSET": asset},
        )  # fmt: skip

    def participant(self, given: str, family: str, *, address: str, is_me: bool = False) -> int:
        """Let somebody take part in the shared library."""
        return self.insert(
            "ZSHAREPARTICIPANT", ZISCURRENTUSER=int(is_me), ZUUID=self.uuid(),
            ZNAMECOMPONENTS=name_archive(given, family),
            **{"ZEMAILADDRESS" if "@" in address else "ZPHONENUMBER": address},
        )  # fmt: skip

    def contribute(self, asset: int, participant: int) -> None:
        """Put a photo into the shared library; not on iOS 13, which knows none."""
        self.change(asset, ZACTIVELIBRARYSCOPEPARTICIPATIONSTATE=1, ZLIBRARYSCOPE=1)
        column = f"Z{self._entities[1]}LIBRARYSCOPEASSETCONTRIBUTORS"
        self.insert("ZASSETCONTRIBUTOR", **{column: asset, "ZPARTICIPANT": participant})


def name_archive(given: str, family: str) -> bytes:
    """Return the archive of a person's name."""
    return _archive(
        [
            "$null",
            {"NS.nameComponentsPrivate": plistlib.UID(2)},
            {"NS.givenName": plistlib.UID(3), "NS.familyName": plistlib.UID(4)},
            given,
            family,
        ]
    )


def _archive(objects: list[Any]) -> bytes:
    return plistlib.dumps(
        {
            "$version": 100_000, "$archiver": "NSKeyedArchiver",
            "$top": {"root": plistlib.UID(1)}, "$objects": objects,
        },
        fmt=plistlib.FMT_BINARY,
    )  # fmt: skip


def looked_up_place(
    *, street: str, city: str, state: str, postal_code: str, country: str, code: str,
    areas: Sequence[tuple[str, float]] = (), is_home: bool = False,
) -> bytes:  # fmt: skip
    """Return the archive of an address as the phone looked it up; *areas* are (name, m²)."""
    objects: list[Any] = ["$null"]

    def add(value: object) -> plistlib.UID:
        if value is None:
            return plistlib.UID(0)
        objects.append(value)
        return plistlib.UID(len(objects) - 1)

    def of_class(name: str) -> plistlib.UID:
        return add({"$classname": name, "$classes": [name, "NSObject"]})

    objects.append(None)
    postal = {
        "_street": add(street), "_city": add(city), "_state": add(state),
        "_postalCode": add(postal_code), "_country": add(country), "_ISOCountryCode": add(code),
        "_subLocality": add(None), "_subAdministrativeArea": add(None),
        "$class": of_class("CNPostalAddress"),
    }  # fmt: skip
    info = of_class("PLRevGeoMapItemAdditionalPlaceInfo")
    places = [
        add({"name": add(name), "area": area, "placeType": 4, "dominantOrderType": 0,
             "$class": info})
        for name, area in areas
    ]  # fmt: skip
    listed = add({"NS.objects": places, "$class": of_class("NSMutableArray")})
    item = add({"sortedPlaceInfos": listed, "$class": of_class("PLRevGeoMapItem")})
    objects[1] = {
        "isHome": is_home, "countryCode": add(code), "version": 13, "mapItem": item,
        "addressString": add(f"{street}, {postal_code} {city}, {country}"),
        "postalAddress": add(postal), "$class": of_class("PLRevGeoLocationInfo"),
    }  # fmt: skip
    return _archive(objects)

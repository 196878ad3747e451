"""The tables of Photos.sqlite that Keepsake reads, as they are on iOS 13, 16, 18 and 26."""

from __future__ import annotations

from typing import Literal

Form = Literal["13", "16", "18", "26"]

#: Numbers of the entities that names of tables and columns carry: of albums, photos and keywords.
ENTITIES: dict[Form, tuple[int, int, int]] = {
    "13": (26, 34, 37),
    "16": (28, 3, 40),
    "18": (30, 3, 43),
    "26": (33, 3, 47),
}

_TABLES = """
create table Z_PRIMARYKEY (Z_ENT integer primary key, Z_NAME varchar, Z_SUPER integer,
Z_MAX integer);
create table Z_METADATA (Z_VERSION integer primary key, Z_UUID varchar(255), Z_PLIST blob);
create table {asset} (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZAVALANCHEPICKTYPE integer, ZCLOUDISMYASSET integer, ZCLOUDLOCALSTATE integer, ZCOMPLETE integer,
{own} ZDEPTHTYPE integer, ZFAVORITE integer, ZHEIGHT integer, ZHIDDEN integer, ZKIND integer,
ZKINDSUBTYPE integer, ZORIENTATION integer, ZPLAYBACKSTYLE integer, ZSAVEDASSETTYPE integer,
ZTRASHEDSTATE integer, ZVISIBILITYSTATE integer, ZWIDTH integer, ZADDITIONALATTRIBUTES integer,
ZEXTENDEDATTRIBUTES integer, ZMASTER integer, ZMOMENT integer, ZADDEDDATE timestamp,
ZADJUSTMENTTIMESTAMP timestamp, ZDATECREATED timestamp, ZDURATION float,
ZLASTSHAREDDATE timestamp, ZLATITUDE float, ZLONGITUDE float, ZMODIFICATIONDATE timestamp,
ZTRASHEDDATE timestamp, ZAVALANCHEUUID varchar, ZCLOUDASSETGUID varchar,
ZCLOUDOWNERHASHEDPERSONID varchar, ZDIRECTORY varchar, ZFILENAME varchar, ZMEDIAGROUPUUID varchar,
ZUNIFORMTYPEIDENTIFIER varchar, ZUUID varchar);
create index {asset}_ZDATECREATED_INDEX on {asset} (ZDATECREATED);
create table ZADDITIONALASSETATTRIBUTES (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZIMPORTEDBY integer, ZINFERREDTIMEZONEOFFSET integer, ZORIGINALFILESIZE integer,
ZORIGINALHEIGHT integer, ZORIGINALWIDTH integer, ZTIMEZONEOFFSET integer, ZASSET integer,
ZASSETDESCRIPTION integer, ZUNMANAGEDADJUSTMENT integer, {additional}
ZEDITORBUNDLEID varchar, ZEXIFTIMESTAMPSTRING varchar, ZORIGINALFILENAME varchar,
ZPUBLICGLOBALUUID varchar, ZTIMEZONENAME varchar, ZTITLE varchar, ZREVERSELOCATIONDATA blob);
create table ZEXTENDEDATTRIBUTES (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZFLASHFIRED integer, ZISO integer, ZASSET integer, ZAPERTURE float, ZBITRATE float,
ZFOCALLENGTH float, ZFPS float, ZSHUTTERSPEED float, ZCAMERAMAKE varchar, ZCAMERAMODEL varchar,
ZCODEC varchar, ZLENSMODEL varchar, {extended} ZFOCALLENGTHIN35MM integer);
create table ZASSETDESCRIPTION (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZASSETATTRIBUTES integer, ZLONGDESCRIPTION varchar);
create table ZUNMANAGEDADJUSTMENT (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZASSETATTRIBUTES integer, ZADJUSTMENTTIMESTAMP timestamp, ZADJUSTMENTFORMATIDENTIFIER varchar,
ZEDITORLOCALIZEDNAME varchar);
create table ZCLOUDMASTER (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZORIGINALFILENAME varchar, ZUNIFORMTYPEIDENTIFIER varchar);
create table ZINTERNALRESOURCE (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZDATALENGTH integer, ZDATASTORESUBTYPE integer, ZLOCALAVAILABILITY integer,
ZREMOTEAVAILABILITY integer, ZRESOURCETYPE integer, ZASSET integer);
create table ZGENERICALBUM (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZCACHEDCOUNT integer, ZKIND integer, ZTRASHEDSTATE integer, ZPARENTFOLDER integer,
ZISOWNED integer, ZCREATIONDATE timestamp, ZCLOUDCREATIONDATE timestamp, ZCLOUDGUID varchar,
ZTITLE varchar, ZUUID varchar, ZCLOUDOWNERFIRSTNAME varchar, ZCLOUDOWNERFULLNAME varchar,
ZCLOUDOWNERHASHEDPERSONID varchar, ZCLOUDOWNERLASTNAME varchar);
create table Z_{e_album}ASSETS (Z_{e_album}ALBUMS integer, Z_{e_asset}ASSETS integer,
Z_FOK_{e_asset}ASSETS integer, primary key (Z_{e_album}ALBUMS, Z_{e_asset}ASSETS));
create table ZKEYWORD (Z_PK integer primary key, Z_ENT integer, Z_OPT integer, ZTITLE varchar,
ZUUID varchar);
create table Z_1KEYWORDS (Z_1ASSETATTRIBUTES integer, Z_{e_keyword}KEYWORDS integer,
primary key (Z_1ASSETATTRIBUTES, Z_{e_keyword}KEYWORDS));
create table ZPERSON (Z_PK integer primary key, Z_ENT integer, Z_OPT integer, ZFACECOUNT integer,
ZTYPE integer, ZMERGETARGETPERSON integer, ZDISPLAYNAME varchar, ZFULLNAME varchar,
ZPERSONUUID varchar);
create table ZDETECTEDFACE (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZHIDDEN integer, ZISINTRASH integer, ZMANUAL integer, {face_asset} integer, {face_person} integer,
ZCENTERX float, ZCENTERY float, ZSIZE float, ZUUID varchar);
create table ZCLOUDSHAREDCOMMENT (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZISCAPTION integer, ZISLIKE integer, ZISMYCOMMENT integer, ZCOMMENTEDASSET integer,
ZLIKEDASSET integer, ZCOMMENTDATE timestamp, ZCOMMENTTEXT varchar,
ZCOMMENTERHASHEDPERSONID varchar);
create table ZASSETCONTRIBUTOR (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZPARTICIPANT integer, Z{e_asset}LIBRARYSCOPEASSETCONTRIBUTORS integer);
create table ZSHAREPARTICIPANT (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZISCURRENTUSER integer, ZROLE integer, ZSHARE integer, ZEMAILADDRESS varchar,
ZPHONENUMBER varchar, ZUUID varchar, ZNAMECOMPONENTS blob);
create table ZCLOUDSHAREDALBUMINVITATIONRECORD (Z_PK integer primary key, Z_ENT integer,
Z_OPT integer, ZINVITATIONSTATE integer, ZISMINE integer, ZALBUM integer,
ZINVITEEFIRSTNAME varchar, ZINVITEEFULLNAME varchar, ZINVITEEHASHEDPERSONID varchar,
ZINVITEELASTNAME varchar);
"""


def schema_of(form: Form) -> str:
    """Return the statements that make the tables of *form*."""
    e_album, e_asset, e_keyword = ENTITIES[form]
    is_old, is_new = form == "13", form in {"18", "26"}
    own = (
        "ZHASADJUSTMENTS integer, ZCUSTOMRENDEREDVALUE integer,"
        if is_old
        else "ZADJUSTMENTSSTATE integer, ZISDETECTEDSCREENSHOT integer,"
        if is_new
        else "ZHASADJUSTMENTS integer,"
    )
    if not is_old:
        own += (
            " ZBUNDLESCOPE integer, ZLIBRARYSCOPE integer,"
            " ZACTIVELIBRARYSCOPEPARTICIPATIONSTATE integer, ZHDRTYPE integer,"
        )
    if is_new:
        own += " ZSPATIALTYPE integer,"
    additional = (
        "ZCREATORBUNDLEID varchar,"
        if is_old
        else "ZGPSHORIZONTALACCURACY float, ZACCESSIBILITYDESCRIPTION varchar,"
        " ZIMPORTEDBYBUNDLEIDENTIFIER varchar, ZIMPORTEDBYDISPLAYNAME varchar,"
    )
    return _TABLES.format(
        asset=asset_table(form),
        own=own,
        extended="ZGENERATIVEAITYPE integer, ZCREDIT varchar," if is_new else "",
        additional=additional,
        e_album=e_album,
        e_asset=e_asset,
        e_keyword=e_keyword,
        face_asset=face_columns(form)[0],
        face_person=face_columns(form)[1],
    )


def asset_table(form: Form) -> str:
    """Return the name of the table of photos."""
    return "ZGENERICASSET" if form == "13" else "ZASSET"


def face_columns(form: Form) -> tuple[str, str]:
    """Return the columns of a face that name its photo and its person."""
    return ("ZASSETFORFACE", "ZPERSONFORFACE") if form in {"18", "26"} else ("ZASSET", "ZPERSON")

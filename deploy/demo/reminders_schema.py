"""The tables of a store of reminders of iOS 13 and 26, as far as is known.

No store's own statements are public: names are those that several public readers ask for, types and
order are ours.
"""

from __future__ import annotations

from typing import Literal

#: 13: all in one table, until iOS 15. 26: since about iOS 16.
Form = Literal["13", "26"]

_COMMON = """
create table Z_PRIMARYKEY (Z_ENT integer primary key, Z_NAME varchar, Z_SUPER integer,
Z_MAX integer);
create table Z_METADATA (Z_VERSION integer primary key, Z_UUID varchar(255), Z_PLIST blob);
create table ZREMCDHASHTAGLABEL (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZNAME varchar, ZCANONICALNAME varchar);
"""
_REMINDER = """ZALLDAY integer, ZCOMPLETED integer, ZFLAGGED integer, ZPRIORITY integer,
ZICSDISPLAYORDER integer, ZLIST integer, ZPARENTREMINDER integer, ZCOMPLETIONDATE timestamp,
ZCREATIONDATE timestamp, ZDISPLAYDATEDATE timestamp, ZDUEDATE timestamp, ZSTARTDATE timestamp,
ZLASTMODIFIEDDATE timestamp, ZTIMEZONE varchar, ZNOTES varchar, ZICSURL varchar,
ZTITLEDOCUMENT blob, ZNOTESDOCUMENT blob"""
_OBJECT = """ZTRIGGER integer, ZTIMEINTERVAL float, ZDATECOMPONENTSDATA blob, ZTITLE varchar,
ZLATITUDE float, ZLONGITUDE float, ZRADIUS float, ZADDRESS varchar, ZPROXIMITY integer,
ZEVENT integer, ZREMINDER1 integer, ZASSIGNEE integer, ZASSIGNEDDATE timestamp,
ZREMINDER2 integer, ZFILENAME varchar, ZUTI varchar, ZWIDTH integer, ZHEIGHT integer,
ZFILESIZE integer, ZSHA512SUM varchar, ZURL varchar, ZREMINDER3 integer, ZHASHTAGLABEL integer,
ZREMINDER4 integer, ZFREQUENCY integer, ZINTERVAL integer, ZOCCURRENCECOUNT integer,
ZENDDATE timestamp, ZDAYSOFTHEWEEK blob, ZDAYSOFTHEMONTH blob, ZMONTHSOFTHEYEAR blob,
ZWEEKSOFTHEYEAR blob, ZDAYSOFTHEYEAR blob, ZSETPOSITIONS blob, ZDISPLAYNAME varchar,
ZFIRSTNAME varchar, ZLASTNAME varchar, ZADDRESS1 varchar, ZSTATUS integer,
ZACCESSLEVEL integer, ZREMINDER integer, ZALARMUID varchar, ZISDISABLED integer,
ZACKNOWLEDGEDDATE timestamp, ZCKIDENTIFIER varchar, ZIDENTIFIER blob,
ZMARKEDFORDELETION integer"""
_LIST = """ZISGROUP integer, ZPARENTLIST integer, ZACCOUNT integer, ZSHARINGSTATUS integer,
ZDADISPLAYORDER integer, ZSMARTLISTTYPE varchar, ZFILTERDATA blob, ZBADGEEMBLEM varchar,
ZCOLOR blob"""
_IOS_26 = f"""
create table ZREMCDREMINDER (Z_PK integer primary key, Z_ENT integer, Z_OPT integer, {_REMINDER},
ZTITLE varchar, ZACCOUNT integer, ZMARKEDFORDELETION integer,
ZISURGENTSTATEENABLEDFORCURRENTUSER integer, ZDUEDATEDELTAALERTSDATA blob, ZCKIDENTIFIER varchar,
ZIDENTIFIER blob);
create table ZREMCDBASELIST (Z_PK integer primary key, Z_ENT integer, Z_OPT integer, {_LIST},
ZNAME varchar, ZISPINNEDBYCURRENTUSER integer, ZPARENTLIST1 integer, ZMARKEDFORDELETION integer,
ZCKIDENTIFIER varchar, ZIDENTIFIER blob, ZMEMBERSHIPSOFREMINDERSINSECTIONSASDATA blob);
create table ZREMCDBASESECTION (Z_PK integer primary key, Z_ENT integer, Z_OPT integer,
ZDISPLAYNAME varchar, ZLIST integer, ZSMARTLIST integer, ZTEMPLATE integer,
ZCKIDENTIFIER varchar, ZIDENTIFIER blob, ZMARKEDFORDELETION integer);
create table ZREMCDOBJECT (Z_PK integer primary key, Z_ENT integer, Z_OPT integer, {_OBJECT},
ZNAME varchar, ZLIST integer);
"""
#: Names come again with digits, each entity has its own.
_IOS_13 = f"""
create table ZREMCDOBJECT (Z_PK integer primary key, Z_ENT integer, Z_OPT integer, {_OBJECT},
{_LIST.replace("ZACCOUNT ", "ZACCOUNT1 ")}, {_REMINDER.replace("ZLIST ", "ZLIST2 ")},
ZNAME varchar, ZNAME1 varchar, ZTITLE1 varchar, ZACCOUNT integer, ZLIST integer);
"""

#: The number, name and parent of every entity that occurs.
_ENTITIES: dict[Form, tuple[tuple[int, str, int], ...]] = {
    "26": (
        (2, "REMCDBaseList", 0), (3, "REMCDList", 2), (4, "REMCDSmartList", 2),
        (5, "REMCDBaseSection", 0), (6, "REMCDListSection", 5), (9, "REMCDHashtagLabel", 0),
        (12, "REMCDObject", 0), (13, "REMCDAccount", 12), (15, "REMCDAlarm", 12),
        (16, "REMCDAlarmTrigger", 12), (17, "REMCDAlarmDateTrigger", 16),
        (18, "REMCDAlarmLocationTrigger", 16), (19, "REMCDAlarmTimeIntervalTrigger", 16),
        (20, "REMCDAlarmVehicleTrigger", 16), (22, "REMCDAssignment", 12),
        (23, "REMCDAttachment", 12), (24, "REMCDFileAttachment", 23),
        (26, "REMCDImageAttachment", 24), (27, "REMCDURLAttachment", 23),
        (30, "REMCDHashtag", 12), (34, "REMCDRecurrenceRule", 12), (36, "REMCDSharee", 12),
        (40, "REMCDReminder", 0),
    ),
    "13": (
        (1, "REMCDObject", 0), (2, "REMCDAccount", 1), (3, "REMCDAlarm", 1),
        (4, "REMCDAlarmTrigger", 1), (5, "REMCDAlarmDateTrigger", 4),
        (6, "REMCDAlarmLocationTrigger", 4), (7, "REMCDAlarmTimeIntervalTrigger", 4),
        (8, "REMCDAlarmVehicleTrigger", 4), (9, "REMCDAssignment", 1),
        (10, "REMCDAttachment", 1), (11, "REMCDFileAttachment", 10),
        (12, "REMCDImageAttachment", 11), (13, "REMCDURLAttachment", 10),
        (14, "REMCDList", 1), (15, "REMCDSmartList", 14), (16, "REMCDHashtag", 1),
        (17, "REMCDRecurrenceRule", 1), (18, "REMCDReminder", 1), (19, "REMCDSharee", 1),
    ),
}  # fmt: skip


def schema_of(form: Form) -> str:
    """Return the statements that make the empty tables."""
    return _COMMON + (_IOS_26 if form == "26" else _IOS_13)


def entities_of(form: Form) -> tuple[tuple[int, str, int], ...]:
    """Return number, name and parent of the store's entities."""
    return _ENTITIES[form]

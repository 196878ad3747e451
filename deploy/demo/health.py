"""What Mira's phone and watch measured in the summer of 2024. All of it is invented."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Iterator

from deploy.demo.container import PhoneFile
from deploy.demo.health_database import SLEEP, HealthDatabase, archive
from deploy.demo.health_schema import Form

DOMAIN = "HealthDomain"
SAMPLES = "Health/healthdb_secure.sqlite"
SOURCES = "Health/healthdb.sqlite"
MEDICAL_ID = "MedicalID/MedicalIDData.archive"

_DAY = dt.timedelta(days=1)
_HOUR = dt.timedelta(hours=1)
_MINUTE = dt.timedelta(minutes=1)
#: Zürich is two hours ahead in summer.
_FIRST = dt.datetime(2024, 7, 14, 22, 0, tzinfo=dt.UTC)
_FIRST_DAYS, _LATER_DAYS = 20, 28
#: How nights go, in minutes: awake, core, deep and REM by their codes.
_NIGHT = ((3, 45), (4, 40), (3, 50), (5, 20), (2, 6), (3, 60), (4, 25), (5, 35), (3, 70), (5, 50))


def demo_health(*, later: bool, form: Form = "17") -> HealthDatabase:
    """Return the stores of the first run, or of four weeks later."""
    database = HealthDatabase(form=form, seed=23)
    phone = database.source("Mira's iPhone", product="iPhone14,5", device="iPhone")
    watch = database.source("Mira\u2019s Apple Watch", product="Watch6,2", device="Apple Watch")
    scale = database.source("Küchenwaage & Co", product="iPhone14,5", device="Body Scale")
    chance = random.Random(29)  # noqa: S311 -- the same summer every time
    for number in range(_FIRST_DAYS):
        midnight = _FIRST + number * _DAY
        _day(database, midnight, phone=phone, watch=watch, chance=chance)
        _night(database, midnight, phone=phone, watch=watch, chance=chance)
        if number % 6 == 0:
            kilograms = 64.2 - number * 0.05
            database.quantity(
                3, kilograms, by=scale, at=midnight + 7 * _HOUR,
                entered=(round(kilograms * 2.20462, 1), "lb"),
            )  # fmt: skip
    database.quantity(2, 1.71, by=phone, at=_FIRST + 9 * _HOUR, entered=(171, "cm"))
    _workouts(database, watch=watch)
    _rare(database, phone=phone, watch=watch)
    database.award(
        "NewMoveRecord", at=_FIRST + 9 * _DAY + 19 * _HOUR, value_in_canonical_unit=612.0,
        value_canonical_unit="kcal",
    )  # fmt: skip
    if later:
        _four_weeks_later(database, phone=phone, watch=watch, scale=scale)
    return database


def _day(
    db: HealthDatabase, midnight: dt.datetime, *, phone: int, watch: int, chance: random.Random
) -> None:
    steps = metres = kcal = 0.0
    for hour in range(7, 22):
        at = midnight + hour * _HOUR
        walked = chance.randrange(100, 1400)
        # Both count; the watch a little more.
        db.quantity(7, walked, by=watch, at=at, seconds=600)
        db.quantity(7, round(walked * 0.9), by=phone, at=at, seconds=600)
        db.quantity(8, walked * 0.7, by=watch, at=at, seconds=600)
        db.quantity(10, walked * 0.04, by=watch, at=at, seconds=600)
        db.quantity(9, 60.0, by=watch, at=at, seconds=3600)
        db.category(70, 0 if walked > 250 else 1, by=watch, at=at, seconds=3600)
        for minute in range(0, 60, 15):
            rate = chance.uniform(58, 118)
            db.quantity(5, rate / 60, by=watch, at=at + minute * _MINUTE)
        steps, metres, kcal = steps + walked, metres + walked * 0.7, kcal + walked * 0.04
    evening = midnight + 20 * _HOUR
    db.quantity(12, chance.randrange(3, 14), by=phone, at=evening, seconds=900)
    db.quantity(75, chance.randrange(10, 60), by=watch, at=evening, seconds=3600)
    db.quantity(14, chance.uniform(0.94, 0.99), by=watch, at=midnight + 4 * _HOUR)
    db.quantity(139, chance.uniform(32, 70), by=watch, at=midnight + 5 * _HOUR, seconds=60)
    db.quantity(61, chance.uniform(12, 17) / 60, by=watch, at=midnight + 3 * _HOUR)
    db.quantity(118, chance.uniform(52, 60), by=watch, at=midnight + 6 * _HOUR)
    db.rings(
        by=watch, midnight=midnight, energy_burned=kcal, energy_burned_goal=450.0,
        brisk_minutes=34.0, brisk_minutes_goal=30.0, active_hours=12.0, active_hours_goal=12.0,
        steps=steps, walk_distance=metres, flights=8,
    )  # fmt: skip


def _night(
    db: HealthDatabase, midnight: dt.datetime, *, phone: int, watch: int, chance: random.Random
) -> None:
    bed = midnight - 90 * _MINUTE + chance.randrange(60) * _MINUTE
    at = bed + 12 * _MINUTE
    for code, minutes in _NIGHT:
        db.category(SLEEP, code, by=watch, at=at, seconds=minutes * 60)
        at += minutes * _MINUTE
    db.category(SLEEP, 0, by=phone, at=bed, seconds=(at - bed).total_seconds() + 600)


def lake_path(count: int, *, seed: int = 1) -> Iterator[tuple[float, float, float]]:
    """Yield points along a lake that does not exist: degrees, and metres above the sea."""
    chance = random.Random(seed)  # noqa: S311 -- the same path every time
    for place in range(count):
        part = place / max(count - 1, 1)
        yield (
            47.32 + 0.018 * math.sin(part * math.pi) + chance.uniform(-1e-6, 1e-6),
            8.52 + 0.03 * part + 0.002 * math.sin(part * 19),
            408 + 12 * math.sin(part * 7),
        )


def _workouts(db: HealthDatabase, *, watch: int) -> None:
    at = dt.datetime(2024, 7, 20, 5, 30, tzinfo=dt.UTC)
    run = db.workout(
        37, by=watch, at=at, seconds=1905, kilometres=5.21, kcal=312.4, heart=(148, 96, 171),
        indoor=False, goal=(1, 5000),
        metadata={
            "HKTimeZone": "Europe/Zurich", "HKWeatherTemperature": (68.0, "degF"),
            "HKWeatherHumidity": (6100.0, "%"), "HKElevationAscended": (4200.0, "cm"),
        },
    )  # fmt: skip
    db.event(run, 1, at=at + 15 * _MINUTE)
    db.event(run, 2, at=at + 16 * _MINUTE)
    db.event(run, 7, at=at, seconds=366)
    if db.form == "17":
        db.route(run, lake_path(1900), by=watch, at=at)
        db.series(5, [2.1 + 0.3 * math.sin(n / 9) for n in range(200)], by=watch, at=at)
    db.workout(
        57, by=watch, at=at + 2 * _DAY + 12 * _HOUR, seconds=2700, kcal=96.0, indoor=True,
        heart=(82, 64, 104),
    )  # fmt: skip
    db.workout(
        13, by=watch, at=at + 5 * _DAY, seconds=4810, kilometres=24.6, kcal=540.0, indoor=False
    )
    if db.form == "17":
        db.workout(
            82, by=watch, at=at + 9 * _DAY, seconds=7200, kilometres=27.0, indoor=False,
            parts=[(46, 1500, 750), (13, 3600, 20_000), (37, 2100, 5000)],
        )  # fmt: skip


def _rare(db: HealthDatabase, *, phone: int, watch: int) -> None:
    at = dt.datetime(2024, 7, 22, 19, 0, tzinfo=dt.UTC)
    db.category(99, 0, by=watch, at=at, seconds=600)
    db.category(99, 0, by=watch, at=at + 30 * _MINUTE, seconds=300)
    db.quantity(173, 78.5, by=phone, at=at, seconds=1800)
    db.quantity(78, 0.12, by=phone, at=at)
    db.quantity(9001, 4.5, by=phone, at=at)
    db.category(9002, 3, by=phone, at=at, seconds=60)
    db.category(160, 2, by=phone, at=at)
    # A week in Tokyo, where the day begins seven hours earlier.
    tokyo = db.provenance(2, product="Watch6,2", zone="Asia/Tokyo")
    db.quantity(7, 12_345, by=tokyo, at=dt.datetime(2024, 6, 10, 16, 0, tzinfo=dt.UTC), seconds=900)
    # Deleted, an electrocardiogram, and a letter of a doctor.
    db.quantity(3, 99.9, by=phone, at=at, deleted=True)
    db.object(phone, at, deleted=True)
    heart = db.sample(144, by=watch, at=at, seconds=30)
    if db.form == "17":
        db.insert(
            "ecg_samples", data_id=heart, private_classification=1, average_heart_rate=1.1,
            voltage_payload=b"\x00" * 64, symptoms_status=0,
        )  # fmt: skip
    db.insert("clinical_record_samples", data_id=900_001, display_name="A letter")


def _four_weeks_later(db: HealthDatabase, *, phone: int, watch: int, scale: int) -> None:
    chance = random.Random(31)  # noqa: S311 -- the same summer every time
    for number in range(_FIRST_DAYS, _FIRST_DAYS + _LATER_DAYS):
        midnight = _FIRST + number * _DAY
        _day(db, midnight, phone=phone, watch=watch, chance=chance)
        _night(db, midnight, phone=phone, watch=watch, chance=chance)
    at = dt.datetime(2024, 8, 17, 6, 0, tzinfo=dt.UTC)
    db.quantity(3, 62.9, by=scale, at=at)
    walk = db.workout(24, by=watch, at=at, seconds=10_800, kilometres=13.4, kcal=610.0,
                      indoor=False, heart=(112, 84, 149))  # fmt: skip
    if db.form == "17":
        db.route(walk, lake_path(3600, seed=4), by=watch, at=at, step=3)
    # One weighing was taken back, and steps of a day that was over came in late.
    ((first,),) = db.db.execute("select min(data_id) from samples where data_type = 3")
    for table in ("samples", "quantity_samples"):
        db.db.execute(f"delete from {table} where data_id = ?", (first,))  # noqa: S608 -- own names
    db.db.execute("update objects set type = 2 where data_id = ?", (first,))
    db.quantity(7, 777, by=watch, at=_FIRST + 2 * _DAY + 23 * _HOUR, seconds=300)


def medical_id(*, later: bool) -> bytes:
    """Return the archive of Mira's Medical ID."""
    contacts: list[object] = [
        {
            "$class": "HKEmergencyContact",
            "HKEmergencyContactNameKey": "Jonas Sandoval",
            "HKEmergencyContactRelationshipKey": "_$!<Brother>!$_",
            "HKEmergencyContactPhoneNumberKey": "(555) 014-2001",
        }
    ]
    if later:
        contacts.append(
            {
                "$class": "HKEmergencyContact",
                "HKEmergencyContactNameKey": "Amélie Dubois",
                "HKEmergencyContactRelationshipKey": "_$!<Friend>!$_",
                "HKEmergencyContactPhoneNumberKey": "+41 79 555 01 02",
            }
        )
    return archive(
        {
            "$class": "HKMedicalIDData",
            "HKMedicalIDDataNameKey": "Mira Sandoval",
            "HKMedicalIDDataGregorianBirthdateKey": {
                "$class": "NSDateComponents", "NS.year": 1986, "NS.month": 5, "NS.day": 17,
            },
            "HKMedicalIDDataHeightKey": {
                "$class": "HKQuantity", "ValueKey": 171.0,
                "UnitKey": {"$class": "HKUnit", "HKUnitStringKey": "cm"},
            },
            "HKMedicalIDDataBloodTypeKey": 7,
            "HKMedicalIDDataIsOrganDonorKey": True,
            "HKMedicalIDDataAllergiesKey": "Penicillin, hazelnuts",
            "HKMedicalIDDataMedicalConditionsKey": "Asthma",
            "HKMedicalIDDataEmergencyContactsKey": contacts,
            "HKMedicalIDDataPictureDataKey": b"\x89PNG\r\n\x1a\n",
        }
    )  # fmt: skip


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return the stores and the Medical ID; only encrypted backups have them."""
    samples, sources = demo_health(later=later).to_bytes()
    files = [
        PhoneFile(DOMAIN, SAMPLES, samples),
        PhoneFile(DOMAIN, MEDICAL_ID, medical_id(later=later)),
    ]
    if sources is not None:
        files.append(PhoneFile(DOMAIN, SOURCES, sources))
    return files

"""The tables of Health's stores that Keepsake reads.

Form ``15``: as recorded from a real store of iOS 13 to 15. Form ``17``: the tables of iOS 16 and
later, put together from the columns that open readers of this store name; no store of a phone
with rows was at hand for either.
"""

from __future__ import annotations

from typing import Literal

Form = Literal["15", "17"]

_BOTH = """
create table objects (data_id INTEGER PRIMARY KEY AUTOINCREMENT, uuid BLOB UNIQUE,
provenance INTEGER NOT NULL, type INTEGER, creation_date REAL);
create table samples (data_id INTEGER PRIMARY KEY, start_date REAL, end_date REAL,
data_type INTEGER);
create table quantity_samples (data_id INTEGER PRIMARY KEY, quantity REAL, original_quantity REAL,
original_unit INTEGER REFERENCES unit_strings (ROWID) ON DELETE NO ACTION);
create table category_samples (data_id INTEGER PRIMARY KEY, value INTEGER);
create table unit_strings (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, unit_string TEXT UNIQUE);
create table quantity_sample_statistics (owner_id INTEGER PRIMARY KEY
REFERENCES quantity_samples (data_id) ON DELETE CASCADE, min REAL, max REAL, most_recent REAL,
most_recent_date REAL, most_recent_duration REAL);
create table metadata_keys (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE);
create table metadata_values (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, key_id INTEGER,
object_id INTEGER, value_type INTEGER NOT NULL DEFAULT 0, string_value TEXT, numerical_value REAL,
date_value REAL, data_value BLOB);
create table workout_events (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, owner_id INTEGER NOT NULL,
date REAL NOT NULL, type INTEGER NOT NULL, duration REAL NOT NULL, metadata BLOB,
session_uuid BLOB, error BLOB);
create table activity_caches (data_id INTEGER PRIMARY KEY REFERENCES samples (data_id)
ON DELETE CASCADE, cache_index INTEGER, sequence INTEGER NOT NULL, activity_mode INTEGER,
wheelchair_use INTEGER, energy_burned REAL, energy_burned_goal REAL, energy_burned_goal_date REAL,
move_minutes REAL, move_minutes_goal REAL, move_minutes_goal_date REAL, brisk_minutes REAL,
brisk_minutes_goal REAL, brisk_minutes_goal_date REAL, active_hours REAL, active_hours_goal REAL,
active_hours_goal_date REAL, steps REAL, pushes REAL, walk_distance REAL,
deep_breathing_duration REAL, flights INTEGER, energy_burned_stats BLOB, move_minutes_stats BLOB,
brisk_minutes_stats BLOB);
create table clinical_record_samples (data_id INTEGER PRIMARY KEY, display_name TEXT NOT NULL,
fhir_resource_resource_type TEXT, fhir_resource_identifier TEXT, fhir_resource_data BLOB,
fhir_resource_source_url TEXT, fhir_resource_last_updated_date REAL);
create table binary_samples (data_id INTEGER PRIMARY KEY, payload BLOB);
create table ACHAchievementsPlugin_earned_instances (ROWID INTEGER PRIMARY KEY AUTOINCREMENT,
template_unique_name TEXT, created_date REAL, earned_date TEXT, value_in_canonical_unit REAL,
value_canonical_unit TEXT, creator_device INTEGER, sync_provenance INTEGER);
"""

_SOURCES = """
create table sources (ROWID INT, uuid, bundle_id TEXT, name TEXT, source_options INT,
local_device INT, product_type TEXT, deleted INT, mod_date REAL, provenance INT, sync_anchor INT,
owner_bundle_id TEXT);
create table source_devices (ROWID INT, name TEXT, manufacturer TEXT, model TEXT, hardware TEXT,
firmware TEXT, software TEXT, localIdentifier TEXT, FDAUDI TEXT, creation_date REAL,
sync_provenance INT, uuid);
"""

_OLD = """
create table data_provenances (ROWID INTEGER PRIMARY KEY AUTOINCREMENT,
sync_provenance INTEGER NOT NULL, origin_product_type TEXT NOT NULL, origin_build TEXT NOT NULL,
local_product_type TEXT NOT NULL, local_build TEXT NOT NULL, source_id INTEGER NOT NULL,
device_id INTEGER NOT NULL, source_version TEXT NOT NULL, tz_name TEXT NOT NULL,
origin_major_version INTEGER NOT NULL, origin_minor_version INTEGER NOT NULL,
origin_patch_version INTEGER NOT NULL, derived_flags INTEGER NOT NULL);
create table workouts (data_id INTEGER PRIMARY KEY, duration REAL, total_energy_burned REAL,
total_basal_energy_burned REAL, total_distance REAL, activity_type INTEGER, goal_type INTEGER,
goal REAL, total_w_steps REAL, total_flights_climbed REAL, condenser_version INTEGER,
condenser_date REAL);
create table correlations (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, correlation INTEGER,
object INTEGER, provenance INTEGER, UNIQUE(correlation, object));
create table data_series (data_id INTEGER PRIMARY KEY, frozen INTEGER NOT NULL DEFAULT 0,
count INTEGER NOT NULL DEFAULT 0, insertion_era INTEGER NOT NULL DEFAULT 0,
hfd_key INTEGER UNIQUE NOT NULL);
create table quantity_sample_series (data_id INTEGER PRIMARY KEY, count INTEGER NOT NULL DEFAULT 0,
insertion_era INTEGER, hfd_key INTEGER UNIQUE NOT NULL);
"""

_NEW = """
create table data_provenances (ROWID INTEGER PRIMARY KEY AUTOINCREMENT,
sync_provenance INTEGER NOT NULL, origin_product_type TEXT NOT NULL, origin_build TEXT NOT NULL,
local_product_type TEXT NOT NULL, local_build TEXT NOT NULL, source_id INTEGER NOT NULL,
device_id INTEGER NOT NULL, contributor_id INTEGER NOT NULL DEFAULT 0,
source_version TEXT NOT NULL, tz_name TEXT NOT NULL, origin_major_version INTEGER NOT NULL,
origin_minor_version INTEGER NOT NULL, origin_patch_version INTEGER NOT NULL,
sync_identity INTEGER NOT NULL DEFAULT 0, derived_flags INTEGER NOT NULL);
create table workouts (data_id INTEGER PRIMARY KEY AUTOINCREMENT, total_distance REAL,
goal_type INTEGER, goal REAL, condenser_version INTEGER, condenser_date REAL);
create table workout_activities (ROWID INTEGER PRIMARY KEY AUTOINCREMENT,
uuid BLOB UNIQUE NOT NULL, owner_id INTEGER NOT NULL REFERENCES workouts(data_id)
ON DELETE CASCADE, is_primary_activity INTEGER NOT NULL, activity_type INTEGER NOT NULL,
location_type INTEGER NOT NULL, swimming_location_type INTEGER NOT NULL, lap_length BLOB,
start_date REAL NOT NULL, end_date REAL NOT NULL, duration REAL NOT NULL, metadata BLOB);
create table workout_statistics (ROWID INTEGER PRIMARY KEY AUTOINCREMENT,
workout_activity_id INTEGER NOT NULL REFERENCES workout_activities(ROWID) ON DELETE CASCADE,
data_type INTEGER NOT NULL, quantity REAL NOT NULL, min REAL, max REAL,
UNIQUE(workout_activity_id, data_type));
create table associations (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, parent_id INTEGER,
child_id INTEGER, sync_provenance INTEGER, sync_identity INTEGER NOT NULL DEFAULT 0,
UNIQUE(parent_id, child_id));
create table data_series (data_id INTEGER PRIMARY KEY, frozen INTEGER NOT NULL DEFAULT 0,
count INTEGER NOT NULL DEFAULT 0, insertion_era INTEGER NOT NULL DEFAULT 0,
hfd_key INTEGER UNIQUE NOT NULL, series_location INTEGER NOT NULL DEFAULT 2);
create table location_series_data (series_identifier INTEGER NOT NULL, timestamp REAL NOT NULL,
longitude REAL NOT NULL, latitude REAL NOT NULL, altitude REAL NOT NULL, speed REAL NOT NULL,
course REAL NOT NULL, horizontal_accuracy REAL NOT NULL, vertical_accuracy REAL NOT NULL,
speed_accuracy REAL NOT NULL, course_accuracy REAL NOT NULL, signal_environment INTEGER NOT NULL,
PRIMARY KEY (series_identifier, timestamp)) WITHOUT ROWID;
create table quantity_sample_series (data_id INTEGER PRIMARY KEY, count INTEGER NOT NULL DEFAULT 0,
insertion_era INTEGER, hfd_key INTEGER UNIQUE NOT NULL, series_location INTEGER NOT NULL DEFAULT 2);
create table quantity_series_data (series_identifier INTEGER NOT NULL, timestamp REAL NOT NULL,
value REAL NOT NULL, duration REAL NOT NULL, PRIMARY KEY (series_identifier, timestamp))
WITHOUT ROWID;
create table ecg_samples (data_id INTEGER PRIMARY KEY, private_classification INTEGER NOT NULL,
average_heart_rate REAL, voltage_payload BLOB NOT NULL, symptoms_status INTEGER NOT NULL);
"""


def samples_schema(form: Form) -> str:
    """Return the statements of healthdb_secure.sqlite; older phones keep the sources in it."""
    return _BOTH + (_OLD + _SOURCES if form == "15" else _NEW)


def sources_schema() -> str:
    """Return the statements of healthdb.sqlite of newer phones."""
    return _SOURCES

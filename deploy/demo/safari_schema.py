"""The tables of Safari's stores, as iOS 13 to 26 make them."""

from __future__ import annotations

from typing import Literal

Form = Literal["13", "26"]

_HISTORY = """
create table history_items (id integer primary key autoincrement, url text not null unique,
domain_expansion text null, visit_count integer not null, daily_visit_counts blob not null,
weekly_visit_counts blob null, autocomplete_triggers blob null,
should_recompute_derived_visit_counts integer not null, visit_count_score integer not null{item});
create table history_visits (id integer primary key autoincrement, history_item integer not null
references history_items(id) on delete cascade, visit_time real not null, title text null,
load_successful boolean not null default 1, http_non_get boolean not null default 0,
synthesized boolean not null default 0, redirect_source integer null unique references
history_visits(id) on delete cascade, redirect_destination integer null unique references
history_visits(id) on delete cascade, origin integer not null default 0, generation integer not
null default 0, attributes integer not null default 0, score integer not null default 0);
create table history_tombstones (id integer primary key autoincrement, start_time real not null,
end_time real not null, url text, generation integer not null default 0{tombstone});
create table metadata (key text not null unique, value);
create table history_client_versions (client_version integer primary key,
last_seen real not null);
create index history_visits__last_visit on history_visits (history_item, visit_time desc,
synthesized asc);
"""
_TAGS = """
create table history_tags (id integer primary key, type integer not null, level integer not null,
identifier text not null, title text not null, modification_timestamp real not null,
item_count integer not null default 0);
create table history_items_to_tags (history_item integer not null, tag_id integer not null,
timestamp real not null, unique(history_item, tag_id) on conflict replace);
"""
_BOOKMARKS = """
create table bookmarks (id integer primary key autoincrement, special_id integer default 0,
parent integer, type integer, title text, url text collate nocase, num_children integer default 0,
editable integer default 1, deletable integer default 1, hidden integer default 0,
hidden_ancestor_count integer default 0, order_index integer not null, external_uuid text unique,
read integer default null, last_modified real default null, server_id text, sync_key text,
sync_data blob, added integer default 1, deleted integer default 0, extra_attributes blob default
null, local_attributes blob default null, fetched_icon bool default 0, icon blob default null,
dav_generation integer default 0, locally_added bool default 0, archive_status integer default 0,
syncable bool default 1, web_filter_status integer default 0,
modified_attributes unsigned big int default 0{more});
create table folder_ancestors (id integer primary key autoincrement, folder_id integer not null,
ancestor_id integer not null);
"""
_NEWER_COLUMNS = """, date_closed real default null, last_selected_child integer default null,
subtype integer default 0, cookies_uuid text default null, local_storage_uuid text default null,
session_storage_uuid text default null, topic_title text, feature_text text,
fetched_feature_text bool default 0, is_marked_for_expiration integer"""
_WINDOWS = """
create table windows (id integer primary key, active_tab_group_id integer default null,
active_profile_id integer default null, date_closed real default null, extra_attributes blob
default null, is_last_session integer default 0, local_tab_group_id integer default null,
private_tab_group_id integer default null, scene_id text default null, uuid text not null unique,
restoration_archive blob default null);
create table windows_tab_groups (id integer primary key, active_tab_id integer default null,
tab_group_id integer not null, window_id integer not null, unique (tab_group_id, window_id));
create table windows_profiles (id integer primary key, active_tab_group_id integer default null,
profile_id integer not null, window_id integer not null, unique (profile_id, window_id));
create table windows_unnamed_tab_groups (id integer primary key, tab_group_id integer not null,
window_id integer not null, unique (tab_group_id, window_id));
"""
BROWSER_STATE = """
create table browser_windows (id integer primary key autoincrement, uuid text not null,
type integer default 0, active_document_index integer default 0, active_private_document_index
integer default 0, active_document_is_valid bool default 1, tab_state_successfully_loaded bool
default 0, legacy_plist_file_version integer default 0, scene_id text);
create table tabs (id integer primary key autoincrement, uuid text not null unique, title text,
url text collate nocase, user_visible_url text collate nocase, order_index integer not null,
last_viewed_time real default null, readinglist_bookmark_id integer default 0, opened_from_link
bool default 0, showing_reader bool default 0, reader_view_top_scroll_offset integer default 0,
private_browsing bool default 0, displaying_standalone_image bool default 0,
browser_window_uuid text not null, browser_window_id integer not null);
create table tab_sessions (id integer primary key autoincrement, tab_uuid text not null unique,
session_data blob default null, uncompressed_session_data_size integer not null default 0);
"""
CLOUD_TABS = """
create table cloud_tab_devices (device_uuid text primary key not null, system_fields blob not null,
device_name text, device_type_identifier text, has_duplicate_device_name boolean default 0,
is_ephemeral_device boolean default 0, last_modified real not null);
create table cloud_tabs (tab_uuid text primary key not null, system_fields blob not null,
device_uuid text not null, position blob not null, title text, url text not null,
is_showing_reader boolean default 0, is_pinned boolean default 0,
reader_scroll_position_page_index integer, scene_id text, last_viewed_time real default 0,
topic_title text);
create table metadata (key text not null unique, value);
"""
CHROME = """
create table urls (id integer primary key autoincrement, url longvarchar, title longvarchar,
visit_count integer default 0 not null, typed_count integer default 0 not null,
last_visit_time integer not null, hidden integer default 0 not null);
create table visits (id integer primary key autoincrement, url integer not null,
visit_time integer not null, from_visit integer, transition integer default 0 not null,
segment_id integer, visit_duration integer default 0 not null);
"""
FIREFOX = """
create table moz_places (id integer primary key, url longvarchar not null, title longvarchar,
description text, visit_count_local integer not null default 0, visit_count_remote integer not
null default 0, hidden integer not null default 0, frecency integer not null default -1,
guid text unique);
create table moz_historyvisits (id integer primary key, is_local integer not null,
from_visit integer, place_id integer not null, visit_date integer not null,
visit_type integer not null);
"""
OLD_FIREFOX = """
create table history (id integer primary key autoincrement, guid text not null unique, url text
unique, title text not null, is_deleted tinyint not null default 0);
create table visits (id integer primary key autoincrement, siteID integer not null,
date real not null, type integer not null, is_local tinyint not null);
"""


def history_schema(form: Form) -> str:
    """Return the tables of History.db."""
    if form == "13":
        return _HISTORY.format(item="", tombstone="")
    item = ", status_code integer not null default 0"
    return _HISTORY.format(item=item, tombstone=", udid text, attributes integer default 0") + _TAGS


def bookmarks_schema(form: Form) -> str:
    """Return the tables of Bookmarks.db."""
    return _BOOKMARKS.format(more="" if form == "13" else _NEWER_COLUMNS)


def tabs_schema() -> str:
    """Return the tables of SafariTabs.db, of iOS 15 and later."""
    return bookmarks_schema("26") + _WINDOWS

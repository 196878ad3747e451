"""The tables of Calendar.sqlitedb of iOS 8, 10 and 26: those that hold what people wrote."""

from __future__ import annotations

from typing import Literal

#: About that version of iOS, and those near it.
Form = Literal["8", "10", "26"]

_IOS_26 = """
create table Store (ROWID integer primary key autoincrement, name text, notes text,
default_alarm_offset integer, type integer, constraint_path text, disabled integer, external_id
text, persistent_id text, flags integer, creator_bundle_id text, creator_code_signing_identity
text, only_creator_can_modify integer, external_mod_tag text, preferred_event_private_value
integer, strictest_event_private_value integer, last_sync_start real, last_sync_end real,
delegated_account_owner_store_id text, delegated_account_default_calendar_for_new_events_id
integer, shows_notifications integer, flags2 integer, display_order integer, owner_name text,
default_all_day_alarm_offset integer, error_id integer, cached_external_info blob, app_group_id
text);
create table Calendar (ROWID integer primary key autoincrement, store_id integer, title text,
flags integer, color text, symbolic_color_name text, color_is_display integer, type text,
supported_entity_types integer, external_id text, external_mod_tag text, external_id_tag text,
external_rep blob, display_order integer, UUID text, shared_owner_name text,
shared_owner_address text, cached_external_info blob, sharing_status integer,
sharing_invitation_response integer, published_URL text, is_published integer, invitation_status
integer, sync_token text, self_identity_id integer, self_identity_email text,
self_identity_phone_number text, owner_identity_id integer, owner_identity_email text,
owner_identity_phone_number text, notes text, bulk_requests blob, subcal_account_id text,
push_key text, digest blob, refresh_date real, subscription_id text, last_sync_start real,
last_sync_end real, subcal_url text, refresh_interval integer, pubcal_account_id text, error_id
integer, max_attendees integer, last_sync_title text, locale text, image_id integer);
create table CalendarItem (ROWID integer primary key autoincrement, summary text, location_id
integer, client_location_id integer, description text, start_date real, start_tz text, end_date
real, end_tz text, all_day integer, calendar_id integer, orig_item_id integer, orig_date real,
organizer_id integer, self_attendee_id integer, status integer, invitation_status integer,
availability integer, privacy_level integer, url text, last_modified real, sequence_num integer,
birthday_id integer, modified_properties integer, external_tracking_status integer, external_id
text, external_mod_tag text, unique_identifier text, external_schedule_id text, external_rep
blob, response_comment text, last_synced_response_comment text, hidden integer, has_recurrences
integer, has_attachment integer, has_attendees integer, UUID text, entity_type integer, priority
integer, due_date real, due_tz text, due_all_day integer, completion_date real, creation_date
real, action text, app_link blob, display_order integer, created_by_id integer, modified_by_id
integer, shared_item_created_date real, shared_item_created_tz text, shared_item_modified_date
real, shared_item_modified_tz text, invitation_changed_properties integer, default_alarm_removed
integer, phantom_master integer, participation_status_modified_date real, calendar_scale text,
travel_time integer, travel_advisory_behavior integer, start_location_id integer,
end_location_id integer, suggested_event_info_id integer, first_alert_date real,
proposed_start_date real, can_forward integer, location_prediction_state integer, fired_ttl
integer, disallow_propose_new_time integer, structured_data blob, local_structured_data blob,
junk_status integer, conference_url text, contact_identifier text, recurrence_set text, flags
integer, contact_name text, error_id integer, image_id integer, color_id integer,
conference_url_detected text, creator_identity text, creator_team_identity text, special_day
text);
create table Participant (ROWID integer primary key autoincrement, entity_type integer, type
integer, status integer, pending_status integer, role integer, identity_id integer, owner_id
integer, external_rep blob, UUID text, email text, phone_number text, is_self integer, comment
text, schedule_agent integer, flags integer, last_modified real, proposed_start_date real,
invited_by text, proposed_start_date_status integer, schedule_status integer,
schedule_force_send integer, comment_last_modified real);
create table Identity (display_name text, address text, first_name text, last_name text);
create table Location (ROWID integer primary key autoincrement, title text, address text,
latitude integer, longitude integer, reference_frame integer, address_book_id text,
mapkit_handle blob, radius integer, routing text, derived_from text, item_owner_id integer,
alarm_owner_id integer, start_loc_owner_id integer, end_loc_owner_id integer,
client_loc_owner_id integer);
create table Recurrence (ROWID integer primary key autoincrement, frequency integer, interval
integer, week_start integer, count integer, cached_end_date real, cached_end_date_tz text,
end_date real, specifier text, by_month_months integer, owner_id integer, external_id text,
external_mod_tag text, external_id_tag text, external_rep blob, UUID text);
create table ExceptionDate (ROWID integer primary key autoincrement, owner_id integer, date
real, sync_order integer);
create table Alarm (ROWID integer primary key autoincrement, trigger_date real, trigger_interval
integer, type integer, calendaritem_owner_id integer, calendar_owner_id integer,
external_mod_tag text, external_id_tag text, external_rep blob, UUID text, proximity integer,
disabled integer, location_id integer, acknowledgedDate real, default_alarm integer,
orig_alarm_id integer, email_address text, bookmark blob, has_long_interval integer);
create table Attachment (ROWID integer primary key autoincrement, owner_id integer, external_rep
blob, file_id integer);
create table AttachmentFile (ROWID integer primary key autoincrement, external_id text,
external_mod_tag text, url text, UUID text, format text, flags integer, filename text,
local_path text, file_size integer, store_id integer, download_start real, download_tries
integer);
create table Conference (ROWID integer primary key autoincrement, uuid text, owner_id integer,
url text, feature text, info text, language text, region text);
create table Contact (ROWID integer primary key autoincrement, owner_id integer, contact_id
text);
create table Category (ROWID integer primary key autoincrement, name text, entity_type integer,
hidden integer);
create table CategoryLink (ROWID integer primary key autoincrement, owner_id integer,
category_id integer, group_id integer);
create table Sharee (ROWID integer primary key autoincrement, owner_id integer, external_id
text, external_rep blob, UUID text, identity_id integer, status integer, access_level integer,
mute_notifications integer);
create table Notification (ROWID integer primary key autoincrement, entity_type integer,
calendar_id integer, invite_reply_calendar_id integer, external_id text, external_mod_tag text,
UUID text, summary text, creation_date real, last_modified real, status integer, host_url text,
in_reply_to text, identity_id integer, alerted integer);
create table OccurrenceCache (day real, event_id integer, calendar_id integer, store_id integer,
occurrence_date real, occurrence_start_date real, occurrence_end_date real,
latest_possible_alarm real, earliest_possible_alarm real, next_reminder_date real);
create table _SqliteDatabaseProperties (key text, value text);
"""
_IOS_8 = """
create table Store (ROWID integer primary key autoincrement, name text, default_alarm_offset
integer, type integer, constraint_path text, disabled integer, external_id text, persistent_id
text, flags integer);
create table Calendar (ROWID integer primary key autoincrement, store_id integer, title text,
flags integer, color text, color_is_display integer, type text, supported_entity_types integer,
external_id text, external_mod_tag text, external_id_tag text, external_rep blob, display_order
integer, UUID text, shared_owner_name text, shared_owner_email text, sharing_status integer,
sharing_invitation_response integer, published_URL text, is_published integer, invitation_status
integer, sync_token text, self_identity_id integer, self_identity_email text, owner_identity_id
integer, owner_identity_email text);
create table CalendarItem (ROWID integer primary key autoincrement, summary text, location_id
integer, description text, start_date real, start_tz text, end_date real, all_day integer,
calendar_id integer, orig_item_id integer, orig_date real, organizer_id integer,
self_attendee_id integer, status integer, invitation_status integer, availability integer,
privacy_level integer, url text, last_modified real, sequence_num integer, birthday_id integer,
modified_properties integer, external_tracking_status integer, external_id text,
external_mod_tag text, unique_identifier text, external_schedule_id text, external_rep blob,
response_comment text, hidden integer, has_recurrences integer, has_attendees integer, UUID
text, entity_type integer, priority integer, due_date real, due_tz text, due_all_day integer,
completion_date real, creation_date real, conference text, display_order integer, created_by_id
integer, modified_by_id integer, shared_item_created_date real, shared_item_created_tz text,
shared_item_modified_date real, shared_item_modified_tz text, invitation_changed_properties
integer, default_alarm_removed integer, phantom_master integer);
create table Participant (ROWID integer primary key autoincrement, entity_type integer, type
integer, status integer, pending_status integer, role integer, identity_id integer, owner_id
integer, external_rep blob, UUID text, email text, is_self integer);
create table Identity (display_name text, address text, first_name text, last_name text);
create table Location (ROWID integer primary key autoincrement, title text, latitude integer,
longitude integer, address_book_id text, radius integer, item_owner_id integer, alarm_owner_id
integer);
create table Recurrence (ROWID integer primary key autoincrement, frequency integer, interval
integer, week_start integer, count integer, cached_end_date real, cached_end_date_tz text,
end_date real, specifier text, by_month_months integer, owner_id integer, external_id text,
external_mod_tag text, external_id_tag text, external_rep blob, UUID text);
create table Alarm (ROWID integer primary key autoincrement, trigger_date real, trigger_interval
integer, type integer, owner_id integer, external_id text, external_mod_tag text,
external_id_tag text, external_rep blob, UUID text, proximity integer, disabled integer,
location_id integer, acknowledgedDate real, default_alarm integer, orig_alarm_id integer);
create table ExceptionDate (ROWID integer primary key autoincrement, owner_id integer, date
real, sync_order integer);
create table Attachment (ROWID integer primary key autoincrement, owner_id integer, external_id
text, external_mod_tag text, external_rep blob, url text, UUID text, data blob, format text,
is_binary integer, filename text, local_url text, file_size integer);
"""
#: iOS 10 added columns to the table of iOS 8, and gave alarms and attachments their later form.
_IOS_10_ITEMS = """
create table CalendarItem (ROWID integer primary key autoincrement, summary text, location_id
integer, client_location_id integer, description text, start_date real, start_tz text, end_date
real, end_tz text, all_day integer, calendar_id integer, orig_item_id integer, orig_date real,
organizer_id integer, self_attendee_id integer, status integer, invitation_status integer,
availability integer, privacy_level integer, url text, last_modified real, sequence_num integer,
birthday_id integer, modified_properties integer, external_tracking_status integer, external_id
text, external_mod_tag text, unique_identifier text, external_schedule_id text, external_rep
blob, response_comment text, last_synced_response_comment text, hidden integer, has_recurrences
integer, has_attendees integer, UUID text, entity_type integer, priority integer, due_date real,
due_tz text, due_all_day integer, completion_date real, creation_date real, conference text,
app_link blob, display_order integer, created_by_id integer, modified_by_id integer,
shared_item_created_date real, shared_item_created_tz text, shared_item_modified_date real,
shared_item_modified_tz text, invitation_changed_properties integer, default_alarm_removed
integer, phantom_master integer, participation_status_modified_date real, calendar_scale text,
travel_time integer, travel_advisory_behavior integer, start_location_id integer,
suggested_event_info_id integer, first_alert_date real, proposed_start_date real, can_forward
integer, location_prediction_state integer, fired_ttl integer, disallow_propose_new_time
integer, junk_status integer);
"""

#: What the phone looks up by; the first of each is a table, the others its columns.
INDEXES = (
    ("CalendarItem", "calendar_id", "orig_item_id"),
    ("Participant", "owner_id"),
    ("Recurrence", "owner_id"),
    ("ExceptionDate", "owner_id"),
    ("Alarm", "calendaritem_owner_id", "owner_id"),
    ("Attachment", "owner_id"),
    ("CategoryLink", "owner_id"),
)


def schema_of(form: Form) -> str:
    """Return the statements that make the empty tables."""
    if form == "8":
        return _IOS_8
    if form == "26":
        return _IOS_26
    return (
        "".join(
            f"{statement};"
            for statement in _IOS_26.split(";")
            if "create table CalendarItem" not in statement and statement.strip()
        )
        + _IOS_10_ITEMS
    )

"""The tables of sms.db with their columns, newest form first, and what older systems lacked."""

from __future__ import annotations

import sqlite3
from typing import Literal

Schema = Literal["ios18", "ios16", "ios13", "ios10", "ios5"]

_TABLES: dict[str, str] = {
    "handle": "id text not null, country text, service text not null, uncanonicalized_id text, "
    "person_centric_id text",
    "chat": "guid text unique not null, style integer, state integer, account_id text, "
    "properties blob, chat_identifier text, service_name text, room_name text, "
    "account_login text, is_archived integer, last_addressed_handle text, display_name text, "
    "group_id text, is_filtered integer, original_group_id text, "
    "last_read_message_timestamp integer, is_blackholed integer, is_recovered integer",
    "message": "guid text unique not null, text text, handle_id integer, subject text, "
    "attributedBody blob, service text, account text, error integer, date integer, "
    "date_read integer, date_delivered integer, is_delivered integer, is_finished integer, "
    "is_from_me integer, is_empty integer, is_auto_reply integer, is_read integer, "
    "is_system_message integer, is_sent integer, is_service_message integer, is_forward integer, "
    "was_downgraded integer, cache_has_attachments integer, cache_roomnames text, "
    "is_audio_message integer, is_played integer, date_played integer, item_type integer, "
    "other_handle integer, group_title text, group_action_type integer, share_status integer, "
    "share_direction integer, expire_state integer, associated_message_guid text, "
    "associated_message_type integer, balloon_bundle_id text, payload_data blob, "
    "expressive_send_style_id text, associated_message_range_location integer, "
    "associated_message_range_length integer, message_summary_info blob, "
    "destination_caller_id text, is_corrupt integer, reply_to_guid text, is_spam integer, "
    "thread_originator_guid text, thread_originator_part text, was_delivered_quietly integer, "
    "did_notify_recipient integer, date_retracted integer, date_edited integer, "
    "part_count integer, is_stewie integer, is_sos integer, is_critical integer, "
    "is_kt_verified integer, associated_message_emoji text, is_pending_satellite_send integer, "
    "schedule_type integer, schedule_state integer, sent_or_received_off_grid integer",
    "attachment": "guid text unique not null, created_date integer, filename text, uti text, "
    "mime_type text, transfer_state integer, is_outgoing integer, user_info blob, "
    "transfer_name text, total_bytes integer, is_sticker integer, sticker_user_info blob, "
    "attribution_info blob, hide_attachment integer, emoji_image_short_description text",
}
_JOINS: dict[str, str] = {
    "chat_handle_join": "chat_id integer, handle_id integer, unique(chat_id, handle_id)",
    "chat_message_join": "chat_id integer, message_id integer, message_date integer, "
    "primary key (chat_id, message_id)",
    "message_attachment_join": "message_id integer, attachment_id integer, "
    "unique(message_id, attachment_id)",
    "chat_recoverable_message_join": "chat_id integer, message_id integer, delete_date integer, "
    "ck_sync_state integer, primary key (chat_id, message_id)",
    "recoverable_message_part": "chat_id integer, message_id integer, part_index integer, "
    "delete_date integer, part_text blob not null, ck_sync_state integer, "
    "primary key (chat_id, message_id, part_index)",
}
_INDEXES = (
    "create index message_idx_date on message(date)",
    "create index message_idx_associated_message on message(associated_message_guid)",
    "create index chat_message_join_idx_message_id_only on chat_message_join(message_id)",
)

#: Columns that came with each system; an older schema lacks them and all that came later.
_CAME_WITH: tuple[tuple[Schema, frozenset[str]], ...] = (
    (
        "ios18",
        frozenset(
            {
                "associated_message_emoji",
                "is_pending_satellite_send",
                "schedule_type",
                "schedule_state",
                "sent_or_received_off_grid",
                "is_stewie",
                "is_sos",
                "is_critical",
                "is_kt_verified",
                "emoji_image_short_description",
            }
        ),
    ),
    (
        "ios16",
        frozenset(
            {
                "date_retracted",
                "date_edited",
                "part_count",
                "was_delivered_quietly",
                "did_notify_recipient",
                "is_recovered",
            }
        ),
    ),
    (
        "ios13",
        frozenset(
            {
                "thread_originator_guid",
                "thread_originator_part",
                "destination_caller_id",
                "is_corrupt",
                "reply_to_guid",
                "is_spam",
                "person_centric_id",
                "group_id",
                "original_group_id",
                "is_blackholed",
            }
        ),
    ),
)
_TABLES_OF_IOS16 = {"chat_recoverable_message_join", "recoverable_message_part"}
_ORDER: tuple[Schema, ...] = ("ios18", "ios16", "ios13", "ios10", "ios5")

_IOS5 = (
    "create table message (ROWID integer primary key autoincrement, address text, date integer, "
    "text text, flags integer, replace integer, svc_center text, group_id integer, "
    "association_id integer, madrid_handle text, madrid_date_read integer, is_madrid integer)"
)


def create_tables(connection: sqlite3.Connection, schema: Schema) -> None:
    """Make the tables as a system of that age has them."""
    if schema == "ios5":
        connection.execute(_IOS5)
        return
    age = _ORDER.index(schema)
    missing: set[str] = set()
    for since, columns in _CAME_WITH:
        if _ORDER.index(since) < age:
            missing |= columns
    for table, columns_text in _TABLES.items():
        kept = [c for c in columns_text.split(", ") if c.split(" ", 1)[0] not in missing]
        connection.execute(
            f"create table {table} (ROWID integer primary key autoincrement, {', '.join(kept)})"
        )
    for table, columns_text in _JOINS.items():
        if age > _ORDER.index("ios16") and table in _TABLES_OF_IOS16:
            continue
        connection.execute(f"create table {table} ({columns_text})")
    for statement in _INDEXES:
        connection.execute(statement)


def columns_of(connection: sqlite3.Connection, table: str) -> frozenset[str]:
    """Return the names of a table's columns."""
    return frozenset(row[1] for row in connection.execute(f"pragma table_info({table})"))

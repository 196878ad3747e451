"""WhatsApp's numbers in the words of the API.

The store has no table of names. Numbers of types and events were taken from public readers of the
store (IPED, iLEAPP, WhatsApp-Chat-Exporter) and checked on samples as far as those have them; a
number that is not here is kept as it is.
"""

from __future__ import annotations

TEXT, LOCATION, CONTACT, LINK, DELETED, POLL, CALL = 0, 5, 4, 7, 14, 46, 59
GROUP_EVENT, NOTICE, CHANNEL_EVENT = 6, 10, 55

#: ZMESSAGETYPE.
TYPES: dict[int, str] = {
    0: "text", 1: "image", 2: "video", 3: "audio", 4: "contact", 5: "location", 6: "event",
    7: "link", 8: "document", 10: "event", 11: "gif", 12: "waiting", 14: "deleted", 15: "sticker",
    19: "template", 20: "template", 23: "template", 24: "template", 25: "text", 26: "product",
    27: "group_invite", 28: "event", 30: "template", 31: "text", 32: "template", 34: "text",
    38: "image", 39: "video", 41: "template", 42: "template", 46: "poll", 53: "audio",
    54: "video_note", 55: "event", 59: "call",
}  # fmt: skip
VIEW_ONCE = frozenset({38, 39, 53})
#: Types that are nothing without a file.
WITH_FILE = frozenset({1, 2, 3, 8, 11, 15, 38, 39, 53, 54})
#: Types for which the columns of a place hold width and height in pixels.
WITH_PIXELS = frozenset({1, 2, 11, 15, 38, 39, 54})
EVENT_TYPES = frozenset({6, 10, 28, 55})

#: ZGROUPEVENTTYPE of a group event (6), a notice (10) and a channel's event (55).
EVENTS: dict[tuple[int, int], str] = {
    (6, 1): "renamed", (6, 2): "member_added", (6, 3): "member_left", (6, 4): "icon_changed",
    (6, 5): "icon_removed", (6, 7): "member_removed", (6, 9): "number_changed",
    (6, 10): "became_admin", (6, 11): "no_longer_admin", (6, 12): "group_created",
    (6, 13): "community_unavailable", (6, 15): "member_joined_by_link",
    (6, 17): "description_changed", (6, 18): "only_admins_edit", (6, 19): "all_members_edit",
    (6, 20): "only_admins_send", (6, 21): "all_members_send", (6, 22): "description_removed",
    (6, 23): "member_joined_by_invitation", (6, 26): "disappearing_messages_changed",
    (6, 30): "member_joined_from_community", (6, 31): "group_added_to_community",
    (6, 33): "group_removed_from_community", (6, 39): "member_became_admin",
    (6, 42): "only_admins_add_members", (6, 43): "left_community", (6, 50): "member_added",
    (6, 51): "community_managed", (6, 56): "renamed", (6, 57): "community_description_changed",
    (6, 60): "community_welcome", (6, 61): "group_added_to_community",
    (6, 64): "community_who_adds_groups",
    (10, 1): "missed_voice_call", (10, 2): "encryption_notice", (10, 3): "security_code_changed",
    (10, 4): "missed_video_call", (10, 5): "number_changed", (10, 6): "number_changed",
    (10, 21): "missed_voice_call", (10, 22): "missed_video_call", (10, 25): "business_notice",
    (10, 26): "business_notice", (10, 29): "business_renamed", (10, 30): "no_longer_business",
    (10, 34): "contact_blocked", (10, 35): "contact_unblocked", (10, 36): "security_code_changed",
    (10, 38): "business_notice", (10, 40): "group_call_started", (10, 41): "group_call_started",
    (10, 45): "missed_voice_call", (10, 46): "missed_video_call",
    (10, 47): "messages_kept", (10, 51): "privacy_added", (10, 56): "sender_became_contact",
    (55, 1): "channel_created", (55, 4): "privacy_added",
}  # fmt: skip
RENAMED = "renamed"
#: Events whose text says who did it to whom, as identities.
ABOUT_MEMBERS = frozenset({"member_added", "member_removed"})
DISAPPEARING = "disappearing_messages_changed"
#: Type 28 is that by itself, with the time in its details.
DISAPPEARING_TYPE = 28

#: ZSESSIONTYPE.
CHAT_TYPES = {
    0: "direct", 1: "group", 2: "broadcast", 3: "status", 4: "community", 5: "channel",
}  # fmt: skip
#: What an identity's ending says where the store does not.
CHAT_TYPES_BY_SERVER = {
    "g.us": "group", "broadcast": "broadcast", "status": "status", "newsletter": "channel",
}  # fmt: skip

#: ZMESSAGESTATUS of own messages.
STATUSES = {1: "sent", 6: "delivered", 8: "read"}

#: ZOUTCOME of a call.
OUTCOMES = {0: "ended", 1: "missed", 2: "failed", 4: "rejected"}

#: Fields of the message that an answer carries along, in the app's public protocol: the number,
#: what it is, and the path to its words.
QUOTED: tuple[tuple[int, str, tuple[int, ...]], ...] = (
    (1, "text", ()), (6, "text", (1,)), (3, "image", (3,)), (9, "video", (7,)),
    (8, "audio", ()), (7, "document", (8, 3)), (4, "contact", (1,)), (5, "location", (3, 4)),
    (26, "sticker", ()), (49, "poll", (2,)), (60, "poll", (2,)), (64, "poll", (2,)),
    (66, "video_note", ()),
)  # fmt: skip

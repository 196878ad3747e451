"""Apple's numbers and names in the words of the API."""

from __future__ import annotations

#: associated_message_type % 1000 of a tapback, with the emoji that the phone draws for it.
TAPBACKS: dict[int, tuple[str, str | None]] = {
    0: ("love", "\u2764\ufe0f"),
    1: ("like", "\U0001f44d"),
    2: ("dislike", "\U0001f44e"),
    3: ("laugh", "\U0001f602"),
    4: ("emphasize", "\u203c\ufe0f"),
    5: ("question", "\u2753"),
    6: ("emoji", None),
    7: ("sticker", None),
}

EFFECTS: dict[str, str] = {
    "com.apple.MobileSMS.expressivesend.gentle": "gentle",
    "com.apple.MobileSMS.expressivesend.impact": "slam",
    "com.apple.MobileSMS.expressivesend.invisibleink": "invisible_ink",
    "com.apple.MobileSMS.expressivesend.loud": "loud",
    "com.apple.messages.effect.CKConfettiEffect": "confetti",
    "com.apple.messages.effect.CKEchoEffect": "echo",
    "com.apple.messages.effect.CKFireworksEffect": "fireworks",
    "com.apple.messages.effect.CKHappyBirthdayEffect": "balloons",
    "com.apple.messages.effect.CKHeartEffect": "love",
    "com.apple.messages.effect.CKLasersEffect": "lasers",
    "com.apple.messages.effect.CKShootingStarEffect": "shooting_star",
    "com.apple.messages.effect.CKSparklesEffect": "celebration",
    "com.apple.messages.effect.CKSpotlightEffect": "spotlight",
}

TEXT_EFFECTS: dict[int, str] = {
    4: "ripple",
    5: "big",
    6: "bloom",
    8: "nod",
    9: "shake",
    10: "jitter",
    11: "small",
    12: "explode",
}

#: item_type 1: members; item_type 3: the group itself; by group_action_type.
MEMBER_EVENTS = {0: "member_added", 1: "member_removed"}
GROUP_EVENTS = {
    0: "member_left",
    1: "icon_changed",
    2: "icon_removed",
    4: "background_changed",
    6: "background_removed",
}

DIGITAL_TOUCHES = {
    1: "tap",
    3: "heartbeat",
    4: "sketch",
    6: "picture",
    7: "kiss",
    8: "fireball",
}

#: App messages of Apple's own, by the last part of the balloon's bundle id.
APPLE_APPS: dict[str, tuple[str, str]] = {
    "com.apple.PassbookUIService.PeerPaymentMessagesExtension": ("payment", "Apple Cash"),
    "com.apple.ActivityMessagesApp.MessagesExtension": ("fitness", "Fitness"),
    "com.apple.mobileslideshow.PhotosMessagesApp": ("photos", "Photos"),
    "com.apple.SafetyMonitorApp.SafetyMonitorMessages": ("check_in", "Check In"),
    "com.apple.findmy.FindMyMessagesApp": ("location", "Find My"),
    "com.apple.messages.Polls": ("poll", "Polls"),
    "com.apple.icloud.apps.messages.business.extension": ("business", "Business"),
    "com.apple.siri": ("siri", "Siri"),
}

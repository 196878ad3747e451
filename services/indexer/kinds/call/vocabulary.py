"""The phone's numbers for calls, and words for people.

Source: stores of iOS 9 to 26, and how the phone itself tells a missed call from a declined one.
"""

from __future__ import annotations

from services.indexer.kinds.call.payload import Direction, Outcome, Service

#: ZSERVICE_PROVIDER; everything else is the bundle id of an app.
SERVICES: dict[str, Service] = {"com.apple.Telephony": "phone", "com.apple.FaceTime": "facetime"}
#: Of services, for people; apps have names of their own.
SERVICE_NAMES = {"phone": "Phone", "facetime": "FaceTime"}
#: ZCALLTYPE: the service, and whether it is a video call.
CALL_TYPES: dict[int, tuple[Service, bool | None]] = {
    0: ("app", None),
    1: ("phone", False),
    8: ("facetime", True),
    16: ("facetime", False),
}
#: ZCALL_CATEGORY; there are others for typed calls.
CATEGORIES = {1: False, 2: True}
#: ZDISCONNECTED_CAUSE of calls that another device took, and of those that were turned down.
ANSWERED_ELSEWHERE = 1
DECLINED = frozenset({2, 3, 4})
#: ZJUNKCONFIDENCE from which on the phone's list says so.
JUNK_FROM = 2
#: ZNUMBER_AVAILABILITY
HIDDEN, UNAVAILABLE = 1, 2
#: ZHANDLE_TYPE
PHONE, EMAIL = 2, 3
APPS = {
    "net.whatsapp.WhatsApp": "WhatsApp",
    "net.whatsapp.WhatsAppSMB": "WhatsApp Business",
    "org.whispersystems.signal": "Signal",
    "ph.telegra.Telegraph": "Telegram",
    "ch.threema.iapp": "Threema",
    "com.facebook.Messenger": "Messenger",
    "com.burbn.instagram": "Instagram",
    "com.toyopagroup.picaboo": "Snapchat",
    "com.skype.skype": "Skype",
    "com.microsoft.skype.teams": "Teams",
    "com.viber": "Viber",
    "jp.naver.line": "LINE",
    "com.tencent.xin": "WeChat",
    "com.hammerandchisel.discord": "Discord",
    "us.zoom.videomeetings": "Zoom",
    "com.google.Tachyon": "Google Meet",
    "com.google.hangouts": "Hangouts",
    "com.google.GVDialer": "Google Voice",
    "com.tinyspeck.chatlyio": "Slack",
    "com.wearezeta.zclient.ios": "Wire",
    "im.vector.app": "Element",
}


def outcome_of(
    *, direction: Direction | None, is_answered: bool, seconds: float | None, cause: int | None
) -> Outcome | None:
    """Return how a call ended, as the phone's own list shows it.

    *is_answered* is the phone's mark, which it also sets when another device takes the call: one
    that lasted no time here was answered there.
    """
    if (seconds is None and is_answered) or (seconds or 0) > 0:
        return "connected"
    if direction is None:
        return None
    if direction == "outgoing":
        return "unanswered"
    if is_answered or cause == ANSWERED_ELSEWHERE:
        return "answered_elsewhere"
    return "declined" if cause in DECLINED else "missed"


def title_of(
    *,
    service: Service | None,
    app: str | None,
    direction: Direction | None,
    outcome: Outcome | None,
    is_video: bool | None,
    is_group: bool,
) -> str:
    """Return what a list shows: ``Missed FaceTime video call``."""
    words = ["group"] if is_group else []
    if service == "facetime":
        words.append("FaceTime")
        words += [] if is_video is None else ["video"] if is_video else ["audio"]
    else:
        words += [app] if app is not None else []
        words += ["video"] if is_video else []
    words.append("call")
    if outcome in {"missed", "declined"}:
        words.insert(0, "missed" if outcome == "missed" else "declined")
    elif direction is not None:
        words.insert(0, direction)
    said = " ".join(words)
    if outcome == "answered_elsewhere":
        said += ", answered on another device"
    elif outcome == "unanswered":
        said += ", not answered"
    return said[:1].upper() + said[1:]

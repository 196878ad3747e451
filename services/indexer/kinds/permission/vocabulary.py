"""Words for the names and numbers in TCC.db and in the location service's list."""

from __future__ import annotations

from services.indexer.kinds.permission.payload import Decision

_SERVICE = "kTCCService"
_SERVICES = {
    "AddressBook": "Contacts",
    "Accessibility": "Accessibility",
    "AppleEvents": "Automation",
    "AudioCapture": "Audio recording",
    "BluetoothAlways": "Bluetooth",
    "BluetoothPeripheral": "Bluetooth in the background",
    "BluetoothWhileInUse": "Bluetooth while using the app",
    "Calendar": "Calendars",
    "CalendarWriteOnly": "Calendars, adding only",
    "Calls": "Calls",
    "Camera": "Camera",
    "ExposureNotification": "Exposure notifications",
    "ExposureNotificationRegion": "Exposure notifications of a region",
    "FaceID": "Face ID",
    "Facebook": "Facebook",
    "FileProviderDomain": "Files of a provider",
    "FileProviderPresence": "Use of files",
    "FinancialData": "Financial data",
    "FocusStatus": "Focus status",
    "GameCenterFriends": "Game Center friends",
    "KeyboardNetwork": "Full access of a keyboard",
    "LinkedIn": "LinkedIn",
    # Apple's own name for CloudKit.
    "Liverpool": "iCloud data of the app",
    "LocalNetwork": "Local network",
    "Location": "Location",
    "MediaLibrary": "Media & Apple Music",
    "Microphone": "Microphone",
    "Motion": "Motion & fitness",
    "MSO": "TV provider",
    "NearbyInteraction": "Nearby interactions",
    "Pasteboard": "Paste from other apps",
    "Photos": "Photos",
    "PhotosAdd": "Photos, adding only",
    "Reminders": "Reminders",
    "SensorKitAmbientLightSensor": "Research: ambient light",
    "SensorKitBedSensing": "Research: bed sensing",
    "SensorKitBedSensingWriting": "Research: bed sensing, writing",
    "SensorKitDeviceUsage": "Research: use of the phone",
    "SensorKitFacialMetrics": "Research: face measures",
    "SensorKitHistoricalCardioMetrics": "Research: heart measures",
    "SensorKitHistoricalMobilityMetrics": "Research: mobility measures",
    "SensorKitKeyboardMetrics": "Research: use of the keyboard",
    "SensorKitLocationMetrics": "Research: places visited",
    "SensorKitMessageUsage": "Research: use of messages",
    "SensorKitMotion": "Research: motion",
    "SensorKitMotionHeartRate": "Research: heart rate",
    "SensorKitOdometer": "Research: distance",
    "SensorKitPedometer": "Research: steps",
    "SensorKitPhoneUsage": "Research: calls",
    "SensorKitSpeechMetrics": "Research: speech",
    "SensorKitStrideCalibration": "Research: stride",
    "SensorKitWatchForegroundAppCategory": "Research: apps on the watch",
    "SensorKitWatchHeartRate": "Research: heart rate of the watch",
    "SensorKitWatchMotion": "Research: motion of the watch",
    "SensorKitWatchOnWristState": "Research: watch on the wrist",
    "ShareKit": "Sharing",
    "SinaWeibo": "Sina Weibo",
    "Siri": "Siri",
    "SpeechRecognition": "Speech recognition",
    "TencentWeibo": "Tencent Weibo",
    "Twitter": "Twitter",
    "Ubiquity": "iCloud Drive",
    "UserAvailability": "Availability",
    "UserTracking": "Tracking across apps",
    "WebKitIntelligentTrackingPrevention": "Cross-website tracking",
    "Willow": "Home accessories",
}
#: The words for what the location service allows.
LOCATION = "Location"

#: ``access.auth_value``.
DECISIONS: dict[int, Decision] = {
    0: "denied",
    1: "unknown",
    2: "allowed",
    3: "limited",
    4: "add_only",
}
#: ``access.allowed``, until iOS 13.
OLD_DECISIONS: dict[int, Decision] = {0: "denied", 1: "allowed"}
#: Bits of ``Authorization`` and ``SupportedAuthorizationMask`` of the location service.
LOCATION_DECISIONS: dict[int, Decision] = {
    0: "not_asked",
    1: "denied",
    2: "while_using",
    4: "always",
}
_REASONS = {
    1: "error",
    2: "the person agreed when asked",
    3: "the person set it in Settings",
    4: "the system set it",
    5: "a rule of the service",
    6: "a rule of the device's management",
    7: "an override",
    8: "the app does not say why it asks",
    9: "nobody answered",
    10: "not asked yet",
    11: "the app is entitled to it",
    12: "a rule for this type of app",
}
_WORDS: dict[Decision, str] = {
    "allowed": "Allowed",
    "denied": "Not allowed",
    "limited": "Limited",
    "add_only": "Adding only",
    "always": "Always",
    "while_using": "While using the app",
    "not_asked": "Not asked yet",
    "unknown": "Unknown",
}


def service_words(service: str) -> str:
    """Return what Settings calls a service; the phone's own name without its prefix if unknown."""
    name = service.removeprefix(_SERVICE)
    return _SERVICES.get(name) or name or service


def reason_words(reason: int | None) -> str | None:
    """Return why a decision is as it is, or None when nobody knows the number."""
    return None if reason is None else _REASONS.get(reason)


def decision_words(decision: Decision) -> str:
    """Return a decision as people look for it."""
    return _WORDS[decision]

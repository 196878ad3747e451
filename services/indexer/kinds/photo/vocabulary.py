"""The phone's numbers in words.

Seen in Photos libraries of iOS 13 to 26 and in what public readers of them name; a number that is
not here is kept as it is.
"""

from __future__ import annotations

from services.indexer.kinds.photo.payload import Generative, Media

MEDIA: dict[int, Media] = {0: "photo", 1: "video"}
FORMS = {
    1: "panorama",
    2: "live_photo",
    10: "screenshot",
    101: "slow_motion",
    102: "time_lapse",
    103: "screen_recording",
}
#: Forms that say no more than that it is a photo or a video.
PLAIN_FORMS = frozenset({0, 100})
SOURCES = {3: "phone", 4: "shared_album", 6: "icloud", 8: "link", 12: "messages"}
TAKEN_WITH = {1: "rear_camera", 2: "front_camera", 3: "app", 6: "app", 8: "system", 9: "system"}
#: Says nothing: came by way of the cloud.
UNSAID_IMPORT = frozenset({0})

#: High dynamic range: by two exposures, or by a map of brightness (iOS 14 and later).
HDR = frozenset({3, 10})
#: Says no more than what kind of file it is: not in HDR, the plain one of two, a film, a panorama.
PLAIN_HDR = frozenset({0, 4, 5, 6})
#: What a generative model did, as the picture's own marks say (iOS 18 and later).
GENERATIVE: dict[int, Generative] = {1: "generated", 2: "cleaned_up"}

#: Ways of playing.
ANIMATED = 2
LIVE = frozenset({3, 5})
#: Renderings with a blurred background (iOS 13).
PORTRAIT_RENDERING = 8

#: Bits of a burst's pick.
PICK_SHOWN, PICK_CHOSEN, PICK_KEY = 4, 8, 16

USER_ALBUM, SHARED_ALBUM, USER_FOLDER = 2, 1505, 4000

#: Resources: the picture and its film, and the same picture in the camera's own format.
PHOTO_RESOURCE, VIDEO_RESOURCE, RAW_RESOURCE = 0, 1, 4
ORIGINAL_STORE = 1
NOT_ON_PHONE = -1

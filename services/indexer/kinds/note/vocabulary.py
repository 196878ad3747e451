"""What Notes' numbers and names of types mean. What is not here keeps its own name or number."""

from __future__ import annotations

from services.indexer.kinds.note.document import Align, Form, Role

#: ``style_type`` of a paragraph; anything else is body.
FORMS: dict[int, Form] = {
    0: "title", 1: "heading", 2: "subheading", 4: "monospaced", 100: "dotted", 101: "dashed",
    102: "numbered", 103: "check",
}  # fmt: skip
ALIGNS: dict[int, Align] = {1: "center", 2: "right", 3: "justify"}
#: ``emphasis_style`` of a run, since iOS 18.
HIGHLIGHTS = {1: "purple", 2: "pink", 3: "orange", 4: "mint", 5: "blue"}

INLINE = "com.apple.notes.inlinetextattachment."
#: Things in the text that are text, by the end of their type.
ROLES: dict[str, Role] = {
    "hashtag": "hashtag",
    "mention": "mention",
    "calculateresult": "calculation",
    "calculategraphexpression": "calculation",
}

TABLE = "com.apple.notes.table"
GALLERY = "com.apple.notes.gallery"
#: Parts of a note by their type.
_KINDS = {
    TABLE: "table",
    GALLERY: "gallery",
    "com.apple.drawing": "drawing",
    "com.apple.drawing.2": "drawing",
    "com.apple.paper": "drawing",
    "com.apple.paperkit": "drawing",
    "com.apple.notes.sketch": "drawing",
    "com.apple.paper.doc.scan": "scan",
    "com.apple.paper.doc.pdf": "pdf",
    "com.adobe.pdf": "pdf",
    "public.url": "link",
    "public.vcard": "contact",
    "com.apple.ical.ics": "event",
    "com.apple.mapkit.map-item": "place",
    "com.compuserve.gif": "image",
    "com.microsoft.bmp": "image",
    "org.webmproject.webp": "image",
    "public.heic": "image",
    "public.heif": "image",
    "public.jpeg": "image",
    "public.png": "image",
    "public.tiff": "image",
    "com.apple.quicktime-movie": "video",
    "com.apple.m4v-video": "video",
    "public.mpeg-4": "video",
    "public.mpeg": "video",
    "public.avi": "video",
    "public.mpeg-4-audio": "audio",
    "public.mp3": "audio",
    "org.xiph.ogg-audio": "audio",
}
_ENDINGS = (
    ("-image", "image"), (".image", "image"), ("-audio", "audio"), (".audio", "audio"),
    ("-movie", "video"), ("-video", "video"), (".movie", "video"),
)  # fmt: skip
#: The phone keeps a picture or a document of these instead of a file that somebody put there.
DRAWN = frozenset({"drawing", "scan", "gallery"})
#: Parts that have no file of their own; what the phone shows for them is only a preview.
WITHOUT_FILE = frozenset({"table", "link", "place"})


def kind_of(uti: str | None) -> str:
    """Return what a part of this type is: a word of ours, or ``file``."""
    if uti is None:
        return "file"
    known = _KINDS.get(uti)
    if known is not None:
        return known
    return next((kind for ending, kind in _ENDINGS if uti.endswith(ending)), "file")

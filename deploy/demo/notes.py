"""The notes of the demo phone. Every feature of Notes occurs at least once; all is invented."""

from __future__ import annotations

import datetime as dt
import plistlib
from dataclasses import dataclass, field

from deploy.demo.container import PhoneFile
from deploy.demo.notes_body import (
    BOLD,
    BOLD_ITALIC,
    CHECK,
    DASHED,
    DOTTED,
    HEADING,
    ITALIC,
    MONOSPACED,
    NUMBERED,
    SUBHEADING,
    TITLE,
    gallery_data,
    locked_data,
    piece,
    share_data,
    stands,
    table_data,
)
from deploy.demo.notes_database import (
    INLINE,
    SMART,
    TRASH,
    NotesDatabase,
    OldNotesDatabase,
    cocoa,
)
from deploy.demo.notes_schema import Form
from deploy.demo.pictures import film_like, jpeg_like, png

DOMAIN = "AppDomainGroup-group.com.apple.notes"
STORE = "NoteStore.sqlite"
OLD_DOMAIN, OLD_STORE = "HomeDomain", "Library/Notes/notes.sqlite"
ACCOUNT = "0C0FFEE0-A11C-4000-8000-000000000001"
#: What opens the locked note.
PASSWORD = "pier at dawn"  # noqa: S105 -- of an invented note
SECRET = "The spare key hangs behind the third lifebelt"  # noqa: S105 -- as above
_LAKE = dt.datetime(2024, 7, 24, 18, 30, tzinfo=dt.UTC)
_TABLE, _GALLERY = "com.apple.notes.table", "com.apple.notes.gallery"
_SCAN, _DRAWING, _LINK = "com.apple.paper.doc.scan", "com.apple.paper", "public.url"
_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


@dataclass
class DemoNotes:
    """The database with the files that belong to it."""

    form: Form = "26"
    files: list[PhoneFile] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with two accounts and their folders."""
        db = self.database = NotesDatabase(form=self.form, seed=21)
        self.cloud = db.account("iCloud", ACCOUNT)
        db.change(self.cloud, ZUSERRECORDNAME="_MIRA")
        self.local = db.account("On My iPhone", "LocalAccount", type_=3)
        self.notes = db.folder("Notes", self.cloud, ZIDENTIFIER="DefaultFolder-CloudKit")
        self.trash = db.folder(
            "Recently Deleted", self.cloud, type_=TRASH, ZIDENTIFIER="TrashFolder-CloudKit"
        )
        self.boat = db.folder("Boat", self.cloud, ZIDENTIFIER="FOLDER-BOAT")
        self.repairs = db.folder(
            "Repairs", self.cloud, parent=self.boat, ZIDENTIFIER="FOLDER-REPAIRS"
        )
        self.private = db.folder("Notes", self.local, ZIDENTIFIER="DefaultFolder-LocalAccount")
        if self.form in {"11", "13"}:
            return
        db.folder(
            "Lake", self.cloud, type_=SMART, ZIDENTIFIER="SMART-LAKE",
            ZSMARTFOLDERQUERYJSON='{"tags":["lake"]}',
        )  # fmt: skip

    @property
    def is_new(self) -> bool:
        """Whether files lie in folders named after their generation."""
        return self.form == "26"

    def put(self, path: str, content: bytes, *, at: dt.datetime = _LAKE) -> None:
        """Put a file into the account's folder; until iOS 11 there was only one."""
        folder = "" if self.form == "11" else f"Accounts/{ACCOUNT}/"
        self.files.append(PhoneFile(DOMAIN, f"{folder}{path}", content, modified_at=at))

    def media(self, attachment: int, name: str, content: bytes | None) -> None:
        """Add a file to an attachment; None: it is in iCloud only."""
        key = f"MEDIA-{attachment}"
        generation = f"1_GEN-{attachment}" if self.is_new else None
        self.database.media(attachment, name, key, generation=generation)
        if content is not None:
            self.put(f"Media/{key}/{f'{generation}/' if generation else ''}{name}", content)

    def preview(self, attachment: int, key: str) -> None:
        """Add two small pictures of an attachment."""
        for width, height in ((192, 144), (768, 576)):
            name = f"{key}-1-{width}x{height}-0"
            generation = f"1_PRE-{width}" if self.is_new else None
            self.database.preview(
                attachment, name, width=width, height=height, generation=generation
            )
            path = f"{name}/{generation}/Preview" if generation else name
            self.put(f"Previews/{path}.png", png(width, width=width // 8, height=height // 8))


def demo_notes(*, later: bool, form: Form = "26") -> DemoNotes:
    """Write the family's notes; with *later* also what happened to them in four weeks."""
    notes = DemoNotes(form)
    _packing(notes, later=later)
    _repairs(notes)
    _shared(notes)
    _drawn(notes)
    _locked(notes)
    _others(notes, later=later)
    return notes


def _packing(notes: DemoNotes, *, later: bool) -> None:
    db = notes.database
    note = db.note(
        notes.notes,
        [
            piece("Packing for the lake\n", TITLE),
            piece("\n"),
            piece("Before we leave\n", HEADING),
            piece("Charge the lamp\n", CHECK, done=True),
            piece("Life jackets\n", CHECK, done=later),
            piece("the small one for Pixel\n", CHECK, indent=1, done=later),
            piece("Sun cream, factor 50\n", CHECK, done=False),
            piece("On the way\n", SUBHEADING),
            piece("bread\n", DOTTED),
            piece("onions\n", DOTTED),
            piece("the red ones\n", DASHED, indent=1),
            piece("First the ferry\n", NUMBERED),
            piece("then the café by the bridge\n", NUMBERED),
            piece("Grüße ans Team 🎉 ", None, weight=BOLD),
            stands("TAG-LAKE", f"{INLINE}.hashtag"),
            piece(" "),
            stands("LINK-BOAT", f"{INLINE}.link"),
        ],
        account=notes.cloud,
        at=_LAKE - dt.timedelta(days=9),
        edited=_LAKE + (dt.timedelta(days=28) if later else dt.timedelta(minutes=2)),
        ZIDENTIFIER="NOTE-PACKING", ZISPINNED=1, ZHASCHECKLIST=1,
    )  # fmt: skip
    db.inline(note, "hashtag", "TAG-LAKE", "#lake")
    db.inline(note, "link", "LINK-BOAT", "Repair of the boat", "applenotes:note/note-repair")


def _repairs(notes: DemoNotes) -> None:
    db = notes.database
    note = db.note(
        notes.repairs,
        [
            piece("Repair of the boat\n", TITLE),
            piece("The storm took the cover and "),
            piece("two planks", None, weight=BOLD_ITALIC, color=(0.8, 0.1, 0.1)),
            piece(" on the lee side. "),
            piece("Look at the seal again.", None, highlight=3, underline=1),
            piece("\n"),
            stands("TABLE-COSTS", _TABLE),
            piece("\n"),
            piece("Wood swells before it holds.", None, is_quote=True, weight=ITALIC),
            piece("\n", None, is_quote=True),
            stands("PHOTO-PLANK", "public.jpeg"),
            piece("\n"),
            stands("PDF-INVOICE", "com.adobe.pdf"),
            piece("\n"),
            stands("URL-YARD", _LINK),
            piece("\nH"),
            piece("2", None, script=-1),
            piece("O and 10 m"),
            piece("2", None, script=1),
            piece(" of canvas, "),
            piece("not the blue one", None, strike=1),
            piece("\nCall "),
            piece("the yard", None, link="tel:+15550147700"),
            piece(" or "),
            piece("write", None, link="mailto:yard@example.com"),
            piece("\nTotal\n", None, align=2),
        ],
        account=notes.cloud,
        at=_LAKE,
        edited=_LAKE + dt.timedelta(minutes=50),
        ZIDENTIFIER="NOTE-REPAIR",
    )  # fmt: skip
    db.attachment(
        note, _TABLE, "TABLE-COSTS", ZSUMMARY="Part\nPrice",
        mergeable=table_data(
            [["Part", "Price"], ["Planks | oak", [piece("240.00", weight=BOLD)]], ["Canvas", ""]]
        ),
    )  # fmt: skip
    photo = db.attachment(
        note, "public.jpeg", "PHOTO-PLANK", ZTITLE="plank.jpg", ZFILESIZE=4096, ZSIZEWIDTH=1600,
        ZSIZEHEIGHT=1200, ZOCRSUMMARY="OAK 40 mm", ZCREATIONDATE=cocoa(_LAKE),
    )  # fmt: skip
    notes.media(photo, "plank.jpg", jpeg_like(61))
    notes.preview(photo, "PHOTO-PLANK")
    invoice = db.attachment(
        note, "com.adobe.pdf", "PDF-INVOICE", ZTITLE="Invoice 17.pdf", ZFILESIZE=len(_PDF)
    )
    notes.media(invoice, "Invoice 17.pdf", _PDF)
    db.attachment(
        note, _LINK, "URL-YARD", ZTITLE="Harbour yard", ZURLSTRING="https://yard.example/planks",
        ZSUMMARY="Oak, larch and canvas by the metre",
    )  # fmt: skip


def _shared(notes: DemoNotes) -> None:
    db = notes.database
    recipe = db.note(
        notes.notes,
        [
            piece("おにぎり — rice balls\n", TITLE),
            piece("rice   2 cups\n", MONOSPACED),
            piece("water  2 cups\n", MONOSPACED),
            stands("MENTION-MIRA", f"{INLINE}.mention"),
            piece(" brings the nori. "),
            stands("PHOTO-RICE", "public.heic"),
        ],
        account=notes.cloud,
        at=_LAKE - dt.timedelta(days=40),
        ZIDENTIFIER="NOTE-RECIPE", ZZONEOWNERNAME="_b2b2b2",
        ZSERVERSHAREDATA=share_data(
            [
                ("Mira Sandoval", "mira.sandoval@example.com", 3, True),
                ("Yuki Tanaka", "+819012345678", 1, False),
            ]
        ),
    )  # fmt: skip
    db.inline(recipe, "mention", "MENTION-MIRA", "@Mira", "_MIRA")
    photo = db.attachment(recipe, "public.heic", "PHOTO-RICE", ZFILESIZE=812_345)
    notes.media(photo, "IMG_2001.HEIC", None)


def _drawn(notes: DemoNotes) -> None:
    db = notes.database
    sketch = db.note(
        notes.boat,
        [piece("Where we moor\n", TITLE), stands("DRAWING-MOOR", _DRAWING), piece("\n")],
        account=notes.cloud, at=_LAKE + dt.timedelta(days=1), ZIDENTIFIER="NOTE-SKETCH",
        ZISSYSTEMPAPER=1,
    )  # fmt: skip
    db.attachment(
        sketch, _DRAWING, "DRAWING-MOOR", ZHANDWRITINGSUMMARY="buoy 14, two lines aft",
        ZFALLBACKIMAGEGENERATION="1_DRAW",
    )  # fmt: skip
    path = "DRAWING-MOOR/1_DRAW/FallbackImage" if notes.is_new else "DRAWING-MOOR"
    notes.put(f"FallbackImages/{path}.png", png(62))
    papers = db.note(
        notes.notes,
        [
            piece("Insurance papers\n", TITLE),
            stands("SCAN-POLICY", _SCAN),
            piece("\n"),
            stands("GALLERY-CARDS", _GALLERY),
        ],
        account=notes.cloud, at=_LAKE + dt.timedelta(days=2), ZIDENTIFIER="NOTE-PAPERS",
    )  # fmt: skip
    db.attachment(
        papers, _SCAN, "SCAN-POLICY", ZTITLE="Policy", ZOCRSUMMARY="Policy 55-014 hull and mast",
        ZFALLBACKPDFGENERATION="1_SCAN",
    )  # fmt: skip
    path = "SCAN-POLICY/1_SCAN/FallbackPDF" if notes.is_new else "SCAN-POLICY"
    notes.put(f"FallbackPDFs/{path}.pdf", _PDF)
    gallery = db.attachment(
        papers, _GALLERY, "GALLERY-CARDS", ZTITLE="Cards",
        mergeable=gallery_data(["PAGE-FRONT", "PAGE-BACK"]),
    )  # fmt: skip
    for number, key in enumerate(("PAGE-BACK", "PAGE-FRONT")):
        page = db.attachment(papers, "public.jpeg", key, ZPARENTATTACHMENT=gallery)
        notes.media(page, f"{key.lower()}.jpg", jpeg_like(70 + number))


def _locked(notes: DemoNotes) -> None:
    db = notes.database
    db.note(
        notes.notes,
        locked_data([piece("Boathouse\n", TITLE), piece(SECRET)], PASSWORD),
        account=notes.cloud, at=_LAKE - dt.timedelta(days=200), title="Boathouse",
        ZIDENTIFIER="NOTE-LOCKED", ZPASSWORDHINT="When we met",
    )  # fmt: skip
    sealed = {"$archiver": "NSKeyedArchiver", "$objects": ["$null", b"\x07" * 200], "$top": {}}
    db.note(
        notes.notes,
        plistlib.dumps(sealed, fmt=plistlib.FMT_BINARY),
        account=notes.cloud, at=_LAKE - dt.timedelta(days=100), title="Codes",
        ZIDENTIFIER="NOTE-LOCKED-BY-CODE", ZISPASSWORDPROTECTED=1, ZCRYPTOWRAPPEDKEY=b"\x01" * 16,
    )  # fmt: skip


def _others(notes: DemoNotes, *, later: bool) -> None:
    db = notes.database
    vet = db.note(
        notes.private,
        [
            piece("Pixel at the vet\n", TITLE),
            piece("Dr. Zoë Größl, Thursdays. "),
            stands("CARD-ZOE", "public.vcard"),
            stands("VOICE-VET", "com.apple.m4a-audio"),
        ],
        account=notes.local, at=_LAKE - dt.timedelta(days=3), ZIDENTIFIER="NOTE-VET",
    )  # fmt: skip
    db.attachment(vet, "public.vcard", "CARD-ZOE", ZTITLE="Dr. Zoë Größl")
    voice = db.attachment(
        vet, "com.apple.m4a-audio", "VOICE-VET", ZDURATION=12.5,
        ZADDITIONALINDEXABLETEXT="half a tablet in the morning",
    )  # fmt: skip
    db.media(voice, "Recording.m4a", "MEDIA-VOICE")
    notes.files.append(
        PhoneFile(
            DOMAIN, "Accounts/LocalAccount/Media/MEDIA-VOICE/Recording.m4a", film_like(63),
            modified_at=_LAKE,
        )
    )  # fmt: skip
    empty = db.note(
        notes.notes, None, account=notes.cloud, at=_LAKE, title="New Note", ZIDENTIFIER="NOTE-EMPTY"
    )
    db.change(empty, ZMARKEDFORDELETION=1)
    if later:
        db.note(
            notes.boat, "Autumn\nTake her out of the water before October.", account=notes.cloud,
            at=_LAKE + dt.timedelta(days=27), ZIDENTIFIER="NOTE-AUTUMN",
        )  # fmt: skip
    else:
        db.note(
            notes.trash, "Old numbers\n555 014 2999", account=notes.cloud,
            at=_LAKE - dt.timedelta(days=900), ZIDENTIFIER="NOTE-OLD-NUMBERS",
        )  # fmt: skip


def old_notes() -> bytes:
    """Return a store of notes as phones had it before iOS 9, with a mail server's note."""
    store = OldNotesDatabase()
    mail = store.store("mira@mail.example", "Notes")
    store.note(
        mail, "Wines",
        "<html><body><div><b>Wines</b></div><div>Two bottles of <i>Chasselas</i> &amp; bread</div>"
        '<ul><li>cheese</li><li><a href="https://cellar.example/">cellar</a></li></ul>'
        "<script>alert(1)</script></body></html>",
        at=dt.datetime(2014, 9, 5, 19, 0, tzinfo=dt.UTC), guid="OLD-WINES",
    )  # fmt: skip
    return store.to_bytes()


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return the stores and all files of notes."""
    notes = demo_notes(later=later)
    return [
        PhoneFile(DOMAIN, STORE, notes.database.to_bytes()),
        PhoneFile(OLD_DOMAIN, OLD_STORE, old_notes()),
        *notes.files,
    ]

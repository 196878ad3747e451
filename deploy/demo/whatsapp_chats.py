"""What was written on the demo phone in WhatsApp, and on its business app.

Every kind of message occurs at least once. Called by the demo phone and by tests.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from deploy.demo.container import PhoneFile
from deploy.demo.pictures import film_like, jpeg_like, png
from deploy.demo.whatsapp_database import (
    OWN,
    CallsDatabase,
    WhatsAppDatabase,
    cocoa,
    compact,
    contacts_store,
    lids_store,
    media_columns,
    milliseconds,
    person,
    poll,
    quoting,
)

DOMAIN = "AppDomainGroup-group.net.whatsapp.WhatsApp.shared"
BUSINESS_DOMAIN = "AppDomainGroup-group.net.whatsapp.WhatsAppSMB.shared"
JONAS, YUKI, ZOE = person("15550142001"), person("819012345678"), person("436601112223")
AMELIE, PIER = person("33612345678"), person("15550147777")
#: Yuki's private identity, which the phone can resolve, and somebody's that it cannot.
YUKI_LID, STRANGER = "201234567890123@lid", "209876543210987@lid"
LAKE, GARDEN, CHANNEL = "120363040000000001@g.us", "120363040000000002@g.us", "1203630@newsletter"
_MINUTE, _DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)


@dataclass
class DemoChats:
    """The store of chats with the files that lie beside it."""

    store: WhatsAppDatabase
    files: list[PhoneFile] = field(default_factory=list)

    def file(self, path: str, content: bytes, at: dt.datetime) -> None:
        """Put a file beside the store."""
        self.files.append(PhoneFile(DOMAIN, f"Message/{path}", content, modified_at=at))


def demo_files(*, later: bool) -> list[PhoneFile]:
    """Return both apps' stores and media; with *later* as they are four weeks on."""
    story = demo_chats(later=later)
    chats = PhoneFile(DOMAIN, "ChatStorage.sqlite", story.store.to_bytes())
    return [chats, *files_beside(later=later), *story.files]


def demo_chats(*, later: bool) -> DemoChats:
    """Write the family's chats; with *later* as they are four weeks on."""
    story = DemoChats(WhatsAppDatabase(seed=21))
    _brother(story)
    _lake(story, later=later)
    _abroad(story)
    _others(story)
    if later:
        _four_weeks_later(story)
    return story


def files_beside(*, later: bool) -> list[PhoneFile]:
    """Return the stores beside that of chats, and that of the business app."""
    return [
        PhoneFile(DOMAIN, "ContactsV2.sqlite", _contacts()),
        PhoneFile(DOMAIN, "CallHistory.sqlite", _calls(later=later)),
        PhoneFile(
            DOMAIN,
            "LID.sqlite",
            lids_store({YUKI_LID: "819012345678"}, at=dt.datetime(2024, 6, 1, tzinfo=dt.UTC)),
        ),
        PhoneFile(BUSINESS_DOMAIN, "ChatStorage.sqlite", _business()),
        PhoneFile(DOMAIN, "Media/Profile/15550142001-1700000000.jpg", jpeg_like(90, 2048)),
    ]


def _brother(story: DemoChats) -> None:
    store, at = story.store, dt.datetime(2024, 7, 3, 17, 0, tzinfo=dt.UTC)
    chat = store.chat(JONAS, "Jonas Sandoval")
    store.insert("ZWAPROFILEPUSHNAME", ZJID=JONAS, ZPUSHNAME="jojo ⛵")
    store.insert(
        "ZWAPROFILEPICTUREITEM", ZJID=JONAS, ZPATH="Media/Profile/15550142001-1700000000",
        ZPICTUREID="1700000000",
    )  # fmt: skip
    store.message(chat, at=at, jid=JONAS, form=10, event=2, stanza="WADEMO00")
    store.message(
        chat, "Found the old boat papers in mother's desk", at=at + _MINUTE, jid=JONAS,
        stanza="WADEMO01",
        receipts={7: {2: {1: "R1", 2: "❤️", 3: milliseconds(at + 2 * _MINUTE), 4: 1}}},
    )  # fmt: skip
    picture, path = jpeg_like(71, 6000), f"Media/{JONAS}/a/1/papers.jpg"
    story.file(path, picture, at + 2 * _MINUTE)
    story.file(path.replace(".jpg", ".thumb"), jpeg_like(72, 900), at + 2 * _MINUTE)
    store.message(
        chat, at=at + 2 * _MINUTE, jid=JONAS, form=1, stanza="WADEMO02",
        media=media_columns(
            path, "image/jpeg", picture, ZTITLE="Page one, with the stamp", ZLATITUDE=1200.0,
            ZLONGITUDE=1600.0, ZXMPPTHUMBPATH=path.replace(".jpg", ".thumb"),
        ),
    )  # fmt: skip
    store.message(
        chat, "That stamp is from the harbour office!", at=at + 4 * _MINUTE, stanza="WADEMO03",
        metadata=quoting("WADEMO02", JONAS, message={3: {3: "Page one, with the stamp"}}),
        receipts={2: [{1: compact(JONAS), 4: 0, 5: 12}, {1: compact(OWN)}], 3: 1720026245, 4: 2,
                  7: {1: {1: "R2", 2: JONAS, 3: "👍", 4: milliseconds(at + 5 * _MINUTE)}}},
        ZSTARRED=1,
    )  # fmt: skip
    voice, path = film_like(73, 5000), f"Media/{JONAS}/b/2/voice.opus"
    story.file(path, voice, at + 9 * _MINUTE)
    store.message(
        chat, at=at + 9 * _MINUTE, jid=JONAS, form=3, stanza="WADEMO04",
        media=media_columns(path, "audio/ogg; codecs=opus", voice, ZMOVIEDURATION=14),
    )  # fmt: skip
    document, path = b"%PDF-1.4\n% an invented insurance\n%%EOF\n", f"Media/{JONAS}/c/3/x.pdf"
    story.file(path, document, at + 20 * _MINUTE)
    store.message(
        chat, at=at + 20 * _MINUTE, form=8, stanza="WADEMO05",
        media=media_columns(path, "application/pdf", document, ZTITLE="Boat insurance 2024.pdf"),
    )  # fmt: skip
    store.message(
        chat, at=at + 30 * _MINUTE, jid=JONAS, form=5, stanza="WADEMO06",
        media={"ZLATITUDE": 47.3547, "ZLONGITUDE": 8.5512, "ZTITLE": "Boathouse Enge",
               "ZVCARDNAME": "Mythenquai 9, 8002 Zürich", "ZHACCURACY": 12.0},
    )  # fmt: skip
    store.message(
        chat, at=at + 40 * _MINUTE, form=4, stanza="WADEMO07",
        media={
            "ZVCARDNAME": "Dr. Zoë Größl",
            "ZVCARDSTRING": "BEGIN:VCARD\nVERSION:3.0\nN:Größl;Zoë;;Dr.;\nFN:Dr. Zoë Größl\n"
            "ORG:Tierklinik am See\nitem1.TEL;waid=436601112223:+43 660 1112223\n"
            "item1.X-ABLabel:Work\nEMAIL;type=WORK:praxis@tierklinik.example\nEND:VCARD",
        },
    )  # fmt: skip
    link = store.message(
        chat, "Look: https://boats.example.org/covers", at=at + _DAY, jid=JONAS, form=7,
        stanza="WADEMO08",
    )  # fmt: skip
    store.link(
        link, "https://boats.example.org/covers", title="Covers that survive a storm",
        summary="Made to measure, with ropes",
    )  # fmt: skip
    store.message(chat, at=at + _DAY + _MINUTE, jid=JONAS, form=14, stanza="WADEMO09")
    store.message(
        chat, at=at + _DAY + 2 * _MINUTE, form=39, stanza="WADEMO10",
        media=media_columns(None, "video/mp4", ZFILESIZE=480_000),
    )  # fmt: skip
    store.message(
        chat, "Sorry, chain letter: send this to ten people", at=at + _DAY + 3 * _MINUTE, jid=JONAS,
        stanza="WADEMO11", metadata={17: 6}, ZFLAGS=16777216 | 1 << 7,
    )  # fmt: skip
    sticker, path = png(74, width=64, height=64), f"Media/{JONAS}/d/4/s.webp"
    story.file(path, sticker, at + _DAY + 4 * _MINUTE)
    store.message(
        chat, at=at + _DAY + 4 * _MINUTE, form=15, stanza="WADEMO12",
        media=media_columns(path, "image/webp", sticker, ZLATITUDE=512.0, ZLONGITUDE=512.0),
    )  # fmt: skip
    store.message(
        chat, at=at + 2 * _DAY, form=59, stanza="WADEMO13", metadata={87: {1: {3: 301}}}
    )  # fmt: skip


def _lake(story: DemoChats, *, later: bool) -> None:
    store, at = story.store, dt.datetime(2024, 7, 12, 8, 0, tzinfo=dt.UTC)
    chat = store.group(LAKE, "Lake weekend ☀️", created_at=at)
    store.member(chat, OWN, is_admin=True)
    jonas = store.member(chat, JONAS)
    yuki = store.member(chat, YUKI_LID, is_active=not later)
    stranger = store.member(chat, STRANGER, name="Tomás")
    store.message(chat, at=at, jid=LAKE, form=6, event=12, stanza="WADEMO20")
    store.message(
        chat, f"{OWN};{JONAS},{YUKI_LID}", at=at + _MINUTE, jid=LAKE, form=6, event=50,
        stanza="WADEMO21",
    )  # fmt: skip
    store.message(
        chat, '{"previous_subject":"Lake","new_subject":"Lake weekend ☀️"}', at=at + 2 * _MINUTE,
        jid=LAKE, member=jonas, form=6, event=56, stanza="WADEMO22",
    )  # fmt: skip
    store.message(
        chat, "Who comes by train? @15550142001 @201234567890123", at=at + 3 * _MINUTE,
        stanza="WADEMO23",
        receipts={2: [{1: compact(JONAS), 4: 1, 5: 60}], 3: 1720771445, 4: 2},
        ZCHILDMESSAGESDELIVEREDCOUNT=3, ZCHILDMESSAGESREADCOUNT=2,
    )  # fmt: skip
    store.message(
        chat, at=at + 5 * _MINUTE, form=46, stanza="WADEMO24",
        receipts=poll(
            "Which train?", ["08:12 with change", "09:40 direct", "By boat"],
            votes={JONAS: [2], YUKI_LID: [1], STRANGER: [0, 1]}, own=[1],
        ),
    )  # fmt: skip
    store.message(
        chat, "09:40 に乗ります 🚆", at=at + 7 * _MINUTE, jid=LAKE, member=yuki, stanza="WADEMO25",
        metadata=quoting("WADEMO23", OWN, text="Who comes by train?"),
        receipts={7: [{1: [{1: "R3", 2: STRANGER, 3: "🎉", 4: milliseconds(at + 8 * _MINUTE)},
                           {1: "R4", 2: JONAS, 3: "", 4: milliseconds(at + 9 * _MINUTE)}]}]},
    )  # fmt: skip
    film, path = film_like(75, 7000), f"Media/{LAKE}/e/5/pier.mp4"
    story.file(path, film, at + 2 * _DAY)
    store.message(
        chat, at=at + 2 * _DAY, jid=LAKE, member=stranger, form=2, stanza="WADEMO26",
        media=media_columns(path, "video/mp4", film, ZTITLE="The pier at six", ZMOVIEDURATION=21,
                            ZLATITUDE=1080.0, ZLONGITUDE=1920.0),
    )  # fmt: skip
    store.message(
        chat, JONAS, at=at + 3 * _DAY, jid=LAKE, member=stranger, form=6, event=7,
        stanza="WADEMO27",
    )  # fmt: skip
    store.message(
        chat, "604800", at=at + 3 * _DAY + _MINUTE, jid=LAKE, member=jonas, form=6, event=26,
        stanza="WADEMO28",
    )  # fmt: skip
    store.message(
        chat, "Something new", at=at + 4 * _DAY, jid=LAKE, member=jonas, form=97, event=3,
        stanza="WADEMO29",
    )  # fmt: skip


def _abroad(story: DemoChats) -> None:
    store, at = story.store, dt.datetime(2024, 6, 20, 6, 0, tzinfo=dt.UTC)
    # The chat was moved to Yuki's private identity; the old one is still there.
    old = store.chat(YUKI, "田中 由紀", ZARCHIVED=1)
    store.message(old, "写真を送りますね", at=at, jid=YUKI, stanza="WADEMO40")
    new = store.chat(YUKI_LID, "田中 由紀", ZUNREADCOUNT=1, ZSAVEDINPUT="Bis bald im")
    store.message(new, "À bientôt à Genève 🇨🇭", at=at + _DAY, stanza="WADEMO41")
    path = f"Media/{YUKI_LID}/f/6/tokyo.heic"
    store.message(
        new, at=at + _DAY + _MINUTE, jid=YUKI_LID, form=1, stanza="WADEMO42",
        # Removed from the phone to save space: the backup has no such file.
        media=media_columns(path, "image/heic", ZFILESIZE=2_400_000, ZLATITUDE=3024.0,
                            ZLONGITUDE=4032.0),
    )  # fmt: skip


def _others(story: DemoChats) -> None:
    store, at = story.store, dt.datetime(2024, 7, 25, 19, 0, tzinfo=dt.UTC)
    stranger = store.chat(AMELIE, "+33 6 12 34 56 78")
    store.insert("ZWAPROFILEPUSHNAME", ZJID=AMELIE, ZPUSHNAME="Amélie Dubois")
    store.message(stranger, "Bonjour, c'est Amélie du camping", at=at, jid=AMELIE,
                  stanza="WADEMO50")  # fmt: skip
    store.message(
        stranger, "Payment for the pitch", at=at + _MINUTE, stanza="WADEMO51",
    )  # fmt: skip
    store.insert(
        "ZWAZ1PAYMENTTRANSACTION", ZMESSAGESTANZAID="WADEMO51", ZAMOUNT_1000=45_500,
        ZCURRENCY="EUR", ZSENDERJID=OWN, ZRECEIVERJID=AMELIE, ZTIMESTAMP=cocoa(at + _MINUTE),
        ZSTATUS=3,
    )  # fmt: skip
    everyone = store.chat("1719000000@broadcast", "Neighbours", form=2)
    store.member(everyone, JONAS)
    store.member(everyone, ZOE)
    # A message to a list is in the list and in the chats of all on it, as one.
    store.message(everyone, "Street party on Saturday!", at=at + _DAY, stanza="WADEMO52")
    zoe = store.chat(ZOE, "Dr. Zoë Größl")
    store.message(zoe, "Street party on Saturday!", at=at + _DAY, stanza="WADEMO52")
    channel = store.group(CHANNEL, "Ferry news", created_at=at - 90 * _DAY, creator="", form=5)
    store.message(
        channel, "The 18:10 boat is cancelled", at=at + 2 * _DAY, jid=CHANNEL, stanza="WADEMO53",
        receipts={7: {3: {1: [{1: "😢", 2: 1204}, {1: "👍", 2: 31}]}}},
    )  # fmt: skip
    status = store.chat("15550142001@status", "Jonas Sandoval", form=3)
    store.message(status, "Sunset from the deck", at=at + 2 * _DAY, jid=JONAS, stanza="WADEMO54")
    garden = store.group(GARDEN, "Gardens of the street", created_at=at - 10 * _DAY, form=4,
                         ZREMOVED=1)  # fmt: skip
    store.message(garden, at=at - 9 * _DAY, jid=GARDEN, form=6, event=31, stanza="WADEMO55")
    store.insert("ZWABLACKLISTITEM", ZJID=AMELIE)
    store.insert("ZWACHATPUSHCONFIG", ZJID=LAKE, ZMUTEDUNTIL=cocoa(at + 300 * _DAY))


def _four_weeks_later(story: DemoChats) -> None:
    store, at = story.store, dt.datetime(2024, 8, 21, 18, 0, tzinfo=dt.UTC)
    rows = store.connection.execute("select Z_PK, ZCONTACTJID from ZWACHATSESSION")
    chats = {jid: number for number, jid in rows}
    store.message(chats[JONAS], "The cover holds. So far", at=at, jid=JONAS, stanza="WADEMO90")
    store.message(chats[LAKE], "Same time next year?", at=at + _MINUTE, stanza="WADEMO91")
    # Edited: only the last wording stays. Deleted for everyone, and deleted here alone.
    store.execute(
        "update ZWAMESSAGE set ZTEXT = 'Street party on Sunday!' where ZSTANZAID = 'WADEMO52'"
    )
    store.execute(
        "update ZWAMESSAGE set ZTEXT = null, ZMESSAGETYPE = 14 where ZSTANZAID = 'WADEMO11'"
    )
    store.execute("delete from ZWAMESSAGE where ZSTANZAID = 'WADEMO50'")


def _contacts() -> bytes:
    at = cocoa(dt.datetime(2024, 5, 1, 8, tzinfo=dt.UTC))
    return contacts_store(
        [
            {"ZFULLNAME": "Jonas Sandoval", "ZGIVENNAME": "Jonas", "ZLASTNAME": "Sandoval",
             "ZPHONENUMBER": "(555) 014-2001", "ZWHATSAPPID": JONAS,
             "ZABOUTTEXT": "On the water", "ZABOUTTIMESTAMP": at},
            {"ZFULLNAME": "田中 由紀", "ZGIVENNAME": "由紀", "ZLASTNAME": "田中",
             "ZPHONENUMBER": "+81 90 1234 5678", "ZWHATSAPPID": YUKI, "ZLID": YUKI_LID},
            {"ZFULLNAME": "Dr. Zoë Größl", "ZPHONENUMBER": "+43 660 1112223", "ZWHATSAPPID": ZOE},
            {"ZFULLNAME": "Nobody's number"},
        ]
    )  # fmt: skip


def _calls(*, later: bool) -> bytes:
    calls, at = CallsDatabase(), dt.datetime(2024, 7, 5, 17, 0, tzinfo=dt.UTC)
    calls.call([JONAS], at=at, is_incoming=False, seconds=301.5, call_id="WACALL01")
    calls.call([JONAS], at=at + _DAY, is_incoming=True, outcome=1, is_video=True,
               call_id="WACALL02")  # fmt: skip
    calls.call([JONAS, YUKI_LID], at=at + 8 * _DAY, is_incoming=True, seconds=1210.0,
               is_video=True, group=LAKE, call_id="WACALL03", ZSCHEDULEDID="3EB0LAKE")  # fmt: skip
    # From before calls had an identity of their own, with somebody who has no chat.
    calls.call([PIER], at=at - 400 * _DAY, is_incoming=True, seconds=33.0)
    if later:
        calls.call([YUKI_LID], at=dt.datetime(2024, 8, 25, 9, 0, tzinfo=dt.UTC),
                   is_incoming=False, outcome=2, call_id="WACALL04")  # fmt: skip
    return calls.to_bytes()


def _business() -> bytes:
    store, at = WhatsAppDatabase(seed=22), dt.datetime(2024, 7, 8, 9, 0, tzinfo=dt.UTC)
    chat = store.chat(JONAS, "Jonas Sandoval")
    store.message(chat, "Is the workshop open today?", at=at, jid=JONAS, stanza="WABUSI01")
    store.message(chat, "Until six. Bring the rudder", at=at + _MINUTE, stanza="WABUSI02")
    return store.to_bytes()

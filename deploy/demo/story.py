"""What was written on the demo phone. Every feature of Messages occurs at least once."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from deploy.demo.attributed_body import Run, Value, attributed_body, utf16_length
from deploy.demo.messages import MessagesDatabase, cocoa_nanoseconds, summary_info

_PART = "__kIMMessagePartAttributeName"
_FILE = "__kIMFileTransferGUIDAttributeName"
_MINUTE = dt.timedelta(minutes=1)
_FOLDER = "Library/SMS/Attachments"


@dataclass(frozen=True)
class Attached:
    """A file that a message brought, to be drawn from its seed."""

    path: str
    seed: int
    at: dt.datetime


@dataclass
class Story:
    """What the rest of the phone must know about the messages."""

    chatter_chat: int
    chatter_handle: int
    attached: list[Attached] = field(default_factory=list)


def _plain(text: str, **attributes: Value) -> Run:
    return utf16_length(text), {_PART: 0, **attributes}


def tell_story(database: MessagesDatabase, *, later: bool) -> Story:
    """Write all conversations; with *later* also what happened in the four weeks after."""
    jonas = database.handle("+15550142001", person="P-1")
    jonas_sms = database.handle("+15550142001", service="SMS", person="P-1")
    yuki = database.handle("+819012345678", country="jp")
    zoe = database.handle("+436601112223", service="SMS", country="at")
    direct = database.chat([jonas], identifier="+15550142001")
    direct_sms = database.chat([jonas_sms], identifier="+15550142001", service="SMS")
    with_yuki = database.chat([yuki], identifier="+819012345678")
    with_zoe = database.chat([zoe], identifier="+436601112223", service="SMS")
    group = database.chat(
        [jonas, yuki], identifier="chat550142000777", name="Lake weekend", is_group=True
    )
    story = Story(chatter_chat=direct, chatter_handle=jonas)
    _brother(database, story, direct=direct, sms=direct_sms, handles=(jonas, jonas_sms))
    _weekend(database, story, group=group, jonas=jonas, yuki=yuki)
    _abroad(database, chat=with_yuki, yuki=yuki)
    _practice(database, chat=with_zoe, zoe=zoe)
    if later:
        _four_weeks_later(database, direct=direct, group=group, jonas=jonas, yuki=yuki)
    return story


def _brother(
    db: MessagesDatabase, story: Story, *, direct: int, sms: int, handles: tuple[int, int]
) -> None:
    jonas, jonas_sms = handles
    at = dt.datetime(2024, 7, 20, 9, 0, tzinfo=dt.UTC)
    db.message("Did the boat survive the storm?", at=at, chat=direct, guid="DEMO-0001")
    hello = db.message(
        "Mostly. The cover flew to the neighbours\u2019 cherry tree 🍒", at=at + 4 * _MINUTE,
        chat=direct, handle=jonas, guid="DEMO-0002",
    )  # fmt: skip
    db.tapback(hello, 2000, at=at + 5 * _MINUTE, chat=direct, guid="DEMO-0003")
    db.tapback(hello, 3000, at=at + 6 * _MINUTE, chat=direct, guid="DEMO-0004")
    db.tapback(hello, 2003, at=at + 7 * _MINUTE, chat=direct, guid="DEMO-0005")
    path = f"{_FOLDER}/0a/10/DEMO-A1/IMG_2041.jpg"
    photo = db.message(
        "\ufffcHere is the proof", at=at + 10 * _MINUTE, chat=direct, handle=jonas,
        guid="DEMO-0006",
        runs=[(1, {_FILE: "DEMO-A1", _PART: 0}), (17, {_PART: 1})],
    )  # fmt: skip
    db.attach(photo, path, guid="DEMO-A1", size=4096, uti="public.jpeg")
    story.attached.append(Attached(path, 41, at + 10 * _MINUTE))
    story.attached.append(Attached(path.replace(".jpg", ".MOV"), 42, at + 10 * _MINUTE))
    db.tapback(
        photo, 2006, at=at + 11 * _MINUTE, chat=direct, guid="DEMO-0007",
        associated_message_emoji="🫣",
    )  # fmt: skip
    lost = db.message(
        "\ufffc", at=at + 15 * _MINUTE, chat=direct, handle=jonas, guid="DEMO-0008",
        runs=[(1, {_FILE: "DEMO-A2", _PART: 0})],
    )  # fmt: skip
    db.attach(
        lost, f"{_FOLDER}/0b/11/DEMO-A2/Harbour film.mov", guid="DEMO-A2",
        media_type="video/quicktime", size=48_000_000,
    )  # fmt: skip
    db.message(
        "No data out here, texting the old way", at=at + 60 * _MINUTE, chat=sms,
        handle=jonas_sms, guid="DEMO-0009", service="SMS",
    )  # fmt: skip
    db.message(
        "Understood. Café at seven, the one by the bridge?", at=at + 62 * _MINUTE, chat=sms,
        guid="DEMO-0010", service="SMS", was_downgraded=1,
    )  # fmt: skip
    db.message(
        "See you there!", at=at + 63 * _MINUTE, chat=direct, handle=jonas, guid="DEMO-0011",
        thread_originator_guid="DEMO-0010", thread_originator_part="0:0:14",
        expressive_send_style_id="com.apple.messages.effect.CKConfettiEffect",
    )  # fmt: skip
    gone = db.message(
        "The surprise party is on the 14th, tell nobody", at=at + 70 * _MINUTE, chat=direct,
        guid="DEMO-0012",
    )  # fmt: skip
    db.delete_recently(gone, chat=direct, at=dt.datetime(2024, 8, 1, 18, 30, tzinfo=dt.UTC))
    voice = db.message(
        "\ufffc", at=at + 90 * _MINUTE, chat=direct, handle=jonas, guid="DEMO-0013",
        is_audio_message=1, expire_state=3,
        runs=[(1, {_FILE: "DEMO-A3", _PART: 0,
                   "IMAudioTranscription": "Bring the blue rope and two life jackets"})],
    )  # fmt: skip
    path = f"{_FOLDER}/0c/12/DEMO-A3/Audio Message.caf"
    db.attach(voice, path, guid="DEMO-A3", media_type="audio/x-caf", size=8192)
    story.attached.append(Attached(path, 43, at + 90 * _MINUTE))


def _weekend(db: MessagesDatabase, story: Story, *, group: int, jonas: int, yuki: int) -> None:
    at = dt.datetime(2024, 7, 26, 17, 0, tzinfo=dt.UTC)
    db.message(
        None, at=at, chat=group, guid="DEMO-0100", item_type=2, group_title="Lake weekend",
    )  # fmt: skip
    db.message(
        None, at=at + _MINUTE, chat=group, guid="DEMO-0101", item_type=1, group_action_type=0,
        other_handle=yuki,
    )  # fmt: skip
    text = "Who brings the grill? @Jonas maybe?"
    db.message(
        text, at=at + 2 * _MINUTE, chat=group, guid="DEMO-0102",
        runs=[_plain(text[:22]), _plain("@Jonas", __kIMMentionConfirmedMention="+15550142001"),
              _plain(" maybe?")],
    )  # fmt: skip
    first = at + 5 * _MINUTE
    db.message(
        "I bring the grill and the good charcoal", at=first, chat=group, handle=jonas,
        guid="DEMO-0103", date_edited=cocoa_nanoseconds(first + 3 * _MINUTE),
        message_summary_info=summary_info(
            edits={0: [(first, "I bring the gril"),
                       (first + 3 * _MINUTE, "I bring the grill and the good charcoal")]}
        ),
    )  # fmt: skip
    db.message(
        None, at=at + 9 * _MINUTE, chat=group, handle=jonas, guid="DEMO-0104",
        date_edited=cocoa_nanoseconds(at + 10 * _MINUTE),
        message_summary_info=summary_info(unsent=[0]),
    )  # fmt: skip
    sushi = db.message(
        "私はおにぎりを作ります 🍙 — rice balls for everyone", at=at + 12 * _MINUTE, chat=group,
        handle=yuki, guid="DEMO-0105",
    )  # fmt: skip
    db.tapback(sushi, 2001, at=at + 13 * _MINUTE, chat=group, guid="DEMO-0106")
    db.tapback(sushi, 2004, at=at + 14 * _MINUTE, chat=group, handle=jonas, guid="DEMO-0107")
    pictures = db.message(
        "\ufffc\ufffc", at=at + 30 * _MINUTE, chat=group, guid="DEMO-0108",
        runs=[(1, {_FILE: "DEMO-A5", _PART: 0}), (1, {_FILE: "DEMO-A4", _PART: 1})],
    )  # fmt: skip
    for number, guid in ((4, "DEMO-A4"), (5, "DEMO-A5")):
        path = f"{_FOLDER}/0d/13/{guid}/Lake {number}.png"
        db.attach(pictures, path, guid=guid, media_type="image/png", size=9000)
        story.attached.append(Attached(path, number, at + 30 * _MINUTE))
    db.message(
        "Ferry times: https://ferry.example.org/summer?from=pier", at=at + 40 * _MINUTE,
        chat=group, guid="DEMO-0109",
    )  # fmt: skip


def _abroad(db: MessagesDatabase, *, chat: int, yuki: int) -> None:
    at = dt.datetime(2024, 6, 2, 6, 0, tzinfo=dt.UTC)
    for number, (text, handle) in enumerate(
        (
            ("東京タワーから写真を送ったよ", yuki),
            ("Magnifique! À bientôt à Genève 🇨🇭", 0),
            ("来月ね。楽しみにしています\uff01", yuki),
            ("Ich freue mich schon. Größe 38 für die Wanderschuhe, bitte", 0),
            ("👍🏽", yuki),
        )
    ):
        db.message(
            text, at=at + number * 7 * _MINUTE, chat=chat, handle=handle,
            guid=f"DEMO-02{number:02d}",
        )  # fmt: skip


def _practice(db: MessagesDatabase, *, chat: int, zoe: int) -> None:
    at = dt.datetime(2024, 7, 29, 8, 0, tzinfo=dt.UTC)
    for number, (text, handle) in enumerate(
        (
            ("Reminder: vaccination for Pixel on Thursday, 10:30", zoe),
            ("Thank you, we will be there.", 0),
            ("Your appointment code is 402817", zoe),
        )
    ):
        db.message(
            text, at=at + number * 30 * _MINUTE, chat=chat, handle=handle, service="SMS",
            guid=f"DEMO-03{number:02d}", body=None, keep_text=True,
        )  # fmt: skip


def _four_weeks_later(
    db: MessagesDatabase, *, direct: int, group: int, jonas: int, yuki: int
) -> None:
    at = dt.datetime(2024, 8, 20, 12, 0, tzinfo=dt.UTC)
    db.message("Back home. The boat is dry again", at=at, chat=direct, handle=jonas,
               guid="DEMO-0900")  # fmt: skip
    db.message("When is the next weekend?", at=at + _MINUTE, chat=group, handle=yuki,
               guid="DEMO-0901")  # fmt: skip
    # Edited between the two runs.
    edited = "Ferry times: https://ferry.example.org/autumn?from=pier"
    db.execute(
        "update message set attributedBody = ?, date_edited = ?, message_summary_info = ? "
        "where guid = 'DEMO-0109'",
        (
            attributed_body(edited),
            cocoa_nanoseconds(at),
            summary_info(
                edits={0: [(at - _MINUTE, "Ferry times: https://ferry.example.org/summer?from=pier"),
                           (at, edited)]}
            ),
        ),
    )  # fmt: skip
    # Gone for good, and the thirty days of the recently deleted one are over.
    for guid in ("DEMO-0204", "DEMO-0012"):
        for table in ("chat_message_join", "chat_recoverable_message_join"):
            db.execute(
                f"delete from {table} where message_id = "  # noqa: S608 -- own names
                "(select rowid from message where guid = ?)",
                (guid,),
            )
        db.execute("delete from message where guid = ?", (guid,))

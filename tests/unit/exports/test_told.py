import datetime as dt

from services.indexer.exports.formats.told import names_of, told
from services.indexer.kinds.message.payload import AppMessage, DeletedPart, PollOption
from services.indexer.kinds.note.payload import NotePayload
from services.indexer.kinds.whatsapp.payload import (
    Call,
    Event,
    Poll,
    Quote,
    SharedContact,
    WhatsAppPayload,
)
from services.indexer.kinds.whatsapp.payload import PollOption as WhatsAppOption
from services.indexer.kinds.whatsapp.payload import Reaction as WhatsAppReaction
from shared.contracts.indexer import Sender
from tests.unit.exports.exporting import artifact, thread
from tests.unit.exports.messages import BEA, MORNING, message

NAMES = names_of(thread(BEA))


def moment(at: dt.datetime) -> str:
    return f"{at:%H:%M}"


def whatsapp(text: str | None = None, **said: object) -> WhatsAppPayload:
    fields: dict[str, object] = {"type": "text", "service": "WhatsApp", "direction": "incoming"}
    return WhatsAppPayload(**{**fields, **said, "text": text})  # type: ignore[arg-type]


def test_a_poll_tells_who_chose_what() -> None:
    poll = AppMessage(
        kind="poll", bundle_id="x", app="Polls", title="Where?",
        options=(PollOption(id="1", text="Lake", voters=(BEA[0],)), PollOption(id="2", text="Sea")),
    )  # fmt: skip
    said = told(message(1, "", app=poll), NAMES, moment)
    assert said.extras == ("[Polls]", "Where?", "• Lake (Bea Groß)", "• Sea (no votes)")


def test_what_cannot_be_shown_is_told() -> None:
    said = told(
        message(
            1, None, text_unknown=True, error_code=22, deleted_at=MORNING, effect="invisible_ink",
            deleted_parts=(DeletedPart(part=1, text=None, at=None),),
        ),
        NAMES,
        moment,
    )  # fmt: skip
    assert said.text == ""
    assert said.notes == (
        "There is text here that could not be read", "Sent with invisible ink",
        "Deleted part: (unknown)", "Deleted 04:05, recoverable on the phone", "Not delivered",
    )  # fmt: skip


def test_polls_and_calls_of_whatsapp_are_told_once() -> None:
    poll = Poll(question="Train?", options=(WhatsAppOption(text="8:12", votes=2),))
    said = told(
        artifact("whatsapp", whatsapp(type="poll", poll=poll), text="Train?\n8:12"), NAMES, moment
    )
    assert (said.text, said.extras) == ("", ("Train?", "• 8:12 (2)"))
    call = Call(is_video=True, outcome="missed", duration_seconds=61.0)
    said = told(artifact("whatsapp", whatsapp(type="call", call=call)), NAMES, moment)
    assert said.extras == ("Video call, missed, 61 seconds",)


def test_quotes_reactions_and_cards_of_whatsapp_are_told() -> None:
    said = told(
        artifact(
            "whatsapp",
            whatsapp(
                "Yes", quote=Quote(text="Coming?"), is_forwarded=True,
                reactions=(WhatsAppReaction(emoji="👍", by=BEA[0]),),
                contacts=(SharedContact(name="Ida"),),
            ),
            text="Yes\nIda",
        ),
        NAMES,
        moment,
    )  # fmt: skip
    assert (said.quote, said.text, said.extras) == ("Coming?", "Yes", ("Contact: Ida",))
    assert (said.notes, said.reactions) == (("Forwarded",), ("👍 Bea Groß",))


def test_events_are_sentences_and_braces_in_names_stay_braces() -> None:
    event = Event(kind="renamed", by="x", title="{target} {0}")
    said = told(
        artifact("whatsapp", whatsapp(event=event), sender=Sender(is_me=True)),
        {"x": "{by}"},
        moment,
    )
    assert said.event == "{by} named the conversation “{target} {0}”"


def test_a_note_does_not_say_its_title_twice() -> None:
    note = artifact("note", NotePayload(content="text"), title="List", text="List\nMilk\nList")
    said = told(note, {}, moment)
    assert (said.subject, said.text) == ("List", "Milk\nList")

import datetime as dt
import email.policy
import email.utils
import mailbox
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from services.indexer.exports.formats.mbox import FORMAT as MBOX
from services.indexer.kinds.message.payload import Reaction
from shared.contracts.indexer import Artifact, Attachment, Sender
from tests.unit.exports.exporting import artifact, export, group, thread, write_out
from tests.unit.exports.messages import BEA, message

HOSTILE = "Mallory\r\nBcc: everybody@example.org\r\n\r\nFrom evil\x00\x1b[31m\u2028\x85 \ud800"


def mails(
    folder: Path, artifacts: list[Artifact], files: dict[tuple[str, int], bytes] | None = None
) -> list[EmailMessage]:
    """Return what a reader of mailboxes that is not ours finds."""
    members, left_out = export(
        MBOX, [(group("message", "Bea", thread(BEA)), artifacts)], files=files
    )
    assert not left_out
    write_out(members, folder)

    def parse(content: Any) -> EmailMessage:
        parsed = email.message_from_binary_file(content, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    box = mailbox.mbox(folder / "Bea.mbox", factory=parse, create=False)  # type: ignore[arg-type]
    return [box[key] for key in box.keys()]  # type: ignore[misc] # noqa: SIM118


def body_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert isinstance(part, EmailMessage)
    text = part.get_content()
    assert isinstance(text, str)
    return text


def test_a_message_is_a_mail_of_its_time_between_those_who_took_part(tmp_path: Path) -> None:
    me = Sender(is_me=True)
    first, second = mails(
        tmp_path, [message(1, "Hi, wie geht's? 😀"), message(2, "Fine", sender=me)]
    )
    assert email.utils.parsedate_to_datetime(first["Date"]) == dt.datetime(
        2024, 2, 3, 4, 5, 6, tzinfo=dt.UTC
    )
    assert str(first["Date"]).endswith("+0100")
    assert first["From"].addresses[0].display_name == "Bea Groß"
    assert first["From"].addresses[0].addr_spec == "+15550100@phone.invalid"
    assert first["To"].addresses[0].addr_spec == "me@phone.invalid"
    assert body_of(first) == "Hi, wie geht's? 😀\n"
    assert second["From"].addresses[0].display_name == "Anna's iPhone"
    assert second["To"].addresses[0].addr_spec == "+15550100@phone.invalid"


def test_answers_refer_to_what_they_answer_and_all_to_their_conversation(tmp_path: Path) -> None:
    first, second = mails(tmp_path, [message(1, "A?"), message(2, "B!", reply_to="KEY-1")])
    conversation = first["References"]
    assert second["References"].split() == [conversation, first["Message-ID"]]
    assert second["In-Reply-To"] == first["Message-ID"]


def test_the_same_message_has_the_same_id_in_every_export(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = mails(tmp_path / "a", [message(1, "A")])[0]
    other = mails(tmp_path / "b", [message(0, "Z"), message(1, "A")])[1]
    assert one["Message-ID"] == other["Message-ID"]


def test_names_of_strangers_add_no_headers_and_begin_no_mail(tmp_path: Path) -> None:
    sender = Sender(handle="x@example.org\r\nX-Evil: 1", name=HOSTILE)
    found = mails(
        tmp_path,
        [message(1, "hi", sender=sender, subject=HOSTILE), message(2, "bye", sender=sender)],
    )
    assert len(found) == 2
    for mail in found:
        assert mail["Bcc"] is None
        assert mail["X-Evil"] is None
        assert len(mail["From"].addresses) == 1
        assert body_of(mail) in {"hi\n", "bye\n"}
    assert "Bcc: everybody" in found[0]["Subject"]


def test_lines_that_look_like_another_mail_stay_text(tmp_path: Path) -> None:
    text = "From me with love\n>From you\n\nFrom nobody Thu Jan  1 00:00:00 1970\nSubject: x\n\ny"
    assert [body_of(mail) for mail in mails(tmp_path, [message(1, text)])] == [f"{text}\n"]


def test_pictures_are_attached_as_they_are(tmp_path: Path) -> None:
    files = [
        Attachment(
            n=0, name="Über\r\nuns.JPG", media_type="image/jpeg", size_bytes=4, present=True
        ),
        Attachment(
            n=1, name="x", media_type="multipart/mixed; boundary=a", size_bytes=3, present=True
        ),
        Attachment(
            n=2, name="gone.mov", media_type="video/quicktime", size_bytes=9, present=False,
            reason="Not in this backup.",
        ),
    ]  # fmt: skip
    (mail,) = mails(
        tmp_path,
        [message(1, "see", attachments=files)],
        files={("KEY-1", 0): b"\xff\xd8\0\n", ("KEY-1", 1): b"--a"},
    )
    picture, other = mail.iter_attachments()
    assert picture.get_content_type() == "image/jpeg"
    assert picture.get_filename() == "Über uns.JPG"
    assert picture.get_content() == b"\xff\xd8\0\n"
    assert other.get_content_type() == "application/octet-stream"
    assert other.get_content() == b"--a"
    assert "[gone.mov: not here: Not in this backup.]" in body_of(mail)


def test_what_is_beside_the_text_is_told_under_it(tmp_path: Path) -> None:
    reaction = Reaction(kind="love", emoji="❤️", by="+15550100", at=None)
    (mail,) = mails(tmp_path, [message(1, "Yes", reactions=(reaction,), unsent=True)])
    assert body_of(mail) == "Yes\n\n❤️ Bea Groß\n(Unsent)\n"


def test_a_message_without_a_date_has_none(tmp_path: Path) -> None:
    (mail,) = mails(tmp_path, [message(1, "when?", at=None)])
    assert mail["Date"] is None
    assert body_of(mail) == "when?\n"


def test_a_record_that_is_none_costs_itself(tmp_path: Path) -> None:
    broken = artifact("message", {"service": 7}, key="BROKEN")
    members, left_out = export(
        MBOX, [(group("message", "Bea", thread(BEA)), [broken, message(1, "hi")])]
    )
    assert left_out == ["ValidationError"]
    write_out(members, tmp_path)
    assert len(mailbox.mbox(tmp_path / "Bea.mbox")) == 1


def test_a_text_as_long_as_a_book_is_whole(tmp_path: Path) -> None:
    text = "word " * 200_000
    assert body_of(mails(tmp_path, [message(1, text)])[0]) == f"{text}\n"

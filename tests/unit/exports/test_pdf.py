import datetime as dt
import io
import struct
import zlib
from typing import Any

import pypdf
import pytest
from PIL import Image

from services.indexer.exports.formats import pdf
from services.indexer.exports.formats.answers import Answers
from services.indexer.exports.formats.pdf import FORMAT as PDF
from services.indexer.exports.formats.pdf.document import MOST_CHARACTERS, Document
from services.indexer.exports.formats.pdf.fonts import Fonts
from services.indexer.exports.formats.protocol import Item
from services.indexer.exports.zip_output import ZipOutput
from services.indexer.kinds.message.payload import Edit, Event, Reaction
from services.indexer.kinds.note.payload import NotePayload
from shared.contracts.identifiers import ArtifactId
from shared.contracts.indexer import Artifact, Attachment, Sender
from tests.unit.exports.exporting import MADE_AT, about, artifact, export, group, thread
from tests.unit.exports.messages import BEA, MORNING, message

ME = Sender(is_me=True)
#: A character that no font has, nor ever will.
NOBODYS = "\U0010fff0"


def documents(
    *artifacts: Artifact, title: str = "Bea", files: dict[tuple[str, int], bytes] | None = None
) -> dict[str, pypdf.PdfReader]:
    """Return the documents of one conversation as a reader that is not ours finds them."""
    members, left_out = export(
        PDF, [(group("message", title, thread(BEA)), artifacts)], files=files
    )
    assert not left_out
    return {
        name: pypdf.PdfReader(io.BytesIO(content), strict=True)
        for name, content in members.items()
        if name.endswith(".pdf")
    }


def text_of(read: pypdf.PdfReader) -> str:
    return "\n".join(page.extract_text() for page in read.pages)


def shown(*artifacts: Artifact, **more: Any) -> str:
    """Return the text of the one document, words apart by one space."""
    (read,) = documents(*artifacts, **more).values()
    return " ".join(text_of(read).split())


def picture(name: str = "IMG_1.JPG", media_type: str = "image/jpeg") -> list[Attachment]:
    return [Attachment(n=0, name=name, media_type=media_type, size_bytes=9, present=True)]


def jpeg(width: int, height: int) -> bytes:
    made = io.BytesIO()
    Image.effect_noise((width, height), 60).save(made, "JPEG")
    return made.getvalue()


def bomb() -> bytes:
    """Return a PNG of a few kilobytes that claims to be a hundred thousand pixels wide and high."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        whole = kind + body
        return struct.pack(">I", len(body)) + whole + struct.pack(">I", zlib.crc32(whole))

    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    body = zlib.compress(b"\0" * 1_000_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_a_conversation_is_a_document_with_its_title_days_source_and_pages() -> None:
    (read,) = documents(
        message(1, "Good morning"),
        message(2, "Good night", sender=ME, direction="outgoing", at=MORNING + dt.timedelta(1)),
        title="Bea Groß",
    ).values()
    text = " ".join(text_of(read).split())
    for expected in (
        "Bea Groß", "With Bea Groß (+15550100)",
        "2 items of Messages, 3 February 2024 to 4 February 2024",
        "Saturday, 3 February 2024", "Good morning 05:05", "Sunday, 4 February 2024",
        "From Anna's iPhone (iPhone 15), 00008110-DEMO, backup of 2024-03-01 10:00 UTC",
        "revision 2024-03-01T10:00:00Z.", "made on 2024-06-01 14:00",
        "Times are those of Europe/Berlin.", "SHA256SUMS", "1 / 1",
    ):  # fmt: skip
        assert expected in text
    assert read.metadata is not None
    assert read.metadata.title == "Bea Groß"
    assert read.metadata.author == "Keepsake"


@pytest.mark.parametrize(
    "text",
    [
        "Grüße, naïve façade, Ελληνικά, Привет, Tiếng Việt",
        "مرحبا بالعالم",
        "שלום עולם",
        "สวัสดีชาวโลก",
        "नमस्ते दुनिया",
        "გამარჯობა",
    ],
)
def test_scripts_that_fonts_come_along_for_are_shown_by_fonts_in_the_document(text: str) -> None:
    (read,) = documents(message(1, text)).values()
    found = text_of(read)
    # Marks and forms may be told apart by the reader: each letter is there, none by its name.
    letters = {one for one in text if one.isalpha()}
    assert letters <= set(found)
    assert "[" not in found
    fonts = [
        font.get_object()
        for page in read.pages
        for font in page["/Resources"]["/Font"].values()  # type: ignore[index]
    ]
    assert fonts
    for font in fonts:
        if font["/Subtype"] == "/Type3":
            continue
        descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert {"/FontFile2", "/FontFile3"} & set(descriptor.keys())


def test_what_no_font_has_is_named_and_the_document_says_so() -> None:
    text = shown(message(1, f"a{NOBODYS}{NOBODYS}b"))
    assert "a[U+10FFF0, U+10FFF0]b" in text
    assert "2 characters stand here by their names in [brackets]" in text


def test_what_could_not_be_drawn_is_told_of_the_whole_by_its_script() -> None:
    PDF.prepare()
    said = about()
    output = ZipOutput(io.BytesIO(), made_at=MADE_AT, zone=said.zone, is_large=False)
    written = PDF(output, said)
    assert written.notes() == []
    assert PDF._fonts is not None
    known = PDF._fonts._characters
    try:
        PDF._fonts._characters = frozenset(range(0x20, 0x250))
        written.begin_group(group("message", "Bea", thread(BEA)))
        item = Item(artifact=message(1, "間你 ส 😀"), media={}, contents={})
        written.add(item)
    finally:
        PDF._fonts._characters = known
    written.end_group()
    (note,) = written.notes()
    assert note.startswith("4 characters could not be drawn")
    assert "Chinese (2)" in note
    assert "Thai (1)" in note
    assert "emoji and signs (1)" in note


def test_answers_repeat_what_they_answer_and_nothing_is_an_empty_page() -> None:
    text = shown(
        message(1, "Who comes to the lake?"),
        message(2, "I do", reply_to="KEY-1"),
        message(3, "Me too", reply_to="KEY-OF-ANOTHER-PHONE"),
        message(4, None),
    )
    assert text.count("Who comes to the lake?") == 2
    assert "Bea Groß: Who comes to the lake? I do" in text
    assert "a message that is not here Me too" in text
    assert "A message without content" in text


def test_names_of_missing_emoji_are_words() -> None:
    fonts = Fonts()
    fonts._characters = frozenset(range(0x20, 0x250))
    assert fonts.shown("ok 😀👍🏽 é") == "ok [grinning face, thumbs up sign, medium skin] é"
    assert fonts.shown("👨‍👩‍👧 🇩🇪x") == "[man, woman, girl] [flag DE]x"
    assert fonts.shown("你好") == "[U+4F60, U+597D]"
    assert fonts.shown("❤️") == "[heavy black heart]"
    assert fonts.missing == {"emoji and signs": 2 + 1 + 3 + 2 + 1, "Chinese": 2}
    assert fonts.shown("\u200fplain\u2066 \ufeff") == "\u200fplain\u2066 \ufeff"


def test_long_conversations_are_several_documents_that_say_which() -> None:
    many = [
        message(n, f"Number {n}.", at=MORNING + dt.timedelta(hours=n))
        for n in range(pdf.MOST_ITEMS + 3)
    ]
    found = documents(*many)
    assert list(found) == [
        "Bea - 001, 2024-02-03 to 2024-04-26.pdf",
        "Bea - 002, 2024-04-26 to 2024-04-26.pdf",
    ]
    first, second = found.values()
    assert f"Number {pdf.MOST_ITEMS - 1}." in first.pages[-1].extract_text()
    assert "Number 0." not in text_of(second)
    assert "3 items of Messages, part 2, 26 April 2024" in " ".join(text_of(second).split())


def test_nothing_that_people_wrote_is_markup() -> None:
    written = (
        '#read("/etc/passwd") #{1+1} $x^2$ @ref <label> *bold* _it_ `raw` \\ // /* = - + '
        '[#image("/etc/passwd")] "quoted" \\u{41} #import "@preview/x:1.0.0"'
    )
    text = shown(message(1, written), title=written)
    # The title is cut to nothing and changed in nothing.
    assert text.count(" ".join(written.split())) >= 2


def test_heaps_of_marks_on_a_letter_are_counted_not_drawn() -> None:
    text = shown(message(1, "a" + "\u0301" * 500), message(2, "tiếng Việt, e\u0301\u0323"))
    assert "[and 484 marks]" in text
    assert "[and" not in text.partition("tiếng")[2]


def test_marks_that_force_directions_are_told() -> None:
    text = shown(message(1, "invoice \u202etxt.exe\u202c"), title="x\u202ey")
    assert "invoice [U+202E]txt.exe" in text
    assert " xy With" in text


def test_marks_without_a_picture_do_not_come_with_every_space_that_is_copied() -> None:
    text = shown(message(1, "a \u2068b\u2069 \u200fc"), message(2, "d e"), title="x \u200ey")
    assert "d e 05:05" in text
    assert "2 items of Messages" in text


def test_pictures_are_shown_small_and_without_what_cameras_write() -> None:
    file = jpeg(3000, 2000)
    (read,) = documents(
        message(1, None, attachments=picture()), files={("KEY-1", 0): file}
    ).values()
    (image,) = read.pages[0].images
    assert image.image is not None
    assert max(image.image.size) == 512
    assert len(image.data) < len(file) / 10
    assert b"Exif" not in image.data


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"<svg onload='x'/>", bomb()])
def test_pictures_that_cannot_be_shown_are_named(content: bytes) -> None:
    text = shown(
        message(1, "look", attachments=picture("bad.png", "image/png")),
        message(2, "still here"),
        files={("KEY-1", 0): content},
    )
    assert "bad.png" in text
    assert "still here" in text


def test_files_that_are_not_shown_are_named_with_their_reason() -> None:
    file = Attachment(
        n=0, name="Film.MOV", media_type="video/quicktime", size_bytes=5 << 20, present=False,
        reason="Not in this backup.",
    )  # fmt: skip
    text = shown(message(1, "look", attachments=[file]))
    assert "Film.MOV video/quicktime · 5.2 MB · Not in this backup." in text


def test_small_print_tells_edits_reactions_and_what_is_gone() -> None:
    text = shown(
        message(
            1, "see you", removed_at=MORNING,
            edits=(Edit(text="se you", at=MORNING), Edit(text="see you", at=None)),
            reactions=(Reaction(kind="like", emoji=None, by=BEA[0], at=None),),
        ),
        message(2, None, event=Event(kind="renamed", by=BEA[0], title="Trip")),
        message(3, None, event=Event(kind="something_new", by=BEA[0])),
    )  # fmt: skip
    assert "Before (2024-02-03 05:05): se you" in text
    assert "like Bea Groß" in text
    assert "No longer on the phone: first missing 2024-02-03 05:05" in text
    assert "Bea Groß named the conversation “Trip”" in text
    assert "Bea Groß: something new" in text


def test_a_text_as_long_as_a_book_is_cut_and_says_so() -> None:
    text = shown(message(1, "word " * MOST_CHARACTERS), message(2, "after"))
    assert f"[cut: it has {5 * MOST_CHARACTERS:,} characters]" in text
    assert "after" in text


def test_a_word_without_an_end_is_broken_and_copied_whole() -> None:
    address = "https://example.org/" + "a" * 900 + "Z"
    text = shown(message(1, address))
    assert address in text.replace(" ", "")
    assert "\u200b" not in text


@pytest.mark.parametrize(
    "text",
    [
        "\u2067a" * 25_000,
        "\u00a0" * 33_000 + "a",
        "a\u05e9" * 2_000,
        "\u0e01" * 5_000,
        "\na" * 1_000,
    ],
)
def test_texts_that_are_made_to_break_libraries_are_set(text: str) -> None:
    found = shown(message(1, text), message(2, "after"))
    assert "could not be set" not in found
    assert "after" in found


def test_things_that_are_no_conversation_are_a_list_by_days() -> None:
    note = artifact(
        "note", NotePayload(content="text"), id=ArtifactId("1"), title="Shopping", text="Milk"
    )
    members, left_out = export(PDF, [(group("note", "Notes"), [note])])
    assert not left_out
    text = " ".join(text_of(pypdf.PdfReader(io.BytesIO(members["Notes.pdf"]))).split())
    assert "1 item of Notes, 3 February 2024" in text
    assert "Saturday, 3 February 2024" in text
    assert "05:05 Shopping Milk" in text


def test_a_record_that_is_none_costs_itself() -> None:
    broken = artifact("message", {"service": 7}, key="BROKEN")
    members, left_out = export(
        PDF, [(group("message", "Bea", thread(BEA)), [message(1, "a"), broken, message(2, "b")])]
    )
    assert left_out == ["ValidationError"]
    text = text_of(pypdf.PdfReader(io.BytesIO(members["Bea.pdf"])))
    assert "2 items of Messages" in text


def test_what_cannot_be_set_costs_itself_alone() -> None:
    PDF.prepare()
    assert PDF._fonts is not None
    assert PDF._pictures is not None
    document = Document(
        group("message", "Bea", thread(BEA)),
        about(),
        part=1,
        fonts=PDF._fonts,
        pictures=PDF._pictures,
        answers=Answers(),
    )
    for number in range(5):
        item = Item(artifact=message(number, f"Number {number}."), media={}, contents={})
        document.add(item)
    # No message becomes such a thing: what would break the library is not known.
    document._items[3] = {"form": "message", "time": "06:00"}
    text = " ".join(text_of(pypdf.PdfReader(io.BytesIO(document.set(is_only=True)))).split())
    assert "Number 1. 05:05 06:00 Something here could not be set" in text
    assert "Number 4." in text

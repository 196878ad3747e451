"""HTML: what people see is there, and what strangers wrote is text whatever it is."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.indexer.exports.formats import html_pages
from services.indexer.exports.formats.html_pages import HtmlPages
from services.indexer.exports.formats.html_pages.text import lines
from services.indexer.kinds.message.payload import Edit, Event, Reaction
from services.indexer.kinds.note.payload import NotePayload, PartFile
from services.indexer.kinds.note.payload import Part as NotePart
from shared.contracts.identifiers import ArtifactId
from shared.contracts.indexer import Artifact, Attachment, Sender
from tests.unit.exports.exporting import artifact, export, group, thread
from tests.unit.exports.messages import BEA, MORNING, message

ME = Sender(name="Anna", is_me=True)
EVIL = "</p></div><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
PICTURE = Attachment(n=0, name="a b.jpg", media_type="image/jpeg", size_bytes=5, present=True)
FILM = Attachment(
    n=0,
    name="f.mov",
    media_type="video/quicktime",
    size_bytes=None,
    present=False,
    reason="In iCloud.",
)


class Seen(HTMLParser):
    """What a browser would make of a page: elements, addresses, text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.ids: list[str] = []
        self.depth = 0
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name in ("href", "src"):
                self.addresses.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def pages(
    *artifacts: Artifact, title: str = "Bea", content: bytes | None = None
) -> dict[str, bytes]:
    members, left_out = export(
        HtmlPages,
        [(group("message", title, thread(BEA, title=title)), artifacts)],
        files=None if content is None else {("KEY-1", 0): content},
    )
    assert left_out == []
    return members


def page_of(members: dict[str, bytes]) -> str:
    (name,) = [name for name in members if name.startswith("pages/")]
    return members[name].decode()


def test_a_conversation_shows_who_said_what_when_and_what_became_of_it() -> None:
    shown = page_of(
        pages(
            message(1, "Hello\nthere https://example.org/x."),
            message(
                2,
                "Fixed",
                sender=ME,
                direction="outgoing",
                status="read",
                reply_to="KEY-1",
                edits=(Edit(text="Fixd", at=MORNING), Edit(text="Fixed", at=MORNING)),
                reactions=(Reaction(kind="love", emoji="\u2764", by=BEA[0], at=None),),
            ),
            message(3, "", unsent=True),
            message(4, None, event=Event(kind="renamed", title="New name")),
            message(5, "Next day", at=MORNING + dt.timedelta(days=1)),
        )
    )
    assert "Saturday, 3 February 2024" in shown
    assert "Sunday, 4 February 2024" in shown
    # The time zone of the test is Europe/Berlin.
    assert "05:05</time>" in shown
    assert '<a href="https://example.org/x" rel="noopener' in shown
    assert "Hello<br>there" in shown
    assert 'href="#a1"' in shown
    assert "Fixd" in shown
    assert "\u2764 Bea Gro\u00df" in shown
    assert "Unsent" in shown
    assert "New name" in shown
    assert shown.count('class="row mine') == 1


def test_what_strangers_wrote_is_text_and_nothing_else() -> None:
    members = pages(
        message(1, EVIL, sender=Sender(name=EVIL, handle=EVIL), service=EVIL, reply_to=EVIL),
        message(2, EVIL, subject=EVIL, event=None, transcript=EVIL),
        message(
            3,
            "x",
            attachments=[
                PICTURE.__class__(
                    n=0, name=EVIL, media_type=EVIL, size_bytes=1, present=False, reason=EVIL
                )
            ],
        ),
        title=EVIL,
    )
    for name, content in members.items():
        if name.endswith(".html"):
            seen = Seen(content)
            assert not seen.tags & {"script", "iframe", "object", "embed", "link", "form", "base"}
            assert not any(one.startswith("on") for one in seen.attributes)
            assert "style" not in seen.attributes
            assert all(not one.startswith(("javascript", "data")) for one in seen.addresses)
            assert "alert(1)" in seen.text


def test_a_page_allows_itself_nothing_but_its_own_sheet_and_what_lies_beside_it() -> None:
    shown = page_of(pages(message(1, "x")))
    sheet = re.search(r"<style>(.*?)</style>", shown, re.DOTALL)
    assert sheet is not None
    digest = base64.b64encode(hashlib.sha256(sheet[1].encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', shown)
    assert policy is not None
    allowed = policy[1].replace("&#x27;", "'")
    assert "default-src 'none'" in allowed
    assert f"style-src 'sha256-{digest}'" in allowed
    assert "script" not in allowed
    assert "http" not in allowed
    assert "url(" not in sheet[1]
    assert "@import" not in sheet[1]


def test_pictures_lie_beside_pages_and_what_is_missing_says_why() -> None:
    members = pages(message(1, "", attachments=[PICTURE]), content=b"bytes")
    (path,) = [name for name in members if name.startswith("media/")]
    shown = page_of(members)
    assert members[path] == b"bytes"
    assert '<img src="../../media/Bea/' in shown
    assert "a%20b.jpg" in shown
    gone = page_of(pages(message(1, "", attachments=[FILM])))
    assert "f.mov" in gone
    assert "In iCloud." in gone
    assert "<video" not in gone


def test_a_note_keeps_its_looks_and_loses_whatever_could_act() -> None:
    html = (
        '<h1 class="center">List</h1><p onclick="x()">a<script>alert(1)</script><b>c</b></p>'
        '<a href="javascript:alert(1)">bad</a><a href="https://ok.example/">good</a>'
        '<figure class="image" data-part="0"><figcaption>cap</figcaption></figure>'
        '<ul class="checklist"><li><input type="checkbox" disabled checked> done</li></ul>'
        '<font color="#ff0000">red</font><font color="url(x)">blue</font></table></div></main>'
    )
    note = artifact(
        "note",
        NotePayload(
            content="text",
            html=html,
            markdown="x",
            parts=(NotePart(kind="image", files=(PartFile(n=0, role="original"),)),),
        ),
        title="Shopping",
        attachments=[PICTURE],
    )
    members, _ = export(HtmlPages, [(group("note"), [note])], files={("KEY-1", 0): b"p"})
    shown = page_of(members)
    assert '<h1 class="center">List</h1>' in shown
    assert "script" not in shown.replace("alert(1)", "").partition("<body>")[2]
    assert "javascript" not in shown
    assert 'href="https://ok.example/"' in shown
    assert shown.count("<img ") == 1
    assert '<input type="checkbox" disabled checked>' in shown
    assert '<font color="#ff0000">' in shown
    assert "url(x)" not in shown
    assert shown.rstrip().endswith("</html>")
    assert shown.count("</main>") == 1


def test_a_long_thread_is_split_and_its_pages_lead_to_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(html_pages, "PAGE_ITEMS", 3)
    members = pages(
        *(message(n, f"text {n}", at=MORNING + dt.timedelta(hours=n)) for n in range(1, 9)),
        title="Long",
    )
    names = sorted(name for name in members if name.startswith("pages/"))
    assert names == [f"pages/message/Long{end}.html" for end in (" - 2", " - 3", "")]
    assert [members[name].count(b'class="row') for name in names] == [3, 2, 3]
    assert b'href="../../pages/message/Long%20-%202.html">Later' in members[names[2]]
    assert b'href="../../pages/message/Long.html">\xe2\x86\x90 Earlier' in members[names[0]]
    index = members["index.html"].decode()
    assert all(name.replace(" ", "%20") in index for name in names)


def test_an_empty_export_has_a_page_that_says_so() -> None:
    members, _ = export(HtmlPages, [])
    assert list(members) == ["index.html"]
    assert b"Nothing fits" in members["index.html"]


def test_a_title_of_a_phone_never_takes_the_place_of_the_index() -> None:
    for title in ("../../index", "index", "a/b\\c", "\u202egpj.exe", "con", "x" * 400, " "):
        members = pages(message(1, "x"), title=title)
        assert len(members) == 2
        assert b"All threads" not in members["index.html"]
        assert not any(".." in name.split("/") or "\u202e" in name for name in members)


def test_things_of_any_kind_are_shown_with_what_is_known_of_them() -> None:
    call = artifact(
        "call",
        {
            "duration_seconds": 75.0,
            "is_answered": True,
            "is_junk": False,
            "started_at": "2024-02-03T04:05:06Z",
            "participants": [{"handle": "+1555", "type": "phone"}],
            "nested": {"a": {"b": {"c": EVIL}}},
            "raw": {"flags": 9},
        },
        title="Missed call",
    )
    shown = page_of(export(HtmlPages, [(group("call", "Calls"), [call])])[0])
    assert '<dt>Duration</dt><dd dir="auto">1:15</dd>' in shown
    assert "05:05" in shown
    assert '<dt>Is answered</dt><dd dir="auto">yes</dd>' in shown
    assert "Is junk" not in shown
    assert "<script>" not in shown
    assert shown.index("<summary>More</summary>") < shown.index("Flags")


def test_a_payload_that_is_no_such_thing_costs_its_item_only() -> None:
    bad = artifact("message", {"direction": 7}, id=ArtifactId("9"), text="x")
    members, left_out = export(
        HtmlPages, [(group("message", "Bea", thread(BEA)), [bad, message(1, "good")])]
    )
    assert len(left_out) == 1
    assert page_of(members).count('class="row') == 1


@given(st.text(max_size=200))
def test_any_text_comes_out_as_itself(text: str) -> None:
    class Text(HTMLParser):
        found = ""

        def handle_data(self, data: str) -> None:
            self.found += data

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag in ("br", "a")
            self.found += "\n" if tag == "br" else ""

    from services.indexer.exports.formats.cleaning import clean

    parser = Text()
    parser.feed(lines(text))
    parser.close()
    assert parser.found == clean(text)

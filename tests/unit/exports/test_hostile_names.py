"""Names of members, whatever phones and strangers call things: unpacked whole on every system."""

from __future__ import annotations

import re
import unicodedata
import urllib.parse
from pathlib import PurePosixPath
from typing import Any

import pytest

from services.indexer.exports.formats import FORMATS, find_format
from services.indexer.exports.formats.protocol import FOLDER_FILES, Format
from services.indexer.kinds.contact_payload import ContactPayload
from services.indexer.kinds.message.payload import MessagePayload
from services.indexer.kinds.photo.payload import Album, FileInfo, PhotoPayload
from services.indexer.kinds.place.payload import PlacePayload
from shared.contracts.identifiers import ArtifactId
from shared.contracts.indexer import Artifact, Attachment, Sender
from shared.member_names import MemberNames, name_part, safe_member_name
from tests.unit.exports.exporting import artifact, export, group, thread

NAMES = (
    "../../etc/passwd",
    "..\\..\\Windows\\win.ini",
    "/etc/shadow",
    "C:\\boot.ini",
    "\\\\server\\share\\x.exe",
    "CON",
    "nul.txt",
    "aux .jpg",
    "com\u00b9.png",
    "LPT9",
    "conout$",
    "file.txt:stream",
    "invoice\u202egpj.exe",
    "\u2067right\u2069 to left\u200f",
    "\u0627\u0644\u0633\u0644\u0627\u0645 \u061c.pdf",
    "two\nlines\r\nSHA256SUMS",
    "end\u2028of\u2029line\u0085",
    "trailing. . .",
    "   ",
    "",
    ".",
    "...",
    "-rf",
    "~",
    "$(reboot)`id`",
    "manifest.json",
    "SHA256SUMS",
    "index.html",
    "threads.jsonl",
    "Case.TXT",
    "case.txt",
    "caf\u00e9.jpg",
    "cafe\u0301.jpg",
    "stra\u00dfe.pdf",
    "STRASSE.pdf",
    "x" * 300 + ".jpg",
    "\U0001f600" * 120,
    "\u0e01" * 200 + ".heic",
    "nul\x00byte",
    "a" * 239 + ".b",
    "%2e%2e%2f",
    "<script>alert(1)</script>",
    "zero\u200bwidth\u2060\ufeff",
)
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(\..*)?",
    re.IGNORECASE,
)
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
#: Emoji and Indic and Arabic writing need these two.
_JOINERS = "\u200c\u200d"


def check(names: list[str]) -> None:
    """Hold names against what Windows, macOS and Linux do with them."""
    seen: dict[str, str] = {}
    files = set(names)
    for name in names:
        path = PurePosixPath(name)
        assert not path.is_absolute()
        assert str(path) == name
        for parent in path.parents:
            assert str(parent) not in files, f"{parent} is a file and a folder"
        for part in path.parts:
            assert part not in ("..", ".", "")
            assert len(part.encode()) <= 255
            assert len(part.encode("utf-16-le")) // 2 <= 255
            assert not part.endswith((" ", ".")), part
            assert not set('<>:"|?*\\') & set(part), part
            assert _RESERVED.fullmatch(part) is None, part
            for character in part:
                is_unseen = unicodedata.category(character) in _UNSEEN
                assert not is_unseen or character in _JOINERS, (part, hex(ord(character)))
        # As macOS and Windows compare them.
        folded = unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())
        assert folded not in seen, f"{name} is {seen[folded]} elsewhere"
        seen[folded] = name


def attached(*names: str) -> list[Attachment]:
    return [
        Attachment(n=n, name=name, media_type="image/jpeg", size_bytes=3, present=True, reason=None)
        for n, name in enumerate(names)
    ]


def things(kind: str, name: str, number: int) -> Artifact:
    """Something of a kind that is called *name* wherever that is possible."""
    payload: Any = {
        "message": MessagePayload(
            service="iMessage", direction="incoming", edits=(), unsent=False, reply_to=None,
            reactions=(), effect=None, event=None, status="delivered", deleted_at=None,
        ),
        "contact": ContactPayload(
            type="person", first_name=name, handles=[], has_image=False, is_me=False
        ),
        "photo": PhotoPayload(
            media="photo",
            original_name=name,
            albums=(Album(key=name or "none", title=name, folders=(name, "..")),),
            files=(FileInfo(n=0, role="original"),),
        ),
        "place": PlacePayload(origin="guide", name=name, latitude=1.0, longitude=2.0),
        "calendar_event": {"form": "event", "starts_at": "2024-05-01T10:00:00Z"},
    }[kind]  # fmt: skip
    return artifact(
        kind,
        payload,
        id=ArtifactId(str(number)),
        key=f"{number}",
        title=name,
        text=name,
        sender=Sender(handle=name, name=name),
        attachments=attached(name),
    )


KIND_OF = {"vcf": "contact", "photos": "photo", "gpx": "place", "ics": "calendar_event"}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_members_names_that_unpack_everywhere(name: str) -> None:
    kind = KIND_OF.get(name, "message")
    # PDF sets each conversation anew: a few of them tell as much.
    names = NAMES[::4] if name == "pdf" else NAMES
    made_by = find_format(name)
    groups = [
        (group(kind, one, thread((one, one), title=one)), [things(kind, one, number)])
        for number, one in enumerate(names)
    ]
    if made_by.spans_groups:
        groups = [(groups[0][0], [one for _, artifacts in groups for one in artifacts])]
    files = {(str(number), 0): b"\xff\xd8\xff" for number in range(len(names))}
    members, left_out = export(made_by, groups, files=files)
    assert left_out == []
    assert len(members) >= 1
    check(list(members))
    if name in ("html", "json", "txt", "mbox"):
        assert len(members) >= len(names)
    # Its own are written by the process itself, behind everything else.
    assert "manifest.json" not in members
    assert "SHA256SUMS" not in members


def test_links_of_pages_lead_to_members_whatever_these_are_called() -> None:
    groups = [
        (
            group("message", one, thread((one, one), title=one)),
            [things("message", one, number)],
        )
        for number, one in enumerate(NAMES)
    ]
    files = {(str(number), 0): b"\xff\xd8\xff" for number in range(len(NAMES))}
    members, _ = export(find_format("html"), groups, files=files)
    linked = set()
    for page, content in members.items():
        if page != "index.html" and not page.startswith("pages/"):
            continue
        for found in re.findall(r'(?:href|src)="([^"]*)"', content.decode()):
            address = urllib.parse.urlsplit(found.replace("&amp;", "&"))
            if address.path and not address.scheme:
                assert not address.netloc
                joined = urllib.parse.unquote(urllib.parse.urljoin(f"/{page}", address.path))
                assert joined[1:] in members, found
                linked.add(joined[1:])
    assert linked >= {page for page in members if page.startswith(("pages/", "media/"))}


def test_files_by_the_hundred_thousand_with_one_name_are_named_at_once() -> None:
    names = MemberNames()
    # Were each tried from the first number on, this would be five thousand million comparisons.
    claimed = [names.claim("media/Bea/IMG_0001.JPG") for _ in range(100_000)]
    assert len(set(claimed)) == len(claimed)
    assert claimed[-1] == "media/Bea/IMG_0001 (100000).JPG"
    # Names that look like those that were given are told apart, too.
    assert names.claim("media/Bea/img_0001 (100000).jpg") not in claimed


def test_no_folder_has_more_files_than_people_can_list() -> None:
    class Placing(Format):
        def begin_group(self, group: Any) -> None: ...
        def add(self, item: Any) -> str | None: ...
        def end_group(self) -> None: ...
        def end(self) -> None: ...

    taken = MemberNames()

    class Output:
        def name(self, path: str) -> str:
            folder, _, last = path.rpartition("/")
            return taken.claim(safe_member_name(folder, last))

    from tests.unit.exports.exporting import about

    placing = Placing(Output(), about(include_media=True))  # type: ignore[arg-type]
    one = things("message", "IMG.JPG", 1)
    folders: dict[str, int] = {}
    for _ in range(FOLDER_FILES * 2 + 1):
        place = placing.place(group("message", "Bea"), one, 0, 3)
        assert place is not None
        folder = place.path.rpartition("/")[0]
        folders[folder] = folders.get(folder, 0) + 1
    assert folders == {
        "media/Bea": FOLDER_FILES,
        "media/Bea - 2": FOLDER_FILES,
        "media/Bea - 3": 1,
    }


@pytest.mark.parametrize("name", [*NAMES, "\ud800half\udfff"])
def test_a_name_stays_what_it_is_when_it_is_made_safe_again(name: str) -> None:
    once = name_part(name)
    assert name_part(once) == once
    check([once])
    check([safe_member_name("AppDomain", name)])

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.demo.minted_protobuf import protobuf
from deploy.demo.notes_body import (
    CHECK,
    DASHED,
    DOTTED,
    MONOSPACED,
    NUMBERED,
    TITLE,
    Piece,
    gallery_data,
    locked_data,
    note_data,
    piece,
    stands,
    table_data,
)
from services.indexer.kinds.note import body
from services.indexer.kinds.note.as_html import to_html
from services.indexer.kinds.note.as_markdown import to_markdown
from services.indexer.kinds.note.body import Body, BodyError, Run, read_body, unpack
from services.indexer.kinds.note.document import PLAIN, Line, Shown, Span, text_of_lines
from services.indexer.kinds.note.lines import MOST_CHARACTERS, Room, lines_of
from services.indexer.kinds.note.links import safe_link
from services.indexer.kinds.note.locked import LockedNote, WrongPasswordError, open_locked
from services.indexer.kinds.note.old_html import read_html
from services.indexer.kinds.note.table import gallery_order, read_table
from tests.unit.kinds.note_pages import check_page


def nothing(key: str, uti: str | None) -> Span | None:
    return None


def lines(*pieces: Piece) -> tuple[Line, ...]:
    return lines_of(read_body(note_data(pieces)), nothing, Room())


def html(*pieces: Piece) -> str:
    made = to_html(lines(*pieces), {})
    check_page(made)
    return made


def markdown(*pieces: Piece) -> str:
    return to_markdown(lines(*pieces), {})


def plain(*texts: str) -> str:
    return to_markdown(lines(*(piece(text) for text in texts)), {})


def test_runs_count_in_units_of_utf_16() -> None:
    page = html(piece("🚀1", weight=1), piece("🕹️3 體驗", weight=2), piece(" plain"))
    assert page == "<p><strong>🚀1</strong><em>🕹️3 體驗</em> plain</p>"


def test_a_run_that_ends_inside_of_a_character_has_it_whole() -> None:
    text = Body("a🚀b", (Run(length=2, weight=1), Run(length=2)))
    assert to_html(lines_of(text, nothing, Room()), {}) == "<p><strong>a🚀</strong>b</p>"


def test_runs_that_are_too_short_or_too_long_lose_no_text() -> None:
    for runs in ((), (Run(length=2, weight=1),), (Run(length=99),), (Run(length=0),) * 3):
        assert text_of_lines(lines_of(Body("one\ntwo", runs), nothing, Room())) == "one\ntwo"


def test_what_differs_only_in_when_it_was_typed_is_one_span() -> None:
    (line,) = lines(*(piece(letter, weight=1) for letter in "together"))
    assert [span.text for span in line.spans] == ["together"]


def test_lists_lie_in_lists() -> None:
    made = html(
        piece("a\n", DOTTED),
        piece("b\n", DOTTED, indent=2),
        piece("c\n", DASHED, indent=2),
        piece("d\n", NUMBERED),
        piece("e\n", NUMBERED),
    )
    assert made == (
        '<ul><li>a<ul><li><ul><li>b</li></ul><ul class="dashed"><li>c</li></ul></li></ul></li>'
        "</ul><ol><li>d</li><li>e</li></ol>"
    )


def test_checklists_say_what_is_done_in_both_forms() -> None:
    items = (piece("rope\n", CHECK, done=True), piece("lamp\n", CHECK, done=False, indent=1))
    assert html(*items) == (
        '<ul class="checklist"><li><input type="checkbox" disabled checked> rope'
        '<ul class="checklist"><li><input type="checkbox" disabled> lamp</li></ul></li></ul>'
    )
    assert markdown(*items) == "- [x] rope\n    - [ ] lamp"


def test_numbers_go_on_behind_an_inner_list_and_begin_again_behind_a_paragraph() -> None:
    items = [piece("one\n", NUMBERED), piece("in\n", DOTTED, indent=1), piece("two\n", NUMBERED),
             piece("text\n"), piece("new\n", NUMBERED)]  # fmt: skip
    assert markdown(*items) == "1. one\n    - in\n2. two\n\ntext\n\n1. new"


def test_a_line_has_the_style_with_which_it_begins() -> None:
    assert html(piece("Ti", TITLE), piece("tle\n", TITLE, weight=1), piece("body")) == (
        "<h1>Ti<strong>tle</strong></h1><p>body</p>"
    )


def test_monospaced_lines_stand_in_one_block_and_keep_their_spaces() -> None:
    rows = (piece("a  <b>\n", MONOSPACED), piece("\n", MONOSPACED), piece("``` c", MONOSPACED))
    assert html(*rows) == "<pre>a  &lt;b&gt;\n\n``` c\n</pre>"
    assert markdown(*rows) == "````\na  <b>\n\n``` c\n````"


def test_quotes_lie_around_what_they_quote() -> None:
    rows = (piece("said\n", is_quote=True), piece("and\n", DOTTED, is_quote=True), piece("not"))
    assert html(*rows) == "<blockquote><p>said</p><ul><li>and</li></ul></blockquote><p>not</p>"
    assert markdown(*rows) == "> said\n>\n> - and\n\nnot"


def test_a_line_may_be_broken_without_a_new_paragraph() -> None:
    assert html(piece("a\u2028b")) == "<p>a<br>b</p>"
    assert plain("a\u2028b") == "a<br>b"


def test_colours_out_of_range_and_no_numbers_are_colours_all_the_same() -> None:
    made = html(piece("x", color=(2.0, float("nan"), -1.0)))
    assert made == '<p><font color="#ff0000">x</font></p>'


@pytest.mark.parametrize(
    "address",
    ["https://example.com/?a=1&b=2#c", "http://x", "mailto:a@example.com", "tel:+15550142001",
     "applenotes:note/1", "x-apple-reminderkit://1", "HTTPS://EXAMPLE.COM"],
)  # fmt: skip
def test_links_of_known_schemes_stay(address: str) -> None:
    assert safe_link(address) == address
    check_page(html(piece("here", link=address)))


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:x", "java\tscript:alert(1)",
     "\x01javascript:x", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "//example.com",
     'https://a"onclick=alert(1)', "https://a b", "https:", "x-:y", "x" * 9000, "about:blank",
     "https://e\u202example.com", "blob:https://x", "&#106;avascript:x", "https://<script>",
     "x-javascript :a", "view-source:https://x", "intent://x"],
)  # fmt: skip
def test_other_links_are_only_text(address: str) -> None:
    assert safe_link(address) is None
    assert html(piece("here", link=address)) == "<p>here</p>"
    assert markdown(piece("here", link=address)) == "here"


def test_addresses_without_a_scheme_are_those_of_the_web() -> None:
    assert safe_link("www.example.com/pier") == "https://www.example.com/pier"
    assert safe_link("not an address") is None


def test_markup_in_a_text_is_text() -> None:
    text = '<script src="evil.js"></script> & <img onerror=alert(1)> "\'`'
    assert check_page(html(piece(text, TITLE))) == text
    assert plain(text) == (
        '\\<script src="evil.js"\\>\\</script\\> & \\<img onerror=alert(1)\\> "\'\\`'
    )


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("# a", "\\# a"), ("- a", "\\- a"), ("1. a", "1\\. a"), ("12) a", "12\\) a"), ("> a", "\\> a"),
     ("a*b_c", "a\\*b\\_c"), ("[x](y)", "\\[x\\](y)"), ("&lt;", "\\&lt;"), ("=== ", "\\==="),
     ("a | b", "a \\| b"), ("1.5 m", "1\\.5 m")],
)  # fmt: skip
def test_what_means_something_in_markdown_is_escaped(text: str, escaped: str) -> None:
    assert plain(text) == escaped


def test_marks_of_markdown_stand_close_to_words() -> None:
    assert markdown(piece("a"), piece(" bold ", weight=1), piece("b")) == "a **bold** b"
    assert markdown(piece("a"), piece("  ", weight=1), piece("b")) == "a  b"


def test_a_link_in_markdown_ends_where_it_ends() -> None:
    made = markdown(piece("a](x) b", link="https://example.com/a_(b)"))
    assert made == "[a\\](x) b](<https://example.com/a_(b)>)"


def test_tables_have_rows_and_columns_in_their_order() -> None:
    data = table_data([["a", "b", "c"], ["d", [piece("e", weight=1)], ""]])
    table = read_table(data, nothing, Room())
    shown = {0: Shown(table=table)}
    line = Line(spans=(Span("before", PLAIN), Span("", PLAIN, 0), Span("behind", PLAIN)))
    assert text_of_lines((line,), shown) == "before\na\tb\tc\nd\te\t\nbehind"
    assert to_html((line,), shown) == (
        "<p>before</p><table><tbody><tr><td>a</td><td>b</td><td>c</td></tr>"
        "<tr><td>d</td><td><strong>e</strong></td><td></td></tr></tbody></table><p>behind</p>"
    )
    assert to_markdown((line,), shown) == (
        "before\n\n| a | b | c |\n| --- | --- | --- |\n| d | **e** |  |\n\nbehind"
    )


def test_tables_from_right_to_left_are_read_from_the_right() -> None:
    table = read_table(table_data([["1", "2"]], is_right_to_left=True), nothing, Room())
    assert [text_of_lines(cell) for cell in table[0]] == ["2", "1"]


def test_a_cell_with_lines_and_bars_stays_one_cell() -> None:
    table = read_table(table_data([["a\nb", "<i>|"]]), nothing, Room())
    line = Line(spans=(Span("", PLAIN, 0),))
    shown = {0: Shown(table=table)}
    assert to_markdown((line,), shown) == "| a<br>b | \\<i\\>\\| |\n| --- | --- |"
    assert check_page(to_html((line,), shown)) == "ab<i>|"


def test_tables_may_have_so_many_cells_together() -> None:
    room = Room(cells=5)
    read_table(table_data([["a", "b"]] * 2), nothing, room)
    with pytest.raises(BodyError):
        read_table(table_data([["a", "b"]]), nothing, room)


def test_a_gallery_has_an_order_of_its_own() -> None:
    assert gallery_order(gallery_data(["one", "two", "three"])) == ["one", "two", "three"]


@pytest.mark.parametrize(
    "data",
    [b"", b"no gzip", zlib.compress(b""), zlib.compress(b"\xff" * 50), zlib.compress(b"a" * 9)[:-6],
     zlib.compress(protobuf({2: {3: {2: "no table"}}})), zlib.compress(protobuf({2: {1: 1}}))],
)  # fmt: skip
def test_what_is_no_table_and_no_gallery_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(BodyError):
        read_table(data, nothing, Room())


def test_content_that_unpacks_to_more_than_a_note_has_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(body, "MOST_BYTES", 1000)
    assert len(unpack(zlib.compress(b"a" * 1000))) == 1000
    with pytest.raises(BodyError):
        unpack(zlib.compress(b"a" * 1001))


def test_a_run_that_cannot_be_read_costs_no_text() -> None:
    data = zlib.compress(protobuf({2: {3: {2: "text", 5: [{1: 2, 5: 1}, b"\xff\xff", {1: 1}]}}}))
    read = read_body(data)
    assert (read.text, len(read.runs), read.is_whole) == ("text", 1, False)


def test_more_runs_than_anybody_types_cost_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "MOST_RUNS", 3)
    read = read_body(note_data([piece("a")] * 5))
    assert (read.text, len(read.runs), read.is_whole) == ("aaaaa", 3, False)


def test_a_note_that_is_too_long_is_cut() -> None:
    room = Room()
    made = lines_of(Body("x" * (MOST_CHARACTERS + 1), ()), nothing, room)
    assert room.was_cut
    assert len(made[0].spans[0].text) == MOST_CHARACTERS
    room = Room(spans=4)
    lines_of(Body("a\n" * 9, tuple(Run(length=2) for _ in range(9))), nothing, room)
    assert room.was_cut


def test_an_object_without_an_attachment_leaves_nothing() -> None:
    assert html(piece("a\ufffcb"), stands("GONE", "public.jpeg"), piece("c")) == "<p>abc</p>"


def test_a_password_opens_its_note_and_another_one_does_not() -> None:
    sealed = locked_data([piece("Title\n", TITLE), piece("secret")], "pier 🔑")
    note = LockedNote(
        salt=sealed.salt, rounds=sealed.rounds, wrapped_key=sealed.wrapped_key,
        vector=sealed.vector, tag=sealed.tag, data=sealed.data,
    )  # fmt: skip
    assert open_locked(note, "pier 🔑").text == "Title\nsecret"
    with pytest.raises(WrongPasswordError):
        open_locked(note, "Pier 🔑")
    assert "secret" not in repr(note)
    assert repr(note) == "LockedNote(...)"


def test_what_is_locked_in_another_way_or_damaged_is_said_to_be() -> None:
    sealed = locked_data([piece("x")], "p")
    given = {"salt": sealed.salt, "rounds": sealed.rounds, "wrapped_key": sealed.wrapped_key,
             "vector": sealed.vector, "tag": sealed.tag, "data": sealed.data}  # fmt: skip
    for change in (
        {"wrapped_key": b"\x01" * 16},
        {"rounds": 0},
        {"rounds": 2**60},
        {"tag": b"\0" * 16},
        {"vector": b""},
        {"data": sealed.data[:-1]},
    ):
        with pytest.raises(BodyError):
            open_locked(LockedNote(**(given | change)), "p")  # type: ignore[arg-type]


def test_old_notes_keep_words_lists_and_links_and_nothing_else() -> None:
    content = (
        "<html><head><title>no</title><style>p{}</style></head><body onload='x()'>"
        "<h1>Wines</h1>Two &lt;bottles&gt;<br><br>of <b>Chas<i>selas</b></i> white"
        "<ol><li>one<ul><li>in</ul><li>two</ol>"
        "<a href='javascript:x()'>bad</a> <a href='https://e.example/?a&amp;b'>good</a>"
        "<script>alert(1)</script><img src=x onerror=alert(1)><pre>a  b\n c</pre></body>"
    )
    read = read_html(content, Room())
    page = to_html(read, {})
    assert "alert" not in page
    assert "no" not in check_page(page)
    assert text_of_lines(read) == (
        "Wines\nTwo <bottles>\n\nof Chasselas white\none\nin\ntwo\nbad good\na  b\n c"
    )
    assert '<a href="https://e.example/?a&amp;b"' in page
    assert page.count("<a ") == 1
    assert "<ol><li>one<ul><li>in</li></ul></li><li>two</li></ol>" in page


def test_plain_text_is_an_old_note_too() -> None:
    assert text_of_lines(read_html("just words", Room())) == "just words"
    assert read_html("", Room()) == ()
    assert len(read_html("<div>" * 5000 + "deep", Room())) == 1


_RUNS = st.builds(
    Run,
    length=st.integers(0, 12),
    style=st.sampled_from([None, 0, 1, 2, 3, 4, 100, 101, 102, 103, 999]),
    align=st.sampled_from([None, 0, 1, 2, 3, 9]),
    indent=st.integers(0, 30),
    is_quote=st.booleans(),
    done=st.sampled_from([None, True, False]),
    weight=st.integers(0, 4),
    underline=st.booleans(),
    strike=st.booleans(),
    script=st.integers(-2, 2),
    link=st.sampled_from([None, 'https://e.example/"><script>', "javascript:x", "tel:1"]),
    color=st.none() | st.tuples(*[st.floats(width=32)] * 3),
    highlight=st.sampled_from([None, 1, 5, 77]),
    attachment=st.sampled_from([None, "file", "table", "tag", "link", "gone"]),
)
_TEXTS = st.text(
    st.sampled_from("ab<>&\"'`*_[]|#-1. \n\n\u2028\t\ufffc\ufffc🎉\0\ud800"), max_size=60
)


@settings(deadline=None)
@given(_TEXTS, st.lists(_RUNS, max_size=12))
def test_no_note_makes_a_page_of_anything_but_what_pages_may_hold(
    text: str, runs: list[Run]
) -> None:
    evil = '"><script>x</script>'
    inner = (Line(spans=(Span(evil),)), Line(spans=(Span("b", PLAIN, 0),)))
    shown = {
        0: Shown(kind="image", caption=evil, is_picture=True),
        1: Shown(kind="table", table=((inner, ()), ((), inner))),
        2: Shown(kind="link", caption=evil, link="https://e.example/&x"),
    }

    def resolve(key: str, uti: str | None) -> Span | None:
        spans = {"file": Span("", PLAIN, 0), "table": Span("", PLAIN, 1), "tag": Span(evil),
                 "link": Span("", PLAIN, 2)}  # fmt: skip
        return spans.get(key)

    made = lines_of(Body(text, tuple(runs)), resolve, Room())
    check_page(to_html(made, shown))
    written = to_markdown(made, shown)
    assert "<script" not in written.replace("\\<script", "") or "```" in written
    words = "".join(text.replace("\ufffc", "").split())
    said = "".join(text_of_lines(made).split())
    assert said == words or "\ufffc" in text or "\ud800" in text

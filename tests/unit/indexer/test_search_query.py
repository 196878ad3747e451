"""What is typed into the search field, and the snippets of what is found."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.indexer.search.query import parse_question, tsquery_text
from services.indexer.search.snippet import LENGTH, make_snippet


def kinds(text: str) -> list[tuple[str, str, bool]]:
    return [(t.kind, t.folded, t.excluded) for t in parse_question(text).terms]


def marked(text: str, question: str) -> list[tuple[str, bool]]:
    parts = make_snippet(text, None, parse_question(question).terms)
    return [(part.text, part.is_match) for part in parts]


def test_the_last_word_may_be_unfinished_and_the_others_are_whole() -> None:
    assert kinds("Grüne Eier") == [("word", "grune", False), ("prefix", "eier", False)]


def test_phrases_exclusions_beginnings_and_parts_are_told_apart() -> None:
    assert kinds('foo* *bar* "a b" -c -"d e"') == [
        ("prefix", "foo", False),
        ("part", "bar", False),
        ("phrase", "a b", False),
        ("word", "c", True),
        ("phrase", "d e", True),
    ]


def test_leaving_out_alone_finds_nothing() -> None:
    assert parse_question("-foo").is_empty
    assert parse_question('  "" ').is_empty


def test_no_word_can_be_an_operator() -> None:
    terms = parse_question("it's a&b").terms
    assert [tsquery_text(term) for term in terms] == ["'it' & 's'", "'a' & 'b':*"]


def test_snippets_mark_what_was_written_not_what_was_folded() -> None:
    assert marked("ein Café hier", "cafe x") == [("ein ", False), ("Café", True), (" hier", False)]
    assert marked("今日は東京に", "東京") == [("今日は", False), ("東京", True), ("に", False)]
    assert marked("so 🎂 gut", "🎂") == [("so ", False), ("🎂", True), (" gut", False)]
    assert marked("Cafe\u0301!", "cafe x") == [("Cafe\u0301", True), ("!", False)]


def test_snippets_of_long_texts_are_cut_around_the_match() -> None:
    parts = marked("lorem ipsum " * 5000 + "needle" + " dolor" * 500, "needle")
    assert parts[0] == ("…", False)
    assert parts[-1] == ("…", False)
    assert ("needle", True) in parts
    assert sum(len(text) for text, _ in parts) < LENGTH + 50


def test_a_title_is_shown_when_only_the_title_matches() -> None:
    parts = make_snippet("other words", "The needle", parse_question("needle").terms)
    assert [(part.text, part.is_match) for part in parts] == [("The ", False), ("needle", True)]


@given(st.text(max_size=300), st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_snippets_only_hold_what_stands_in_the_text(text: str, question: str) -> None:
    parts = make_snippet(text, None, parse_question(question).terms)
    assert "".join(part.text for part in parts).strip("…") in text + "…" or len(text) > LENGTH
    for term in parse_question(question).terms:
        tsquery_text(term)

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.indexer.folding import fold, fold_with_offsets, query_words, search_words


def test_case_and_accents_do_not_matter() -> None:
    assert fold("Größe CAFÉ naïve Łódź ÆØÅ") == "grosse cafe naive lodz aeoa"


def test_marks_that_are_letters_stay() -> None:
    assert fold("が") == "が"
    assert fold("ที่นี่") == "ที่นี่"
    assert fold("한국어") == "한국어"


def test_typographic_quotes_and_invisible_characters_do_not_hide_a_word() -> None:
    assert fold("don\u2019t\u200b \u2764\ufe0f so\u00adft") == "don't \u2764 soft"


def test_runs_of_han_are_found_by_characters_and_pairs() -> None:
    words = search_words("東京タワーから").split()
    for asked in ("京", "東京", "タワー"):
        assert set(query_words(asked)) <= set(words)


def test_parts_of_addresses_and_links_are_words_of_their_own() -> None:
    words = search_words("see https://www.example.org/lake-trip or mail anna@example.com").split()
    assert {"example", "lake", "trip", "anna"} <= set(words)


def test_an_emoji_is_a_word() -> None:
    assert query_words("🍙")[0] in search_words("rice 🍙 balls").split()


def test_plain_ascii_is_only_lowered() -> None:
    assert search_words("See You There") == "see you there"


@given(st.text(max_size=60))
def test_offsets_lead_back_into_the_text(text: str) -> None:
    folded, offsets = fold_with_offsets(text)
    assert len(offsets) == len(folded) + 1
    assert offsets[-1] == len(text)
    assert all(a <= b for a, b in pairwise(offsets))


@given(st.text(alphabet=st.characters(max_codepoint=0x24F), max_size=60))
def test_folding_with_offsets_gives_the_same_text(text: str) -> None:
    assert fold_with_offsets(text)[0] == fold(text)

"""The history algebra against the naive model: a set of pairs for each revision."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.indexer.history.algebra import Row, as_of, diff, forget, observe

KEYS = st.sampled_from("abc")
DIGESTS = st.sampled_from("xyz")
CONTENTS = st.dictionaries(KEYS, DIGESTS, max_size=3)
MOMENTS = st.integers(0, 7)
Steps = list[tuple[str, int, dict[str, str]]]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("observe"), MOMENTS, CONTENTS),
        st.tuples(st.just("forget"), MOMENTS, st.just({})),
    ),
    max_size=14,
)


def canonical(model: dict[int, set[tuple[str, str]]]) -> set[Row]:
    """The only rows that say what the model says: maximal runs over the timeline."""
    rows: set[Row] = set()
    timeline = sorted(model)
    for pair in {pair for seen in model.values() for pair in seen}:
        added = None
        for moment in timeline:
            if pair in model[moment] and added is None:
                added = moment
            elif pair not in model[moment] and added is not None:
                rows.add(Row(*pair, added, moment))
                added = None
        if added is not None:
            rows.add(Row(*pair, added, None))
    return rows


@given(STEPS)
@settings(max_examples=600, deadline=None)
def test_rows_say_exactly_what_was_seen_after_any_observations_and_forgets(steps: Steps) -> None:
    model: dict[int, set[tuple[str, str]]] = {}
    rows: frozenset[Row] = frozenset()
    for action, moment, content in steps:
        if action == "observe":
            rows = observe(rows, model.keys(), moment, content.items())
            model[moment] = set(content.items())
        else:
            rows = forget(rows, model.keys(), moment)
            model.pop(moment, None)
        assert rows == canonical(model)
        for known, seen in model.items():
            assert as_of(rows, known) == seen


@given(STEPS, MOMENTS, MOMENTS)
@settings(max_examples=200, deadline=None)
def test_the_difference_of_two_moments_is_the_difference_of_their_contents(
    steps: Steps, left: int, right: int
) -> None:
    model: dict[int, dict[str, str]] = {left: {}, right: {}}
    rows: frozenset[Row] = frozenset()
    rows = observe(rows, [], left, [])
    rows = observe(rows, [left], right, [])
    for action, moment, content in steps:
        if action == "observe":
            rows = observe(rows, model.keys(), moment, content.items())
            model[moment] = content
    found = diff(rows, left, right)
    before, after = model[left], model[right]
    assert found.added == {(k, v) for k, v in after.items() if k not in before}
    assert found.removed == {(k, v) for k, v in before.items() if k not in after}
    assert found.changed == {
        (k, before[k], after[k]) for k in before.keys() & after.keys() if before[k] != after[k]
    }


@given(STEPS)
@settings(max_examples=200, deadline=None)
def test_observing_the_same_moment_again_changes_nothing(steps: Steps) -> None:
    timeline: set[int] = set()
    rows: frozenset[Row] = frozenset()
    for action, moment, content in steps:
        if action == "observe":
            rows = observe(rows, timeline, moment, content.items())
            timeline.add(moment)
            assert observe(rows, timeline, moment, content.items()) == rows


def test_an_old_backup_found_later_slides_between_its_neighbours() -> None:
    rows = observe([], [], 10, [("a", "x")])
    rows = observe(rows, [10], 30, [("a", "x")])
    assert rows == {Row("a", "x", 10, None)}
    rows = observe(rows, [10, 30], 20, [("a", "y")])
    assert rows == {Row("a", "x", 10, 20), Row("a", "y", 20, 30), Row("a", "x", 30, None)}
    assert forget(rows, [10, 20, 30], 20) == {Row("a", "x", 10, None)}

"""Replay parity against the definition row by row, and prediction columns."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.drift.parity import parity_of, parity_rows, parity_sentence
from harness.drift.score_columns import score_columns, score_rows
from harness.records.drift import Parity
from harness.records.replay import IMMATURE, JUDGED, REFERENCE, TUNING

SPECIAL = [0.0, -0.0, 0.5, 0.5 + 1e-4, 0.50005, 1.0, math.nan, math.inf, -math.inf]


def by_rows(scores, logged, in_period, windows, versions, names, n_windows, tolerance):
    """Return (n_compared, n_beyond, n_without, by_version) a row at a time."""
    n, beyond, without, of = [0] * n_windows, [0] * n_windows, 0, {}
    for row in range(len(scores)):
        ours, theirs = float(scores[row]), float(logged[row])
        if not in_period[row]:
            continue
        if math.isnan(theirs):
            without += 1
            continue
        is_beyond = not (ours == theirs or abs(ours - theirs) <= tolerance)
        for window in {0, int(windows[row])}:
            n[window] += 1
            beyond[window] += is_beyond
        name = "missing" if versions[row] < 0 else names[versions[row]]
        own = of.setdefault(name, [0, 0])
        own[0] += 1
        own[1] += is_beyond
    return n, beyond, without, tuple((name, *of[name]) for name in (*names, "missing") if name in of)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 40), st.data())
def test_parity_is_that_of_the_definition(n, data):
    draw = lambda values: np.array(data.draw(st.lists(st.sampled_from(values), min_size=n, max_size=n)))  # noqa: E731
    scores, logged = draw(SPECIAL).astype(np.float32), draw(SPECIAL).astype(np.float64)
    period, windows, versions = draw([True, False]).astype(bool), draw([0, 1, 2]).astype(np.int32), draw([-1, 0, 1]).astype(np.int32)
    found = parity_of("a", scores, logged, period, windows, 3, versions, ("v1", "v2"), 1e-4)
    expected = by_rows(scores, logged, period, windows, versions, ("v1", "v2"), 3, 1e-4)
    assert (found.n_compared.tolist(), found.n_beyond.tolist(), found.n_without, found.by_version) == expected
    assert found.n_compared.dtype == found.n_beyond.dtype == np.int64
    assert math.isnan(found.greatest) == (found.n_compared[0] == 0)


def test_a_score_that_is_no_number_is_beyond_and_never_hidden():
    found = parity_of("a", np.array([np.nan, 0.5], np.float32), np.array([0.5, 0.5]), np.ones(2, bool), None, 1, None, (), 0.1)
    assert (found.n_beyond.tolist(), found.greatest, found.by_version) == ([1], math.inf, ())


def test_difference_at_the_tolerance_is_within():
    found = parity_of("a", np.array([0.5, 0.75]), np.array([0.25, 0.25]), np.ones(2, bool), None, 1, None, (), 0.25)
    assert (found.n_beyond.tolist(), found.greatest) == ([1], 0.5)


def test_rows_of_parity_stand_by_window_and_by_version():
    parity = Parity("a", 1e-4, np.array([10, 4, 0]), np.array([2, 2, 0]), 3, 0.25, (("v1", 6, 0), ("missing", 4, 2)))
    rows = parity_rows(parity, ("all", "jan", "feb"), "model_version")
    assert [(r.slice_by, r.slice_value, r.window, r.n_current) for r in rows] == [
        ("all", "all", "all", 10),
        ("all", "all", "jan", 4),
        ("all", "all", "feb", 0),
        ("model_version", "v1", "all", 6),
        ("model_version", "missing", "all", 4),
    ]
    assert [r.value for r in rows] == pytest.approx([0.2, 0.5, math.nan, 0.0, 0.5], nan_ok=True)
    assert {(r.kind, r.statistic, r.variant, r.threshold, r.drifted) for r in rows} == {("parity", "parity", "a", None, None)}
    assert rows[2].note == "undefined: no row with a logged score"


def test_the_sentence_names_the_worst_window_and_version():
    parity = Parity("a", 1e-4, np.array([1000, 400, 600]), np.array([30, 10, 20]), 5, 0.25, (("v1", 900, 3), ("v2", 100, 27)))
    assert parity_sentence(parity, ("all", "jan", "feb")) == (
        "replay parity: 97.00 % of 1,000 logged scores within 0.0001; worst window feb (3.33 % beyond); worst version v2 (27 % beyond);"
        " 5 rows without a logged score"
    )


@pytest.mark.parametrize(
    ("n", "n_beyond", "says"),
    [
        (1_000_000, 0, "replay parity: 100 % of 1,000,000 logged scores within 0.0001"),
        (1_000_000, 1, "replay parity: 99.99 % of 1,000,000 logged scores within 0.0001"),
        (0, 0, "replay parity: not measured, no row of the judged period has a logged score; 7 rows without a logged score"),
    ],
)
def test_the_sentence_says_all_only_of_all(n, n_beyond, says):
    parity = Parity("a", 1e-4, np.array([n]), np.array([n_beyond]), 7 if n == 0 else 0, 0.2)
    assert parity_sentence(parity) == says


def test_prediction_sides_are_reference_and_judged_rows_with_any_label():
    roles = np.array([REFERENCE, REFERENCE | TUNING, TUNING, JUDGED, JUDGED | IMMATURE, 0], np.uint8)
    kept, rows = score_rows(roles, np.arange(6))
    assert kept.tolist() == [True, True, False, True, True, False]
    assert rows.side.tolist() == [0, 0, 1, 1]
    assert rows.timestamps_us.tolist() == [0, 1, 3, 4]
    assert (rows.n_reference, rows.n_current, rows.left_out) == (2, 2, (("of another period", 2),))
    nobody = score_rows(np.zeros(0, np.uint8), None)[1]
    assert (nobody.n_rows, nobody.timestamps_us, nobody.left_out) == (0, None, ())


def test_scores_are_columns_in_their_own_type():
    scores = np.array([[0.2, 0.8], [0.9, 0.1], [1.2, -0.2]], np.float32)
    one, two = score_columns(scores, np.array([True, False, True]), "multiclass", ("cat", "dog"))
    assert (one.name, two.name, one.kind, one.type) == ("score[cat]", "score[dog]", "number", "float")
    assert one.values.dtype == np.float32
    np.testing.assert_array_equal(one.values, np.array([0.2, np.nan], np.float32))
    assert one.values.flags.c_contiguous
    assert one.note == "1 invalid scores read as missing"
    (value,) = score_columns(np.array([-5.0, np.inf, 7.5]), np.ones(3, bool), "regression")
    assert (value.name, value.type, value.note) == ("score", "double", "1 invalid scores read as missing")
    np.testing.assert_array_equal(value.values, [-5.0, np.nan, 7.5])

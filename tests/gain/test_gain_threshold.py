from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ReplayError, ScoreError
from harness.gain.threshold import best_threshold, threshold_for_rate, threshold_matching
from harness.gain.value_matrix import ValueMatrix
from tests.oracles.row_values import worth_of_threshold

RULE = ValueMatrix(2.0, -0.6, 0.0, 0.0, "USD")
SCORES = st.lists(st.tuples(st.integers(0, 8), st.sampled_from([0, 1, 0, 1, -1])), min_size=1, max_size=30)


def f32(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


@settings(max_examples=150, deadline=None)
@given(rows=SCORES.filter(lambda rows: any(y >= 0 for _, y in rows)))
def test_no_candidate_is_worth_more_and_none_as_good_is_higher(rows: list[tuple[int, int]]) -> None:
    scores, labels = f32(*(s / 8 for s, _ in rows)), np.array([y for _, y in rows], dtype=np.int8)
    found = best_threshold(scores, labels, RULE)
    candidates = [np.inf, *(float(s) for s, y in zip(scores, labels, strict=True) if y >= 0)]
    worth = {t: worth_of_threshold(RULE, scores, labels, t) for t in candidates}
    best = max(worth.values())
    assert worth[found] == pytest.approx(best, abs=1e-9)
    assert found == max(t for t, w in worth.items() if w > best - 1e-9)


FRAUD = ValueMatrix(
    {"column": "amount"}, {"column": "fee", "times": -1}, {"column": "amount", "times": -0.5}, 0.0, "USD",
    overrides=[{"slice": "c=x", "false_positive": -2.0}],
)  # fmt: skip
AMOUNT_ROWS = st.lists(
    st.tuples(
        st.integers(0, 8), st.sampled_from([0, 1, 0, 1, -1]), st.sampled_from([0.0, 0.1, 7.3, 1e5]), st.integers(0, 9), st.integers(0, 1)
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(rows=AMOUNT_ROWS.filter(lambda rows: any(row[1] >= 0 for row in rows)), seed=st.integers(0, 99))
def test_with_amounts_and_values_of_slices_no_candidate_is_worth_more_in_any_order_of_rows(rows, seed) -> None:
    steps, labels, amount, fee, is_x = (np.array(c) for c in zip(*rows, strict=True))
    scores, amounts = (steps / 8).astype(np.float32), np.stack([amount, fee], axis=1).astype(np.float64)
    found = best_threshold(scores, labels, FRAUD, amounts, is_x)
    slices = ["x" if one else "y" for one in is_x]
    candidates = [np.inf, *(float(s) for s, y in zip(scores, labels, strict=True) if y >= 0)]
    worth = {t: worth_of_threshold(FRAUD, scores, labels, t, {"amount": amount, "fee": fee}, slices) for t in candidates}
    best, slack = max(worth.values()), 1e-9 * (1 + amount.sum())
    assert worth[found] == pytest.approx(best, abs=slack)
    assert found == max(t for t, w in worth.items() if w > best - slack)
    order = np.random.default_rng(seed).permutation(len(labels))
    assert best_threshold(scores[order], labels[order], FRAUD, amounts[order], is_x[order]) == found


def test_one_great_amount_turns_the_threshold_that_counts_alone_would_set() -> None:
    scores, labels = f32(0.9, 0.8, 0.2), np.array([0, 0, 1])
    assert best_threshold(scores, labels, FRAUD, np.array([[1.0, 3.0]] * 3), np.zeros(3, int)) == np.inf
    assert best_threshold(scores, labels, FRAUD, np.array([[1.0, 3.0], [1.0, 3.0], [1000.0, 3.0]]), np.zeros(3, int)) == pytest.approx(0.2)
    with pytest.raises(ValueError, match="amounts: none given, and the values hang on amount, fee"):
        best_threshold(scores, labels, FRAUD)


def test_where_every_alarm_costs_nobody_is_flagged() -> None:
    assert best_threshold(f32(0.1, 0.9), np.array([0, 0]), RULE) == np.inf


def test_the_threshold_is_a_float32_that_flags_its_own_row() -> None:
    scores = f32(0.1, 0.2, 0.7)
    found = best_threshold(scores, np.array([0, 1, 1]), RULE)
    assert found == float(np.float32(found))
    assert int((scores >= np.float32(found)).sum()) == 2


@pytest.mark.parametrize(("rate", "wanted"), [(0.0, np.inf), (0.25, 0.8), (0.5, 0.5), (0.6, 0.5), (1.0, 0.2), (0.375, 0.8)])
def test_the_selection_rate_is_as_close_as_ties_allow_and_the_higher_of_two(rate: float, wanted: float) -> None:
    assert threshold_for_rate(f32(0.8, 0.5, 0.2, 0.2), rate) == pytest.approx(wanted, rel=1e-6)


def test_matching_flags_as_many_as_the_champion_does() -> None:
    champion, challenger = f32(0.9, 0.8, 0.3, 0.1), f32(0.1, 0.4, 0.2, 0.3)
    found = threshold_matching(challenger, champion, 0.8)
    assert int((challenger >= np.float32(found)).sum()) == int((champion >= np.float32(0.8)).sum()) == 2


def test_rows_without_scores_labels_or_with_nan_are_refused() -> None:
    with pytest.raises(ReplayError, match=r"no tuning row has a label; widen replay\.tuning"):
        best_threshold(f32(0.5), np.array([-1]), RULE)
    with pytest.raises(ReplayError, match="no tuning row has a score"):
        threshold_for_rate(f32(), 0.5)
    with pytest.raises(ScoreError, match="1 of 2 tuning scores are NaN"):
        threshold_for_rate(f32(0.5, np.nan), 0.5)
    with pytest.raises(ScoreError, match="are NaN"):
        threshold_matching(f32(0.5), f32(np.nan), 0.5)
    with pytest.raises(ValueError, match=r"selection_rate: found 1.5"):
        threshold_for_rate(f32(0.5), 1.5)

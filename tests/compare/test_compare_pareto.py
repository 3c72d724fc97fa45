"""The Pareto front on differences of pairs, against the definition from rows and blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.compare.pareto import earns_more, pareto_front
from tests.oracles.pareto_oracle import is_dominated, mean_and_se

NAN = math.nan


def front(gain, se, cost_high, known=None, **more):
    gain = np.array(gain, float)
    difference = gain[:, None] - gain[None, :] if gain.ndim == 1 else gain
    is_known = np.full(len(gain), True) if known is None else np.array(known)
    return pareto_front(difference, np.broadcast_to(se, difference.shape), np.array(cost_high, float), is_known, **more).tolist()


def test_clearly_worse_in_both_is_off_the_front():
    assert front([5, 1], 0.1, [[0, -1], [1, 0]]) == [True, False]


@pytest.mark.parametrize(
    ("gain", "se", "cost_high"),
    [
        ([5, 1], 0.1, [[0, 0], [0, 0]]),
        ([5, 5], 0.1, [[0, -1], [1, 0]]),
        ([5, 5], 0.0, [[0, -1], [1, 0]]),
        ([5, 1], 3.0, [[0, -1], [1, 0]]),
        ([5, 1], 0.1, [[0, 0.1], [1, 0]]),
        ([5, 1], 0.1, [[0, 1], [-1, 0]]),
        ([5, 1], 0.0, [[0, -1], [1, 0]]),
        ([5, 1], 0.1, [[0, NAN], [NAN, 0]]),
        ([5, 1], NAN, [[0, -1], [1, 0]]),
        ([[0, NAN], [NAN, 0]], 0.1, [[0, -1], [1, 0]]),
    ],
    ids=[
        "equal cost", "equal gain", "alike in every row", "gain not told apart", "cost not told apart", "dearer and better", "no width",
        "cost unknown", "no standard error", "difference not defined",
    ],
)  # fmt: skip
def test_what_is_not_shown_worse_on_both_axes_stays(gain, se, cost_high):
    assert front(gain, se, cost_high) == [True, True]


def test_each_axis_has_the_whole_level():
    z = stats.norm.ppf(0.975)
    assert front([1.001 * z, 0], 1.0, [[0, -1], [1, 0]]) == [True, False]
    assert front([0.999 * z, 0], 1.0, [[0, -1], [1, 0]]) == [True, True]
    assert front([0.999 * z, 0], 1.0, [[0, -1], [1, 0]], confidence=0.94) == [True, False]


def test_what_is_not_known_is_neither_on_the_front_nor_dominates():
    below = [[0, -1, -1], [-1, 0, -1], [-1, -1, 0]]
    assert front([9, 5, 1], 0.1, below, known=[False, True, True]) == [False, True, False]
    assert front([9, 1], 0.1, [[0, -1], [1, 0]], known=[False, True]) == [False, True]


def test_the_dominated_dominate():
    # the last is shown worse than the second alone, which is itself dominated
    assert front([9, 5, 1], [[0.1, 0.1, 99], [0.1, 0.1, 0.1], [99, 0.1, 0.1]], np.full((3, 3), -1)) == [True, False, False]


def test_nobody_and_one():
    empty = np.zeros((0, 0))
    assert pareto_front(empty, empty, empty, np.zeros(0, bool)).tolist() == []
    assert front([1], 0.0, [[NAN]]) == [True]


def test_matrices_of_another_shape_are_refused():
    square = np.zeros((2, 2))
    with pytest.raises(ValueError, match=r"cost_difference_high_per_1k: found shape \(2,\), wanted \(2, 2\)"):
        pareto_front(square, square, np.zeros(2), np.full(2, True))


def costs_below(rows_per_s, prices, confidence):
    """Upper bounds of the log ratio of costs, from SciPy's interval of the paired t test."""
    n, logs = len(prices), np.log(np.array(prices)[:, None] / np.array(rows_per_s))
    high = np.full((n, n), NAN)
    for a in range(n):
        for b in range(n):
            if a != b:
                high[a, b] = stats.ttest_rel(logs[a], logs[b]).confidence_interval(confidence).high
    return high


def matrices(worths):
    pairs = [[mean_and_se(a, b) for b in worths] for a in worths]
    return (np.array([[pair[k] for pair in row] for row in pairs]) for k in (0, 1))


@given(st.integers(0, 10_000), st.integers(2, 5), st.sampled_from([0.8, 0.95]))
def test_front_is_that_of_the_definition(seed, n_variants, confidence):
    rng = np.random.default_rng(seed)
    rows, blocks = rng.normal(size=30), rng.normal(0, 0.3, 5)
    worths = [(rows + 0.5 * rng.normal(size=30) + 0.4 * rng.normal()).tolist() for _ in range(n_variants)]
    rows_per_s = [np.exp(blocks + rng.normal(0, 0.05, 5) + 0.2 * rng.normal()).tolist() for _ in range(n_variants)]
    prices = rng.choice([1.0, 1.1], n_variants).tolist()
    difference, se = matrices(worths)
    found = pareto_front(difference, se, costs_below(rows_per_s, prices, confidence), np.full(n_variants, True), confidence)
    assert found.tolist() == [not is_dominated(worths, rows_per_s, prices, v, confidence) for v in range(n_variants)]


@given(st.integers(0, 10_000))
def test_order_of_the_variants_is_free_and_a_higher_level_keeps_more(seed):
    rng = np.random.default_rng(seed)
    n, order = 6, rng.permutation(6)
    gain, se = rng.normal(size=n), np.abs(rng.normal(size=n))
    cost_high = rng.normal(size=(n, n))
    arguments = gain[:, None] - gain, np.hypot(se[:, None], se), cost_high
    found = pareto_front(*arguments, np.full(n, True))
    moved = pareto_front(*(m[np.ix_(order, order)] for m in arguments), np.full(n, True))
    assert moved.tolist() == found[order].tolist()
    assert (found <= pareto_front(*arguments, np.full(n, True), 0.999)).all()


def test_pairing_shows_a_small_difference_of_gains_that_go_together():
    rng = np.random.default_rng(3)
    champion = rng.normal(0, 1, 4000)
    shared = champion + rng.normal(0.2, 1, 4000)  # what both challengers have and the champion has not
    good, better = shared + rng.normal(0, 0.05, 4000), shared + 0.02 + rng.normal(0, 0.05, 4000)
    cost_high = np.array([[0.0, 1.0], [-1.0, 0.0]])  # the better one is cheaper
    difference, se = matrices([good, better])
    assert pareto_front(difference, se, cost_high, np.full(2, True)).tolist() == [False, True]
    apart = [mean_and_se(x, champion) for x in (good, better)]
    as_if_independent = np.full((2, 2), math.hypot(apart[0][1], apart[1][1]))
    assert pareto_front(difference, as_if_independent, cost_high, np.full(2, True)).tolist() == [True, True]
    assert as_if_independent[0, 1] > 10 * se[0, 1]


def test_of_two_equal_variants_one_is_dominated_in_no_more_worlds_than_stated():
    """Equal gains, decisions that go together; the second is dearer beyond doubt, so that the gain alone decides."""
    rng = np.random.default_rng(5)
    n_worlds, n_rows = 4000, 2000
    counts = rng.multinomial(n_rows, [0.02, 0.02, 0.96], n_worlds)  # the first is right alone, the second is, both are alike
    mean = (counts[:, 0] - counts[:, 1]) / n_rows
    se = np.sqrt(((counts[:, 0] + counts[:, 1]) / n_rows - mean**2) / (n_rows - 1))
    sign = np.array([[0, 1], [-1, 0]])
    cost_high = np.array([[0.0, -1.0], [1.0, 0.0]])
    fronts = [pareto_front(sign * m, np.full((2, 2), s), cost_high, np.full(2, True)) for m, s in zip(mean, se, strict=True)]
    dominated = int((~np.array(fronts)[:, 1]).sum())
    assert dominated > 0
    assert stats.binomtest(dominated, n_worlds, 0.025, alternative="greater").pvalue > 0.001
    assert np.array(fronts)[:, 0].all()


def test_no_width_is_no_evidence():
    assert earns_more(np.array([1.0, -1.0, NAN]), np.array([0.0, 1.0, 1.0])).tolist() == [False, False, False]

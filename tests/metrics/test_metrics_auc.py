"""AUC: value, DeLong's variance against the definition and against exact integers, coverage, and where there is no interval."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from scipy.stats import norm, rankdata

from harness.metrics.auc import Auc
from harness.metrics.placement_variance import delong_variance
from harness.records.tally import N_BINS, BinaryTally, Grid, Moments, RankSums
from harness.tallies.binary import tally_binary
from tests.oracles.metric_oracle import binary_tally_from_rows, delong_by_pairs, split


def tally_of_ranks(ranks):
    n = len(ranks.n_positive)
    confusion = np.zeros((n, 2, 2), dtype=np.int64)
    confusion[:, 0, 0], confusion[:, 1, 1] = ranks.n_negative, ranks.n_positive
    bins, nothing = np.zeros((n, N_BINS), dtype=np.int64), Moments(np.zeros(n), np.zeros(n))
    return BinaryTally(confusion, bins, bins, bins.astype(np.float64), nothing, nothing, ranks)


def one_cell(scores, labels):
    n = len(scores)
    return binary_tally_from_rows(np.array(scores, np.float32), np.array(labels, np.int8), np.zeros(n, np.int64), 1, 0.5)


def test_variance_is_delongs_by_all_pairs_with_ties():
    rng = np.random.default_rng(1)
    labels = (rng.random(200) < 0.3).astype(np.int8)
    scores = (rng.normal(labels, 1.0).round(1) / 10 + 0.5).astype(np.float32)
    ranks = one_cell(scores, labels).ranks
    auc, variance = delong_by_pairs(scores, labels)
    np.testing.assert_allclose(delong_variance(ranks), [variance], rtol=1e-10)
    found = Auc().compute(one_cell(scores, labels), 0.95, 0)
    np.testing.assert_allclose(found.value, [auc], rtol=1e-12)
    half = norm.ppf(0.975) * np.sqrt(variance) / (auc * (1 - auc))
    logit = np.log(auc / (1 - auc))
    np.testing.assert_allclose([found.ci_low[0], found.ci_high[0]], 1 / (1 + np.exp([half - logit, -half - logit])), rtol=1e-10)
    assert found.ci_method[0] == "DeLong, logit"


@pytest.mark.parametrize("spread", [1.0, 1e-5], ids=["ordinary", "nearly all placements equal"])
def test_variance_of_ten_million_balanced_rows_keeps_its_digits(spread):
    half = 5_000_000
    rng = np.random.default_rng(2)
    # Placements of any kind will do: around the middle, where n * squares and total² agree in most of their digits.
    a = (half + rng.integers(-half, half, half) * spread).astype(np.int64)
    total_a = int(a.sum())
    total_b = 2 * half * half - total_a
    b = np.full(half, total_b // half, dtype=np.int64)
    b[: total_b - int(b.sum())] += 1
    b[:1000], b[1000:2000] = b[:1000] + 70, b[1000:2000] - 70

    def squares(x):
        return sum(int(part @ part) for part in np.split(x, 5000))  # exact: each part stays below 2**63

    sums = (half, half, total_a, *split(squares(a)), *split(squares(b)))
    found = delong_variance(RankSums(*(np.array([x], dtype=np.int64) for x in sums)))
    exact = Fraction(0)
    for total, square in ((total_a, squares(a)), (total_b, squares(b))):
        exact += Fraction(half * square - total * total, half * (half - 1) * 4 * half * half * half)
    assert squares(a) > 2**63  # one word would not hold it
    np.testing.assert_allclose(found, [float(exact)], rtol=1e-9)


@pytest.mark.parametrize(("scores", "value"), [([0.1, 0.2, 0.8, 0.9], 1.0), ([0.9, 0.8, 0.2, 0.1], 0.0)])
def test_no_interval_at_the_ends(scores, value):
    found = Auc().compute(one_cell(scores, [0, 0, 1, 1]), 0.95, 0)
    assert found.value[0] == value
    assert np.isnan(found.ci_low[0])
    assert found.ci_method[0] == "no interval: AUC is 0 or 1"


def test_no_interval_where_all_scores_are_equal_or_a_class_has_one_row():
    tied = Auc().compute(one_cell([0.5] * 6, [0, 1, 0, 1, 0, 1]), 0.95, 0)
    assert (tied.value[0], tied.ci_method[0]) == (0.5, "no interval: all placements are equal")
    single = Auc().compute(one_cell([0.5, 0.2, 0.7], [1, 0, 0]), 0.95, 0)
    assert (single.value[0], single.ci_method[0]) == (0.5, "no interval: fewer than 2 rows of a class")


@pytest.mark.parametrize(("n_positive", "gated"), [(19, False), (20, True)])
def test_fewer_than_twenty_of_a_class_are_shown_but_not_gated(n_positive, gated):
    rng = np.random.default_rng(3)
    labels = np.repeat([1, 0], [n_positive, 40])
    found = Auc().compute(one_cell(rng.random(len(labels)), labels), 0.95, 0)
    assert np.isfinite(found.ci_low[0])
    assert found.ci_method[0].endswith("; fewer than 20 of a class: not gated") != gated


@pytest.mark.parametrize(("n_positive", "covered"), [(10, 0.93), (20, 0.93), (60, 0.90)])
def test_few_positive_rows_at_a_high_auc_are_covered(n_positive: int, covered: float) -> None:
    """Of DeLong's variance alone 20 positive rows at an AUC of .98 are covered in .83 of worlds."""
    n_sets, n_negative, truth = 400, 1000, 0.98
    rng = np.random.default_rng(8)
    labels = np.tile(np.repeat([1, 0], [n_positive, n_negative]), n_sets).astype(np.int8)
    scores = ndtr(rng.normal(labels * np.sqrt(2) * ndtri(truth), 1) / 2).astype(np.float32)
    grid = Grid(("all", *["set"] * n_sets), ("all", *map(str, range(n_sets))), ("all",))
    ids = np.stack([np.zeros(len(labels)), 1 + np.repeat(np.arange(n_sets), n_positive + n_negative)], axis=1).astype(np.uint16)
    found = Auc().compute(tally_binary(scores, labels, ids, None, grid, 0.5), 0.95, 0)
    inside = (found.ci_low[1:] <= truth) & (truth <= found.ci_high[1:])
    has_interval = np.isfinite(found.ci_low[1:])
    assert has_interval.mean() > 0.9
    assert inside[has_interval].mean() > covered
    assert set(found.ci_method[1:][has_interval]) <= (
        {"DeLong, logit"} if n_positive >= 40 else {m for m in found.ci_method if "logit" in m}
    )


def test_tally_without_ranks_is_undefined():
    tally = one_cell([0.1, 0.9], [0, 1])
    found = Auc().compute(BinaryTally(**{**vars(tally), "ranks": None}), 0.95, 0)
    assert np.isnan(found.value[0])
    assert found.undefined_reason[0] == "the ranks of the scores were not kept"


@pytest.mark.parametrize(("n_positive", "n_negative"), [(40, 60), (100, 400)])
def test_interval_covers(n_positive, n_negative):
    n_worlds, shift = 1500, 1.2
    rng = np.random.default_rng(n_positive)
    x = np.concatenate([rng.normal(shift, 1, (n_worlds, n_positive)), rng.normal(0, 1, (n_worlds, n_negative))], axis=1)
    overall = rankdata(x, axis=1)
    a = 2 * (overall[:, :n_positive] - rankdata(x[:, :n_positive], axis=1)).astype(np.int64)
    b = 2 * (overall[:, n_positive:] - rankdata(x[:, n_positive:], axis=1)).astype(np.int64)
    sums = [np.full(n_worlds, n_positive), np.full(n_worlds, n_negative), a.sum(axis=1)]
    for squares in ((a * a).sum(axis=1), (b * b).sum(axis=1)):
        sums += [squares >> 32, squares & 0xFFFFFFFF]
    found = Auc().compute(tally_of_ranks(RankSums(*sums)), 0.95, 0)
    truth = norm.cdf(shift / np.sqrt(2))
    coverage = ((found.ci_low <= truth) & (truth <= found.ci_high)).mean()
    assert abs(coverage - 0.95) < 4 * np.sqrt(0.95 * 0.05 / n_worlds)

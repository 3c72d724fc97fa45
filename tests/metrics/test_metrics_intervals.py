"""Intervals: against published software, against the definition, and their coverage in small seeded worlds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from harness.metrics.accuracy import Accuracy
from harness.metrics.balanced_accuracy import BalancedAccuracy, mean_of_rates
from harness.metrics.brier import Brier
from harness.metrics.f1 import F1
from harness.metrics.log_loss import LogLoss
from harness.metrics.mcc import Mcc, matthews
from harness.metrics.mean_loss import t_half_width
from harness.records.tally import N_BINS, BinaryTally, Moments
from harness.stats.dirichlet import SharedDraws, dirichlet_interval, gamma_draws, quantile_interval
from harness.stats.dirichlet_cubature import FISHER_SCALE, LOGIT_SCALE, cubature_interval
from harness.stats.wilson import wilson_interval
from tests.oracles.metric_oracle import binary_tally_from_rows, tally_of_counts

N_WORLDS = 2000
TOLERANCE = 4 * np.sqrt(0.95 * 0.05 / N_WORLDS)  # four binomial standard deviations of a coverage of .95


def tally_of_confusions(counts):
    """Cells with these [n_cells, 4] decisions and nothing else."""
    n = len(counts)
    nothing = Moments(np.zeros(n), np.zeros(n))
    bins = np.zeros((n, N_BINS), dtype=np.int64)
    return BinaryTally(counts.reshape(n, 2, 2), bins, bins, bins.astype(np.float64), nothing, nothing, None)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
def test_wilson_is_that_of_statsmodels(confidence):
    successes, trials = np.array([0, 1, 5, 17, 30, 10**6]), np.array([1, 30, 7, 20, 30, 10**9])
    low, high = wilson_interval(successes, trials, confidence)
    expected = proportion_confint(successes, trials, alpha=1 - confidence, method="wilson")
    np.testing.assert_allclose(low, expected[0], rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(high, expected[1], rtol=1e-9)


def test_wilson_has_width_at_the_ends():
    low, high = wilson_interval(np.array([0, 10]), np.array([10, 10]), 0.95)
    assert low[0] == 0
    assert 0.2 < high[0] < 0.4
    assert 0.6 < low[1] < 0.8
    assert high[1] == 1


@pytest.mark.parametrize("count", [0, 1, 2, 10, 100_000])
def test_gamma_draws_follow_the_gamma_distribution(count):
    shared = SharedDraws.from_seed(1, 50_000, 5)
    draws = gamma_draws(np.array([7, count]), shared.normal[0], shared.log_uniform[0])[1]
    assert stats.kstest(draws, stats.gamma(count + 0.5).cdf).pvalue > 0.01


def test_dirichlet_interval_is_that_of_numpys_dirichlet():
    counts = np.array([[40, 7, 5, 11], [0, 3, 2, 1]])
    low, high, too_few = dirichlet_interval(counts, matthews, 0.95, 20_000, 1)
    assert not too_few.any()
    rng = np.random.default_rng(2)
    for k in range(2):
        draws = matthews(list(rng.dirichlet(counts[k] + 0.5, 100_000).T))
        np.testing.assert_allclose([low[k], high[k]], np.quantile(draws, [0.025, 0.975]), atol=0.012)


def test_dirichlet_interval_of_a_cell_does_not_depend_on_the_others():
    rng = np.random.default_rng(4)
    counts = rng.integers(0, 200, (400, 4))  # small counts come from a table, others do not
    low, high, _ = dirichlet_interval(counts, matthews, 0.95, 200, 1)
    for k in (0, 17, 399):
        one_low, one_high, _ = dirichlet_interval(counts[[k]], matthews, 0.95, 200, 1)
        assert (one_low[0], one_high[0]) == (low[k], high[k])


EXTREMES = [[4, 4, 4, 4], [4, 4, 10**6, 10**6], [10**6, 4, 4, 50], [4, 10**5, 5, 50], [10**9, 4, 4, 10**9], [10**7, 4, 300, 4]]
ORDINARY = np.random.default_rng(12).integers(4, [12, 40, 100, 400], (14, 4)).tolist()


@pytest.mark.parametrize(("statistic", "scale"), [(matthews, FISHER_SCALE), (mean_of_rates, LOGIT_SCALE)], ids=["mcc", "balanced"])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_cubature_is_within_two_percent_of_the_width_of_many_draws(statistic, scale, confidence):
    counts = np.array(EXTREMES + ORDINARY)
    low, high = cubature_interval(counts, statistic, scale, confidence)
    rng = np.random.default_rng(2)
    for k, shape in enumerate(counts + 0.5):
        draws = statistic(list(rng.standard_gamma(shape[:, None], (4, 200_000))))
        expected = np.quantile(draws, [0.5 - confidence / 2, 0.5 + confidence / 2])
        np.testing.assert_allclose([low[k], high[k]], expected, atol=0.02 * (expected[1] - expected[0]), err_msg=str(counts[k]))


def test_draws_are_taken_where_a_decision_is_rare_and_the_method_says_which():
    counts = np.array([[30, 5, 4, 10], [30, 5, 3, 10]])
    found = Mcc(n_draws=300).compute(tally_of_confusions(counts), 0.95, 0)
    assert found.ci_method.tolist() == ["Dirichlet(counts + 1/2), cubature", "Dirichlet(counts + 1/2), 300 draws"]
    low, high = cubature_interval(counts[:1], matthews, FISHER_SCALE, 0.95)
    drawn_low, drawn_high, _ = dirichlet_interval(counts[1:], matthews, 0.95, 300, 0)
    np.testing.assert_array_equal(found.ci_low, [low[0], drawn_low[0]])
    np.testing.assert_array_equal(found.ci_high, [high[0], drawn_high[0]])


def test_f1_interval_is_the_limit_of_dirichlet_draws():
    counts = np.array([[40, 7, 5, 11], [9, 3, 2, 1]])
    found = F1().compute(tally_of_confusions(counts), 0.95, 0)
    rng = np.random.default_rng(2)
    for k in range(2):
        _, fp, fn, tp = rng.dirichlet(counts[k] + 0.5, 200_000).T
        expected = np.quantile(2 * tp / (2 * tp + fp + fn), [0.025, 0.975])
        np.testing.assert_allclose([found.ci_low[k], found.ci_high[k]], expected, atol=0.003)


def test_extreme_values_lie_in_their_intervals():
    perfect = tally_of_counts(tn=40, fp=0, fn=0, tp=25)
    for metric in (F1(), Mcc(), BalancedAccuracy()):
        found = metric.compute(perfect, 0.95, 0)
        assert found.value[0] == found.ci_high[0] == 1
        assert 0.7 < found.ci_low[0] < 0.99


def test_same_seed_same_interval_and_other_seed_another():
    tally = tally_of_counts(20, 5, 3, 10)
    first, again, other = (Mcc().compute(tally, 0.95, seed).ci_low[0] for seed in (1, 1, 2))
    assert first == again != other


def test_undefined_draws_are_counted():
    draws = np.tile(np.arange(1000.0), (2, 1))
    draws[0, :10], draws[1, :11] = np.nan, np.nan
    low, high, too_few = quantile_interval(draws, 0.95)
    assert too_few.tolist() == [False, True]
    np.testing.assert_allclose([low[0], high[0]], np.quantile(np.arange(10.0, 1000.0), [0.025, 0.975]), rtol=1e-12)


def test_too_many_undefined_draws_leave_no_interval(monkeypatch):
    def undefined(*args):
        return np.array([0.1]), np.array([0.9]), np.array([True])

    monkeypatch.setattr("harness.metrics.decision_interval.dirichlet_interval", undefined)
    found = Mcc().compute(tally_of_counts(20, 5, 3, 10), 0.95, 0)
    assert np.isfinite(found.value[0])
    assert np.isnan(found.ci_low[0])
    assert found.ci_method[0] == "no interval: more than 1 % of the draws are undefined"


@pytest.mark.parametrize("metric", [LogLoss, Brier])
def test_mean_loss_interval_is_students(metric):
    rng = np.random.default_rng(4)
    scores, labels = rng.random(50).astype(np.float32), rng.integers(0, 2, 50).astype(np.int8)
    tally = binary_tally_from_rows(scores, labels, np.zeros(50, np.int64), 1, 0.5)
    p = scores.astype(np.float64)
    losses = (p - labels) ** 2 if metric is Brier else -np.log(np.where(labels == 1, p, 1 - p))
    expected = stats.ttest_1samp(losses, 0).confidence_interval(0.95)
    found = metric().compute(tally, 0.95, 0)
    np.testing.assert_allclose([found.ci_low[0], found.ci_high[0]], [expected.low, expected.high], rtol=1e-10)


def test_a_loss_that_is_the_same_in_all_rows_has_no_interval():
    tally = binary_tally_from_rows(np.full(5, 0.5, np.float32), np.zeros(5, np.int8), np.zeros(5, np.int64), 1, 0.5)
    found = Brier().compute(tally, 0.95, 0)
    assert found.value[0] == 0.25
    assert np.isnan(found.ci_low[0])
    assert found.ci_method[0] == "no interval: the loss is the same in all rows"


def confusion_worlds(n, shares, seed):
    return np.random.default_rng(seed).multinomial(n, shares, N_WORLDS)


SHARES = np.array([0.5, 0.1, 0.12, 0.28])  # TN, FP, FN, TP
TRUTHS = [
    (Accuracy(), 0.78),
    (F1(), 2 * 0.28 / (2 * 0.28 + 0.22)),
    (Mcc(), float(matthews(list(SHARES)))),
    (BalancedAccuracy(), float(mean_of_rates(list(SHARES)))),
]


@pytest.mark.parametrize("n", [60, 1000])
@pytest.mark.parametrize(("metric", "truth"), TRUTHS, ids=lambda x: getattr(x, "name", ""))
def test_intervals_of_counts_cover(metric, truth, n):
    found = metric.compute(tally_of_confusions(confusion_worlds(n, SHARES, n)), 0.95, 0)
    coverage = ((found.ci_low <= truth) & (truth <= found.ci_high)).mean()
    assert abs(coverage - 0.95) < TOLERANCE + 0.01  # counts are discrete: a point of the nominal level is theirs


def test_students_interval_covers():
    losses = np.random.default_rng(8).beta(1, 4, (N_WORLDS, 200))
    half = t_half_width(np.full(N_WORLDS, 200), losses.var(axis=1) * 200, 0.95)
    assert abs((np.abs(losses.mean(axis=1) - 0.2) <= half).mean() - 0.95) < TOLERANCE

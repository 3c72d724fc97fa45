"""The base class of calibration errors over bins of the score: value, null point, and an interval above it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.metrics.calibration_null import null_quantiles
from harness.metrics.metric import BinaryMetric, Direction
from harness.metrics.rank_bins import not_kept
from harness.metrics.values import FEWER_THAN_TWO, metric_values, ratio
from harness.records.metric import MetricValues
from harness.records.tally import N_BINS, BinaryTally
from harness.stats.dirichlet import BLOCK_BYTES, PRIOR, SharedDraws, gamma_draws, quantile_interval

NULL_QUANTILE = 0.95
Bins = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True)
class BinnedEce(BinaryMetric):
    """How far scores are from the observed rates, bin by bin: expected calibration error over 15 bins.

    Formula: sum over bins of |positives - sum of scores| / n.

    ECE is above 0 even for a calibrated model, so its null 95 % point (labels simulated from the scores, Binomial(n_b, mean
    score) per bin, see `null_quantiles`) is printed in `ci_method` of every cell, and an interval is given only where ECE
    exceeds it: the draws' ECE is reflected about the value (2 ECE - quantile), which takes out the upward bias that the draws
    have as ECE itself has it. Its lower bound is at most ECE minus the null point of that level: by the triangle inequality
    chance can have added no more than itself, and just above the null point it has added nearly all of that.

    Undefined when: the cell has fewer than 2 rows.

    Parameters
    ----------
    n_draws : int
        Simulated data sets for the null point, and Dirichlet draws for the interval.
    """

    n_draws: int = 1000

    unit: ClassVar[str] = "share"
    direction: ClassVar[Direction] = "lower"
    interval: ClassVar[str] = "Dirichlet draws over score bins, only above the null 95 % point"

    @abstractmethod
    def bins(self, tally: BinaryTally) -> Bins | None:
        """Return rows, positive rows and sum of scores by bin, [n_cells, N_BINS] each; None where they were not kept."""

    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return ECE, its null point (as text) and, above that, its interval for every cell."""
        n, bins = tally.n, self.bins(tally)
        if bins is None:
            return not_kept(self.name, tally)
        bin_n, positive, score = bins
        value = ratio(np.abs(positive - score).sum(axis=1), n)
        null, null_at_level = null_quantiles(bin_n, score, [NULL_QUANTILE, 0.5 + confidence / 2], self.n_draws, seed)
        above = np.asarray(value > null, dtype=np.bool_)
        low, high = np.full(len(n), np.nan), np.full(len(n), np.nan)
        undrawn = np.zeros(len(n), dtype=np.bool_)
        low[above], high[above], undrawn[above] = self._interval(
            (bin_n[above], positive[above], score[above]), value[above], confidence, seed
        )
        low = np.minimum(low, value - null_at_level).clip(0.0)
        text = np.char.mod("null 95 %% point %.4f", null).astype(np.object_)
        values = metric_values(self.name, value, low, high, "Dirichlet draws over score bins; " + text, [(n < 2, FEWER_THAN_TWO)])
        told = np.isnan(values.ci_low) & (n >= 2)
        values.ci_method[told] = text[told]
        values.ci_method[told & undrawn] += "; no interval: more than 1 % of the draws are undefined"
        return values

    def _interval(
        self, bins: Bins, value: NDArray[np.float64], confidence: float, seed: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return the reflected quantiles of the draws, and where more than 1 % of them are undefined."""
        bin_n, positive, score = bins
        shared = SharedDraws.from_seed(2 * N_BINS, self.n_draws, seed)
        low, high = np.full(len(value), np.nan), np.full(len(value), np.nan)
        too_few = np.zeros(len(value), dtype=np.bool_)
        step = max(1, BLOCK_BYTES // (8 * self.n_draws))
        for start in range(0, len(value), step):
            block = slice(start, start + step)
            draws = ece_draws(bin_n[block], positive[block], score[block], shared)
            below, upper, too_few[block] = quantile_interval(draws, confidence)
            low[block] = 2 * value[block] - upper
            # Just above the null point the reflected bound may fall short of the value itself.
            high[block] = np.maximum(2 * value[block] - below, value[block]).clip(None, 1.0)
        return low, high, too_few


def ece_draws(
    bin_n: NDArray[np.int64], bin_positive: NDArray[np.int64], bin_score: NDArray[np.float64], shared: SharedDraws
) -> NDArray[np.float64]:
    """Return ECE for draws of the shares of (bin, label) from Dirichlet(counts + 1/2) over the bins that have rows.

    The mean score of a bin stays as observed, but for a shift by which the draws of its rate are centred on the observed one: the
    prior pulls each of them to one half, and 15 pulls add up. Arrays are [n_cells, N_BINS]; the result is [n_cells, n_draws].
    """
    n_draws = shared.normal.shape[2]
    gap, total = np.zeros((len(bin_n), n_draws)), np.zeros((len(bin_n), n_draws))
    for b in range(N_BINS):
        rows = np.flatnonzero(bin_n[:, b])
        positive = gamma_draws(bin_positive[rows, b], shared.normal[b], shared.log_uniform[b])
        both = positive + gamma_draws(bin_n[rows, b] - bin_positive[rows, b], shared.normal[N_BINS + b], shared.log_uniform[N_BINS + b])
        total[rows] += both
        n, k = bin_n[rows, b].astype(np.float64), bin_positive[rows, b]
        centre = bin_score[rows, b] / n + (k + PRIOR) / (n + 2 * PRIOR) - k / n
        gap[rows] += np.abs(positive - both * centre[:, None])
    return ratio(gap, total)

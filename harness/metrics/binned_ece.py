"""The base class of calibration errors over bins of the score: value, null point, and an interval above it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.metrics.calibration_null import null_quantiles
from harness.metrics.ece_interval import ece_cumulants
from harness.metrics.metric import BinaryMetric, Direction
from harness.metrics.rank_bins import not_kept
from harness.metrics.values import FEWER_THAN_TWO, metric_values, ratio
from harness.records.metric import MetricValues
from harness.records.tally import BinaryTally
from harness.stats.absolute_deviation import quantiles_of

NULL_QUANTILE = 0.95
MIN_ROWS = 30  # slices with fewer are shown and not ranked
INTERVAL = "Dirichlet(counts + 1/2) over score bins, reflected"
FEW_ROWS = f"no interval: fewer than {MIN_ROWS} rows"
Bins = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True)
class BinnedEce(BinaryMetric):
    """How far scores are from the observed rates, bin by bin: expected calibration error over 15 bins.

    Formula: sum over bins of |positives - sum of scores| / n.

    ECE is above 0 even for a calibrated model, so its null 95 % point (labels simulated from the scores, Binomial(n_b, mean
    score) per bin, see `null_quantiles`) is printed in `ci_method`, and an interval is given only where ECE exceeds it: the
    quantiles of ECE under Dirichlet(counts + 1/2) over (bin, label), from its first three cumulants (`ece_cumulants`), are reflected
    about the value (2 ECE - quantile), which takes out the upward bias that they have as ECE itself has it. Its lower bound is
    at most ECE minus the null point of that level: by the triangle inequality chance can have added no more than itself, and
    just above the null point it has added nearly all of that. Cells with fewer than 30 rows have neither.

    Undefined when: the cell has fewer than 2 rows.

    Parameters
    ----------
    n_draws : int
        Simulated data sets for the null point, in cells where it is not had from cumulants; 1 or more.
    """

    n_draws: int = 1000

    unit: ClassVar[str] = "share"
    direction: ClassVar[Direction] = "lower"
    interval: ClassVar[str] = "Dirichlet(counts + 1/2) over score bins, reflected; only above the null 95 % point"

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
        enough = n >= MIN_ROWS
        levels = [NULL_QUANTILE, 0.5 + confidence / 2]
        (null, null_at_level), is_simulated = null_quantiles(bin_n[enough], score[enough], levels, self.n_draws, seed)
        above = value[enough] > null
        shown = np.flatnonzero(enough)[above]
        low, high = np.full(len(n), np.nan), np.full(len(n), np.nan)
        low[shown], high[shown] = reflected(bin_n[shown], positive[shown], score[shown], value[shown], confidence)
        low[shown] = np.minimum(low[shown], value[shown] - null_at_level[above]).clip(0.0)
        method: NDArray[np.object_] = np.full(len(n), "", dtype=np.object_)
        method[enough] = _null_text(null, is_simulated, self.n_draws)
        values = metric_values(self.name, value, low, high, INTERVAL + "; " + method, [(n < 2, FEWER_THAN_TWO)], [(~enough, FEW_ROWS)])
        told = np.isnan(values.ci_low) & enough
        values.ci_method[told] = method[told]
        return values


def reflected(
    bin_n: NDArray[np.int64],
    bin_positive: NDArray[np.int64],
    bin_score: NDArray[np.float64],
    value: NDArray[np.float64],
    confidence: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the quantiles of ECE under Dirichlet(counts + 1/2), reflected about its value; float64 [n_cells] each."""
    below, upper = quantiles_of(ece_cumulants(bin_n, bin_positive, bin_score), [0.5 - confidence / 2, 0.5 + confidence / 2])
    # Just above the null point the reflected bound may fall short of the value itself.
    return 2.0 * value - upper, np.maximum(2.0 * value - below, value).clip(None, 1.0)


def _null_text(null: NDArray[np.float64], is_simulated: NDArray[np.bool_], n_draws: int) -> NDArray[np.object_]:
    how = np.where(is_simulated, f" by {n_draws} simulations", "").astype(np.object_)
    return np.asarray(np.char.mod("null 95 %% point %.4f", null).astype(np.object_) + how, np.object_)

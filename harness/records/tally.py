"""What the reduction of rows leaves: tallies per cell, where a cell is one (slice, window)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_BINS = 15  # equal-width calibration bins on [0, 1]
N_RANK_BINS = 60  # bins of equal mass; four of them make one of 15
# Components of `ClusterTotals`. Binary: the weight of each confusion cell [label, predicted], then weight * value of each value.
BINARY_COMPONENTS = ("tn", "fp", "fn", "tp", "log_loss", "brier", "score")
# Paired: cells [label, champion predicted, challenger predicted], then the champion's losses and the differences challenger - champion.
PAIRED_COMPONENTS = (
    *("n00", "n01", "n10", "n11", "p00", "p01", "p10", "p11"),
    *("champion_log_loss", "log_loss", "champion_brier", "brier"),
)
ALL = "all"


@dataclass(frozen=True)
class Grid:
    """The cells of every tally: slices (the first is all rows) by windows (the first is all windows).

    Cell number = slice * n_windows + window.

    Args:
        slice_by: per slice, the column ("carrier"), cross ("carrier*origin") or "all".
        slice_value: per slice, the value ("UA", "UA*EWR", "[0, 500)", "missing") or "all".
        windows: names of windows, "all" first.
    """

    slice_by: tuple[str, ...]
    slice_value: tuple[str, ...]
    windows: tuple[str, ...]

    @property
    def n_slices(self) -> int:
        """Number of slices, all rows together included."""
        return len(self.slice_by)

    @property
    def n_windows(self) -> int:
        """Number of windows, all windows together included."""
        return len(self.windows)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return self.n_slices * self.n_windows

    def cell(self, slice_by: str, slice_value: str, window: str = ALL) -> int | None:
        """Return the number of one cell, or None when there is no such slice or window."""
        if window not in self.windows:
            return None
        for i, names in enumerate(zip(self.slice_by, self.slice_value, strict=True)):
            if names == (slice_by, slice_value):
                return i * self.n_windows + self.windows.index(window)
        return None


@dataclass(frozen=True)
class Moments:
    """Mean and centred second moment of one value per row; float64 [n_cells].

    `m2` is the sum of squared deviations from the mean, so the variance is m2 / (n - 1). Both are 0 where n is 0.
    """

    mean: NDArray[np.float64]
    m2: NDArray[np.float64]


@dataclass(frozen=True)
class RankSums:
    """Sums of doubled placements, exact integers, [n_cells].

    For a positive row a = 2 * (negatives with a lower score) + (negatives with an equal score), for a negative row
    b = 2 * (positives with a lower score) + (positives with an equal score), both counted within the cell.
    The sums of squares need more than 64 bits: `*_hi` * 2**32 + `*_lo` with 0 <= `*_lo` < 2**32.
    """

    n_positive: NDArray[np.int64]
    n_negative: NDArray[np.int64]
    sum_a: NDArray[np.int64]
    sum_a2_hi: NDArray[np.int64]
    sum_a2_lo: NDArray[np.int64]
    sum_b2_hi: NDArray[np.int64]
    sum_b2_lo: NDArray[np.int64]


@dataclass(frozen=True)
class ClusterTotals:
    """Weighted totals of the rows of each cell, and how they vary from cluster to cluster.

    A row without a cluster is a cluster of its own, so that weights alone are the same thing. What the components are, says the tally
    that holds this.

    Args:
        n_clusters: int64 [n_cells], clusters that have a row of positive weight in the cell.
        total: float64 [n_cells, n_components], sum over rows of weight * component.
        cross: float64 [n_cells, n_components, n_components], sum over clusters of the outer product of the cluster's total with itself.
    """

    n_clusters: NDArray[np.int64]
    total: NDArray[np.float64]
    cross: NDArray[np.float64]


@dataclass(frozen=True)
class ShareEstimate:
    """A value with its linearised variance, both float64 [n_cells], and its clusters, int64 [n_cells]; NaN where not defined."""

    value: NDArray[np.float64]
    variance: NDArray[np.float64]
    n_clusters: NDArray[np.int64]


@dataclass(frozen=True)
class RankCurve:
    """What the order of the scores within each cell leaves, besides the rank sums.

    Args:
        average_precision, average_precision_variance: float64 [n_cells], exact, ties taken together; and its linearised variance.
        max_fpr, recall_at_fpr: float64 [n_cells], the false positive rate that is allowed, and the highest recall within it.
        top_share, precision_at_top: float64 [n_cells], the share of rows with the highest scores, and the positive share among them.
        bin_n, bin_positive: int64 [n_cells, N_RANK_BINS], rows in bins of equal mass by rank within the cell, lowest scores first.
        bin_score: float64 [n_cells, N_RANK_BINS], sums of scores.
    """

    average_precision: NDArray[np.float64]
    average_precision_variance: NDArray[np.float64]
    max_fpr: NDArray[np.float64]
    recall_at_fpr: NDArray[np.float64]
    top_share: NDArray[np.float64]
    precision_at_top: NDArray[np.float64]
    bin_n: NDArray[np.int64]
    bin_positive: NDArray[np.int64]
    bin_score: NDArray[np.float64]


@dataclass(frozen=True)
class CalibrationFit:
    """Cox's logistic recalibration, logit P(Y = 1) = intercept + slope * logit(score), fitted in each cell; float64 [n_cells].

    The variances and the covariance are Wald's, from the observed information; all are NaN where `n_steps` is -1: there is no maximum
    or Newton's steps did not settle. `positive_score` is the sum of scores over positive rows, which every cell has.
    """

    intercept: NDArray[np.float64]
    slope: NDArray[np.float64]
    intercept_variance: NDArray[np.float64]
    slope_variance: NDArray[np.float64]
    covariance: NDArray[np.float64]
    n_steps: NDArray[np.int64]
    positive_score: NDArray[np.float64]


@dataclass(frozen=True)
class BinnedAuc:
    """AUC from equal-width bins of the score, where the order of all rows was not kept.

    Args:
        value: float64 [n_cells], pairs within one bin counting one half.
        bound: float64 [n_cells], by how much the exact AUC may differ at most.
        variance: float64 [n_cells], DeLong's variance of the binned scores.
        n_bins: int64 [n_cells], how many bins.
    """

    value: NDArray[np.float64]
    bound: NDArray[np.float64]
    variance: NDArray[np.float64]
    n_bins: NDArray[np.int64]


@dataclass(frozen=True)
class BinaryTally:
    """Everything that binary metrics need, per cell.

    Args:
        confusion: int64 [n_cells, 2, 2], indexed [cell, label, predicted]; rows, whatever they weigh.
        bin_n: int64 [n_cells, N_BINS], rows per score bin ([a, b), 1.0 in the last).
        bin_positive: int64 [n_cells, N_BINS], of these the positive ones.
        bin_score: float64 [n_cells, N_BINS], sum of scores.
        log_loss: moments of the rows' log loss, in nats, clipped at 1e-15.
        brier: moments of the rows' squared error.
        ranks: the ordered part; None when no metric asked for it.
        totals: with the components `BINARY_COMPONENTS`; None where rows are neither weighted nor clustered.
        auc: weighted or clustered AUC; None where rows are neither, or when no metric asked for it.
        curve, calibration, binned_auc: None when no metric asked for them.
    """

    confusion: NDArray[np.int64]
    bin_n: NDArray[np.int64]
    bin_positive: NDArray[np.int64]
    bin_score: NDArray[np.float64]
    log_loss: Moments
    brier: Moments
    ranks: RankSums | None
    totals: ClusterTotals | None = None
    auc: ShareEstimate | None = None
    curve: RankCurve | None = None
    calibration: CalibrationFit | None = None
    binned_auc: BinnedAuc | None = None

    @property
    def n(self) -> NDArray[np.int64]:
        """Rows per cell."""
        return np.asarray(self.confusion.sum(axis=(1, 2)), np.int64)

    @property
    def n_positive(self) -> NDArray[np.int64]:
        """Positive rows per cell."""
        return np.asarray(self.confusion[:, 1, :].sum(axis=1), np.int64)

    @property
    def weight_sum(self) -> NDArray[np.float64]:
        """Sum of the rows' weights per cell; 1 each where they have none."""
        return self.n.astype(np.float64) if self.totals is None else np.asarray(self.totals.total[:, :4].sum(axis=1), np.float64)


@dataclass(frozen=True)
class PairedRanks:
    """The ordered part of a pair on the same rows, [n_cells].

    Args:
        champion, challenger: rank sums of each.
        cross_a_hi, cross_a_lo: sum over positives of a(champion) * a(challenger), as in `RankSums`.
        cross_b_hi, cross_b_lo: sum over negatives of b(champion) * b(challenger).
    """

    champion: RankSums
    challenger: RankSums
    cross_a_hi: NDArray[np.int64]
    cross_a_lo: NDArray[np.int64]
    cross_b_hi: NDArray[np.int64]
    cross_b_lo: NDArray[np.int64]


@dataclass(frozen=True)
class PairedTally:
    """Champion and challenger on the same rows, per cell.

    Args:
        cells: int64 [n_cells, 2, 2, 2], indexed [cell, label, champion predicted, challenger predicted].
        champion_log_loss, champion_brier: moments of the champion's per-row losses on these rows.
        log_loss, brier: moments of the per-row difference challenger - champion.
        ranks: the ordered part; None where the rows were not ordered.
        totals: with the components `PAIRED_COMPONENTS`; None where rows are neither weighted nor clustered.
        champion_auc, auc: of such rows, the champion's AUC and the difference challenger - champion; else None.
    """

    cells: NDArray[np.int64]
    champion_log_loss: Moments
    champion_brier: Moments
    log_loss: Moments
    brier: Moments
    ranks: PairedRanks | None
    totals: ClusterTotals | None = None
    champion_auc: ShareEstimate | None = None
    auc: ShareEstimate | None = None

    @property
    def n(self) -> NDArray[np.int64]:
        """Rows per cell."""
        return np.asarray(self.cells.sum(axis=(1, 2, 3)), np.int64)

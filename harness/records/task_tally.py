"""What the reduction of rows leaves where labels are numbers (regression) or one of several classes (multiclass)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.records.tally import ClusterTotals, Moments, ShareEstimate

# Components of `ClusterTotals`; y is the label less the tally's centre, e is prediction - label.
REGRESSION_COMPONENTS = ("weight", "error", "absolute_error", "squared_error", "y", "y_squared", "nonzero", "absolute_percentage_error")
# Paired: the champion's sums, then those of the difference challenger - champion under the plain name. A difference has a sum of its
# own, since most of two sums cancels where models are nearly alike.
PAIRED_REGRESSION_COMPONENTS = (
    *("weight", "champion_error", "error", "champion_absolute_error", "absolute_error", "champion_squared_error", "squared_error"),
    *("y", "y_squared", "nonzero", "champion_absolute_percentage_error", "absolute_percentage_error"),
)


@dataclass(frozen=True)
class RegressionTally:
    """Everything that regression metrics need, per cell.

    Args:
        rows: int64 [n_cells].
        n_zero: int64 [n_cells], rows with label 0, which MAPE leaves out.
        centre: float64 [n_cells], what was taken off every label before it was squared; the same in all cells.
        totals: with the components `REGRESSION_COMPONENTS`; a row is a cluster of its own where the replay names no clusters.
        is_clustered: bool [n_cells], whether it names them; the same in all cells.
    """

    rows: NDArray[np.int64]
    n_zero: NDArray[np.int64]
    centre: NDArray[np.float64]
    totals: ClusterTotals
    is_clustered: NDArray[np.bool_]

    @property
    def n(self) -> NDArray[np.int64]:
        """Rows per cell."""
        return self.rows

    @property
    def weight_sum(self) -> NDArray[np.float64]:
        """Sum of the rows' weights per cell; 1 each where they have none."""
        return np.asarray(self.totals.total[:, 0], np.float64)


@dataclass(frozen=True)
class PairedRegressionTally:
    """Champion and challenger on the same rows; `totals` with the components `PAIRED_REGRESSION_COMPONENTS`, the rest as above."""

    rows: NDArray[np.int64]
    n_zero: NDArray[np.int64]
    centre: NDArray[np.float64]
    totals: ClusterTotals
    is_clustered: NDArray[np.bool_]

    @property
    def n(self) -> NDArray[np.int64]:
        """Rows per cell."""
        return self.rows


@dataclass(frozen=True)
class MulticlassTally:
    """Everything that multiclass metrics need, per cell; K classes.

    Args:
        confusion: int64 [n_cells, K, K], indexed [cell, label, predicted]; the class with the highest score is predicted, of equals the first.
        top_k: int64 [n_cells], the k of `n_in_top_k`; the same in all cells.
        n_in_top_k: int64 [n_cells], rows whose class is among the k with the highest scores (of equals, the classes before it come first).
        log_loss: moments of -ln(score of the row's class), clipped at 1e-15, scores of a row taken as they are.
        brier: moments of sum over classes of (score - [class is the label])².
        auc_by_class: float64 [n_cells, K], one against the rest, exact; NaN where a class or its rest is missing.
        auc_macro: the mean over classes and its variance; NaN where any class is.
        totals: components: K of label, K of predicted, K of both (weight of rows), then weight * log loss, weight * Brier, weight * [in top k];
            None where rows are neither weighted nor clustered.
    """

    confusion: NDArray[np.int64]
    top_k: NDArray[np.int64]
    n_in_top_k: NDArray[np.int64]
    log_loss: Moments
    brier: Moments
    auc_by_class: NDArray[np.float64] | None = None
    auc_macro: ShareEstimate | None = None
    totals: ClusterTotals | None = None

    @property
    def n(self) -> NDArray[np.int64]:
        """Rows per cell."""
        return np.asarray(self.confusion.sum(axis=(1, 2)), np.int64)

    @property
    def weight_sum(self) -> NDArray[np.float64]:
        """Sum of the rows' weights per cell; 1 each where they have none."""
        n_classes = self.confusion.shape[1]
        return self.n.astype(np.float64) if self.totals is None else np.asarray(self.totals.total[:, :n_classes].sum(axis=1), np.float64)


@dataclass(frozen=True)
class PairedMulticlassTally:
    """Champion and challenger on the same rows, per cell.

    Args:
        right: int64 [n_cells, 2, 2], indexed [cell, champion is right, challenger is right].
        n_classes: int64 [n_cells], the same in all cells; where `top_k` is not below it, every row is in the top k.
        in_top_k: int64 [n_cells, 2, 2], the same of the k classes with the highest scores; `top_k` as in `MulticlassTally`.
        champion_log_loss, champion_brier: moments of the champion's losses; log_loss, brier: of the difference challenger - champion.
        totals: components: weight of the four cells of `right`, of the four of `in_top_k`, then weight * (champion's log loss, difference
            challenger - champion of it, champion's Brier, difference of it); None where rows are neither weighted nor clustered.
    """

    right: NDArray[np.int64]
    top_k: NDArray[np.int64]
    n_classes: NDArray[np.int64]
    in_top_k: NDArray[np.int64]
    champion_log_loss: Moments
    champion_brier: Moments
    log_loss: Moments
    brier: Moments
    totals: ClusterTotals | None = None

    @property
    def n(self) -> NDArray[np.int64]:
        """Rows per cell."""
        return np.asarray(self.right.sum(axis=(1, 2)), np.int64)

"""One variant's predictions of numbers, and two variants' on the same rows: everything that regression metrics need, per cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ScoreError
from harness.records.tally import ClusterTotals, Grid
from harness.records.task_tally import PAIRED_REGRESSION_COMPONENTS, REGRESSION_COMPONENTS, PairedRegressionTally, RegressionTally
from kernels.cluster_tally import Components, cluster_tally

Floats = NDArray[np.float64]
Predictions = NDArray[np.float32] | NDArray[np.float64]
Design = tuple[Floats | None, NDArray[np.int64] | None]  # weights, cluster ids
Cells = tuple[NDArray[Any], NDArray[np.int32] | None, Grid]  # slice ids, window ids


def check_predictions(who: str, predictions: Predictions, labels: Floats) -> None:
    """Raise ScoreError unless every prediction is a finite number, one for each label; rows are never dropped silently.

    >>> check_predictions("mlp", np.array([-3.0, 1e9], np.float32), np.zeros(2))
    """
    if predictions.dtype not in (np.float32, np.float64) or predictions.shape != labels.shape:
        raise ScoreError(f"{who}: predictions are {predictions.dtype} {predictions.shape}; wanted floats {labels.shape}, one number a row")
    n_bad = predictions.size - int(np.isfinite(predictions).sum())
    if n_bad:
        raise ScoreError(
            f"{who}: {n_bad:,} of {predictions.size:,} predictions are NaN or infinite; wanted finite numbers: mend the model, or impute its features"
        )


def tally_regression(
    predictions: Predictions,
    labels: NDArray[np.float64],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    weights: NDArray[np.float64] | None = None,
    cluster_ids: NDArray[np.int64] | None = None,
    *,
    n_threads: int | None = None,
) -> RegressionTally:
    """Reduce one variant's predictions to the tally of every (slice, window).

    Parameters
    ----------
    predictions : float32 or float64 [n_rows], finite, in the label's unit
    labels : float64 [n_rows], finite; NaN where a row is not judged
    slice_ids : uint16 or int32 [n_rows, n_columns]; column 0 is slice 0, all rows
    window_ids : int32 [n_rows], 0 where a row is in no window; None where the grid has one window
    weights : float64 [n_rows], at least 0 (0 is no row); None where all are 1
    cluster_ids : int64 [n_rows]; None where each row is a cluster of its own
    n_threads : None for every core; the tally does not depend on it

    Raises
    ------
    ScoreError
        A prediction is NaN or infinite.
    TypeError, ValueError
        A dtype or shape is not as above, or an id is outside the grid.

    >>> grid = Grid(("all",), ("all",), ("all",))
    >>> predictions, labels = np.array([1.0, 4.0, 2.0], np.float32), np.array([2.0, 2.0, np.nan])
    >>> tally = tally_regression(predictions, labels, np.zeros((3, 1), np.uint16), None, grid)
    >>> tally.rows.tolist(), dict(zip(REGRESSION_COMPONENTS[:4], tally.totals.total[0].tolist()))
    ([2], {'weight': 2.0, 'error': 1.0, 'absolute_error': 3.0, 'squared_error': 5.0})
    """
    check_predictions("predictions", predictions, labels)
    rows = judged_rows(labels, weights)
    centre = mean_label(labels, weights, rows)
    components = _components([predictions], labels, centre)
    cells = (slice_ids, window_ids, grid)
    totals = _totals(components, len(REGRESSION_COMPONENTS), rows, (weights, cluster_ids), cells, n_threads)
    n, n_zero = _counts(rows, labels, cells, n_threads)
    return RegressionTally(n, n_zero, np.full(grid.n_cells, centre), totals, np.full(grid.n_cells, cluster_ids is not None))


def tally_paired_regression(
    champion_predictions: Predictions,
    challenger_predictions: Predictions,
    labels: NDArray[np.float64],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    weights: NDArray[np.float64] | None = None,
    cluster_ids: NDArray[np.int64] | None = None,
    *,
    n_threads: int | None = None,
) -> PairedRegressionTally:
    """Reduce two variants' predictions of the same rows to the paired tally of every (slice, window).

    Parameters
    ----------
    champion_predictions, challenger_predictions : float32 or float64 [n_rows], finite, in the label's unit
    labels : float64 [n_rows], finite; NaN where a row is not judged, also where either variant has learned from it
    slice_ids, window_ids, grid, weights, cluster_ids, n_threads : as in `tally_regression`

    Raises
    ------
    ScoreError
        A prediction is NaN or infinite.
    TypeError, ValueError
        A dtype or shape is not as above, or an id is outside the grid.

    >>> grid = Grid(("all",), ("all",), ("all",))
    >>> champion, challenger = np.array([1.0, 4.0], np.float32), np.array([2.0, 5.0], np.float32)
    >>> pair = tally_paired_regression(champion, challenger, np.array([2.0, 2.0]), np.zeros((2, 1), np.uint16), None, grid)
    >>> dict(zip(PAIRED_REGRESSION_COMPONENTS[3:7], pair.totals.total[0, 3:7].tolist()))  # of |-1|, 2 and |0|, 3; 1, 4 and 0, 9
    {'champion_absolute_error': 3.0, 'absolute_error': 0.0, 'champion_squared_error': 5.0, 'squared_error': 4.0}
    """
    check_predictions("champion", champion_predictions, labels)
    check_predictions("challenger", challenger_predictions, labels)
    rows = judged_rows(labels, weights)
    centre = mean_label(labels, weights, rows)
    components = _components([champion_predictions, challenger_predictions], labels, centre)
    cells = (slice_ids, window_ids, grid)
    totals = _totals(components, len(PAIRED_REGRESSION_COMPONENTS), rows, (weights, cluster_ids), cells, n_threads)
    n, n_zero = _counts(rows, labels, cells, n_threads)
    return PairedRegressionTally(n, n_zero, np.full(grid.n_cells, centre), totals, np.full(grid.n_cells, cluster_ids is not None))


def judged_rows(labels: Floats, weights: Floats | None) -> NDArray[np.intp]:
    """Return the numbers of the rows that have a label and weigh something, ascending.

    >>> judged_rows(np.array([1.0, np.nan, 3.0]), np.array([0.0, 1.0, 2.0])).tolist()
    [2]
    """
    is_judged = ~np.isnan(labels)
    return np.flatnonzero(is_judged if weights is None else is_judged & (weights > 0))


def mean_label(labels: Floats, weights: Floats | None, rows: NDArray[np.intp]) -> float:
    """Return the (weighted) mean label of these rows, 0 where there is none: what labels are counted from.

    >>> mean_label(np.array([1.0, 4.0]), np.array([1.0, 2.0]), np.arange(2))
    3.0
    """
    if not rows.size:
        return 0.0
    lowest = float(labels[rows].min())  # off first: labels of 1e6 and little noise keep their digits
    return lowest + float(np.average(labels[rows] - lowest, weights=None if weights is None else weights[rows]))


def _components(predictions: Sequence[Predictions], labels: Floats, centre: float) -> Components:
    """Return what gives rows their components, those of one variant or those of two."""

    def of_rows(rows: NDArray[np.intp]) -> tuple[NDArray[np.int32], Floats]:
        label = labels[rows]
        nonzero = label != 0.0
        size = np.where(nonzero, np.abs(label), 1.0)
        with np.errstate(over="ignore", invalid="ignore"):  # of labels near 0 or beyond 1e150; the metrics say so
            y = label - centre
            errors = [p[rows].astype(np.float64) - label for p in predictions]
            values = [np.ones(len(rows)), *_with_change(errors), *_with_change([np.abs(e) for e in errors])]
            values += [*_with_squared_change(errors), y, y * y, nonzero]
            values += _with_change([np.where(nonzero, np.abs(e), 0.0) / size for e in errors])
            return np.zeros((len(rows), 0), np.int32), np.stack(values, axis=1).astype(np.float64, copy=False)

    return of_rows


def _with_change(values: list[Floats]) -> list[Floats]:
    """Return the champion's value and challenger - champion; of one variant, its value."""
    return values if len(values) == 1 else [values[0], values[1] - values[0]]


def _with_squared_change(errors: list[Floats]) -> list[Floats]:
    """Return the same of squares; b² - a² = (b - a) (b + a) keeps the digits of models that are nearly alike."""
    squared = errors[0] * errors[0]
    return [squared] if len(errors) == 1 else [squared, (errors[1] - errors[0]) * (errors[1] + errors[0])]


def _totals(
    components: Components, n_values: int, rows: NDArray[np.intp], design: Design, cells: Cells, n_threads: int | None
) -> ClusterTotals:
    slice_ids, window_ids, grid = cells
    found = cluster_tally(components, rows, *design, slice_ids, window_ids, grid.n_slices, grid.n_windows, 0, n_values, n_threads=n_threads)
    return ClusterTotals(found.n_clusters, found.total, found.cross)


def _counts(rows: NDArray[np.intp], labels: Floats, cells: Cells, n_threads: int | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many rows, and how many with label 0, are in each cell, whatever they weigh and whichever cluster they are in."""

    def is_zero(some: NDArray[np.intp]) -> tuple[NDArray[np.int32], Floats]:
        return (labels[some] == 0.0).astype(np.int32)[:, None], np.zeros((len(some), 0))

    slice_ids, window_ids, grid = cells
    found = cluster_tally(is_zero, rows, None, None, slice_ids, window_ids, grid.n_slices, grid.n_windows, 2, 0, n_threads=n_threads)
    return found.n_clusters, found.total[:, 1].astype(np.int64)

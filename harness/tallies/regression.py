"""One variant's predictions of numbers, and two variants' on the same rows: everything that regression metrics need, per cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ScoreError
from harness.records.tally import ClusterTotals, Grid
from harness.records.task_tally import PAIRED_REGRESSION_COMPONENTS, REGRESSION_COMPONENTS, PairedRegressionTally, RegressionTally
from harness.tallies.counted_rows import by_cluster, no_categories, no_values, numbers_of
from kernels.array_library import library_of
from kernels.cluster_tally import Components, cluster_tally
from kernels.devices import is_on_cuda

Floats = NDArray[np.float64]
Predictions = NDArray[np.float32] | NDArray[np.float64]
Design = tuple[Floats | None, NDArray[np.int64] | None]  # weights, cluster ids
Cells = tuple[NDArray[Any], NDArray[np.int32] | None, Grid]  # slice ids, window ids


def check_predictions(who: str, predictions: Predictions, labels: Floats) -> None:
    """Raise ScoreError unless every prediction is a finite number, one for each label; rows are never dropped silently.

    The numbers on a card are not looked at: all of them are kept on the host too, and looked at there before anything is reduced.

    >>> check_predictions("mlp", np.array([-3.0, 1e9], np.float32), np.zeros(2))
    """
    if predictions.dtype not in (np.float32, np.float64) or predictions.shape != labels.shape:
        raise ScoreError(f"{who}: predictions are {predictions.dtype} {predictions.shape}; wanted floats {labels.shape}, one number a row")
    if is_on_cuda(predictions):
        return
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
    predictions : float32 or float64 [n_rows], finite, in the label's unit; NumPy, or on a card with the other arrays
    labels : float64 [n_rows], finite; NaN where a row is not judged
    slice_ids : uint16 or int32 [n_rows, n_columns]; column 0 is slice 0, all rows
    window_ids : int32 [n_rows], 0 where a row is in no window; None where the grid has one window
    weights : float64 [n_rows], at least 0 (0 is no row); None where all are 1
    cluster_ids : int64 [n_rows]; None where each row is a cluster of its own
    n_threads : None for every core; the tally does not depend on it

    Raises
    ------
    ScoreError
        A prediction of the host is NaN or infinite.
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
    components = components_of([predictions], labels, centre)
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
        A prediction of the host is NaN or infinite.
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
    components = components_of([champion_predictions, challenger_predictions], labels, centre)
    cells = (slice_ids, window_ids, grid)
    totals = _totals(components, len(PAIRED_REGRESSION_COMPONENTS), rows, (weights, cluster_ids), cells, n_threads)
    n, n_zero = _counts(rows, labels, cells, n_threads)
    return PairedRegressionTally(n, n_zero, np.full(grid.n_cells, centre), totals, np.full(grid.n_cells, cluster_ids is not None))


def judged_rows(labels: Floats, weights: Floats | None) -> NDArray[np.intp]:
    """Return the numbers of the rows that have a label and weigh something, ascending, on the host.

    >>> judged_rows(np.array([1.0, np.nan, 3.0]), np.array([0.0, 1.0, 2.0])).tolist()
    [2]
    """
    of = library_of(labels)
    is_judged = ~of.xp.isnan(of.array)
    return numbers_of(of, is_judged if weights is None else is_judged & (of.own(weights) > 0))


def mean_label(labels: Floats, weights: Floats | None, rows: NDArray[np.intp]) -> float:
    """Return the (weighted) mean label of these rows, 0 where there is none: what labels are counted from.

    >>> mean_label(np.array([1.0, 4.0]), np.array([1.0, 2.0]), np.arange(2))
    3.0
    """
    if not rows.size:
        return 0.0
    of = library_of(labels)
    at = of.xp.asarray(rows)
    label = of.xp.take(of.array, at, axis=0)
    lowest = float(of.xp.min(label))  # off first: labels of 1e6 and little noise keep their digits
    if weights is None:
        return lowest + float(of.xp.mean(label - lowest))
    weight = of.xp.take(of.own(weights), at, axis=0)
    return lowest + float(of.xp.sum((label - lowest) * weight)) / float(of.xp.sum(weight))


def components_of(predictions: Sequence[Predictions], labels: Floats, centre: float) -> Components:
    """Return what gives rows their components, those of one variant or those of two; they are made where the labels are."""
    of = library_of(labels)
    xp, own = of.xp, [of.own(one) for one in predictions]

    def of_rows(rows: NDArray[np.intp]) -> tuple[Any, Any]:
        at = xp.asarray(rows)
        label = xp.take(of.array, at, axis=0)
        nonzero = label != 0.0
        size = xp.where(nonzero, xp.abs(label), 1.0)
        with np.errstate(over="ignore", invalid="ignore"):  # of labels near 0 or beyond 1e150; the metrics say so
            y = label - centre
            errors = [xp.astype(xp.take(one, at, axis=0), xp.float64) - label for one in own]
            values = [xp.ones(rows.shape, dtype=xp.float64), *_with_change(errors), *_with_change([xp.abs(e) for e in errors])]
            values += [*_with_squared_change(errors), y, y * y, xp.astype(nonzero, xp.float64)]
            values += _with_change([xp.where(nonzero, xp.abs(e), 0.0) / size for e in errors])
            return no_categories(of, len(rows)), of.back(xp.stack(values, axis=1))

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
    rows = by_cluster(rows, design[1])
    found = cluster_tally(components, rows, *design, slice_ids, window_ids, grid.n_slices, grid.n_windows, 0, n_values, n_threads=n_threads)
    return ClusterTotals(found.n_clusters, found.total, found.cross)


def _counts(rows: NDArray[np.intp], labels: Floats, cells: Cells, n_threads: int | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many rows, and how many with label 0, are in each cell, whatever they weigh and whichever cluster they are in."""
    of = library_of(labels)

    def is_zero(some: NDArray[np.intp]) -> tuple[Any, Any]:
        zero = of.xp.take(of.array, of.xp.asarray(some), axis=0) == 0.0
        return of.back(of.xp.reshape(of.xp.astype(zero, of.xp.int32), (-1, 1))), no_values(of, len(some))

    slice_ids, window_ids, grid = cells
    found = cluster_tally(is_zero, rows, None, None, slice_ids, window_ids, grid.n_slices, grid.n_windows, 2, 0, n_threads=n_threads)
    return found.n_clusters, found.total[:, 1].astype(np.int64)

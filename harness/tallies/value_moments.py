"""What the values of rows leave for a business rule: their moments by case, in every cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.money import ValueMoments
from harness.records.replay import is_known
from harness.records.tally import Grid
from kernels.value_moments import JointMoments, empty, merged, value_moments

BLOCK_ROWS = 1 << 20  # whose values are made at a time; a multiple of every chunk of the kernel
ERROR_NAMES = ("over", "under", "over_difference", "under_difference")


def decision_cases(labels: NDArray[Any], *decisions: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Return the case of every row, int8 [n_rows], read as binary digits: label, then the decisions; -1 where there is no label.

    >>> decision_cases(np.array([1, 0, -1], np.int8), np.array([False, True, True]), np.array([True, True, True])).tolist()
    [5, 3, -1]
    """
    case = np.zeros(len(labels), np.int8)
    for digit in (labels == 1, *decisions):
        case *= 2
        case += digit
    case[~is_known(labels)] = -1
    return case


def tally_amounts(
    values: NDArray[np.float64],
    names: tuple[str, ...],
    cases: NDArray[np.int8],
    n_cases: int,
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    policy: str | None = None,
    *,
    n_threads: int | None = None,
) -> ValueMoments:
    """Return the moments of amounts by case, of every (slice, window).

    Parameters
    ----------
    values : float64 [n_rows, at least as many as names], finite; the columns after those of `names` are not read
    names : of the values, in their order
    cases : int8 [n_rows], -1 where a row is in no count
    slice_ids, window_ids, grid, n_threads : as in `tally_binary`
    policy : the column that was read into the cases as the policy's decision, or None

    Raises
    ------
    ValueError
        A shape is not as above, or an id is outside the grid.

    >>> grid = Grid(("all",), ("all",), ("all",))
    >>> rows = np.array([[10.0], [30.0], [5.0], [7.0]]), ("amount",), np.array([1, 1, 0, -1], np.int8), 2
    >>> found = tally_amounts(*rows, np.zeros((4, 1), np.uint16), None, grid)
    >>> found.n.tolist(), found.mean.ravel().tolist(), found.m2.ravel().tolist()
    ([[1, 2]], [5.0, 20.0], [0.0, 200.0])
    """
    cells = (slice_ids, window_ids, grid.n_slices, grid.n_windows)
    found = value_moments(values, cases, *cells, n_cases, len(names), n_threads=n_threads)
    return ValueMoments(names, *found, policy)


def tally_errors(
    scores: NDArray[np.float32],
    labels: NDArray[np.float64],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32] | None,
    grid: Grid,
    others: Callable[[slice], NDArray[Any]] | None = None,
    policy: str | None = None,
    *,
    n_threads: int | None = None,
) -> ValueMoments:
    """Return the joint moments of over- and under-prediction, and of their differences to another model's on the same rows, of every (slice, window).

    Parameters
    ----------
    scores : float32 [n_rows], predictions
    labels : float64 [n_rows], NaN where the row is not judged
    slice_ids, window_ids, grid, n_threads : as in `tally_binary`
    others : gives the other predictions of a range of rows; None: there is no other
    policy : the column that the other predictions are from, or None

    >>> grid = Grid(("all",), ("all",), ("all",))
    >>> scores, labels = np.array([3.0, 1.0, 0.0, 9.0], np.float32), np.array([1.0, 1.0, 3.0, np.nan])
    >>> found = tally_errors(scores, labels, np.zeros((4, 1), np.uint16), None, grid)
    >>> found.names, found.n.tolist(), found.mean.round(4).tolist()  # over 2, exact, under 3
    (('over', 'under'), [[3]], [[[0.6667, 1.0]]])
    """
    names = ERROR_NAMES if others is not None else ERROR_NAMES[:2]
    cells = (grid.n_slices, grid.n_windows, 1, len(names))
    found: JointMoments | None = None
    for start in range(0, len(labels), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        known = is_known(labels[rows])
        values = _off(np.asarray(scores[rows], np.float64), labels[rows], known)
        if others is not None:
            values = np.concatenate([values, values - _off(np.asarray(others(rows), np.float64), labels[rows], known)], axis=1)
        windows = None if window_ids is None else window_ids[rows]
        block = value_moments(values, np.where(known, 0, -1).astype(np.int8), slice_ids[rows], windows, *cells, n_threads=n_threads)
        found = block if found is None else merged(found, block)
    return ValueMoments(names, *(found or empty(grid.n_cells, 1, len(names))), policy)


def _off(predictions: NDArray[np.float64], labels: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return by how much predictions are above and below the label, [n_rows, 2]; 0 where there is none."""
    error = np.zeros(len(labels))
    np.subtract(predictions, labels, out=error, where=known)
    return np.stack([np.maximum(error, 0.0), np.maximum(-error, 0.0)], axis=1)

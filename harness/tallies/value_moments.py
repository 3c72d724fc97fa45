"""What the values of rows leave for a business rule: their moments by case, in every cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.records.money import ValueMoments
from harness.records.tally import Grid
from kernels.array_library import library_of
from kernels.devices import check_fits, is_on_cuda, to_device
from kernels.value_moments import JointMoments, empty, merged, value_moments

BLOCK_ROWS = 1 << 20  # whose values are made at a time; a multiple of every chunk of the kernel
CARD_BLOCK_ROWS = 1 << 23  # as that; more of them, since a thread of a card takes a whole chunk of a block
CaseRule = Callable[[slice, Any], Any]
ERROR_NAMES = ("over", "under", "over_difference", "under_difference")


def decision_cases(labels: Any, *decisions: Any) -> Any:
    """Return the case of every row, int8 [n_rows], read as binary digits: label, then the decisions; -1 where there is no label.

    labels int8 and decisions bool [n_rows], NumPy or CUDA; the cases are where the labels are.

    >>> decision_cases(np.array([1, 0, -1], np.int8), np.array([False, True, True]), np.array([True, True, True])).tolist()
    [5, 3, -1]
    """
    xp, labels, back = library_of(labels)
    case = xp.zeros(labels.shape[0], dtype=xp.int8)
    for digit in (labels == 1, *(library_of(decision).array for decision in decisions)):
        case *= 2
        case += digit.astype(xp.int8)
    case[labels < 0] = -1
    return back(case)


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


def tally_amounts_by_block(
    amounts: NDArray[np.float64],
    names: tuple[str, ...],
    case_rules: Sequence[tuple[CaseRule, int]],
    slice_ids: Any,
    window_ids: Any,
    grid: Grid,
    *,
    n_threads: int | None = None,
) -> list[ValueMoments]:
    """Return what `tally_amounts` gives for every rule of cases; on a card each block of the amounts is sent once for all of them.

    Parameters
    ----------
    amounts : float64 [n_rows, at least as many as names], NumPy, as a mapped file of any size
    names, grid, n_threads : as in `tally_amounts`
    case_rules : (rule, n_cases); the rule takes a range of rows and their amounts, where the ids are, and returns their cases there
    slice_ids, window_ids : as in `tally_amounts`, NumPy or CUDA

    >>> grid, ids = Grid(("all",), ("all",), ("all",)), np.zeros((4, 1), np.uint16)
    >>> amounts, cases = np.array([[10.0], [30.0], [5.0], [7.0]]), np.array([1, 1, 0, -1], np.int8)
    >>> (found,) = tally_amounts_by_block(amounts, ("amount",), [(lambda block, _: cases[block], 2)], ids, None, grid)
    >>> found.n.tolist(), found.mean.ravel().tolist()
    ([[1, 2]], [5.0, 20.0])
    """
    n_rows, on_card = len(amounts), is_on_cuda(slice_ids)
    block_rows = CARD_BLOCK_ROWS if on_card else max(n_rows, 1)
    cells = (grid.n_slices, grid.n_windows)
    found = [empty(grid.n_cells, n_cases, len(names)) for _, n_cases in case_rules]
    for start in range(0, n_rows, block_rows):
        block = slice(start, min(start + block_rows, n_rows))
        values = _sent(amounts[block]) if on_card else amounts[block]
        ids = slice_ids[block], None if window_ids is None else window_ids[block]
        for at, (rule, n_cases) in enumerate(case_rules):
            more = value_moments(values, rule(block, values), *ids, *cells, n_cases, len(names), n_threads=n_threads)
            found[at] = merged(found[at], more)
    return [ValueMoments(names, *moments) for moments in found]


def flags_of(values: Any, has_policy: bool) -> Any:
    """Return where the policy flags a row, by the last column of its values; bool [n_rows], False where there is no policy.

    >>> flags_of(np.array([[9.0, 1.0], [9.0, 0.0]]), True).tolist(), flags_of(np.array([[1.0]]), False).tolist()
    ([True, False], [False])
    """
    xp, values, back = library_of(values)
    return back(values[:, -1] == 1.0 if has_policy else xp.zeros(values.shape[0], dtype=xp.bool_))


def _sent(amounts: NDArray[np.float64]) -> Any:
    check_fits("a block of the amounts", amounts.nbytes)
    return to_device(np.ascontiguousarray(amounts))


def tally_errors(
    scores: Any,
    labels: Any,
    slice_ids: Any,
    window_ids: Any,
    grid: Grid,
    others: Callable[[slice], Any] | None = None,
    policy: str | None = None,
    *,
    n_threads: int | None = None,
) -> ValueMoments:
    """Return the joint moments of over- and under-prediction, and of their differences to another model's on the same rows, of every (slice, window).

    Parameters
    ----------
    scores : float32 [n_rows], predictions, NumPy or CUDA; all arrays are where they are
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
    n_rows, block_rows = int(labels.shape[0]), CARD_BLOCK_ROWS if is_on_cuda(slice_ids) else BLOCK_ROWS
    found: JointMoments | None = None
    for start in range(0, n_rows, block_rows):
        rows = slice(start, min(start + block_rows, n_rows))
        values, cases = _errors(scores[rows], labels[rows], None if others is None else others(rows))
        windows = None if window_ids is None else window_ids[rows]
        block = value_moments(values, cases, slice_ids[rows], windows, *cells, n_threads=n_threads)
        found = block if found is None else merged(found, block)
    return ValueMoments(names, *(found or empty(grid.n_cells, 1, len(names))), policy)


def _errors(scores: Any, labels: Any, others: Any) -> tuple[Any, Any]:
    """Return the values of some rows, float64 [n_rows, 2 or 4], and their cases, 0 or -1 without a label, where the scores are."""
    xp, scores, back = library_of(scores)
    labels = library_of(labels).array
    known = ~xp.isnan(labels)
    values = _off(xp, scores, labels, known)
    if others is not None:
        values = xp.concatenate([values, values - _off(xp, library_of(others).array, labels, known)], axis=1)
    return back(values), back(xp.where(known, 0, -1).astype(xp.int8))


def _off(xp: Any, predictions: Any, labels: Any, known: Any) -> Any:
    """Return by how much predictions are above and below the label, [n_rows, 2]; 0 where there is none."""
    label = xp.where(known, labels, 0.0)
    error = xp.where(known, predictions.astype(xp.float64), 0.0) - label
    return xp.stack([xp.maximum(error, 0.0), xp.maximum(-error, 0.0)], axis=1)

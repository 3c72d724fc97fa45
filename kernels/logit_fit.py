"""Cox's logistic recalibration of every (slice, window): the intercept and slope of the labels on the logit of the score.

Contract
--------
scores float32 [n_rows] in [0, 1]; labels int8 [n_rows], 1 positive, 0 negative; slice_ids uint16 or int32 [n_rows, n_columns], global
numbers, no slice in two columns; window_ids int32 [n_rows], 0 for no window, or None. A row with another label, a NaN score or a score
outside [0, 1] is skipped. Scores are clipped to [1e-7, 1 - 1e-7] before the logit. No rows: NaN and -1 steps.
Agreement: floats the same bits for any number of threads; between row orders and devices *close*, rtol 1e-6 (Newton's steps end below
1e-8, and the last bit of log and exp).

Source: Cox 1958, Biometrika 45:562; Newton's steps as in McCullagh & Nelder, Generalized Linear Models, 1989, section 4.4.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from kernels.chunks import cuda_chunk_rows, run_in_order, starts_of_pieces, tally_chunk_rows, thread_count
from kernels.devices import is_on_cuda, merged_on_cuda
from kernels.inputs import Rows, check_rows
from kernels.logit_newton import (
    EXTREMES,
    LOGITS,
    LOGITS_2,
    LOSS,
    N_FIRST,
    N_SUMS,
    POSITIVE_LOGITS,
    POSITIVE_SCORE,
    POSITIVES,
    ROWS,
    LogitFit,
    Newton,
)

CLIP = 1e-7  # logit ±16.1; a float32 next to 1 is 6e-8 away from it
MAX_PASSES = 25


@register_jitable  # type: ignore[untyped-decorator]
def logit_of(score: float) -> float:
    """Return log(p / (1 - p)) of the score clipped to [1e-7, 1 - 1e-7]."""
    clipped = min(max(score, CLIP), 1.0 - CLIP)
    return math.log(clipped / (1.0 - clipped))


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _first_pass(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    scores: NDArray[np.float32],
    labels: NDArray[np.int8],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    records: NDArray[np.float64],
) -> None:
    """Add the rows at intercept 0 and slope 1, where the fitted probability is the score itself."""
    for row in range(start, stop):
        label = int(labels[row])
        score = np.float64(scores[row])
        if (label != 0 and label != 1) or not (score >= 0.0 and score <= 1.0):
            continue
        p = min(max(score, CLIP), 1.0 - CLIP)
        log_p, log_q = math.log(p), math.log(1.0 - p)
        x, loss = log_p - log_q, -(log_p if label == 1 else log_q)
        residual, weight = label - p, p * (1.0 - p)
        window = int(window_ids[row]) if n_windows > 1 else 0
        extreme = np.uintp(EXTREMES + 2 * label)
        for column in range(first_column, stop_column):
            cell = int(slice_ids[row, column]) * n_windows
            for kind in range(2 if window > 0 else 1):
                record = records[np.uintp(cell + kind * window)]
                record[0] += residual
                record[1] += residual * x
                record[2] += weight
                record[3] += weight * x
                record[4] += weight * x * x
                record[ROWS] += 1.0
                record[POSITIVES] += label
                record[LOGITS] += x
                record[LOGITS_2] += x * x
                record[POSITIVE_LOGITS] += label * x
                record[POSITIVE_SCORE] += label * score
                record[LOSS] += loss
                record[extreme] = min(record[extreme], x)
                record[extreme + np.uintp(1)] = min(record[extreme + np.uintp(1)], -x)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _next_pass(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    scores: NDArray[np.float32],
    labels: NDArray[np.int8],
    slice_ids: NDArray[Any],
    window_ids: NDArray[np.int32],
    n_windows: int,
    is_open: NDArray[np.uint8],
    parameters: NDArray[np.float64],
    records: NDArray[np.float64],
) -> None:
    """Add the rows of the cells that are still open, at the centre, intercept and slope of each; logits are taken from the centre."""
    for row in range(start, stop):
        label = int(labels[row])
        score = np.float64(scores[row])
        if (label != 0 and label != 1) or not (score >= 0.0 and score <= 1.0):
            continue
        window = int(window_ids[row]) if n_windows > 1 else 0
        logit = logit_of(score)
        for column in range(first_column, stop_column):
            cell = int(slice_ids[row, column]) * n_windows
            for kind in range(2 if window > 0 else 1):
                at = np.uintp(cell + kind * window)
                if is_open[at] == 0:
                    continue
                x = logit - parameters[at, 0]
                p = 1.0 / (1.0 + math.exp(-(parameters[at, 1] + parameters[at, 2] * x)))
                residual, weight = label - p, p * (1.0 - p)
                record = records[at]
                record[0] += residual
                record[1] += residual * x
                record[2] += weight
                record[3] += weight * x
                record[4] += weight * x * x


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _merge_passes(piece: int, cell: int, record: NDArray[np.float64], total: NDArray[np.float64], first_minimum: int, n_words: int) -> None:
    """Merge the record of a cell's next piece into its total: sums, and from `first_minimum` on minima."""
    for word in range(first_minimum):
        total[word] += record[word]
    for word in range(first_minimum, n_words):
        total[word] = min(total[word], record[word])


def _records(rule: Any, rows: Rows, n_windows: int, more: tuple[Any, ...], empty: NDArray[np.float64], n_threads: int) -> Iterator[Any]:
    """Yield the records that a rule leaves of each chunk, in the order of the chunks; from a card one, into which they were merged there in that order."""
    on_cuda = is_on_cuda(rows.scores)
    starts = starts_of_pieces(rows.n_rows, cuda_chunk_rows(len(empty)) if on_cuda else tally_chunk_rows(len(empty)))
    arguments = (rows.scores, rows.labels, rows.slice_ids, rows.window_ids, n_windows, *more)
    if on_cuda:
        first_minimum = EXTREMES if rule is _first_pass else empty.shape[1]
        layout = (first_minimum, empty.shape[1])
        yield merged_on_cuda(rule, _merge_passes, starts, (0, rows.n_columns), arguments, empty, empty.copy(), layout)
        return

    def fill(chunk: int) -> NDArray[np.float64]:
        records = empty.copy()
        rule(starts[chunk], starts[chunk + 1], 0, rows.n_columns, *arguments, records)
        return records

    yield from run_in_order(fill, len(starts) - 1, n_threads)


def _summed_first(rows: Rows, n_cells: int, n_windows: int, n_threads: int) -> NDArray[np.float64]:
    empty = np.zeros((n_cells, N_FIRST))
    empty[:, EXTREMES:] = np.inf
    total = empty.copy()
    for records in _records(_first_pass, rows, n_windows, (), empty, n_threads):
        total[:, :EXTREMES] += records[:, :EXTREMES]
        total[:, EXTREMES:] = np.minimum(total[:, EXTREMES:], records[:, EXTREMES:])
    return total


def logit_fit(
    scores: Any, labels: Any, slice_ids: Any, window_ids: Any, n_slices: int, n_windows: int, *, n_threads: int | None = None
) -> LogitFit:
    """Fit logit P(label = 1) = intercept + slope * logit(score) in every (slice, window) by maximum likelihood.

    A pass over the rows gives every cell its gradient and information matrix; cells that have settled are left out of later passes. A cell
    has settled when a step is below 1e-8 (relative to a parameter above 1), and is given up after 25 passes.

    Parameters
    ----------
    scores : float32 [n_rows], NumPy or CUDA, in [0, 1]
    labels : int8 [n_rows]; 1 positive, 0 negative, else the row is skipped
    slice_ids : uint16 or int32 [n_rows, n_columns]
    window_ids : int32 [n_rows], or None where n_windows is 1
    n_slices, n_windows : the grid
    n_threads : None for every core

    Raises
    ------
    TypeError, ValueError
        A dtype, a shape or an id is not as above.

    Undefined when: one class only, all logits equal, or a score that separates the classes.

    >>> scores = np.array([0.2, 0.2, 0.2, 0.8, 0.8, 0.8], np.float32)
    >>> fit = logit_fit(scores, np.array([0, 0, 1, 0, 1, 1], np.int8), np.zeros((6, 1), np.uint16), None, 1, 1)
    >>> round(float(fit.slope[0]), 6), abs(round(float(fit.intercept[0]), 6))  # rates 1/3 and 2/3: ln 2 / ln 4
    (0.5, 0.0)
    """
    rows, n_cells = check_rows(scores, labels, slice_ids, window_ids, n_slices, n_windows), n_slices * n_windows
    n_threads = thread_count(n_threads)
    first = _summed_first(rows, n_cells, n_windows, n_threads)
    newton, empty = Newton(first), np.zeros((n_cells, N_SUMS))
    for n_passes in range(2, MAX_PASSES + 1):
        if not newton.is_open.any():
            break
        sums = empty.copy()
        more = newton.is_open.astype(np.uint8), newton.parameters.copy()
        for records in _records(_next_pass, rows, n_windows, more, empty, n_threads):
            sums += records
        newton.take(sums, n_passes)
    return newton.result(first[:, POSITIVE_SCORE].copy())

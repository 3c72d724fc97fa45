"""What one row of a multiclass model says: the class it predicts, where its label ranks, and its losses.

Contract
--------
scores float32 [n_rows, n_classes] in [0, 1]; labels int32 [n_rows], 0..n_classes-1. Of equal scores the class with the lower number
comes first. A row with another label, or with a NaN or out-of-range score of any class, has class and rank -1 and losses 0.
No rows: empty arrays.
Agreement: classes and ranks *exact* for any batches, threads and device. Losses: the same bits for any batches and threads; between
devices *close*, rtol 1e-9 (the last bit of log, fused multiply-add).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kernels.array_library import library_of, on_host
from kernels.chunks import run_in_order, starts_of_pieces, thread_count
from kernels.devices import device_empty, is_on_cuda, run_on_cuda
from kernels.inputs import check_class_scores
from kernels.row_losses import log_loss_of

CPU_PIECE_ROWS = 1 << 15
CUDA_PIECE_ROWS = 8  # of one thread: neighbours read neighbouring rows
N_RECORD = 4  # predicted class, rank, log loss, Brier


class ClassRows(NamedTuple):
    """Per row: predicted class and rank of the label's score (0 = highest), int32 [n_rows]; losses, float64 [n_rows]."""

    predicted: Any
    rank: Any
    log_loss: Any
    brier: Any


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _read_rows(
    start: int,
    stop: int,
    first_column: int,
    stop_column: int,
    scores: NDArray[np.float32],
    labels: NDArray[np.int32],
    records: NDArray[np.float64],
    nothing: NDArray[np.int8],
) -> None:
    """Write the records of rows; no two pieces share a row, so that a piece has `nothing` of its own."""
    n_classes = scores.shape[1]
    for row in range(start, stop):
        record = records[np.uintp(row)]
        record[0] = -1.0
        record[1] = -1.0
        label = int(labels[row])
        if label < 0 or label >= n_classes:
            continue
        own = np.float64(scores[row, label])  # float() would stay float32 in compiled code
        best, predicted, rank, brier, is_valid = -1.0, 0, 0, 0.0, True
        for one in range(n_classes):
            score = np.float64(scores[row, one])
            is_valid = is_valid and bool(score >= 0.0 and score <= 1.0)
            if score > best:
                best = score
                predicted = one
            if score > own or (score == own and one < label):
                rank += 1
            error = score - 1.0 if one == label else score
            brier += error * error
        if is_valid:
            record[0] = predicted
            record[1] = rank
            record[2] = log_loss_of(own, 1)
            record[3] = brier


def class_rows(scores: Any, labels: Any, *, n_threads: int | None = None) -> ClassRows:
    """Reduce every row of scores to its predicted class, the rank of its label and its losses.

    Formula: log loss -ln p_label with p clipped to [1e-15, 1 - 1e-15] in float64; Brier sum over classes of (p_k - [k is the label])^2.

    Parameters
    ----------
    scores : float32 [n_rows, n_classes], NumPy or CUDA
    labels : int32 [n_rows]; another number than that of a class: the row is skipped
    n_threads : None for every core

    Raises
    ------
    TypeError, ValueError
        A dtype or a shape is not as above.

    Notes
    -----
    Brier, Monthly Weather Review 78:1, 1950, equation 2: the sum over all classes, which for two classes is twice the binary score.

    Examples
    --------
    >>> rows = class_rows(np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]], np.float32), np.array([0, 2], np.int32), n_threads=1)
    >>> rows.predicted.tolist(), rows.rank.tolist(), rows.log_loss.round(4).tolist(), rows.brier.tolist()
    ([0, 1], [0, 2], [0.6931, 1.3863], [0.375, 0.875])
    """
    return ClassRows(*(on_host(part) for part in rows_where_scores_are(scores, labels, n_threads=n_threads)))


def rows_where_scores_are(scores: Any, labels: Any, *, n_threads: int | None = None) -> ClassRows:
    """Do what `class_rows` does; of scores on a card the result stays there, in CuPy's arrays."""
    scores, labels = check_class_scores(scores, labels)
    n_rows = int(scores.shape[0])
    if is_on_cuda(scores):
        records = _records_on_cuda(scores, labels, n_rows)
    else:
        records, nothing = np.zeros((n_rows, N_RECORD)), np.zeros(1, np.int8)
        starts = starts_of_pieces(n_rows, CPU_PIECE_ROWS)

        def read(piece: int) -> None:
            _read_rows(starts[piece], starts[piece + 1], 0, 1, scores, labels, records, nothing)

        for _ in run_in_order(read, len(starts) - 1, thread_count(n_threads)):
            pass
    predicted, rank = (records[:, k].astype(np.int32) for k in range(2))
    return ClassRows(predicted, rank, records[:, 2].copy(), records[:, 3].copy())


def _records_on_cuda(scores: Any, labels: Any, n_rows: int) -> Any:
    """Return the records of all rows, which stay on the card."""
    records = device_empty((max(n_rows, 1), N_RECORD), np.float64)
    n_pieces = (n_rows + CUDA_PIECE_ROWS - 1) // CUDA_PIECE_ROWS
    starts: Any = np.minimum(np.arange(n_pieces + 1, dtype=np.int64) * CUDA_PIECE_ROWS, n_rows)
    run_on_cuda(_read_rows, starts, (0, 1), (scores, labels, records), np.zeros((n_pieces, 1), np.int8))
    return library_of(records).array[:n_rows]

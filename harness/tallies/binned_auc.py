"""AUC, how far binning may have moved it, and its variance, from a histogram of the scores of either class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.records.tally import BinnedAuc
from kernels.score_histogram import folded

BLOCK_BYTES = 2**22  # of the part of the histogram that is worked on at a time, since each step copies it


def binned_auc_of_table(table: NDArray[np.int64], n_windows: int) -> BinnedAuc:
    """Return AUC of every cell, pairs of rows within one bin counting one half.

    Formulas, with P and N the rows of either class and a_b = 2 * (negatives in lower bins) + negatives of bin b:
    value = sum of pos_b * a_b / (2 P N); bound = sum of pos_b * neg_b / (2 P N), by which the AUC of the scores themselves
    can differ from it at most; the variance is DeLong's with the placements of the bins (all rows of a bin have one placement).

    Parameters
    ----------
    table : int64 [n_cells, n_bins, 2]
        Of `kernels.score_histogram.add_scores`, any number of batches.
    n_windows : int
        Windows of the grid; window 0 of each slice is all of them.

    Undefined when: one class only; the variance also with fewer than 2 rows of a class.

    Notes
    -----
    Hanley & McNeil 1982, Radiology 143:29 (categories of a rating); DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44:837.

    >>> auc = binned_auc_of_table(np.array([[[3, 1], [1, 3]]]), 1)
    >>> float(auc.value[0]), float(auc.bound[0])
    (0.75, 0.1875)
    """
    n_cells, n_bins, _ = table.shape
    step = n_windows * max(1, BLOCK_BYTES // (16 * n_bins * n_windows))  # whole slices
    parts = [_block(folded(table[start : start + step], n_windows)) for start in range(0, n_cells, step)]
    value, bound, variance = np.concatenate(parts, axis=1) if parts else np.zeros((3, 0))
    return BinnedAuc(value, bound, variance, np.full(n_cells, n_bins, np.int64))


def _block(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return value, bound and variance, float64 [3, n_cells]."""
    negative, positive = table[..., 0], table[..., 1]
    n, p = negative.sum(axis=1), positive.sum(axis=1)
    pairs = np.where((n > 0) & (p > 0), 2.0 * n * p, np.nan)
    placed = 2 * np.cumsum(negative, axis=1) - negative  # doubled, of the positive rows of a bin
    value = (positive * placed).sum(axis=1) / pairs
    variance_a = _variance(positive, placed, 2.0 * n)
    variance_b = _variance(negative, 2 * np.cumsum(positive, axis=1) - positive, 2.0 * p)
    return np.stack([value, (positive * negative).sum(axis=1) / pairs, variance_a / np.maximum(p, 1) + variance_b / np.maximum(n, 1)])


def _variance(counts: NDArray[np.int64], placements: NDArray[np.int64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sample variance of placements / scale over rows; NaN with fewer than 2 rows or no scale."""
    n = counts.sum(axis=1)
    shares = placements / np.where(scale > 0, scale, np.nan)[:, None]
    mean = (counts * shares).sum(axis=1) / np.maximum(n, 1)
    squares = (counts * (shares - mean[:, None]) ** 2).sum(axis=1)
    return np.asarray(squares / np.where(n > 1, n - 1, np.nan), np.float64)

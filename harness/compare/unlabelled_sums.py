"""What the unlabelled rows of every slice could add to a paired difference: sums over rows, in blocks of bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ScoreError

BLOCK_ROWS = 1 << 18
CLIP = 1e-15  # of log loss, in float64, as in the tallies
N_LOSS_SUMS = 4  # lowest and highest difference of log loss, then of squared error


@dataclass(frozen=True)
class UnlabelledSums:
    """Sums over the unlabelled rows of every slice.

    Parameters
    ----------
    gained, lost, alike : int64 [n_slices]
        Rows that only the challenger predicts positive, only the champion, and both or neither.
    log_loss, brier : float64 [n_slices, 2]
        Sums of the rows' lowest and highest difference challenger - champion over their two labels.
    """

    gained: NDArray[np.int64]
    lost: NDArray[np.int64]
    alike: NDArray[np.int64]
    log_loss: NDArray[np.float64]
    brier: NDArray[np.float64]

    @property
    def n(self) -> NDArray[np.int64]:
        """Unlabelled rows, int64 [n_slices]."""
        return self.gained + self.lost + self.alike


def unlabelled_sums(
    champion_scores: NDArray[np.float32],
    challenger_scores: NDArray[np.float32],
    is_unlabelled: NDArray[np.bool_],
    slice_ids: NDArray[Any],
    n_slices: int,
    champion_threshold: float,
    challenger_threshold: float,
) -> UnlabelledSums:
    """Return the sums over the rows of `is_unlabelled`.

    Parameters
    ----------
    champion_scores, challenger_scores : float32 [n_rows]
        From 0 to 1.
    is_unlabelled : bool [n_rows]
        Rows that would be judged, had they a label.
    slice_ids : uint16 or int32 [n_rows, n_columns]
        Column 0 is slice 0, all rows.
    n_slices : int
        Ids are below it.
    champion_threshold, challenger_threshold : float
        Predicted positive when score >= float32(threshold).

    Raises
    ------
    ScoreError
        A score of an unlabelled row is NaN or outside [0, 1].

    Examples
    --------
    >>> scores, other = np.array([0.75, 0.25], np.float32), np.array([0.75, 0.5], np.float32)
    >>> sums = unlabelled_sums(scores, other, np.array([True, True]), np.array([[0, 1], [0, 2]], np.uint16), 3, 0.5, 0.5)
    >>> sums.gained.tolist(), sums.alike.tolist(), sums.brier[2].tolist()
    ([1, 0, 1], [1, 1, 0], [-0.3125, 0.1875])
    """
    counts, losses = np.zeros((n_slices, 3), np.int64), np.zeros((n_slices, N_LOSS_SUMS))
    limits = np.float32(champion_threshold), np.float32(challenger_threshold)
    for start in range(0, len(is_unlabelled), BLOCK_ROWS):
        rows = start + np.flatnonzero(is_unlabelled[start : start + BLOCK_ROWS])
        old, new = _checked(champion_scores[rows]), _checked(challenger_scores[rows])
        turned = (new >= limits[1]).astype(np.int64) - (old >= limits[0])  # 1 gained, -1 lost, 0 alike
        values = _loss_ranges(old.astype(np.float64), new.astype(np.float64))
        for column in slice_ids[rows].T:
            ids = column.astype(np.int64)
            counts += np.bincount(3 * ids + turned + 1, minlength=3 * n_slices).reshape(n_slices, 3)
            for k, value in enumerate(values):
                losses[:, k] += np.bincount(ids, value, n_slices)
    return UnlabelledSums(counts[:, 2], counts[:, 0], counts[:, 1], losses[:, :2], losses[:, 2:])


def _checked(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    wrong = ~((scores >= 0) & (scores <= 1))
    if wrong.any():
        raise ScoreError(f"scores of unlabelled rows: {int(wrong.sum()):,} are NaN or outside [0, 1]; no bound can be computed from them")
    return scores


def _loss_ranges(old: NDArray[np.float64], new: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return per row the lowest and highest difference of log loss over both labels, then of squared error."""
    old_clipped, new_clipped = old.clip(CLIP, 1.0 - CLIP), new.clip(CLIP, 1.0 - CLIP)
    were_positive = np.log(old_clipped) - np.log(new_clipped)
    were_negative = np.log(1.0 - old_clipped) - np.log(1.0 - new_clipped)
    squared_positive, squared_negative = (new - 1.0) ** 2 - (old - 1.0) ** 2, new * new - old * old
    pairs = ((were_positive, were_negative), (squared_positive, squared_negative))
    return tuple(pick(a, b) for a, b in pairs for pick in (np.minimum, np.maximum))

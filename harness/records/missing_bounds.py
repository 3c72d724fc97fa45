"""How far rows without a label could move a paired difference, were every missing label the worst or the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MissingBounds:
    """Lowest and highest paired difference of one metric over all ways of labelling the unlabelled rows; arrays are [n_slices].

    It is challenger - champion over labelled and unlabelled rows together, all windows together. It speaks of the rows at hand: sampling
    is not in it.

    Args:
        metric: its name.
        lower, upper: float64; NaN where the metric has no bound, or is undefined however the rows are labelled.
        n_rows: int64, labelled and unlabelled rows.
        n_unlabelled: int64, of these, the ones without a label; the same for every metric.
        is_sharp: whether both bounds are reached by some labels; otherwise they hold and may be too wide.
    """

    metric: str
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    n_rows: NDArray[np.int64]
    n_unlabelled: NDArray[np.int64]
    is_sharp: bool

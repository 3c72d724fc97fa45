"""Rows without a label beside those that have one: by slice, and by age."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MissingLabels:
    """How many mature rows of the judged period have no label, per slice over all windows; arrays are [n_slices].

    Rows count once whatever they weigh; those of weight 0 do not count.

    Args:
        slice_by, slice_value: the names of the slices; the first is all rows.
        n_labelled, n_unlabelled: int64.
        missing_share: float64, n_unlabelled of both; NaN where the slice has neither.
        rest_missing_share: float64, the same over all rows outside the slice; NaN where there are none.
        p_value: float64, two-sided, of "the slice and its rest miss the same share", rows treated as independent; NaN where undefined.
        p_value_corrected: float64, after Holm over all slices that have a p-value.
    """

    slice_by: tuple[str, ...]
    slice_value: tuple[str, ...]
    n_labelled: NDArray[np.int64]
    n_unlabelled: NDArray[np.int64]
    missing_share: NDArray[np.float64]
    rest_missing_share: NDArray[np.float64]
    p_value: NDArray[np.float64]
    p_value_corrected: NDArray[np.float64]


@dataclass(frozen=True)
class LabelAge:
    """Rows of the judged period by age, in equal stretches from the youngest to the oldest; arrays are [n_bands].

    A label that comes later for one class than for the other shows as a positive share that changes with age.

    Args:
        age_from_s, age_until_s: float64, seconds before the moment at which maturity is judged; a band holds its start and not its end,
            the last one both. Ages below 0 are rows after that moment.
        status: "mature", "immature", "partly mature", or "empty".
        n, n_labelled: int64, rows, and those whose label is known by now; immature rows are not judged, and yet their label may be known.
        labelled_share: float64, n_labelled of n; NaN where n is 0.
        n_positive: int64, of n_labelled; None unless the task is binary.
        positive_share: float64, n_positive of n_labelled, NaN where that is 0; None unless the task is binary.
    """

    age_from_s: NDArray[np.float64]
    age_until_s: NDArray[np.float64]
    status: tuple[str, ...]
    n: NDArray[np.int64]
    n_labelled: NDArray[np.int64]
    labelled_share: NDArray[np.float64]
    n_positive: NDArray[np.int64] | None
    positive_share: NDArray[np.float64] | None

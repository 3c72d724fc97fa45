"""The p-values of all columns, corrected for how many there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.records.drift import DriftKind, Reading
from harness.stats.benjamini_hochberg import benjamini_hochberg

Found = tuple[DriftKind, str, str, str, str, str, Reading]
"""Kind, column, slice_by, slice_value, window, statistic, reading."""


def corrected_p_values(found: Sequence[Found]) -> NDArray[np.float64]:
    """Return Benjamini and Hochberg's adjusted p-value of every reading, NaN where it has none.

    A family is all columns of one statistic, of one kind, in one slice and window. A reading whose effect decides alone is in no family: no
    p-value of it is compared with a level.

    Parameters
    ----------
    found : sequence of (kind, column, slice_by, slice_value, window, statistic, Reading)

    Returns
    -------
    float64 [n_readings]
    """
    p_value, family = np.full(len(found), np.nan), np.zeros(len(found), np.int64)
    numbers: dict[tuple[str, ...], int] = {}
    for i, (kind, _, slice_by, slice_value, window, statistic, reading) in enumerate(found):
        family[i] = numbers.setdefault((kind, slice_by, slice_value, window, statistic), len(numbers))
        if reading.p_value is not None and not reading.decides_alone:
            p_value[i] = reading.p_value
    return benjamini_hochberg(p_value, family)

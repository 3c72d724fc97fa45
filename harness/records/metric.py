"""A metric's values and intervals over all cells, and paired differences of one metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MetricValues:
    """One metric over all cells of a grid; arrays are [n_cells].

    `value` is NaN where the metric is not defined, and `undefined_reason` says why; `ci_low` and `ci_high` are NaN
    where there is no interval, and then `ci_method` is "" or says why. The two text arrays have dtype object
    (str, and str or None).
    """

    metric: str
    value: NDArray[np.float64]
    ci_low: NDArray[np.float64]
    ci_high: NDArray[np.float64]
    ci_method: NDArray[np.object_]
    undefined_reason: NDArray[np.object_]


@dataclass(frozen=True)
class Differences:
    """Challenger minus champion for one metric over all cells, on the same rows; arrays are [n_cells].

    `difference` is challenger_value - champion_value, `se` its standard error (NaN where undefined). `p_value` is
    two-sided for "no difference". `higher_is_better` gives the direction in which a gate reads it.
    """

    metric: str
    champion: str
    challenger: str
    higher_is_better: bool
    n: NDArray[np.int64]
    champion_value: NDArray[np.float64]
    challenger_value: NDArray[np.float64]
    difference: NDArray[np.float64]
    se: NDArray[np.float64]
    ci_low: NDArray[np.float64]
    ci_high: NDArray[np.float64]
    simultaneous_low: NDArray[np.float64]
    simultaneous_high: NDArray[np.float64]
    method: NDArray[np.object_]
    p_value: NDArray[np.float64]
    p_value_corrected: NDArray[np.float64]
    correction: str

"""A metric's values and intervals over all cells, and paired differences of one metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_CLASS_ROWS = 20  # of a class: below it DeLong's normal approximation is not relied on, so an AUC is shown and not gated
PAIRED_METRIC_NAMES = {  # by task, those that have `Differences`
    "binary": (
        *("accuracy", "recall", "fpr", "selection_rate", "log_loss", "brier", "auc"),
        *("fnr", "precision", "npv", "f1", "mcc", "balanced_accuracy"),
    ),
    "regression": ("mae", "mse", "rmse", "r2", "mape"),
    "multiclass": ("accuracy", "top_k_accuracy", "log_loss", "brier"),
}


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
    two-sided for "no difference". `higher_is_better` gives the direction in which a gate reads it. `n_fewest_class` is
    the number of rows of the rarer class, for a metric whose interval rests on both classes; None for every other. Cells below
    `MIN_CLASS_ROWS` are shown and not gated. `degrees` are those of the Student's t that the intervals use, infinite for a normal one,
    NaN where there is no interval; None where all are normal.
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
    n_fewest_class: NDArray[np.int64] | None = None
    degrees: NDArray[np.float64] | None = None

    @property
    def is_gateable(self) -> NDArray[np.bool_]:
        """Whether a cell has enough rows of each class for its interval to be gated; bool [n_cells]."""
        if self.n_fewest_class is None:
            return np.ones(len(self.n), dtype=np.bool_)
        return self.n_fewest_class >= MIN_CLASS_ROWS

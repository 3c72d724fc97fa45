"""Puts values, intervals and reasons of all cells together, by one rule for every metric."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.records.metric import MetricValues

Case = tuple[NDArray[np.bool_], str]
FEWER_THAN_TWO = "fewer than 2 rows"
ONE_CLASS = "one class only"
ZERO_WIDTH = "no interval: it would have width zero"


def ratio(numerator: NDArray[np.generic], denominator: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return numerator / denominator as float64, NaN where the denominator is 0.

    Examples
    --------
    >>> ratio(np.array([1, 2]), np.array([4, 0]))
    array([0.25,  nan])
    """
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=out, where=np.asarray(denominator != 0))
    return out


def first_reason(n_cells: int, cases: Sequence[Case]) -> NDArray[np.object_]:
    """Return per cell the text of the first case that holds, or None.

    Examples
    --------
    >>> first_reason(2, [(np.array([True, False]), "empty")]).tolist()
    ['empty', None]
    """
    reason: NDArray[np.object_] = np.full(n_cells, None, dtype=np.object_)
    for holds, text in reversed(cases):
        reason[holds] = text
    return reason


def is_told(reason: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return where a reason is given (not None)."""
    return np.asarray(reason != np.array(None, dtype=np.object_), dtype=np.bool_)


def metric_values(
    metric: str,
    value: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    method: str | NDArray[np.object_],
    undefined: Sequence[Case],
    no_interval: Sequence[Case] = (),
) -> MetricValues:
    """Return the values of one metric, with NaN and a reason wherever a case says so.

    Parameters
    ----------
    metric : str
        Name of the metric.
    value, low, high : float64 [n_cells]
        As computed; what a case rules out is overwritten with NaN.
    method : str or object [n_cells]
        Text for the cells that keep their interval.
    undefined : sequence of (bool [n_cells], str)
        Where there is no value, and why; the first that holds is told.
    no_interval : sequence of (bool [n_cells], str)
        Where there is a value without interval, and why. An interval of width zero is never given.
    """
    n_cells = len(value)
    undefined_reason = first_reason(n_cells, undefined)
    is_undefined = is_told(undefined_reason)
    has_width = np.less(low, high)
    why_not = first_reason(n_cells, [*no_interval, (~has_width, ZERO_WIDTH)])
    has_interval = ~is_told(why_not) & ~is_undefined
    ci_method: NDArray[np.object_] = np.where(has_interval, method, why_not).astype(np.object_)
    ci_method[is_undefined] = ""
    return MetricValues(
        metric=metric,
        value=np.where(is_undefined, np.nan, value),
        ci_low=np.where(has_interval, low, np.nan),
        ci_high=np.where(has_interval, high, np.nan),
        ci_method=ci_method,
        undefined_reason=undefined_reason,
    )

"""What bins of equal mass by rank say about a cut through the ranking, for intervals of metrics at a cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from harness.errors import ConfigError
from harness.metrics.values import metric_values, ratio
from harness.records.metric import MetricValues
from harness.records.tally import BinaryTally, RankCurve
from harness.stats.wilson import wilson_interval

NOT_KEPT = "not kept: no metric of the sweep asked for the order of the scores"


def not_kept(metric: str, tally: BinaryTally, why: str = NOT_KEPT) -> MetricValues:
    """Return a metric that is undefined in every cell, since the tally lacks what it reads."""
    nan = np.full(len(tally.n), np.nan)
    return metric_values(metric, nan, nan, nan, "", [(np.isnan(nan), why)])


def check_share(key: str, share: float, *, may_be_one: bool) -> None:
    """Raise ConfigError unless a parameter that is a share of rows lies above 0 and below 1 (or at it, where that means something)."""
    if not (0.0 < share < 1.0 or (may_be_one and share == 1.0)):
        wanted = "at most 1" if may_be_one else "below 1"
        raise ConfigError(f"metrics.{key} is {share}; wanted a share of rows above 0 and {wanted}, as 0.01 for 1 %")


def wrong_parameter(kept: NDArray[np.float64], wanted: float, key: str) -> str | None:
    """Return why a metric cannot be read from a curve that was made for another parameter, or None.

    >>> wrong_parameter(np.array([0.1, 0.1]), 0.05, "max_fpr")
    'not kept for max_fpr 0.05, but for 0.1: run the sweep again'
    """
    if not len(kept) or kept[0] == wanted:
        return None
    return NOT_KEPT if np.isnan(kept[0]) else f"not kept for {key} {wanted:g}, but for {kept[0]:g}: run the sweep again"


def wilson_of_share(
    share: NDArray[np.float64], variance: NDArray[np.float64], smoothed: NDArray[np.float64], confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Wilson's interval with the number of trials that has this variance: q (1 - q) / variance, q the smoothed share.

    `smoothed` stays off 0 and 1, where the variance of a share would be 0.

    Examples
    --------
    >>> low, high = wilson_of_share(np.array([0.5]), np.array([0.0625]), np.array([0.5]), 0.95)  # as 2 of 4
    >>> low.round(4), high.round(4)
    (array([0.15]), array([0.85]))
    """
    trials = ratio(smoothed * (1.0 - smoothed), variance)
    trials = np.where(trials > 0, trials, np.nan)
    low, high = wilson_interval(share * trials, trials, confidence)
    return np.minimum(low, share).clip(0.0), np.maximum(high, share).clip(None, 1.0)


def interpolated(at: NDArray[np.float64], xs: NDArray[np.float64], ys: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the value at `at` of the line through the points (xs, ys) of each cell; xs rise, the first is at most `at`.

    Parameters
    ----------
    at : float64 [n_cells]
    xs, ys : float64 [n_cells, n_points]

    Examples
    --------
    >>> interpolated(np.array([0.25]), np.array([[0.0, 0.5, 1.0]]), np.array([[0.0, 0.8, 1.0]]))
    array([0.4])
    """
    after = (xs <= at[:, None]).sum(axis=1)[:, None].clip(1, xs.shape[1] - 1)
    x, y = (np.take_along_axis(v, np.concatenate([after - 1, after], axis=1), axis=1) for v in (xs, ys))
    width = x[:, 1] - x[:, 0]
    part = np.divide(at - x[:, 0], width, out=np.ones(len(at)), where=width > 0)
    return np.asarray(y[:, 0] + part.clip(0.0, 1.0) * (y[:, 1] - y[:, 0]), np.float64)


def roc_points(curve: RankCurve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return false and true positive rate at the borders of the bins, from (0, 0) to (1, 1), float64 [n_cells, N_RANK_BINS + 1]."""
    rates = []
    for counts in (curve.bin_n - curve.bin_positive, curve.bin_positive):
        selected = np.cumsum(counts[:, ::-1], axis=1)
        rates.append(np.pad(ratio(selected, selected[:, -1:]), ((0, 0), (1, 0))))
    return rates[0], rates[1]


def roc_slope(
    curve: RankCurve, recall: NDArray[np.float64], n_allowed: NDArray[np.int64], n_negative: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the slope of the ROC curve about the (n_allowed + 1)-th highest negative row, float64 [n_cells].

    The false positive rate there is Beta(n_allowed + 1, N - n_allowed) in repeated samples; the slope is that of the chord between the
    10 % and the 90 % point of it, on the curve through the borders of the rank bins and the point (n_allowed / N, recall) itself,
    without which a small rate lies far inside one bin.
    """
    a, b = n_allowed + 1.0, np.maximum(n_negative - n_allowed, 1).astype(np.float64)
    low, high = betaincinv(a, b, 0.1), betaincinv(a, b, 0.9)
    false_rate, true_rate = roc_points(curve)
    # The point lies on the rising curve, so that sorting both coordinates puts it in its place.
    false_rate = np.sort(np.concatenate([false_rate, (n_allowed / np.maximum(n_negative, 1))[:, None]], axis=1), axis=1)
    true_rate = np.sort(np.concatenate([true_rate, recall[:, None]], axis=1), axis=1)
    rise = interpolated(high, false_rate, true_rate) - interpolated(low, false_rate, true_rate)
    return np.asarray(rise / (high - low), np.float64)


def rate_at_border(curve: RankCurve, n_top: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the positive share of rows about the border of the `n_top` highest, float64 [n_cells].

    Formula: (positive + 1/2) / (rows + 1) over the bin that holds the border and its two neighbours.

    Examples
    --------
    >>> bins = np.array([[4, 4]]), np.array([[0, 3]])
    >>> curve = RankCurve(*(np.zeros(1),) * 6, *bins, np.zeros((1, 2)))
    >>> rate_at_border(curve, np.array([2])).round(3)
    array([0.389])
    """
    below = curve.bin_n.sum(axis=1) - n_top
    at = (np.cumsum(curve.bin_n, axis=1) <= below[:, None]).sum(axis=1)
    positions = at[:, None] + np.array([-1, 0, 1])
    inside = (positions >= 0) & (positions < curve.bin_n.shape[1])
    positions = positions.clip(0, curve.bin_n.shape[1] - 1)
    rows, positive = ((np.take_along_axis(counts, positions, axis=1) * inside).sum(axis=1) for counts in (curve.bin_n, curve.bin_positive))
    return np.asarray((positive + 0.5) / (rows + 1.0), np.float64)

"""How a metric of one variant moved over the windows, and when a retraining rule first held."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.errors import did_you_mean
from harness.records.metric import MetricValues
from harness.records.over_time import REFERENCE_PERIOD, PeriodValue, RetrainReading, RetrainRule
from harness.records.tally import ALL, Grid
from harness.stats.mover import independent_difference

MIN_ROWS = 30  # of a window: with fewer its value is shown, and no rule reads it


def over_time(
    variant: str,
    values: MetricValues,
    n: NDArray[np.int64],
    grid: Grid,
    reference: MetricValues | None = None,
    n_reference: int = 0,
    slice_by: str = ALL,
    slice_value: str = ALL,
    is_clustered: bool = False,
) -> tuple[PeriodValue, ...]:
    """Return one metric on the reference and in every window, each with the difference of the last window to it.

    Parameters
    ----------
    variant : str
        Whose values these are.
    values : MetricValues
        The metric over all cells of `grid`.
    n : int64 [n_cells]
        Rows per cell.
    grid : Grid
        Its windows are in the order of time, "all" first.
    reference : MetricValues, optional
        The metric in one cell, that of the reference rows; for all rows together only.
    n_reference : int
        Its rows.
    slice_by, slice_value : str
        Which slice to follow.
    is_clustered : bool
        Whether rows are clustered: a user is then in several windows, which are not independent, and differences have no interval.

    Returns
    -------
    tuple of PeriodValue
        The reference first where there is one; empty without windows, or without such a slice.

    Examples
    --------
    >>> grid = Grid(("all",), ("all",), ("all", "2024-01", "2024-02"))
    >>> values = MetricValues("auc", *(np.array(v) for v in ([0.7, 0.8, 0.6], [0.6, 0.7, 0.5], [0.8, 0.9, 0.7])), None, None)
    >>> [(row.period, round(row.last_minus_this, 2)) for row in over_time("mlp", values, np.array([9, 4, 5]), grid)]
    [('2024-01', -0.2), ('2024-02', nan)]
    """
    first = grid.cell(slice_by, slice_value)
    if first is None or grid.n_windows == 1:
        return ()
    cells = np.arange(first + 1, first + grid.n_windows)
    periods, rows = list(grid.windows[1:]), n[cells]
    value, low, high = (a[cells].astype(np.float64) for a in (values.value, values.ci_low, values.ci_high))
    if reference is not None and slice_by == ALL:
        periods, rows = [REFERENCE_PERIOD, *periods], np.concatenate([[n_reference], rows])
        parts = (reference.value, reference.ci_low, reference.ci_high)
        value, low, high = (np.concatenate([part[:1], own]) for part, own in zip(parts, (value, low, high), strict=True))
    last = len(periods) - 1
    lows, highs = independent_difference(value[last], low[last], high[last], value, low, high)
    differences = value[last] - value
    if is_clustered:
        lows, highs = np.full_like(lows, np.nan), np.full_like(highs, np.nan)
    for array in (lows, highs, differences):
        array[last] = np.nan  # the last window is not independent of itself
    return tuple(
        PeriodValue(variant, values.metric, slice_by, slice_value, period, int(rows[i]), *_floats(value[i], low[i], high[i]), periods[last],
                    *_floats(differences[i], lows[i], highs[i]))
        for i, period in enumerate(periods)
    )  # fmt: skip


def _floats(*numbers: np.float64) -> tuple[float, float, float]:
    a, b, c = map(float, numbers)
    return a, b, c


def retrain_reading(
    variant: str, rule: RetrainRule, values: Sequence[MetricValues], n: NDArray[np.int64], grid: Grid, min_n: int = MIN_ROWS
) -> RetrainReading:
    """Return in which window a retraining rule first held, by the value itself and by its whole interval.

    A window is read alone: over many windows a value that hovers at the limit crosses it by chance, which `first_certain` allows for
    within a window and not over all of them.

    Parameters
    ----------
    variant, rule
        Whose windows, and which rule.
    values : sequence of MetricValues
        Metrics over all cells of `grid`.
    n : int64 [n_cells]
        Rows per cell; windows with fewer than `min_n` are skipped and counted.
    """
    own = next((v for v in values if v.metric == rule.metric), None)
    first = grid.cell(rule.slice_by, rule.slice_value)
    trouble = _trouble(rule, values, grid, own is None, first is None)
    if trouble is not None or own is None or first is None:
        return RetrainReading(variant, rule, 0, 0, 0, None, np.nan, np.nan, np.nan, None, trouble)
    cells = np.arange(first + 1, first + grid.n_windows)
    value, low, high = (a[cells].astype(np.float64) for a in (own.value, own.ci_low, own.ci_high))
    is_read = (n[cells] >= min_n) & np.isfinite(value)
    is_below = rule.below is not None
    held = is_read & (value < rule.limit if is_below else value > rule.limit)
    certain = is_read & (high < rule.limit if is_below else low > rule.limit)
    at = int(np.argmax(held)) if held.any() else None
    return RetrainReading(
        variant=variant,
        rule=rule,
        n_windows=int(is_read.sum()),
        n_skipped=int((~is_read).sum()),
        n_held=int(held.sum()),
        first_window=None if at is None else grid.windows[1 + at],
        value=np.nan if at is None else float(value[at]),
        ci_low=np.nan if at is None else float(low[at]),
        ci_high=np.nan if at is None else float(high[at]),
        first_certain=grid.windows[1 + int(np.argmax(certain))] if certain.any() else None,
    )


def _trouble(rule: RetrainRule, values: Sequence[MetricValues], grid: Grid, no_metric: bool, no_slice: bool) -> str | None:
    if no_metric:
        names = [v.metric for v in values]
        return f"no metric '{rule.metric}'{did_you_mean(rule.metric, names)}; add it to metrics"
    if no_slice:
        labels = [f"{by}={value}" for by, value in zip(grid.slice_by, grid.slice_value, strict=True)][:2000]
        name = f"{rule.slice_by}={rule.slice_value}"
        return f"the replay has no slice '{name}'{did_you_mean(name, labels)}"
    return "the replay has no windows; set replay.windows" if grid.n_windows == 1 else None

"""How alike the decisions of one variant are across the slices of every column, by Fairlearn's measures, with intervals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.compare.fairness_to_overall import to_overall
from harness.compare.slice_rates import RATES, SliceRates, slice_rates
from harness.records.fairness import Fairness, FairnessRow
from harness.records.tally import BinaryTally, Grid

MIN_N = 30  # rows of a rate's denominator
MEASURES = {  # which rates have to be alike
    "demographic_parity": ("selection_rate",),
    "equal_opportunity": ("recall",),
    "equalized_odds": ("recall", "fpr"),
}
METHOD = "Bonferroni over Wilson's intervals of the slices"
LINEARISED = "Bonferroni over linearised intervals of the slices"


@dataclass(frozen=True)
class _Spread:
    """One rate over the slices that are compared: value and interval of difference and of ratio, and the two slices at the ends."""

    rate: str
    lowest: int
    highest: int
    rates: tuple[float, float]
    difference: tuple[float, float, float]
    ratio: tuple[float, float, float]


def fairness(tally: BinaryTally, grid: Grid, confidence: float, min_n: int = MIN_N) -> Fairness:
    """Return the measures of every slice column, and every slice against the rest of its column, all windows together.

    Formula: difference = highest - lowest rate over the slices of a column, ratio = lowest / highest; demographic parity compares selection
    rates, equal opportunity recall, equalized odds takes the less alike of recall and fpr. With L_i, U_i the slices' intervals at level
    1 - alpha / m (m slices; of equalized odds, those of both rates), the difference lies in
    [max(0, max L - min U), max U - min L] and the ratio in [min L / max U, min(1, min U / max L)] with at least the wanted confidence.

    Parameters
    ----------
    tally : BinaryTally
        Of one variant.
    grid : Grid
        Names of the slices.
    confidence : float
        Two-sided level of a measure.
    min_n : int
        Slices with fewer rows in a rate's denominator are left out of it, and counted.

    Undefined when: fewer than two slices are left, or, for a ratio, all rates are 0. Weighted or clustered rows: rates and intervals are of
    weight; a slice with too few clusters leaves the measure without interval.

    Notes
    -----
    Definitions: Fairlearn (0.15), `demographic_parity_difference` and its kin, method "between_groups". Slices are chosen from the data as
    lowest and highest, so the interval of the difference of those two alone would be too narrow (a selection effect); holding all slices
    at once is not: Hochberg & Tamhane, Multiple Comparison Procedures, 1987, chapter 1.
    """
    rates = {name: slice_rates(tally, grid.n_windows, name) for name in RATES}
    slice_by = np.array(grid.slice_by[1:], dtype=np.object_)  # the first is all rows
    columns = {by: 1 + np.flatnonzero(slice_by == by) for by in dict.fromkeys(grid.slice_by[1:])}
    rows = [row for by, slices in columns.items() for row in _rows_of(by, slices, rates, grid, confidence, max(min_n, 1))]
    overall = tuple(to_overall(rates[name], list(columns.values()), confidence, max(min_n, 1)) for name in RATES)
    return Fairness(min_n, confidence, tuple(rows), overall)


def _rows_of(
    by: str, slices: NDArray[np.intp], rates: dict[str, SliceRates], grid: Grid, confidence: float, min_n: int
) -> Iterator[FairnessRow]:
    for measure, names in MEASURES.items():
        kept = {name: slices[rates[name].n[slices] >= min_n] for name in names}
        small = [(rates[name].n[slices] > 0) & (rates[name].n[slices] < min_n) for name in names]
        n_left_out = int(np.logical_or.reduce(small).sum())
        n_slices, family = min(len(k) for k in kept.values()), sum(len(k) for k in kept.values())
        level = 1.0 - (1.0 - confidence) / max(family, 1)
        spreads = [_spread(rates[name], kept[name], level) for name in names] if n_slices >= 2 else []
        for kind in ("difference", "ratio"):
            yield _row(by, f"{measure}_{kind}", spreads, grid, n_slices, n_left_out, min_n, is_weighted=rates[names[0]].totals is not None)


def _spread(rate: SliceRates, slices: NDArray[np.intp], level: float) -> _Spread:
    value = rate.value[slices]
    low, high = rate.interval(slices, level)
    at_low, at_high = int(value.argmin()), int(value.argmax())
    lowest, highest = float(value[at_low]), float(value[at_high])
    max_low, min_high, max_high, min_low = float(low.max()), float(high.min()), float(high.max()), float(low.min())  # NaN stays NaN
    nan = float("nan")
    return _Spread(
        rate=rate.name,
        lowest=int(slices[at_low]),
        highest=int(slices[at_high]),
        rates=(lowest, highest),
        difference=(highest - lowest, float(np.maximum(0.0, max_low - min_high)), max_high - min_low),
        ratio=(
            lowest / highest if highest > 0 else nan,
            min_low / max_high if max_high > 0 else nan,
            float(np.minimum(1.0, min_high / max_low)) if max_low > 0 else 1.0 + 0.0 * max_low,
        ),
    )


def _row(
    by: str, measure: str, spreads: list[_Spread], grid: Grid, n_slices: int, n_left_out: int, min_n: int, *, is_weighted: bool
) -> FairnessRow:
    is_ratio = measure.endswith("ratio")
    figures = np.array([s.ratio if is_ratio else s.difference for s in spreads]).reshape(-1, 3)
    reason = None
    if not spreads:
        reason = f"fewer than 2 slices with {min_n} rows"
    elif np.isnan(figures[:, 0]).any():
        reason = "the highest rate is 0"
    if reason is not None:
        nan = float("nan")
        return FairnessRow(by, measure, "", nan, nan, nan, "", "", "", nan, nan, n_slices, n_left_out, reason)
    # Of two rates the less alike one: the larger difference, the smaller ratio; so are the bounds.
    value, low, high = (figures.min if is_ratio else figures.max)(axis=0)
    worst = spreads[int(figures[:, 0].argmin() if is_ratio else figures[:, 0].argmax())]
    has_interval = bool(np.isfinite(low) and np.isfinite(high))
    method = (LINEARISED if is_weighted else METHOD) if has_interval else "no interval: a slice has too few clusters, or no variance"
    return FairnessRow(
        slice_by=by,
        measure=measure,
        rate=worst.rate,
        value=float(value),
        ci_low=float(low) if has_interval else float("nan"),
        ci_high=float(high) if has_interval else float("nan"),
        ci_method=method,
        lowest=grid.slice_value[worst.lowest],
        highest=grid.slice_value[worst.highest],
        lowest_rate=worst.rates[0],
        highest_rate=worst.rates[1],
        n_slices=n_slices,
        n_left_out=n_left_out,
        undefined_reason=None,
    )

"""Pairs of columns for tests, made from plain values; nothing of the harness but its records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import ks_2samp, wasserstein_distance

from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair, DayCounts, Sample, TwoSample
from harness.records.profile import Bins


def decile_bins(reference: ArrayLike) -> Bins:
    """Deciles of the finite values, equal ones merged; a constant c has the edges (c, c), so that its one inner bin holds exactly c."""
    values = np.asarray(reference)
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return Bins(edges=(0.0, 0.0))
    if finite.min() == finite.max():
        return Bins(edges=(finite[0].item(), finite[0].item()))
    return Bins(edges=tuple(np.unique(np.quantile(finite, np.linspace(0.0, 1.0, 11))).tolist()))


def category_bins(*sides: Sequence[Any]) -> Bins:
    """Every category of any side, in order of appearance."""
    return Bins(categories=tuple(dict.fromkeys(str(v) for side in sides for v in side if v is not None)))


def counts_of(values: Sequence[Any] | NDArray[Any], bins: Bins) -> NDArray[np.int64]:
    """Counts in the bins, missing (NaN, None) last."""
    counts = np.zeros(bins.n_bins, np.int64)
    if not bins.edges:
        place = {name: i for i, name in enumerate(bins.categories)}
        for value in values:
            counts[-1 if value is None else place[str(value)]] += 1
        return counts
    array = np.asarray(values)
    missing = np.isnan(array) if array.dtype.kind == "f" else np.zeros(len(array), bool)
    there = array[~missing]
    whole = array.dtype.kind in "iu"  # an integer is below an edge where it is below the next integer
    edges = np.asarray([math.ceil(e) for e in bins.edges] if whole else bins.edges, array.dtype)
    codes = np.searchsorted(edges, there, side="right")
    codes[there == bins.edges[-1]] = len(bins.edges) - 1
    counts[:-1] = np.bincount(codes, minlength=bins.n_bins - 1)
    counts[-1] = missing.sum()
    return counts


def sample_of(values: Sequence[Any] | NDArray[Any], bins: Bins) -> Sample:
    """One side in its bins."""
    counts = counts_of(values, bins)
    nan = math.nan
    if not bins.edges:
        return Sample(len(values), int(counts[-1]), 0, nan, nan, nan, nan, counts, float((counts[:-1] > 0).sum()))
    array = np.asarray(values)
    finite = array[np.isfinite(array)]
    n_infinite = int(np.isinf(array).sum())
    return Sample(
        n_rows=len(array),
        n_missing=int(counts[-1]),
        n_infinite=n_infinite,
        minimum=float(finite.min()) if finite.size else nan,
        maximum=float(finite.max()) if finite.size else nan,
        mean=float(finite.mean()) if finite.size else nan,
        std=float(finite.std(ddof=1)) if finite.size > 1 else nan,
        counts=counts,
        n_distinct=float(len(np.unique(finite)) + len(np.unique(array[np.isinf(array)]))),
        values=lambda: finite,
    )


def ordered(reference: NDArray[Any], current: NDArray[Any]) -> TwoSample:
    """Kolmogorov–Smirnov's and Wasserstein's distance of two finite samples."""
    n, m = len(reference), len(current)
    if not n or not m:
        return TwoSample(math.nan, math.nan, math.nan, n, m)
    found = ks_2samp(reference, current, method="asymp" if min(n, m) > 1 else "exact")
    area = wasserstein_distance(reference.astype(np.float64), current.astype(np.float64))
    return TwoSample(float(found.statistic), float(found.statistic_location), float(area), n, m)


def pair_of(
    reference: Sequence[Any] | NDArray[Any],
    current: Sequence[Any] | NDArray[Any],
    bins: Bins | None = None,
    days: tuple[Sequence[int], Sequence[int]] | None = None,
    *,
    windows: Sequence[Sequence[Any]] | int = (),
    kind: ColumnKind | None = None,
    column: str = "x",
    is_label: bool = False,
) -> ColumnPair:
    """Return two sides of a column as a pair.

    Args:
        reference, current: arrays of numbers (float32, float64, int64; NaN is missing), or sequences of texts (None is missing).
        bins: by default deciles of the reference, or every category of either side.
        days: day of each reference row and of each current row; the pair then holds counts by day, one row for every day of either side.
        windows: of the reference: their values, or a number of equal parts into which the reference is cut in its order.
        kind: by default number of an array of numbers, else category.
    """
    kind = kind or ("number" if isinstance(reference, np.ndarray) and reference.dtype.kind in "fiu" else "category")
    if bins is None:
        bins = category_bins(reference, current) if kind == "category" else decile_bins(reference)
    parts = [reference[a:b] for a, b in _borders(len(reference), windows)] if isinstance(windows, int) else windows
    left, right = sample_of(reference, bins), sample_of(current, bins)
    return ColumnPair(
        column=column,
        kind=kind,
        bins=bins,
        reference=left,
        current=right,
        reference_windows=tuple(sample_of(part, bins) for part in parts),
        days=None if days is None else _by_day(reference, current, days, bins),
        order=None if left.values is None or right.values is None else lambda: ordered(left.values(), right.values()),
        is_label=is_label,
    )


def _borders(n_rows: int, n_parts: int) -> list[tuple[int, int]]:
    edges = np.linspace(0, n_rows, n_parts + 1).astype(int)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)) if n_parts else []


def _by_day(
    reference: Sequence[Any] | NDArray[Any], current: Sequence[Any] | NDArray[Any], days: tuple[Sequence[int], Sequence[int]], bins: Bins
) -> DayCounts:
    known = sorted({*map(int, days[0]), *map(int, days[1])})
    sides = []
    for values, own in ((reference, days[0]), (current, days[1])):
        taken = np.asarray(values, object if bins.categories else None)
        by_day = [taken[np.asarray(own) == day] for day in known]
        sides.append(np.array([counts_of(part if bins.edges else part.tolist(), bins) for part in by_day], np.int64))
    return DayCounts(*sides)

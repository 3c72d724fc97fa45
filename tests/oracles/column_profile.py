"""The definition of a column in its cells, row by row: which rows a cell has, and what is counted of them; slow."""

from __future__ import annotations

import math
from fractions import Fraction

from tests.oracles.column_cells import bin_of


def rows_of(frame, side, slice_by="all", slice_value="all", window="all"):
    """Return the numbers of the rows of a cell; `frame` has the columns side, window, and one per slice column (None is missing)."""
    found = []
    for row in range(len(frame["side"])):
        if frame["side"][row] != side:
            continue
        if window != "all" and frame["window"][row] != window:
            continue
        if slice_by != "all" and (frame[slice_by][row] or "missing") != slice_value:
            continue
        found.append(row)
    return found


def is_missing(value):
    """Say whether a value is none: None or NaN."""
    return value is None or value != value


def counts_of(values, edges, categories):
    """Return how many of some values are in each bin; a category that is not named is in the last, "other"."""
    n_bins = len(edges) + 2 if edges else len(categories) + 1
    counts = [0] * n_bins
    for value in values:
        if is_missing(value):
            counts[-1] += 1
        elif edges:
            counts[bin_of(value, edges)] += 1
        else:
            counts[categories.index(value) if value in categories else len(categories) - 1] += 1
    return counts


def moments_of(values):
    """Return (rows, missing, infinite, minimum, maximum, mean, variance with ddof 1) of numbers, in exact arithmetic."""
    present = [value for value in values if not is_missing(value)]
    finite = [Fraction(value) for value in present if not math.isinf(value)]
    n = len(finite)
    mean = sum(finite) / n if n else math.nan
    variance = sum((value - mean) ** 2 for value in finite) / (n - 1) if n > 1 else math.nan
    ends = (float(min(finite)), float(max(finite))) if n else (math.nan, math.nan)
    return len(values), len(values) - len(present), len(present) - n, *ends, float(mean), float(variance)


def days_of(frame, side, window, values, edges, categories):
    """Return the counts of each day that has rows of a side and a window, in the order of time."""
    rows = rows_of(frame, side, window=window)
    days = sorted({frame["day"][row] for row in rows})
    return [counts_of([values[row] for row in rows if frame["day"][row] == day], edges, categories) for day in days]

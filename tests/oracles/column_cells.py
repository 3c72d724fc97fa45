"""The definition of counts by bin and of moments, cell by cell, in Python's own numbers; slow."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from harness.records.column import ComparedRows
from harness.records.drift_cells import DriftCells, TimeCells


def bin_of(value, edges, is_missing=False):
    """Return the bin of one value as `records.profile.Bins` defines it, compared as exact numbers."""
    n_edges = len(edges)
    value = value.item() if hasattr(value, "item") else value
    if is_missing or value != value:
        return n_edges + 1
    if value > edges[-1]:
        return n_edges
    return sum(value >= edge for edge in edges[:-1])


def column_cells(values, ids, n_cells, edges, is_missing=None):
    """Return [(counts, n_infinite, minimum, maximum, n, mean, m2)] of every cell."""
    return [_cell([row for row in range(len(values)) if cell in ids[row]], values, edges, is_missing) for cell in range(n_cells)]


def _cell(rows, values, edges, is_missing):
    counts, finite, n_infinite = [0] * (len(edges) + 2), [], 0
    for row in rows:
        missing = is_missing is not None and bool(is_missing[row])
        code = bin_of(values[row], edges, missing)
        counts[code] += 1
        if code <= len(edges):
            value = values[row].item()
            if math.isinf(value):
                n_infinite += 1
            else:
                finite.append(Fraction(value))
    if not finite:
        return counts, n_infinite, math.nan, math.nan, 0, 0.0, 0.0
    mean = sum(finite) / len(finite)
    m2 = sum((value - mean) ** 2 for value in finite)
    return counts, n_infinite, float(min(finite)), float(max(finite)), len(finite), float(mean), float(m2)


def category_cells(codes, ids, n_cells, recode, n_bins):
    """Return counts [n_cells][n_bins] of the categories."""
    counts = np.zeros((n_cells, n_bins), int)
    for row, code in enumerate(codes):
        for cell in ids[row]:
            if cell >= 0:
                counts[cell, recode[code] if code >= 0 else n_bins - 1] += 1
    return counts


def type_7(values, share):
    """Return the quantile of finite values by Hyndman & Fan's type 7, as an exact number."""
    ordered = sorted(Fraction(value.item()) for value in values)
    at = (len(ordered) - 1) * Fraction(share)
    low = math.floor(at)
    return ordered[low] + (ordered[min(low + 1, len(ordered) - 1)] - ordered[low]) * (at - low)


def small_log(n_rows=240, seed=0, n_days=24, is_sorted=True):
    """Return ComparedRows and DriftCells of a log by hand: days cut into windows of eight, a slice column of three values, one of two that misses rows.

    Reference rows are those of the first 12 days; with `is_sorted` False rows and sides are in any order.
    """
    rng = np.random.default_rng(seed)
    day = np.sort(rng.integers(0, n_days, n_rows)) if is_sorted else rng.integers(0, n_days, n_rows)
    side = (day >= n_days // 2).astype(np.int8)
    days = np.arange(n_days)
    window = (days % (n_days // 2)) // 8 + 1
    time = TimeCells((days >= n_days // 2).astype(np.int8), window.astype(np.int32), 15_000 + days)
    slices = np.stack([rng.integers(0, 3, n_rows), 3 + rng.integers(0, 2, n_rows)], axis=1)
    ids = np.concatenate([day[:, None], n_days + 2 * slices + side[:, None]], axis=1)
    ids[:, 2] = np.where(rng.random(n_rows) < 0.2, -1, ids[:, 2])
    cells = DriftCells(
        ids.astype(np.int32),
        time,
        ("all", "w1", "w2"),
        ("all", "r1", "r2"),
        ("all", "x", "x", "x", "y", "y"),
        ("all", "a", "b", "c", "d", "e"),
    )
    n_reference = int((side == 0).sum())
    return ComparedRows(side, None, n_reference, n_rows - n_reference), cells


def rows_of(rows, cells, slice_by, slice_value, window, side):
    """Return the numbers of the rows of one side in a slice or a window, by name."""
    own = rows.side == side
    if window != "all":
        names = cells.windows if side else cells.reference_windows
        own &= cells.time.window[cells.ids[:, 0]] == names.index(window)
    if slice_by != "all":
        number = list(zip(cells.slice_by, cells.slice_value, strict=True)).index((slice_by, slice_value))
        own &= (cells.ids == cells.cell_of_slice(number, side)).any(axis=1)
    return np.flatnonzero(own)

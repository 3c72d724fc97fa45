"""The definition of counts by bin and of moments, cell by cell, in Python's own numbers; slow."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np


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

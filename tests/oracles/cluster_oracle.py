"""Totals of clusters from their definition: a dictionary of vectors per cell, in exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np


def cells_of(row, slice_ids, window_ids, n_windows):
    """Return the cells that a row is in: of each slice, all windows and its own."""
    windows = [0] if window_ids is None or window_ids[row] == 0 else [0, int(window_ids[row])]
    return [int(one) * n_windows + window for one in slice_ids[row] for window in windows]


def vector(categories, values, weight, n_categories):
    """Return weight * component of one row, as fractions."""
    indicator = [Fraction(0)] * n_categories
    for category in categories:
        if category >= 0:
            indicator[int(category)] += weight
    return [*indicator, *(weight * Fraction(float(value)) for value in values)]


def cluster_totals(categories, values, rows, weights, cluster_ids, slice_ids, window_ids, n_slices, n_windows, n_categories):
    """Return (n_clusters, total, cross) per cell; exact, rounded once at the end."""
    n_cells, p = n_slices * n_windows, n_categories + values.shape[1]
    totals = [{} for _ in range(n_cells)]
    for row in rows:
        weight = Fraction(1 if weights is None else float(weights[row]))
        if weight == 0:
            continue
        name = int(row) if cluster_ids is None else int(cluster_ids[row])
        own = vector(categories[row], values[row], weight, n_categories)
        for cell in cells_of(row, slice_ids, window_ids, n_windows):
            before = totals[cell].get(name, [Fraction(0)] * p)
            totals[cell][name] = [a + b for a, b in zip(before, own, strict=True)]
    n_clusters, total, cross = np.zeros(n_cells, np.int64), np.zeros((n_cells, p)), np.zeros((n_cells, p, p))
    for cell, clusters in enumerate(totals):
        n_clusters[cell] = len(clusters)
        for a in range(p):
            total[cell, a] = float(sum((t[a] for t in clusters.values()), Fraction(0)))
            for b in range(p):
                cross[cell, a, b] = float(sum((t[a] * t[b] for t in clusters.values()), Fraction(0)))
    return n_clusters, total, cross


def random_rows(seed, n_rows, *, n_categories=3, n_slots=2, n_values=3, n_windows=1, weighted=False, n_clusters=None):
    """Return (categories, values, rows, weights, cluster_ids, slice_ids, window_ids, n_slices) of a small log with rows left out."""
    rng = np.random.default_rng(seed)
    categories = rng.integers(-1, n_categories, (n_rows, n_slots)).astype(np.int32) if n_categories else np.zeros((n_rows, 0), np.int32)
    values = rng.normal(size=(n_rows, n_values)).round(3)
    rows = np.flatnonzero(rng.random(n_rows) < 0.9)
    weights = (rng.integers(0, 4, n_rows) / 2).astype(np.float64) if weighted else None
    cluster_ids = rng.integers(-5, n_clusters - 5, n_rows) * 10**12 if n_clusters else None
    slice_ids = np.zeros((n_rows, 3), np.uint16)
    slice_ids[:, 1] = 1 + rng.integers(0, 3, n_rows)
    slice_ids[:, 2] = 4 + rng.integers(0, 4, n_rows)
    window_ids = rng.integers(0, n_windows, n_rows).astype(np.int32) if n_windows > 1 else None
    return categories, values, rows, weights, cluster_ids, slice_ids, window_ids, 9

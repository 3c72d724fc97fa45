"""Regression metrics and their linearised variances from their definitions, a row at a time, in exact fractions where that can be."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

NAMES = ("mae", "mse", "rmse", "r2", "bias", "mape")


def _exact(values):
    return [Fraction(float(value)) for value in values]


def value_and_influence(name, predictions, labels, weights):
    """Return the metric and, per row, by how much a little more of that row moves it; lists of fractions and floats."""
    p, y, w = _exact(predictions), _exact(labels), _exact(weights)
    if name == "mape":
        w = [a if b != 0 else Fraction(0) for a, b in zip(w, y, strict=True)]
    error = [a - b for a, b in zip(p, y, strict=True)]
    squared = [e * e for e in error]
    total = sum(w)
    per_row = {
        "mae": [abs(e) for e in error],
        "bias": error,
        "mape": [abs(e / b) if b != 0 else Fraction(0) for e, b in zip(error, y, strict=True)],
    }.get(name, squared)
    mean = sum(a * b for a, b in zip(w, per_row, strict=True)) / total
    moved = [a * (b - mean) / total for a, b in zip(w, per_row, strict=True)]
    if name == "rmse":
        root = float(mean) ** 0.5
        return root, [float(z) / (2 * root) for z in moved]
    if name == "r2":
        centre = sum(a * b for a, b in zip(w, y, strict=True)) / total
        around = [(b - centre) ** 2 for b in y]
        spread = sum(a * b for a, b in zip(w, around, strict=True))
        unexplained = mean * total / spread
        return float(1 - unexplained), [float(a * (unexplained * b - c) / spread) for a, b, c in zip(w, around, squared, strict=True)]
    return float(mean), [float(z) for z in moved]


def variance(influence, clusters):
    """Return G / (G - 1) times the sum of squares of the clusters' sums of influences."""
    sums = {}
    for name, z in zip(clusters, influence, strict=True):
        sums[name] = sums.get(name, 0.0) + z
    n = len(sums)
    return n / (n - 1) * sum(z * z for z in sums.values())


def random_rows(seed, n, *, share_zero=0.1, share_unjudged=0.1):
    """Return predictions float32, labels float64 (some 0, some NaN), weights, cluster ids."""
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random(n) < share_zero, 0.0, rng.normal(3.0, 2.0, n).round(3))
    predictions = (labels + rng.laplace(0.3, 1.0, n)).astype(np.float32)
    labels[rng.random(n) < share_unjudged] = np.nan
    return predictions, labels, rng.integers(1, 5, n) / 2, rng.integers(0, max(n // 5, 1), n)

"""Joint moments of several values by case and cell, in exact fractions: slow, and plainly the definition."""

from __future__ import annotations

from fractions import Fraction

import numpy as np


def joint_moments(values, cases, slice_ids, window_ids, n_slices, n_windows, n_cases, n_values):
    """Return n, mean and m2 of every (cell, case), each figure rounded once."""
    n_cells = n_slices * n_windows
    n = np.zeros((n_cells, n_cases), np.int64)
    mean = np.zeros((n_cells, n_cases, n_values))
    m2 = np.zeros((n_cells, n_cases, n_values, n_values))
    members: dict[tuple[int, int], list[int]] = {}
    for row, case in enumerate(cases):
        if case < 0:
            continue
        windows = {0} if window_ids is None else {0, int(window_ids[row])}
        for column in range(slice_ids.shape[1]):
            for window in windows:
                members.setdefault((int(slice_ids[row, column]) * n_windows + window, int(case)), []).append(row)
    for (cell, case), rows in members.items():
        exact = [[Fraction(float(values[row, a])) for a in range(n_values)] for row in rows]
        means = [sum(row[a] for row in exact) / len(rows) for a in range(n_values)]
        n[cell, case] = len(rows)
        mean[cell, case] = [float(m) for m in means]
        for a in range(n_values):
            for b in range(n_values):
                m2[cell, case, a, b] = float(sum((row[a] - means[a]) * (row[b] - means[b]) for row in exact))
    return n, mean, m2


def random_rows(seed, n_rows, *, n_windows=1, n_cases=3, n_values=2, widths=(1, 3, 2), id_dtype=np.uint16):
    """Return values, cases, slice_ids, window_ids, n_slices; values have ties, both zeros and an outlier; some rows are skipped."""
    rng = np.random.default_rng(seed)
    values = np.round(rng.lognormal(2.0, 1.5, (n_rows, n_values)), 1) * rng.choice([-1.0, 1.0], (n_rows, n_values))
    values[rng.random((n_rows, n_values)) < 0.2] = rng.choice([0.0, -0.0])
    if n_rows > 3:
        values[3] = 1e7
    cases = rng.integers(-1, n_cases, n_rows).astype(np.int8)
    offsets = np.concatenate(([0], np.cumsum(widths)[:-1]))
    slice_ids = np.stack([offset + rng.integers(0, width, n_rows) for offset, width in zip(offsets, widths, strict=True)], axis=1)
    window_ids = rng.integers(0, n_windows, n_rows).astype(np.int32) if n_windows > 1 else None
    return values, cases, slice_ids.astype(id_dtype), window_ids, int(sum(widths))

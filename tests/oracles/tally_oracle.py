"""Tallies from their definitions, a row at a time, in plain Python."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np


def rows_of_cells(labels, slice_ids, window_ids, n_slices, n_windows):
    """Return the judged rows of each cell, in row order."""
    cells = [[] for _ in range(n_slices * n_windows)]
    for row in range(len(labels)):
        if labels[row] not in (0, 1):
            continue
        for one in slice_ids[row]:
            cells[int(one) * n_windows].append(row)
            if window_ids is not None and window_ids[row] > 0:
                cells[int(one) * n_windows + int(window_ids[row])].append(row)
    return cells


def log_loss(score, label):
    clipped = min(max(float(score), 1e-15), 1 - 1e-15)
    return -math.log(clipped if label == 1 else 1 - clipped)


def squared_error(score, label):
    return (float(score) - int(label)) ** 2


def score_bin(score):
    """The bin k of [k/15, (k+1)/15), in exact arithmetic; 1 belongs to the last."""
    return next(k for k in reversed(range(15)) if Fraction(float(score)) >= Fraction(k, 15))


def mean_and_m2(values):
    """Two passes, correctly rounded sums."""
    if not values:
        return 0.0, 0.0
    mean = math.fsum(values) / len(values)
    return mean, math.fsum((value - mean) ** 2 for value in values)


def binary(scores, labels, slice_ids, window_ids, n_slices, n_windows, threshold):
    """Return a dict of arrays [n_cells, ...] named as in BinaryTally, moments as [n_cells, 2]."""
    n_cells = n_slices * n_windows
    out = {
        "confusion": np.zeros((n_cells, 2, 2), np.int64),
        "bin_n": np.zeros((n_cells, 15), np.int64),
        "bin_positive": np.zeros((n_cells, 15), np.int64),
        "bin_score": np.zeros((n_cells, 15)),
        "log_loss": np.zeros((n_cells, 2)),
        "brier": np.zeros((n_cells, 2)),
    }
    for cell, rows in enumerate(rows_of_cells(labels, slice_ids, window_ids, n_slices, n_windows)):
        for row in rows:
            label, k = int(labels[row]), score_bin(scores[row])
            out["confusion"][cell, label, int(scores[row] >= np.float32(threshold))] += 1
            out["bin_n"][cell, k] += 1
            out["bin_positive"][cell, k] += label
            out["bin_score"][cell, k] += float(scores[row])
        out["log_loss"][cell] = mean_and_m2([log_loss(scores[row], labels[row]) for row in rows])
        out["brier"][cell] = mean_and_m2([squared_error(scores[row], labels[row]) for row in rows])
    return out


def paired(champion, challenger, labels, slice_ids, window_ids, n_slices, n_windows, champion_threshold, challenger_threshold):
    """Return a dict of arrays [n_cells, ...] named as in PairedTally, moments as [n_cells, 2]."""
    n_cells = n_slices * n_windows
    names = ("champion_log_loss", "champion_brier", "log_loss", "brier")
    out = {"cells": np.zeros((n_cells, 2, 2, 2), np.int64)} | {name: np.zeros((n_cells, 2)) for name in names}
    for cell, rows in enumerate(rows_of_cells(labels, slice_ids, window_ids, n_slices, n_windows)):
        for row in rows:
            first = int(champion[row] >= np.float32(champion_threshold))
            second = int(challenger[row] >= np.float32(challenger_threshold))
            out["cells"][cell, int(labels[row]), first, second] += 1
        for name, loss in (("log_loss", log_loss), ("brier", squared_error)):
            before = [loss(champion[row], labels[row]) for row in rows]
            after = [loss(challenger[row], labels[row]) for row in rows]
            out[f"champion_{name}"][cell] = mean_and_m2(before)
            out[name][cell] = mean_and_m2([b - a for a, b in zip(before, after, strict=True)])
    return out


def random_log(seed, n_rows, widths=(3, 5), n_windows=1, dtype=np.uint16, n_score_values=None, share_skipped=0.1):
    """Return (scores, labels, slice_ids, window_ids, n_slices): a small log with ties, skipped rows and rows in no window."""
    rng = np.random.default_rng(seed)
    scores = rng.random(n_rows, np.float32)
    if n_score_values is not None:
        scores = (rng.integers(0, n_score_values, n_rows) / max(n_score_values - 1, 1)).astype(np.float32)
    labels = np.where(rng.random(n_rows) < share_skipped, -1, rng.random(n_rows) < scores * 0.8 + 0.1).astype(np.int8)
    slice_ids = np.zeros((n_rows, 1 + len(widths)), dtype)
    first = 1
    for column, width in enumerate(widths, start=1):
        slice_ids[:, column] = first + rng.integers(0, width, n_rows)
        first += width
    window_ids = rng.integers(0, n_windows, n_rows).astype(np.int32) if n_windows > 1 else None
    return scores, labels, slice_ids, window_ids, first

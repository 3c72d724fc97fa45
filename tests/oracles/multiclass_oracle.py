"""Multiclass tallies from their definitions, a row at a time, in plain Python."""

from __future__ import annotations

import math

import numpy as np

from tests.oracles.tally_oracle import mean_and_m2


def random_log(seed, n_rows, n_classes=3, widths=(3, 4), n_windows=1, n_score_values=None, share_skipped=0.1):
    """Return (scores, labels, slice_ids, window_ids, n_slices): probabilities with ties where asked for, skipped rows, rows in no window."""
    rng = np.random.default_rng(seed)
    raw = rng.gamma(0.7, size=(n_rows, n_classes)) + 1e-3
    if n_score_values is not None:
        raw = rng.integers(1, n_score_values + 1, (n_rows, n_classes)).astype(float)
    scores = (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)
    drawn = (scores.cumsum(axis=1) < rng.random((n_rows, 1))).sum(axis=1).clip(max=n_classes - 1)
    labels = np.where(rng.random(n_rows) < 0.5, drawn, rng.integers(0, n_classes, n_rows))
    labels = np.where(rng.random(n_rows) < share_skipped, -1, labels).astype(np.int32)
    slice_ids = np.zeros((n_rows, 1 + len(widths)), np.uint16)
    first = 1
    for column, width in enumerate(widths, start=1):
        slice_ids[:, column] = first + rng.integers(0, width, n_rows)
        first += width
    window_ids = rng.integers(0, n_windows, n_rows).astype(np.int32) if n_windows > 1 else None
    return scores, labels, slice_ids, window_ids, first


def rows_of_cells(labels, slice_ids, window_ids, n_slices, n_windows):
    """Return the judged rows of each cell, in row order."""
    cells = [[] for _ in range(n_slices * n_windows)]
    for row in range(len(labels)):
        if labels[row] < 0:
            continue
        for one in slice_ids[row]:
            cells[int(one) * n_windows].append(row)
            if window_ids is not None and window_ids[row] > 0:
                cells[int(one) * n_windows + int(window_ids[row])].append(row)
    return cells


def ranked(scores):
    """Return the classes from the highest score to the lowest, of equals the lower number first."""
    return sorted(range(len(scores)), key=lambda k: (-float(scores[k]), k))


def read_row(scores, label):
    """Return (predicted class, rank of the label, log loss, Brier)."""
    order = ranked(scores)
    clipped = min(max(float(scores[label]), 1e-15), 1 - 1e-15)
    brier = math.fsum((float(p) - (k == label)) ** 2 for k, p in enumerate(scores))
    return order[0], order.index(label), -math.log(clipped), brier


def single(scores, labels, slice_ids, window_ids, n_slices, n_windows, top_k):
    """Return a dict of arrays [n_cells, ...] named as in MulticlassTally, moments as [n_cells, 2]."""
    n_cells, n_classes = n_slices * n_windows, scores.shape[1]
    out = {
        "confusion": np.zeros((n_cells, n_classes, n_classes), np.int64),
        "n_in_top_k": np.zeros(n_cells, np.int64),
        "log_loss": np.zeros((n_cells, 2)),
        "brier": np.zeros((n_cells, 2)),
    }
    for cell, rows in enumerate(rows_of_cells(labels, slice_ids, window_ids, n_slices, n_windows)):
        read = [read_row(scores[row], int(labels[row])) for row in rows]
        for row, (predicted, rank, _, _) in zip(rows, read, strict=True):
            out["confusion"][cell, labels[row], predicted] += 1
            out["n_in_top_k"][cell] += rank < top_k
        out["log_loss"][cell] = mean_and_m2([loss for _, _, loss, _ in read])
        out["brier"][cell] = mean_and_m2([loss for _, _, _, loss in read])
    return out


def paired(champion, challenger, labels, slice_ids, window_ids, n_slices, n_windows, top_k):
    """Return a dict of arrays [n_cells, ...] named as in PairedMulticlassTally, moments as [n_cells, 2]."""
    n_cells = n_slices * n_windows
    out = {name: np.zeros((n_cells, 2, 2), np.int64) for name in ("right", "in_top_k")}
    out |= {name: np.zeros((n_cells, 2)) for name in ("champion_log_loss", "champion_brier", "log_loss", "brier")}
    for cell, rows in enumerate(rows_of_cells(labels, slice_ids, window_ids, n_slices, n_windows)):
        a = [read_row(champion[row], int(labels[row])) for row in rows]
        b = [read_row(challenger[row], int(labels[row])) for row in rows]
        for row, x, y in zip(rows, a, b, strict=True):
            out["right"][cell, int(x[0] == labels[row]), int(y[0] == labels[row])] += 1
            out["in_top_k"][cell, int(x[1] < top_k), int(y[1] < top_k)] += 1
        for at, name in ((2, "log_loss"), (3, "brier")):
            out[f"champion_{name}"][cell] = mean_and_m2([x[at] for x in a])
            out[name][cell] = mean_and_m2([y[at] - x[at] for x, y in zip(a, b, strict=True)])
    return out


def auc_of_class(scores, labels, rows, one):
    """Return (AUC, influence of every row of `rows` on it) by all pairs of rows; NaN where the class or its rest is missing."""
    own = [row for row in rows if labels[row] == one]
    rest = [row for row in rows if labels[row] != one]
    if not own or not rest:
        return math.nan, dict.fromkeys(rows, math.nan)
    wins = {(i, j): 0.5 * ((scores[i, one] > scores[j, one]) + 0.0) + 0.5 * (scores[i, one] >= scores[j, one]) for i in own for j in rest}
    auc = sum(wins.values()) / len(wins)
    influence = {i: (sum(wins[i, j] for j in rest) / len(rest) - auc) / len(own) for i in own}
    influence |= {j: (sum(wins[i, j] for i in own) / len(own) - auc) / len(rest) for j in rest}
    return auc, influence


def influences(scores, labels, slice_ids, window_ids, n_slices, n_windows, weights, scale):
    """Return weight * placement * scale of every row [n_columns, n_rows, n_kinds], and the positives' sums of weight * placement [n_cells]."""
    n_rows, n_columns = slice_ids.shape
    weight = np.ones(n_rows) if weights is None else weights
    out, sums = np.zeros((n_columns, n_rows, 2 if n_windows > 1 else 1)), np.zeros(n_slices * n_windows)
    for cell, rows in enumerate(rows_of_cells(labels, slice_ids, window_ids, n_slices, n_windows)):
        for row in rows:
            column = [int(one) for one in slice_ids[row]].index(cell // n_windows)
            sign = 1 if labels[row] == 1 else -1
            placed = sum(
                weight[other] * (1.0 if sign * float(scores[row]) > sign * float(scores[other]) else 0.5)
                for other in rows
                if labels[other] != labels[row] and sign * float(scores[row]) >= sign * float(scores[other])
            )
            out[column, row, int(cell % n_windows > 0)] = weight[row] * placed * scale[cell, labels[row]]
            sums[cell] += weight[row] * placed if labels[row] == 1 else 0.0
    return out, sums

"""Doubled placements from their definition, every pair of rows compared, in Python integers."""

from __future__ import annotations

from tests.oracles.tally_oracle import rows_of_cells


def placements(scores, labels, rows):
    """Return {row: a or b} within one cell: 2 for each row of the other class below, 1 for each equal."""
    out = {}
    for row in rows:
        others = [other for other in rows if labels[other] != labels[row]]
        out[row] = sum(2 * bool(scores[other] < scores[row]) + bool(scores[other] == scores[row]) for other in others)
    return out


def rank_sums(scores, labels, slice_ids, window_ids, n_slices, n_windows):
    """Return, per cell, (positives, negatives, sum a, sum a^2, sum b^2)."""
    out = []
    for rows in rows_of_cells(labels, slice_ids, window_ids, n_slices, n_windows):
        placed = placements(scores, labels, rows)
        a = [placed[row] for row in rows if labels[row] == 1]
        b = [placed[row] for row in rows if labels[row] == 0]
        out.append((len(a), len(b), sum(a), sum(v * v for v in a), sum(v * v for v in b)))
    return out


def cross_sums(champion, challenger, labels, slice_ids, window_ids, n_slices, n_windows):
    """Return, per cell, (sum over positives of a a', sum over negatives of b b')."""
    out = []
    for rows in rows_of_cells(labels, slice_ids, window_ids, n_slices, n_windows):
        first, second = placements(champion, labels, rows), placements(challenger, labels, rows)
        out.append(tuple(sum(first[row] * second[row] for row in rows if labels[row] == label) for label in (1, 0)))
    return out

"""Tallies of single variants from rows, slow and from the definitions: loops over cells and pairs of rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.records.tally import N_BINS, BinaryTally, Moments, RankSums

Rows = NDArray[np.float32]
Labels = NDArray[np.int8]
Ids = NDArray[np.int64]


def placements(scores: Rows, labels: Labels) -> tuple[list[int], list[int]]:
    """Doubled placements of the positive rows among the negative ones, and the other way round, by all pairs."""
    positive, negative = scores[labels == 1], scores[labels == 0]
    a = [2 * int((negative < s).sum()) + int((negative == s).sum()) for s in positive]
    b = [2 * int((positive < s).sum()) + int((positive == s).sum()) for s in negative]
    return a, b


def split(total: int) -> tuple[int, int]:
    return total >> 32, total & 0xFFFFFFFF


def rank_sums(cells: list[tuple[Rows, Labels]]) -> RankSums:
    rows = []
    for scores, labels in cells:
        a, b = placements(scores, labels)
        rows.append((len(a), len(b), sum(a), *split(sum(x * x for x in a)), *split(sum(x * x for x in b))))
    columns = np.array(rows, dtype=np.int64).T
    return RankSums(*columns)


def moments(values: list[NDArray[np.float64]]) -> Moments:
    mean = np.array([v.mean() if len(v) else 0.0 for v in values])
    m2 = np.array([((v - m) ** 2).sum() if len(v) else 0.0 for v, m in zip(values, mean, strict=True)])
    return Moments(mean, m2)


def row_log_loss(scores: Rows, labels: Labels) -> NDArray[np.float64]:
    p = scores.astype(np.float64).clip(1e-15, 1 - 1e-15)
    return np.where(labels == 1, -np.log(p), -np.log1p(-p))


def row_squared_error(scores: Rows, labels: Labels) -> NDArray[np.float64]:
    return (scores.astype(np.float64) - labels) ** 2


def score_bin(score: float) -> int:
    """Bins are [a, b) with 1.0 in the last."""
    return min(int(score * N_BINS), N_BINS - 1)


def binary_tally_from_rows(scores: Rows, labels: Labels, cell_ids: Ids, n_cells: int, threshold: float) -> BinaryTally:
    confusion = np.zeros((n_cells, 2, 2), dtype=np.int64)
    bin_n = np.zeros((n_cells, N_BINS), dtype=np.int64)
    bin_positive = np.zeros_like(bin_n)
    bin_score = np.zeros((n_cells, N_BINS))
    for score, label, cell in zip(scores.tolist(), labels.tolist(), cell_ids.tolist(), strict=True):
        confusion[cell, label, int(np.float32(score) >= np.float32(threshold))] += 1
        bin_n[cell, score_bin(score)] += 1
        bin_positive[cell, score_bin(score)] += label
        bin_score[cell, score_bin(score)] += score
    cells = [(scores[cell_ids == k], labels[cell_ids == k]) for k in range(n_cells)]
    return BinaryTally(
        confusion=confusion,
        bin_n=bin_n,
        bin_positive=bin_positive,
        bin_score=bin_score,
        log_loss=moments([row_log_loss(s, y) for s, y in cells]),
        brier=moments([row_squared_error(s, y) for s, y in cells]),
        ranks=rank_sums(cells),
    )


def delong_by_pairs(scores: Rows, labels: Labels) -> tuple[float, float]:
    """AUC and its variance from the O(n²) definition: psi of every pair, its row and column means (DeLong 1988)."""
    positive, negative = scores[labels == 1].astype(np.float64), scores[labels == 0].astype(np.float64)
    psi = np.array([[1.0 if x > y else 0.5 if x == y else 0.0 for y in negative] for x in positive])
    v10, v01 = psi.mean(axis=1), psi.mean(axis=0)
    return float(psi.mean()), float(v10.var(ddof=1) / len(positive) + v01.var(ddof=1) / len(negative))


def tally_of_counts(tn: int, fp: int, fn: int, tp: int) -> BinaryTally:
    """A one-cell tally with these decisions; its scores are 0.25 and 0.75."""
    labels = np.repeat(np.array([0, 0, 1, 1], dtype=np.int8), [tn, fp, fn, tp])
    scores = np.repeat(np.array([0.25, 0.75, 0.25, 0.75], dtype=np.float32), [tn, fp, fn, tp])
    return binary_tally_from_rows(scores, labels, np.zeros(len(labels), dtype=np.int64), 1, 0.5)

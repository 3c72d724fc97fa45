"""Paired tallies from rows, and paired statistics from their definitions: slow and obvious."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from harness.records.tally import PairedRanks, PairedTally
from tests.oracles.metric_oracle import (
    Ids,
    Labels,
    Rows,
    moments,
    placements,
    rank_sums,
    row_log_loss,
    row_squared_error,
    split,
)


def paired_tally_from_rows(
    champion: Rows, challenger: Rows, labels: Labels, cell_ids: Ids, n_cells: int, threshold: float = 0.5
) -> PairedTally:
    cells = np.zeros((n_cells, 2, 2, 2), dtype=np.int64)
    for old, new, label, cell in zip(champion, challenger, labels, cell_ids, strict=True):
        cells[cell, label, int(old >= np.float32(threshold)), int(new >= np.float32(threshold))] += 1
    at = [cell_ids == k for k in range(n_cells)]
    cross_a, cross_b = [], []
    for rows in at:
        a_old, b_old = placements(champion[rows], labels[rows])
        a_new, b_new = placements(challenger[rows], labels[rows])
        cross_a.append(split(sum(x * y for x, y in zip(a_old, a_new, strict=True))))
        cross_b.append(split(sum(x * y for x, y in zip(b_old, b_new, strict=True))))
    a, b = np.array(cross_a, dtype=np.int64), np.array(cross_b, dtype=np.int64)
    log_old, log_new = row_log_loss(champion, labels), row_log_loss(challenger, labels)
    brier_old, brier_new = row_squared_error(champion, labels), row_squared_error(challenger, labels)
    return PairedTally(
        cells=cells,
        champion_log_loss=moments([log_old[rows] for rows in at]),
        champion_brier=moments([brier_old[rows] for rows in at]),
        log_loss=moments([(log_new - log_old)[rows] for rows in at]),
        brier=moments([(brier_new - brier_old)[rows] for rows in at]),
        ranks=PairedRanks(
            champion=rank_sums([(champion[rows], labels[rows]) for rows in at]),
            challenger=rank_sums([(challenger[rows], labels[rows]) for rows in at]),
            cross_a_hi=a[:, 0],
            cross_a_lo=a[:, 1],
            cross_b_hi=b[:, 0],
            cross_b_lo=b[:, 1],
        ),
    )


def paired_delong_by_pairs(champion: Rows, challenger: Rows, labels: Labels) -> tuple[float, float, float]:
    """Difference of AUC, its variance and the covariance of both AUCs from the O(n²) definition (DeLong 1988)."""
    v10, v01, auc = [], [], []
    for scores in (champion.astype(np.float64), challenger.astype(np.float64)):
        positive, negative = scores[labels == 1], scores[labels == 0]
        psi = np.array([[1.0 if x > y else 0.5 if x == y else 0.0 for y in negative] for x in positive])
        v10.append(psi.mean(axis=1))
        v01.append(psi.mean(axis=0))
        auc.append(float(psi.mean()))
    s = np.cov(v10) / len(v10[0]) + np.cov(v01) / len(v01[0])
    return auc[1] - auc[0], float(s[0, 0] + s[1, 1] - 2 * s[0, 1]), float(s[0, 1])


def tango_score(gained: int, lost: int, n: int, difference: float) -> float:
    """Tango's statistic; the share of `lost` rows by maximising the trinomial likelihood on a fine grid, refined twice."""
    low, high = max(0.0, -difference), (1.0 - difference) / 2
    for _ in range(4):
        q = np.linspace(low, high, 4001)
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = [gained * np.log(q + difference), lost * np.log(q), (n - gained - lost) * np.log(1 - difference - 2 * q)]
        # 0 * log 0 is 0
        likelihood = sum(np.where(k == 0, 0.0, t) for k, t in zip((gained, lost, n - gained - lost), terms, strict=True))
        best = q[int(np.nanargmax(likelihood))]
        step = q[1] - q[0]
        low, high = max(low, best - step), min(high, best + step)
    variance = n * (2 * best + difference * (1 - difference))
    return float((gained - lost - n * difference) / np.sqrt(variance)) if variance > 0 else float("inf")


def tango_by_search(gained: int, lost: int, n: int, confidence: float) -> tuple[float, float]:
    """The interval by halving the stretch between the estimate and each end, on the brute-force statistic."""
    z = norm.ppf(0.5 + confidence / 2)

    def bound(b: int, c: int) -> float:
        outside, inside = -1.0, (b - c) / n
        for _ in range(40):
            middle = (outside + inside) / 2
            outside, inside = (middle, inside) if tango_score(b, c, n, middle) > z else (outside, middle)
        return inside

    return bound(gained, lost), -bound(lost, gained)

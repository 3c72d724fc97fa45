"""Which variants are worth considering: none is on the front that another one is shown to beat in gain and in cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from harness.records.money import GainEvidence, GainRow, ValueMoments
from harness.records.tally import ALL, Grid, Moments, PairedTally

Floats = NDArray[np.float64]
Pairs = Mapping[tuple[str, str], ValueMoments]  # (variant in the champion's place, own) -> what a rule reads of both


def earns_more(
    gain_difference_per_1k: NDArray[np.float64], gain_difference_se_per_1k: NDArray[np.float64], confidence: float = 0.95
) -> NDArray[np.bool_]:
    """Return whose gain is shown to be higher than whose: where the normal two-sided interval of the difference lies above 0.

    Formula: difference > z · se with z the normal quantile at (1 + confidence) / 2, and se > 0: a zero width is not evidence. False where
    either is NaN.

    >>> earns_more(np.array([2.0, 2.0, 2.0]), np.array([1.0, 1.1, 0.0])).tolist()
    [True, False, False]
    """
    z = float(ndtri((1.0 + confidence) / 2.0))
    return np.asarray((gain_difference_per_1k > z * gain_difference_se_per_1k) & (gain_difference_se_per_1k > 0), np.bool_)


def pareto_front(
    gain_difference_per_1k: NDArray[np.float64],
    gain_difference_se_per_1k: NDArray[np.float64],
    cost_difference_high_per_1k: NDArray[np.float64],
    is_known: NDArray[np.bool_],
    confidence: float = 0.95,
) -> NDArray[np.bool_]:
    """Return which variants no other variant is shown to dominate.

    A dominates B only where the evidence says so on both axes: the interval of A's gain less B's lies above 0, and that of A's cost less B's
    lies below 0. Ties, and whatever the data cannot tell apart, stay on the front.

    Joint level: each axis has its two-sided interval at `confidence`. A dominates B is claimed only where both axes say so, so the chance of
    a claim that is wrong on either axis is at most that of the one axis it is wrong on: (1 - confidence) / 2 for each direction, and
    1 - confidence for both, whatever the dependence of the axes. No share of the level is lost to the second axis.

    Parameters
    ----------
    gain_difference_per_1k : float64 [n_variants, n_variants]
        Gain of the row's variant less that of the column's, per 1,000 predictions; paired where both were judged on the same rows.
    gain_difference_se_per_1k : float64 [n_variants, n_variants]
        Its standard error.
    cost_difference_high_per_1k : float64 [n_variants, n_variants]
        Upper bound, of a two-sided interval at `confidence`, of the cost of the row's variant less that of the column's.
    is_known : bool [n_variants]
        Whether gain and cost of a variant are known at all.
    confidence : float
        Of each axis, and of both together.

    Returns
    -------
    bool [n_variants]
        False where a variant is not known: it is not on the front, and dominates nobody. Where a difference or a bound is NaN, nobody
        dominates by it.

    Raises
    ------
    ValueError
        When a matrix is not [n_variants, n_variants].

    Source: the intersection-union test, Berger, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24, 1982, theorem 1.
    Dominated by one that is itself dominated is dominated, as in Ehrgott, Multicriteria Optimization, 2005, chapter 2. Pairs are not corrected
    for their number: the level is that of a pair.

    Examples
    --------
    The second earns less and costs more than the first; the third is cheaper, and its gain cannot be told from the first's; the fourth is as
    good as the first, and its cost cannot be told from the first's.

    >>> gain = np.array([5.0, 1.0, 4.9, 5.0])
    >>> cost_high = np.array([[0.1, -0.9, 0.6, 0.1], [1.1, 0.1, 1.6, 1.1], [-0.4, -1.4, 0.1, -0.4], [0.1, -0.9, 0.6, 0.1]])
    >>> pareto_front(gain[:, None] - gain[None, :], np.full((4, 4), 0.2), cost_high, np.full(4, True)).tolist()
    [True, False, True, True]
    """
    shape = (is_known.size, is_known.size)
    for name, matrix in (
        ("gain_difference_per_1k", gain_difference_per_1k),
        ("gain_difference_se_per_1k", gain_difference_se_per_1k),
        ("cost_difference_high_per_1k", cost_difference_high_per_1k),
    ):
        if matrix.shape != shape:
            raise ValueError(f"{name}: found shape {matrix.shape}, wanted {shape}, a row and a column for every variant")
    better = earns_more(gain_difference_per_1k, gain_difference_se_per_1k, confidence)
    dominates = better & (cost_difference_high_per_1k < 0) & is_known[:, None]
    return np.asarray(is_known & ~dominates.any(axis=0), dtype=np.bool_)


def pair_gain(gain: Any, own: GainEvidence, moments: ValueMoments, confidence: float) -> tuple[float, float] | None:
    """Return by how much a variant's gain is above that of the one in the champion's place, per 1,000, and its standard error.

    The rule computes it as it does against the champion, from what is kept of the pair. None where it has no such form: that of a metric
    reads paired differences, which are made with the champion only.
    """
    unread = Moments(np.full(len(moments.n), np.nan), np.full(len(moments.n), np.nan))
    cells = moments.n.reshape(-1, 2, 2, 2) if moments.n.shape[1] == 8 else np.zeros((1, 2, 2, 2), np.int64)
    grid = None if own.grid is None else Grid(own.grid.slice_by, own.grid.slice_value, (ALL,))
    pair = PairedTally(cells, unread, unread, unread, unread, None)
    row: GainRow = gain.gain(replace(own, is_champion=False, paired=pair, paired_moments=moments, differences=(), grid=grid), confidence)
    if row.vs_champion_n_rows == 0 or row.vs_champion_per_1k is None or row.vs_champion_se_per_1k is None:
        return None
    return row.vs_champion_per_1k, row.vs_champion_se_per_1k


def gain_differences(
    gain: Any, evidence: Sequence[GainEvidence], rows: Sequence[GainRow], pairs: Pairs, confidence: float
) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Return by how much the gain of each variant is above that of each other, its standard error, and what a reader has to know of them.

    Two challengers are compared on the rows of both (`pair_gain`). Where that is not known, by their differences to the champion, else by
    their gains, with the standard error √(se_a² + se_b²): gains on the same rows as a rule correlate positively, so that it is too large.
    """
    n = len(rows)
    difference, se = np.zeros((n, n)), np.zeros((n, n))
    why: dict[str, int] = {}
    for a, b in combinations(range(n), 2):
        value, reason = _of_pair(gain, (evidence[a], evidence[b]), (rows[a], rows[b]), pairs, confidence)
        if reason is not None:
            why[reason] = why.get(reason, 0) + 1
        difference[b, a], se[b, a] = value
        difference[a, b], se[a, b] = -value[0], value[1]
    return difference, se, tuple(_conservative_note(count, reason) for reason, count in why.items())


def _of_pair(
    gain: Any, evidence: tuple[GainEvidence, GainEvidence], rows: tuple[GainRow, GainRow], pairs: Pairs, confidence: float
) -> tuple[tuple[float, float], str | None]:
    """Return the second's gain less the first's with its standard error, and why it is not that of the rows of both."""
    to_champion = [
        None if r.vs_champion_per_1k is None or r.vs_champion_se_per_1k is None else (r.vs_champion_per_1k, r.vs_champion_se_per_1k)
        for r in rows
    ]
    first, second = to_champion
    if evidence[0].is_champion and second is not None:
        return second, None
    if evidence[1].is_champion and first is not None:
        return (-first[0], first[1]), None
    for sign, own, other in ((1, 1, 0), (-1, 0, 1)):
        moments = pairs.get((evidence[other].variant, evidence[own].variant))
        found = None if moments is None else pair_gain(gain, evidence[own], moments, confidence)
        if found is not None:
            return (sign * found[0], found[1]), None
    is_kept = any((evidence[i].variant, evidence[1 - i].variant) in pairs for i in (0, 1))
    reason = "the rule has no paired form between two challengers" if is_kept else "nothing is kept of their rows together"
    if first is None or second is None:
        first, second = ((r.gain_per_1k, r.se_per_1k) for r in rows)
    return (second[0] - first[0], math.hypot(second[1], first[1])), reason


def _conservative_note(n_pairs: int, reason: str) -> str:
    pairs = "1 pair" if n_pairs == 1 else f"{n_pairs} pairs"
    return f"Pareto: the gains of {pairs} of variants are compared as if they were independent, as {reason}; the front is at most too large by it"

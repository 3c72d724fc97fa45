"""Decision thresholds found on tuning rows, which are never judged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.errors import ReplayError, ScoreError
from harness.gain.rule import GainRule

_TIE = 1e-12  # of the sum of all absolute values: sums of n rounded terms differ by less


def best_threshold(
    scores: NDArray[np.float32],
    labels: NDArray[np.integer],
    rule: GainRule,
    amounts: NDArray[np.float64] | None = None,
    override_ids: NDArray[np.intp] | None = None,
) -> float:
    """Find the threshold at which the decisions on these rows are worth most.

    Candidates are the distinct scores (a row is flagged at score >= threshold) and +inf, which flags nobody. Between equally good
    ones the highest is taken: it flags the fewest rows.

    Parameters
    ----------
    scores
        float32 [n_rows].
    labels
        integers [n_rows]; rows with a label other than 0 or 1 are skipped.
    rule
        The values of decisions; the baseline does not matter, it shifts all candidates alike.
    amounts
        float64 [n_rows, k], the columns that the values hang on, in the order of `rule.columns()`; None where they hang on none.
    override_ids
        intp [n_rows], which values each row has, as `rule.override_ids` says; None where all have the same.

    Returns
    -------
    float
        A float32 value.

    Raises
    ------
    ReplayError
        When no row has a label.
    ScoreError
        When a score is NaN.

    Notes
    -----
    The search over observed scores is exact; for calibrated scores it tends to the threshold of Elkan, IJCAI 2001, section 1.3.

    Examples
    --------
    Flagging the two highest rows is worth 2·2.00; the third would cost 0.60.

    >>> from harness.gain.value_matrix import ValueMatrix
    >>> rule = ValueMatrix(2.0, -0.6, 0.0, 0.0, "USD")
    >>> best_threshold(np.array([0.75, 0.25, 0.5, 0.125], dtype=np.float32), np.array([1, 0, 1, 0]), rule)
    0.5
    """
    known = np.flatnonzero((labels == 0) | (labels == 1))
    distinct, _ = _flagged_at(scores[known], "a label")
    own_amounts = None if amounts is None else amounts[known]
    turns = rule.turns(labels[known], own_amounts, None if override_ids is None else override_ids[known])
    sums = _sums_by_score if own_amounts is not None else _counted_by_score
    worths = np.concatenate(([0.0], sums(scores[known], turns, distinct)))
    slack = _TIE * max(float(np.abs(turns).sum()), np.finfo(np.float64).tiny)
    return float(distinct[int(np.flatnonzero(worths >= worths.max() - slack)[0])])


def threshold_for_rate(scores: NDArray[np.float32], rate: float) -> float:
    """Find the threshold that flags a share of these rows as close to `rate` as their ties allow.

    Candidates as in `best_threshold`; between equally close ones the highest is taken.

    Raises
    ------
    ValueError
        When `rate` is not between 0 and 1.
    ReplayError
        When there are no rows.
    ScoreError
        When a score is NaN.

    Examples
    --------
    >>> threshold_for_rate(np.array([0.75, 0.25, 0.5, 0.125], dtype=np.float32), 0.5)
    0.5
    """
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"selection_rate: found {rate}, wanted a share between 0 and 1")
    distinct, flagged = _flagged_at(scores, "a score")
    return float(distinct[int(np.argmin(np.abs(flagged / len(scores) - rate)))])


def threshold_matching(scores: NDArray[np.float32], champion_scores: NDArray[np.float32], champion_threshold: float) -> float:
    """Find the threshold at which a variant flags the share of the tuning rows that the champion flags at its own.

    Parameters
    ----------
    scores, champion_scores
        float32 [n_rows], of the same tuning rows.
    champion_threshold
        The champion's threshold, compared as float32.

    Raises
    ------
    ReplayError
        When there are no rows.
    ScoreError
        When a score is NaN.
    """
    _check(champion_scores, "a champion's score")
    return threshold_for_rate(scores, float(np.mean(champion_scores >= np.float32(champion_threshold))))


def _flagged_at(scores: NDArray[np.float32], what: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the candidates from +inf downwards, and how many rows each flags."""
    _check(scores, what)
    distinct, counts = np.unique(scores, return_counts=True)
    candidates = np.concatenate((np.array([np.inf], dtype=np.float32), distinct[::-1]))
    return candidates, np.concatenate(([0], np.cumsum(counts[::-1]))).astype(np.int64)


def _sums_by_score(scores: NDArray[np.float32], turns: NDArray[np.float64], candidates: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the sum of the turns of rows that each candidate but the first flags; rows of one score are summed in the order of their turns."""
    order = np.lexsort((turns, scores))
    sums = np.bincount(np.searchsorted(candidates[:0:-1], scores[order]), weights=turns[order], minlength=len(candidates) - 1)
    return np.asarray(np.cumsum(sums[::-1]), np.float64)


def _counted_by_score(scores: NDArray[np.float32], turns: NDArray[np.float64], candidates: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the same where turns take few values: the rows of each are counted, so that a long sum is not rounded."""
    found = np.zeros(len(candidates) - 1)
    for turn in np.unique(turns):
        counts = np.bincount(np.searchsorted(candidates[:0:-1], scores[turns == turn]), minlength=len(candidates) - 1)
        found += turn * np.cumsum(counts[::-1])
    return found


def _check(scores: NDArray[np.float32], what: str) -> None:
    if not len(scores):
        raise ReplayError(f"threshold: no tuning row has {what}; widen replay.tuning or give a number for the threshold")
    if np.isnan(scores).any():
        raise ScoreError(f"threshold: {int(np.isnan(scores).sum())} of {len(scores)} tuning scores are NaN; mend the model or its inputs")

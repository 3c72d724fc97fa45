"""Whether the slices that were found are bad on rows that had no part in finding them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from harness.compare.slice_clusters import MIN_CLUSTERS, compare_clustered
from harness.compare.slice_difference import MeanDifference, compare_means, moments_of, p_value_worse
from harness.records.slice_search import SearchColumn, SearchRule, SliceCandidate, SliceSearch, WorstSliceRow
from harness.stats.holm import holm


@dataclass(frozen=True)
class _Reading:
    """One candidate on the confirmation half; `found` arrays are [1], NaN where `reason` says why."""

    n: int
    mean: float
    rest_mean: float
    found: MeanDifference
    method: str
    reason: str | None


def confirm_slices(
    search: SliceSearch,
    losses: NDArray[np.float64],
    columns: Sequence[SearchColumn],
    rows: NDArray[np.intp],
    rule: SearchRule,
    clusters: NDArray[np.int64] | None = None,
) -> tuple[WorstSliceRow, ...]:
    """Return the candidates as the confirmation half shows them, in the order in which they were found.

    A slice is confirmed when its one-sided p-value, Holm-corrected for the number carried here, is at most (1 - confidence) / 2.
    Beside the interval at `confidence` stands a simultaneous one, Bonferroni's for the same number.

    Parameters
    ----------
    search : SliceSearch
        What the search half gave.
    losses : float64 [n_rows]
    columns : sequence of SearchColumn
        As searched.
    rows : intp [n_confirm]
        The rows of the confirmation half.
    rule : SearchRule
        The one of the search.
    clusters : int64 [n_rows], optional
        Cluster of each row; None where rows are independent.

    Returns
    -------
    tuple of WorstSliceRow
        A candidate that cannot be tested is there with its n and the reason; it counts in the family all the same.
    """
    taken = losses[rows]
    alike = None if clusters is None else clusters[rows]
    readings = [_read(taken, _members(candidate, columns, rows), alike, rule) for candidate in search.candidates]
    if not readings:
        return ()
    found = MeanDifference(*(np.concatenate(parts) for parts in zip(*(reading.found for reading in readings), strict=True)))
    p_value = p_value_worse(found)
    corrected = holm(p_value, len(readings))
    low, high = _interval(found, rule.confidence)
    wide_low, wide_high = _interval(found, 1.0 - (1.0 - rule.confidence) / len(readings))
    confirmed = corrected <= (1.0 - rule.confidence) / 2
    by_rank = enumerate(zip(search.candidates, readings, strict=True))
    return tuple(
        WorstSliceRow(
            rank=i + 1,
            slice_by="*".join(columns[c.column].name for c in candidate.conditions),
            slice_value="*".join(columns[c.column].values[c.value] for c in candidate.conditions),
            n_search=candidate.n,
            mean_loss_search=candidate.mean_loss,
            difference_search=candidate.difference,
            lower_bound_search=candidate.lower_bound,
            sliceline_score_search=candidate.sliceline_score,
            n=reading.n,
            mean_loss=reading.mean,
            rest_mean_loss=reading.rest_mean,
            difference=float(found.difference[i]),
            ci_low=float(low[i]),
            ci_high=float(high[i]),
            simultaneous_low=float(wide_low[i]),
            simultaneous_high=float(wide_high[i]),
            ci_method=reading.method,
            p_value=float(p_value[i]),
            p_value_corrected=float(corrected[i]),
            is_confirmed=bool(confirmed[i]),
            undefined_reason=reading.reason,
        )
        for i, (candidate, reading) in by_rank
    )


def _members(candidate: SliceCandidate, columns: Sequence[SearchColumn], rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    parts = [columns[condition.column].ids[rows] == condition.value for condition in candidate.conditions]
    return np.asarray(np.logical_and.reduce(parts), dtype=np.bool_)


def _read(losses: NDArray[np.float64], is_slice: NDArray[np.bool_], clusters: NDArray[np.int64] | None, rule: SearchRule) -> _Reading:
    slices, rest = moments_of(losses[is_slice]), moments_of(losses[~is_slice])
    n, n_rest = int(slices.n[0]), int(rest.n[0])
    mean, rest_mean = (float(side.mean[0]) if side.n[0] else np.nan for side in (slices, rest))
    few = next((f"{name} has {rows}" for name, rows in (("slice", n), ("rest", n_rest)) if rows < max(rule.min_n_confirm, 2)), None)
    if few is not None:
        nothing = np.array([np.nan])
        reason = f"undefined: the {few} rows in the confirmation half; wanted {max(rule.min_n_confirm, 2)}"
        return _Reading(n, mean, rest_mean, MeanDifference(nothing, nothing, nothing), "", reason)
    if clusters is None:
        found, method, none = compare_means(slices, rest), "Welch t, pooled floor", "no interval: the loss does not vary"
    else:
        found = compare_clustered(losses, is_slice, clusters)
        method, none = (
            "cluster-robust t, pooled floor",
            f"no interval: fewer than {MIN_CLUSTERS} clusters in the slice or in the rest, or no variance",
        )
    has_interval = bool(np.isfinite(found.se[0]))
    return _Reading(n, mean, rest_mean, found, method if has_interval else "", None if has_interval else none)


def _interval(found: MeanDifference, confidence: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    half = stdtrit(found.degrees, 0.5 + confidence / 2) * found.se
    return found.difference - half, found.difference + half

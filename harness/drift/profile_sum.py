"""Profiles of parts add up: the profile of two stretches of a log from theirs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.drift.bins import OTHER
from harness.drift.cardinality import joined_cardinality
from harness.errors import ReplayError
from harness.records.profile import QUANTILES, Bins, CellMoments, ColumnProfile

N_TOP = 20


def added_profiles(a: ColumnProfile, b: ColumnProfile) -> ColumnProfile:
    """Return the profile of the rows of both parts together, over all of them; windows and slices of parts stay with the parts.

    Counts add; mean and m2 by Chan, Golub & LeVeque 1983, equation 2.1; quantiles are interpolated in the histogram, and the method says so;
    the most frequent values are those of the bins of a category, and of a number's lists where both are complete.

    Raises
    ------
    ReplayError
        When the parts are of different columns, types or bins.
    """
    a, b = _in_same_bins(a, b), _in_same_bins(b, a)
    for what in ("name", "kind", "bins"):
        if getattr(a, what) != getattr(b, what):
            raise ReplayError(
                f"profile: '{a.name}' and '{b.name}' have different {what}, wanted parts of one column counted in the same bins;"
                " make the second with the first as drift.reference_profile"
            )
    counts = a.counts[:1] + b.counts[:1]
    moments = _added(a.moments, b.moments)
    return replace(
        a,
        moments=moments,
        counts=counts,
        quantiles=None
        if a.quantiles is None
        else histogram_quantiles(a.bins, counts[0], float(moments.minimum[0]), float(moments.maximum[0]), int(moments.n_infinite[0])),
        quantile_method="histogram",
        cardinality=joined_cardinality(a.cardinality, b.cardinality),
        top=_added_top(a, b),
        window_names=(),
        slice_by=(),
        slice_value=(),
    )


def _in_same_bins(a: ColumnProfile, b: ColumnProfile) -> ColumnProfile:
    """Return `a` with the categories that `b` alone has, where these stand after its own; else `a` as it is."""
    own, names = a.bins.categories, b.bins.categories
    if len(names) <= len(own) or names[: len(own)] != own or own[-1:] == (OTHER,):
        return a
    counts = np.insert(a.counts, [a.counts.shape[1] - 1] * (len(names) - len(own)), 0, axis=1)
    return replace(a, bins=b.bins, counts=counts)


def _added(a: CellMoments, b: CellMoments) -> CellMoments:
    n_a, n_b = (int((m.n_rows - m.n_missing - m.n_infinite)[0]) for m in (a, b))
    n, (mean_a, mean_b) = n_a + n_b, (np.nan_to_num(m.mean[:1]) for m in (a, b))
    gap = mean_b - mean_a
    unknown = np.full(1, np.nan)
    return CellMoments(
        n_rows=a.n_rows[:1] + b.n_rows[:1],
        n_missing=a.n_missing[:1] + b.n_missing[:1],
        n_infinite=a.n_infinite[:1] + b.n_infinite[:1],
        minimum=np.fmin(a.minimum[:1], b.minimum[:1]),
        maximum=np.fmax(a.maximum[:1], b.maximum[:1]),
        mean=mean_a + gap * (n_b / n) if n else unknown,
        m2=a.m2[:1] + b.m2[:1] + (gap**2 * n_a * n_b / n if n else 0.0),
    )


def histogram_quantiles(bins: Bins, counts: NDArray[np.int64], minimum: float, maximum: float, n_infinite: int = 0) -> NDArray[np.float64]:
    """Return the quantiles at `QUANTILES`, taking the values of a bin to lie evenly between its ends; NaN without values.

    Parameters
    ----------
    counts : int64 [n_bins]
    minimum, maximum : float
        Of the finite values: the ends of the outer bins.
    n_infinite : int
        Rows of the outer bins that are no values. Where both outer bins hold finite values too, they are taken from both in proportion.

    Examples
    --------
    >>> histogram_quantiles(Bins(edges=(0.0, 4.0)), np.array([0, 8, 2, 5]), 0.0, 4.0, n_infinite=2)[[0, 8, 16]].tolist()
    [0.0, 2.0, 4.0]
    """
    own = counts[:-1].astype(np.float64)
    if n_infinite:
        # An outer bin holds finite values only where the minimum or the maximum is beyond the edges.
        if minimum >= bins.edges[0]:
            below, above = own[0], n_infinite - own[0]
        elif maximum <= bins.edges[-1]:
            below, above = n_infinite - own[-1], own[-1]
        else:
            below, above = (n_infinite * part / (own[0] + own[-1]) for part in (own[0], own[-1]))
        own[0], own[-1] = own[0] - below, own[-1] - above
    if not own.sum() or np.isnan(minimum):
        return np.full(len(QUANTILES), np.nan)
    ends = np.array([min(minimum, bins.edges[0]), *bins.edges, max(maximum, bins.edges[-1])], np.float64)
    reached = np.concatenate([[0.0], np.cumsum(own)]) / own.sum()
    found = np.interp(np.array(QUANTILES), reached, np.clip(ends, minimum, maximum))
    return np.asarray(found, np.float64)


def _added_top(a: ColumnProfile, b: ColumnProfile) -> tuple[tuple[str, int], ...]:
    if not a.bins.edges:
        counts = (a.counts[0] + b.counts[0])[:-1]
        order = np.argsort(-counts, kind="stable")[:N_TOP]
        return tuple((a.bins.categories[i], int(counts[i])) for i in order.tolist() if counts[i])
    if any(len(part.top) < part.cardinality.n_distinct for part in (a, b)):
        return ()  # the most frequent values of both may be in neither list
    both: dict[str, int] = {}
    for name, n in (*a.top, *b.top):
        both[name] = both.get(name, 0) + n
    return tuple(sorted(both.items(), key=lambda item: -item[1])[:N_TOP])

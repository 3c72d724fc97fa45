"""Where the reference has scores: bins to count rows in, and the columns of a smooth curve over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from harness.drift.place_sums import fetched, sums_by_place
from harness.drift.quantiles import quantiles_of_sorted
from kernels.array_library import library_of

Floats = NDArray[np.float64]
Ids = NDArray[np.intp]

N_QUANTILE_BINS = 512  # of equal reference mass, where rows are many
N_WIDTH_BINS = 512  # of equal width, so that no bin of a thin tail is wide; both sets of edges hold
LARGEST_GAP = 0.1  # of the range of the reference's scores: a wider stretch without one of them is not covered by the curve
FEWEST_KNOTS, MOST_KNOTS = 5, 25
_CLIP = 1e-7  # of a probability before its logit, as the recalibration metrics clip


@dataclass(frozen=True)
class ScoreAxis:
    """Where the reference has scores, cut into bins; infinite nowhere.

    Args:
        edges: ascending float64 [n_bins + 1]; bin i is [edges[i], edges[i + 1]), the last one closed. One edge where all scores are equal.
        gaps: float64 [n_gaps, 2], open stretches wider than `LARGEST_GAP` of the range in which the reference has no score.
        positions: float64 [n_bins], mean of the reference's scores in the bin; its middle where there are none.
        mass: float64 [n_bins], share of the reference's scores.
        knots: float64 [n_knots], at which pieces of the curve meet.
    """

    edges: Floats
    gaps: Floats
    positions: Floats
    mass: Floats
    knots: Floats

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return len(self.positions)

    def bins_of(self, at: Any) -> Any:
        """Return the bin of each score, -1 where it is outside of what the reference has; int64 [n], NumPy or CuPy as the scores."""
        xp, at, _ = library_of(at)
        bins = (xp.searchsorted(xp.asarray(self.edges), at, side="right") - 1).clip(0, max(len(self.edges) - 2, 0))
        outside = (at < self.edges[0].item()) | (at > self.edges[-1].item())
        for low, high in self.gaps.tolist():
            outside |= (at > low) & (at < high)
        bins[outside] = -1
        return bins


def on_axis(scores: Any, is_probability: bool) -> Any:
    """Return where scores stand on the axis of the curve: the logit of a probability clipped to [1e-7, 1 - 1e-7], else the score.

    float64 [n], NumPy or CuPy as the scores; SciPy's logit has no form for a card, where it is log p - log(1 - p).

    >>> on_axis(np.array([0.5, 1.0]), True).round(2).tolist()
    [0.0, 16.12]
    """
    xp, scores, _ = library_of(scores)
    wide = scores.astype(xp.float64)
    if not is_probability:
        return wide
    clipped = wide.clip(_CLIP, 1.0 - _CLIP)
    return logit(clipped) if xp is np else xp.log(clipped) - xp.log1p(-clipped)


def score_axis(reference: Any, *, is_on_card: bool = False) -> ScoreAxis:
    """Cut the range of the reference's scores into bins.

    Edges are 512 quantiles that occur and 512 steps of equal width together, so that a bin is thin where scores are many, and nowhere wider
    than 1/512 of the range. Knots are round(n ** 0.2) quantiles, 5 to 25, from the share 0.25 / k to 1 - 0.25 / k: of five Harrell's .05, .275,
    .5, .725, .95. More rows get a more flexible curve, so that its error stays below what they can show.

    Parameters
    ----------
    reference : float64 [n], NumPy or CuPy
        Finite, on the axis of the curve, at least one.
    is_on_card : bool
        As in `sums_by_place`.

    Notes
    -----
    Number of knots: Stone 1985, Annals of Statistics 13:689 (splines of two derivatives: n ** (1/5)); their places: Harrell, Regression Modeling
    Strategies, 2nd edition 2015, section 2.4.6.

    Examples
    --------
    >>> axis = score_axis(np.array([0.0, 1.0, 2.0, 8.0]))
    >>> axis.gaps.tolist(), axis.bins_of(np.array([-1.0, 0.0, 5.0, 9.0])).tolist()
    ([[0.0, 1.0], [1.0, 2.0], [2.0, 8.0]], [-1, 0, -1, -1])
    """
    xp, reference, _ = library_of(reference)
    ordered = xp.sort(reference)
    low, high = float(ordered[0]), float(ordered[-1])
    at = np.linspace(0, len(ordered) - 1, N_QUANTILE_BINS + 1).round().astype(np.intp)
    edges = np.unique(np.concatenate([fetched(ordered[xp.asarray(at)]), np.linspace(low, high, N_WIDTH_BINS + 1)]))
    edges = edges[(edges >= low) & (edges <= high)]
    steps = xp.flatnonzero(ordered[1:] - ordered[:-1] > LARGEST_GAP * (high - low))
    n_bins = max(len(edges) - 1, 1)
    bins = (xp.searchsorted(xp.asarray(edges), ordered, side="right") - 1).clip(0, n_bins - 1)
    n, total = sums_by_place(xp, bins, (None, ordered), n_bins, is_on_card=is_on_card)
    middle = (edges[:-1] + edges[1:]) / 2 if len(edges) > 1 else edges
    positions = np.where(n > 0, total / n.clip(1), middle)
    n_knots = int(np.clip(round(len(ordered) ** 0.2), FEWEST_KNOTS, MOST_KNOTS))
    knots = np.unique(quantiles_of_sorted(ordered, np.linspace(0.25 / n_knots, 1 - 0.25 / n_knots, n_knots)))
    gaps = np.stack([fetched(ordered[steps]), fetched(ordered[steps + 1])], axis=1)
    return ScoreAxis(edges, gaps, positions, n / len(ordered), knots if len(knots) > 1 else np.unique([low, high]))


def spline_columns(at: Floats, knots: Floats) -> Floats:
    """Return the natural cubic spline's columns without the constant: cubic between knots, a straight line beyond the outer ones.

    Formula: x and d_k(x) - d_(K-1)(x) for k = 1 .. K - 2, with d_k(x) = ((x - t_k)+^3 - (x - t_K)+^3) / (t_K - t_k), x and t over the range of knots.

    Notes
    -----
    Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 2nd edition 2009, equations 5.4 and 5.5.

    Examples
    --------
    >>> spline_columns(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 2.0])).round(3).tolist()
    [[0.0, 0.0], [0.5, 0.125], [1.0, 0.75]]
    """
    if len(knots) < 2:
        return np.zeros((len(at), 0))
    x, t = (at - knots[0]) / (knots[-1] - knots[0]), (knots - knots[0]) / (knots[-1] - knots[0])
    cubes = np.maximum(x[:, None] - t, 0.0) ** 3
    d = (cubes[:, :-1] - cubes[:, -1:]) / (1.0 - t[:-1])
    return np.concatenate([x[:, None], d[:, :-1] - d[:, -1:]], axis=1)


class CurveColumns(NamedTuple):
    """Columns at every bin; over the reference's rows all but the constants have mean 0 and variance 1.

    Args:
        common: float64 [n_bins, n_columns], a constant and the spline, uncorrelated.
        own: float64 [n_bins, 2], of which each category has coefficients of its own: a constant and the score. [n_bins, 1] where all scores are equal.
    """

    common: Floats
    own: Floats


def curve_columns(axis: ScoreAxis) -> CurveColumns:
    """Return the columns of which the curve is made."""
    constant = np.ones((axis.n_bins, 1))
    spline, line = spline_columns(axis.positions, axis.knots), axis.positions[:, None]
    return CurveColumns(*(np.concatenate([constant, _whitened(raw, axis.mass)], axis=1) for raw in (spline, line)))


def _whitened(raw: Floats, mass: Floats) -> Floats:
    raw = raw - mass @ raw
    _, size, directions = np.linalg.svd(raw * np.sqrt(mass)[:, None], full_matrices=False)
    keep = size > max(size[0] if len(size) else 0.0, 1e-300) * 1e-9
    return np.asarray(raw @ (directions[keep].T / size[keep]), np.float64)

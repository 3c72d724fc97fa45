"""How much worse a slice is than the rest of the rows, from moments alone: Welch's t, for many slices at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from kernels.moments import RowMoments


class Welch(NamedTuple):
    """Difference of two means, its standard error and Welch's degrees of freedom, float64; NaN where not defined."""

    difference: NDArray[np.float64]
    se: NDArray[np.float64]
    degrees: NDArray[np.float64]


def moments_of(values: NDArray[np.float64]) -> RowMoments:
    """Return the moments of some rows, one group: float64 [n] gives arrays [1].

    >>> [float(v[0]) for v in moments_of(np.array([0.0, 2.0, 4.0]))]
    [3.0, 2.0, 8.0]
    """
    mean = float(values.mean()) if len(values) else 0.0
    deviations = values - mean
    return RowMoments(np.array([len(values)]), np.array([mean]), np.array([float(deviations @ deviations)]))


def rest_of(whole: RowMoments, part: RowMoments) -> RowMoments:
    """Return the moments of the rows of `whole` that are not in `part`.

    Formula: Chan, Golub & LeVeque 1983, equation 2.1, solved for one side: with d = mean_part - mean_rest,
    m2_rest = m2_whole - m2_part - d^2 n_part n_rest / n. Rounding cannot make it negative: it is cut at 0.

    Examples
    --------
    >>> whole = RowMoments(np.array([3]), np.array([2.0]), np.array([8.0]))  # rows 0, 2, 4
    >>> part = RowMoments(np.array([1]), np.array([4.0]), np.array([0.0]))  # row 4
    >>> [float(v[0]) for v in rest_of(whole, part)]
    [2.0, 1.0, 2.0]
    """
    n = whole.n - part.n
    delta = np.where(n > 0, (part.mean - whole.mean) * whole.n / np.maximum(n, 1), 0.0)  # mean of part - mean of rest
    mean = np.where(n > 0, part.mean - delta, 0.0)
    m2 = whole.m2 - part.m2 - delta * delta * part.n * n / np.maximum(whole.n, 1)
    return RowMoments(n, mean, np.where(n > 1, np.maximum(m2, 0.0), 0.0))


def welch(slices: RowMoments, rest: RowMoments) -> Welch:
    """Return the difference slice - rest of the means with Welch's standard error and degrees of freedom.

    Formula: v = s^2 / n of each side, se = sqrt(v_1 + v_2), degrees = (v_1 + v_2)^2 / (v_1^2 / (n_1 - 1) + v_2^2 / (n_2 - 1)).
    Source: Welch, Biometrika 34:28-35, 1947.

    Undefined when: a side has fewer than 2 rows (all NaN), or no side varies (standard error and degrees NaN).

    Examples
    --------
    >>> one = RowMoments(np.array([2]), np.array([3.0]), np.array([2.0]))  # rows 2, 4
    >>> two = RowMoments(np.array([2]), np.array([1.0]), np.array([2.0]))  # rows 0, 2
    >>> [round(float(v[0]), 4) for v in welch(one, two)]
    [2.0, 1.4142, 2.0]
    """
    is_defined = (slices.n >= 2) & (rest.n >= 2)
    v_slice, v_rest = (side.m2 / np.maximum(side.n - 1, 1) / np.maximum(side.n, 1) for side in (slices, rest))
    variance = v_slice + v_rest
    varies = is_defined & (variance > 0)
    weight = v_slice**2 / np.maximum(slices.n - 1, 1) + v_rest**2 / np.maximum(rest.n - 1, 1)
    degrees = np.divide(variance**2, weight, out=np.full(variance.shape, np.nan), where=varies & (weight > 0))
    difference = np.where(is_defined, slices.mean - rest.mean, np.nan)
    return Welch(difference, np.where(np.isfinite(degrees), np.sqrt(variance), np.nan), degrees)


def lower_bound(found: Welch, confidence: float) -> NDArray[np.float64]:
    """Return the lower end of the two-sided interval of the difference, float64; NaN where it has none.

    >>> lower_bound(Welch(np.array([2.0]), np.array([1.0]), np.array([2.0])), 0.95).round(4)
    array([-2.3027])
    """
    return np.asarray(found.difference - stdtrit(found.degrees, 0.5 + confidence / 2) * found.se, dtype=np.float64)


def p_value_worse(found: Welch) -> NDArray[np.float64]:
    """Return the one-sided p-value of "the slice's mean is no higher than that of the rest", float64.

    >>> p_value_worse(Welch(np.array([0.0, 2.0]), np.array([1.0, 1.0]), np.array([2.0, 2.0]))).round(4)
    array([0.5   , 0.0918])
    """
    return np.asarray(stdtr(found.degrees, -found.difference / found.se), dtype=np.float64)


def sliceline_scores(slices: RowMoments, whole: RowMoments, alpha: float) -> NDArray[np.float64]:
    """Return SliceLine's score of each slice: its relative error against its size; above 0 it is worth a look.

    Formula: alpha * (mean loss of the slice / mean loss - 1) - (1 - alpha) * (n / n_slice - 1).
    Source: Sagadeeva & Boehm, "SliceLine: fast, linear-algebra-based slice finding for ML model debugging", SIGMOD 2021, equation 1.

    Undefined when: the slice is empty, or the mean loss of all rows is not above 0 (NaN).

    Examples
    --------
    >>> whole = RowMoments(np.array([4]), np.array([1.0]), np.array([0.0]))
    >>> sliceline_scores(RowMoments(np.array([2, 4]), np.array([1.5, 1.0]), np.zeros(2)), whole, 0.95).round(6)
    array([0.425, 0.   ])
    """
    is_defined = (slices.n > 0) & (whole.mean > 0)
    error = np.where(is_defined, slices.mean, np.nan) / np.where(whole.mean > 0, whole.mean, 1.0)
    return np.asarray(alpha * (error - 1.0) - (1.0 - alpha) * (whole.n / np.maximum(slices.n, 1) - 1.0), dtype=np.float64)

"""How much worse a slice is than the rest of the rows, from moments alone, for many slices at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from kernels.moments import RowMoments


class MeanDifference(NamedTuple):
    """Difference of two means, its standard error and the degrees of freedom of its t, float64; NaN where not defined."""

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


def compare_means(slices: RowMoments, rest: RowMoments) -> MeanDifference:
    """Return the difference slice - rest of the means with the larger of Welch's and Student's pooled standard error.

    Formula: v = s^2 / n of each side; Welch: se^2 = v_1 + v_2, degrees = se^4 / (v_1^2 / (n_1 - 1) + v_2^2 / (n_2 - 1)); pooled:
    se^2 = (m2_1 + m2_2) / (n_1 + n_2 - 2) * (1 / n_1 + 1 / n_2), degrees = n_1 + n_2 - 2.
    Source: Welch, Biometrika 34:28-35, 1947. The pooled one is ours: a small slice that by chance holds none of a loss's rare low
    values (35 rows, all wrong, where nine of ten are) shows no variance, and Welch's test takes that for certainty.

    Undefined when: a side has fewer than 2 rows (all NaN), or no side varies (standard error and degrees NaN).

    Examples
    --------
    >>> one = RowMoments(np.array([2]), np.array([3.0]), np.array([2.0]))  # rows 2, 4
    >>> two = RowMoments(np.array([2]), np.array([1.0]), np.array([2.0]))  # rows 0, 2
    >>> [round(float(v[0]), 4) for v in compare_means(one, two)]
    [2.0, 1.4142, 2.0]
    """
    is_defined = (slices.n >= 2) & (rest.n >= 2)
    own, other = np.maximum(slices.n - 1, 1), np.maximum(rest.n - 1, 1)
    v_slice, v_rest = slices.m2 / own / np.maximum(slices.n, 1), rest.m2 / other / np.maximum(rest.n, 1)
    welch = v_slice + v_rest
    pooled = (slices.m2 + rest.m2) / (own + other) * (1.0 / np.maximum(slices.n, 1) + 1.0 / np.maximum(rest.n, 1))
    weight = v_slice**2 / own + v_rest**2 / other
    degrees = np.divide(welch**2, weight, out=np.full(welch.shape, np.nan), where=is_defined & (weight > 0))
    se = np.where(np.isfinite(degrees), np.sqrt(np.maximum(welch, pooled)), np.nan)
    difference = np.where(is_defined, slices.mean - rest.mean, np.nan)
    return MeanDifference(difference, se, np.where(np.isfinite(degrees) & (pooled > welch), own + other, degrees))


def lower_bound(found: MeanDifference, confidence: float) -> NDArray[np.float64]:
    """Return the lower end of the two-sided interval of the difference, float64; NaN where it has none.

    >>> lower_bound(MeanDifference(np.array([2.0]), np.array([1.0]), np.array([2.0])), 0.95).round(4)
    array([-2.3027])
    """
    return np.asarray(found.difference - stdtrit(found.degrees, 0.5 + confidence / 2) * found.se, dtype=np.float64)


def p_value_worse(found: MeanDifference) -> NDArray[np.float64]:
    """Return the one-sided p-value of "the slice's mean is no higher than that of the rest", float64.

    >>> p_value_worse(MeanDifference(np.array([0.0, 2.0]), np.array([1.0, 1.0]), np.array([2.0, 2.0]))).round(4)
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

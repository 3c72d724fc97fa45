"""Mean and standard error of a sum that differs from case to case: so much a row, and so much per unit of each value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from harness.errors import ConfigError, one_of
from harness.records.metric import MetricValues
from harness.records.money import ValueMoments
from kernels.moments import RowMoments


@dataclass(frozen=True)
class CaseWorth:
    """What a row of each case is worth: `constant`, plus the row's values times `weight`.

    Args:
        constant: float64 [n_cases].
        weight: float64 [n_cases, k], in the order of the values.
    """

    constant: NDArray[np.float64]
    weight: NDArray[np.float64]


def row_moments(moments: ValueMoments, worth: CaseWorth) -> RowMoments:
    """Return n, mean and centred second moment of the rows' worth in every cell.

    Formula: with m the mean and S the sums of products of deviations of the values in case g, mu_g = constant_g + weight_g · m_g; the mean is
    sum n_g mu_g / n, and the second moment sum (weight_gᵀ S_g weight_g + n_g (mu_g - mean)²): the spread within the cases and between them.
    Both are 0 where a cell has no rows.

    Source: the decomposition of a sum of squares into within and between groups, as in the analysis of variance.

    >>> moments = ValueMoments(("a",), np.array([[2, 1]]), np.array([[[3.0], [5.0]]]), np.array([[[[2.0]], [[0.0]]]]))  # a: 2, 4; 5
    >>> found = row_moments(moments, CaseWorth(np.array([0.0, 1.0]), np.array([[1.0], [-1.0]])))  # worth 2, 4, 1 - 5
    >>> round(float(found.mean[0]), 4), round(float(found.m2[0]), 4)  # 2² + 4² + 4² - 3 * (2/3)²
    (0.6667, 34.6667)
    """
    rows = moments.n.astype(np.float64)
    of_case = worth.constant + np.einsum("cgk,gk->cg", moments.mean, worth.weight)
    within = np.einsum("cgij,gi,gj->cg", moments.m2, worth.weight, worth.weight)
    n = moments.n.sum(axis=1)
    mean = (rows * of_case).sum(axis=1) / np.maximum(n, 1)
    m2 = np.maximum(within, 0.0).sum(axis=1) + (rows * (of_case - mean[:, None]) ** 2).sum(axis=1)
    return RowMoments(n, mean, m2)


def mean_and_se(found: RowMoments) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard error per row, float64 [n_cells].

    NaN with no rows; the standard error is NaN under two rows. It uses the sample variance (ddof 1).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        se = np.where(found.n > 1, np.sqrt(found.m2 / (found.n - 1) / found.n), np.nan)
    return np.where(found.n > 0, found.mean, np.nan), se


def first_per_1k(found: RowMoments) -> tuple[float, float]:
    """Return mean and standard error of cell 0 per 1,000 rows."""
    mean, se = mean_and_se(RowMoments(found.n[:1], found.mean[:1], found.m2[:1]))
    return 1000 * float(mean[0]), 1000 * float(se[0])


def values_by_cell(found: RowMoments, confidence: float, reason: NDArray[np.object_]) -> MetricValues:
    """Return the mean of every cell per 1,000 rows with its normal interval, as the metric `gain_per_1k`; `reason` says why one is NaN."""
    mean, se = mean_and_se(found)
    half = float(ndtri(0.5 + confidence / 2)) * np.where(se > 0, se, np.nan)  # a zero width is not evidence
    method = np.full(len(mean), "normal", dtype=np.object_)
    reason = np.array([why or ("no rows" if n == 0 else None) for why, n in zip(reason, found.n, strict=True)], dtype=np.object_)
    method[np.isnan(half) | np.isnan(mean)] = ""
    return MetricValues("gain_per_1k", 1000 * mean, 1000 * (mean - half), 1000 * (mean + half), method, reason)


def of_counts(counts: NDArray[np.int64]) -> ValueMoments:
    """Return moments of no values from rows by case, int64 [n_cells, ...]: all that a rule of constants reads."""
    n = counts.reshape(len(counts), -1)
    return ValueMoments((), n, np.zeros((*n.shape, 0)), np.zeros((*n.shape, 0, 0)))


def chosen(moments: ValueMoments | None, names: tuple[str, ...], policy: str | None, what: str = "column") -> ValueMoments:
    """Return the moments of `names`, in this order; `what` they are, for a message.

    Raises
    ------
    ConfigError
        When one of them, or the policy, was not kept.
    """
    lacking = [f"{what} {name}" for name in names if moments is None or name not in moments.names]
    if policy is not None and (moments is None or moments.policy != policy):
        lacking = [f"column {policy}"]
    if lacking or moments is None:
        missing = one_of(lacking) or "the values of the rows"
        raise ConfigError(f"gain: {missing} was not kept with these results; run harness sweep with this gain, which reuses the scores")
    at = [moments.names.index(name) for name in names]
    return ValueMoments(names, moments.n, moments.mean[..., at], moments.m2[..., at, :][..., at], moments.policy)

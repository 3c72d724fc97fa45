"""Which of many p-values stay small when a share of false alarms is allowed: Benjamini and Hochberg's step-up correction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def benjamini_hochberg(p_value: NDArray[np.float64], family: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """Return adjusted p-values; calling those <= alpha findings keeps the expected share of false ones among them at alpha.

    Formula: for the i-th smallest of the m of a family, the smallest over j >= i of min(1, m / j * p_(j)).

    Parameters
    ----------
    p_value : float64 [n_tests]
        In [0, 1]. NaN is no test: it stays NaN and does not count.
    family : int64 [n_tests], optional
        Family of each test; every family is corrected by itself. None: all are one.

    Returns
    -------
    float64 [n_tests]
        In [0, 1]; NaN where the p-value is NaN.

    Notes
    -----
    Benjamini & Hochberg, Journal of the Royal Statistical Society B 57:289-300, 1995, section 3. It holds for independent tests and for
    positively dependent ones (Benjamini & Yekutieli, Annals of Statistics 29:1165, 2001, theorem 1.2). Where nothing has changed at all, it
    keeps the chance of any finding at alpha.

    Examples
    --------
    Three tests: 3/1 * .01, then 3/2 * .04 = .06 which 3/3 * .05 = .05 undercuts.

    >>> benjamini_hochberg(np.array([0.01, 0.04, np.nan, 0.05]))
    array([0.03, 0.05,  nan, 0.05])
    >>> benjamini_hochberg(np.array([0.01, 0.04, np.nan, 0.05]), np.array([7, 7, 7, 9]))
    array([0.02, 0.04,  nan, 0.05])
    """
    adjusted = np.full(len(p_value), np.nan)
    known = np.flatnonzero(~np.isnan(p_value))
    if not known.size:
        return adjusted
    p = p_value[known]
    own = np.zeros(known.size, np.int64) if family is None else np.unique(family[known], return_inverse=True)[1]
    order = np.lexsort((p, own))
    size = np.bincount(own)
    first = np.concatenate(([0], np.cumsum(size)[:-1]))
    by_family = own[order]
    rank = np.arange(1, known.size + 1) - first[by_family]
    raised = np.minimum(p[order] * size[by_family] / rank, 1.0)
    adjusted[known[order]] = _smallest_of_the_rest(raised, by_family)
    return adjusted


def _smallest_of_the_rest(values: NDArray[np.float64], family: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return for each value the smallest from there to the end of its family; families are contiguous and ascend.

    The values are ranked, and the ranks of every family lifted above those of all families before it: one running minimum from the end
    then serves all of them, and stays exact however small the values are.
    """
    sorted_values, ranks = np.unique(values, return_inverse=True)
    lift = family * len(sorted_values)
    running = np.minimum.accumulate((ranks + lift)[::-1])[::-1]
    return np.asarray(sorted_values[running - lift], np.float64)

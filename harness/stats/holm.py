"""Which p-values stay small when a whole family was tested: Holm's step-down correction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def holm(p_value: NDArray[np.float64], n_family: int | None = None) -> NDArray[np.float64]:
    """Return Holm's adjusted p-values; rejecting those <= alpha keeps the family-wise error rate at alpha.

    Formula: for the i-th smallest of m, the largest over j <= i of min(1, (m - j + 1) * p_(j)).

    Parameters
    ----------
    p_value : float64 [n_tests] or [n_tests, n_families]
        Each column is a family of its own. NaN is no test: it stays NaN and does not count.
    n_family : int, optional
        Size of the family where it is larger than the number of p-values given (further challengers, say).

    Returns
    -------
    float64, shape of `p_value`
        In [0, 1]; NaN where the p-value is NaN.

    Notes
    -----
    Holm, Scandinavian Journal of Statistics 6:65-70, 1979.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, np.nan, 0.03]))
    array([0.03, 0.06,  nan, 0.06])
    """
    p = p_value[:, None] if p_value.ndim == 1 else p_value
    n_tests = np.isfinite(p).sum(axis=0)
    size = n_tests if n_family is None else np.maximum(n_tests, n_family)
    order = np.argsort(p, axis=0, kind="stable")  # NaN comes last
    factor = (size - np.arange(len(p))[:, None]).clip(1)
    ordered = np.maximum.accumulate(np.take_along_axis(p, order, axis=0) * factor, axis=0)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(ordered, 1.0), axis=0)
    return adjusted.reshape(p_value.shape)

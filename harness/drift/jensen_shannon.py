"""jensen_shannon: the Jensen-Shannon distance of binned shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from harness.drift.day_test import Counts
from harness.drift.shares import SharesStatistic


@dataclass(frozen=True, kw_only=True)
class JensenShannon(SharesStatistic):
    """How far the shares of both sides are from their common mean, 0 .. 1.

    Formula: sqrt((KL(r, h) + KL(c, h)) / 2) with h = (r + c) / 2 and KL(p, q) = sum of p log2(p / q), r and c the shares of either side in the
    bins of `psi`. It is a distance: 0 for equal shares, 1 where no bin is shared.

    Undefined when: a side has no rows.

    Notes
    -----
    Lin 1991, IEEE Transactions on Information Theory 37:145, equation 4.1; its root is a metric: Endres & Schindelin 2003, ibid. 49:1858.
    SciPy's `jensenshannon(r, c, base=2)`.
    """

    def default_name(self) -> str:
        """Return jensen_shannon."""
        return "jensen_shannon"

    def of_counts(self, reference: Counts, current: Counts) -> NDArray[np.float64]:
        """Return the distance of counts [..., n_bins].

        Examples
        --------
        >>> JensenShannon().of_counts(np.array([[4.0, 0.0], [2.0, 2.0]]), np.array([[0.0, 4.0], [2.0, 2.0]]))
        array([1., 0.])
        """
        r, c = (side / side.sum(axis=-1, keepdims=True) for side in (reference, current))
        mean = (r + c) / 2.0
        divergence = (rel_entr(r, mean) + rel_entr(c, mean)).sum(axis=-1) / 2.0
        return np.asarray(np.sqrt(np.maximum(divergence, 0.0) / np.log(2.0)), np.float64)

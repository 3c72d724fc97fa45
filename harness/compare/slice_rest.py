"""Whether a slice says anything that the slices listed before it do not say already."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.compare.slice_difference import compare_means, lower_bound, moments_of
from harness.records.slice_search import SearchRule

Terms = tuple[tuple[int, int], ...]  # (column, value) of a slice, one or two


class Listed:
    """The slices that are listed, worst first; it takes one more where that is bad beyond the rows of those listed.

    Parameters
    ----------
    losses : float64 [n_rows]
        Of the search half.
    rule : SearchRule
        `confidence` and `min_n_confirm` are used.

    Examples
    --------
    >>> losses = np.array([0.0, 0.1] * 50 + [1.0, 1.1] * 50)
    >>> is_bad = losses >= 1
    >>> listed = Listed(losses, SearchRule())
    >>> listed.add(((0, 1),), [is_bad]), listed.add(((1, 0),), [is_bad])  # the same rows under another name
    (True, False)
    """

    def __init__(self, losses: NDArray[np.float64], rule: SearchRule) -> None:
        self._losses, self._rule = losses, rule
        self._listed: list[tuple[Terms, NDArray[np.bool_]]] = []

    def add(self, terms: Terms, parts: Sequence[NDArray[np.bool_]]) -> bool:
        """List a slice, the rows that are in all of `parts` (bool [n_rows] each), and say so; or say that it adds nothing."""
        rows = np.logical_and.reduce(parts)
        others = [listed for named, listed in self._listed if not set(named) < set(terms)]  # its own two columns do not count
        if others and not self._adds(rows, np.logical_or.reduce(others), parts if len(terms) > 1 else ()):
            return False
        self._listed.append((terms, rows))
        return True

    def _adds(self, rows: NDArray[np.bool_], listed: NDArray[np.bool_], columns: Sequence[NDArray[np.bool_]]) -> bool:
        if not (rows & listed).any():
            return True
        left = self._losses[rows & ~listed]
        if len(left) < self._rule.min_n_confirm:
            return False
        own = moments_of(left)
        rests = [~rows & ~listed, *(column & ~rows & ~listed for column in columns)]
        bounds = [lower_bound(compare_means(own, moments_of(self._losses[rest])), self._rule.confidence)[0] for rest in rests]
        return all(bound > 0 for bound in bounds)  # NaN, nothing to compare with, is no

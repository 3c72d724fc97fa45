"""Paired difference of metrics whose denominators differ between two variants, from the eight cells of their decisions."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from harness.compare.estimate import Bounds, Estimate, PairedMetric
from harness.compare.paired_totals import totals_estimate, totals_interval
from harness.compare.rising_root import rising_root
from harness.records.tally import PairedTally
from harness.stats.linearised import gradient

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]
Coefficients = NDArray[np.float64]  # [8], of the cells below

_BITS = np.indices((2, 2, 2)).reshape(3, 8)  # of the eight cells, in the order of PairedTally.cells
LABEL, CHAMPION, CHALLENGER = (row.astype(np.float64) for row in _BITS)
OF_CHAMPION, OF_CHALLENGER = (2 * _BITS[0] + row for row in _BITS[1:])  # TN, FP, FN, TP: where one variant counts each of the eight cells
ADDED = np.where(CHAMPION == CHALLENGER, 1.0 / 8.0, 1.0 / 5.0)  # rows per z² that are put into each cell
METHOD = "linearised with added rows; test by inversion"
Z_TOLERANCE = 1e-8
HIGHEST_Z = 40.0  # its p-value is 0 in float64


class PairedConfusion(PairedMetric[PairedTally]):
    """A function of TN, FP, FN and TP, compared between two variants that decide about the same rows.

    Formula: with z² / 5 rows put into each cell in which the two decide differently and z² / 8 into each of the others, the difference f
    of both metrics there, and its linearised variance v = sum over cells of n_c (g_c)², g the gradient of f: f ± z * sqrt(v), extended to the
    observed difference. The p-value is that of the level at which the interval just reaches 0. `se` is the linearised one of the rows as
    they are, NaN where it would be 0.

    Weighted or clustered rows: linearised over clusters, Student's t of the effective clusters, see `totals_estimate`.

    Undefined when: fewer than 2 rows, or a denominator is 0 for one of the two (`no_denominator` says which).

    Notes
    -----
    Agresti & Coull (The American Statistician 52:119-126, 1998) put z² rows, half of each kind, into the two cells of one proportion and
    so come close to Wilson's interval at any level; here they are spread over eight. The shares are ours:
    `docs/decisions/010-paired-eight-cells.md` has the coverage of this and of what lost against it.
    """

    denominators: ClassVar[tuple[Coefficients, ...]]
    rests_on: ClassVar[Coefficients]
    no_denominator: ClassVar[str]
    widest: ClassVar[float] = 1.0  # that a difference can be

    @abstractmethod
    def of_confusion(self, confusion: Complex) -> Complex:
        """Return the metric from TN, FP, FN, TP, complex128 [n_cells, 4] to [n_cells]; it must be analytic and free of scale."""

    def of_both(self, cells: Complex) -> Complex:
        """Return challenger - champion from the eight cells, complex128 [n_cells, 8] to [n_cells]."""
        return self.of_one(cells, is_challenger=True) - self.of_one(cells, is_challenger=False)

    def of_one(self, cells: Complex, *, is_challenger: bool) -> Complex:
        """Return the metric of one variant from the eight cells, complex128 [n_cells, 8] to [n_cells]."""
        return self.of_confusion(cells @ _sums(OF_CHALLENGER if is_challenger else OF_CHAMPION))

    def estimate(self, paired: PairedTally) -> Estimate:
        """Return both metrics, the standard error of their difference and the p-value."""
        counts = paired.cells.reshape(-1, 8).astype(np.float64)
        n = np.asarray(counts @ self.rests_on, dtype=np.int64)
        is_defined = (paired.n >= 2) & np.all([counts @ d > 0 for d in self.denominators], axis=0)
        reason = np.where(paired.n < 2, "undefined: fewer than 2 rows", f"undefined: {self.no_denominator}").astype(np.object_)
        if paired.totals is not None:
            return totals_estimate(self, paired.totals, n, is_defined, reason)
        safe = np.where(is_defined[:, None], counts, 1.0)
        champion, challenger = (self._value(safe, is_challenger=which) for which in (False, True))
        se = np.sqrt(self._variance(safe))
        return Estimate(
            n=n,
            champion=np.where(is_defined, champion, np.nan),
            challenger=np.where(is_defined, challenger, np.nan),
            se=np.where(is_defined & (se > 0), se, np.nan),
            p_value=np.where(is_defined, self._p_value(safe, challenger - champion), np.nan),
            method=np.where(is_defined, METHOD, reason).astype(np.object_),
        )

    def interval(self, paired: PairedTally, estimate: Estimate, confidence: Floats) -> Bounds:
        """Return the interval of the difference, within what a difference can be; NaN where the difference is not defined."""
        if paired.totals is not None:
            return totals_interval(self, paired.totals, estimate, confidence)
        difference = estimate.challenger - estimate.champion
        counts = np.where(np.isnan(difference)[:, None], 1.0, paired.cells.reshape(-1, 8))
        z = np.asarray(ndtri(0.5 + confidence / 2), dtype=np.float64)
        centre, se = self._moved(counts, z)
        low, high = np.minimum(centre - z * se, difference), np.maximum(centre + z * se, difference)
        return low.clip(-self.widest), high.clip(None, self.widest)

    def _value(self, cells: Floats, *, is_challenger: bool) -> Floats:
        return np.asarray(self.of_one(cells.astype(np.complex128), is_challenger=is_challenger).real, dtype=np.float64)

    def _difference(self, cells: Floats) -> Floats:
        return self._value(cells, is_challenger=True) - self._value(cells, is_challenger=False)

    def _variance(self, cells: Floats) -> Floats:
        """Return the linearised variance of the difference from counts that are nowhere 0 in a denominator."""
        slopes = [gradient(self.of_confusion, cells @ _sums(of))[:, of] for of in (OF_CHAMPION, OF_CHALLENGER)]
        return np.asarray((cells * (slopes[1] - slopes[0]) ** 2).sum(axis=1), dtype=np.float64)

    def _moved(self, counts: Floats, z: Floats) -> tuple[Floats, Floats]:
        """Return the difference and its standard error with the rows of `ADDED` put into each cell."""
        cells = counts + (z * z)[:, None] * ADDED
        return self._difference(cells), np.sqrt(self._variance(cells))

    def _p_value(self, counts: Floats, difference: Floats) -> Floats:
        """Return the two-sided p-value of the z at which the interval just reaches 0; 1 where the difference is 0."""
        moved = difference != 0
        tables, at = np.unique(counts[moved], axis=0, return_inverse=True)
        signs = np.sign(self._difference(tables))

        def excess(z: Floats) -> Floats:
            centre, se = self._moved(tables, z)
            reach = np.divide(signs * centre, se, out=np.full(len(z), HIGHEST_Z), where=se > 0)
            return np.asarray(z - reach.clip(0.0, HIGHEST_Z), dtype=np.float64)

        z = rising_root(excess, np.zeros(len(tables)), np.full(len(tables), HIGHEST_Z), Z_TOLERANCE)
        p_value = np.ones(len(counts))
        p_value[moved] = 2.0 * ndtr(-z)[at.reshape(-1)]
        return p_value


def _sums(of: NDArray[np.intp]) -> Floats:
    """Return the matrix [8, 4] that adds the eight cells up to the confusion counts of one variant."""
    return np.asarray(np.eye(4)[of], dtype=np.float64)

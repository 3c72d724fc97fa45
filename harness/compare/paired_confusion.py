"""Paired difference of metrics whose denominators differ between two variants, from the eight cells of their decisions."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.compare.eight_cells import BITS, EightCells, eight_cells
from harness.compare.estimate import Bounds, Estimate, PairedMetric
from harness.compare.rising_root import rising_root
from harness.records.tally import PairedTally
from harness.stats.effective_clusters import FEW_CLUSTERS, FEW_EFFECTIVE
from harness.stats.linearised import MIN_CLUSTERS, gradient

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]
Coefficients = NDArray[np.float64]  # [8], of the eight cells

OF_CHAMPION, OF_CHALLENGER = (2 * BITS[0] + row for row in BITS[1:])  # TN, FP, FN, TP: where one variant counts each of the eight cells
METHOD = "linearised with added rows; test by inversion"
WEIGHTED = "linearised with added rows, t; test by inversion"
TOLERANCE = 1e-8  # of a quantile
HIGHEST, HIGHEST_T = 40.0, 1e4  # quantiles whose p-value is 0, or nearly so with few degrees of freedom


class PairedConfusion(PairedMetric[PairedTally]):
    """A function of TN, FP, FN and TP, compared between two variants that decide about the same rows.

    Formula: with z² / 5 rows put into each cell in which the two decide differently and z² / 8 into each of the others, the difference f
    of both metrics there, and its linearised variance v = sum over cells of n_c (g_c)², g the gradient of f: f ± z * sqrt(v), extended to the
    observed difference. The p-value is that of the level at which the interval just reaches 0. `se` is the linearised one of the rows as
    they are, NaN where it would be 0.

    Weighted or clustered rows: v is the cluster-robust variance, Student's t of the effective clusters less 1 takes the place of z, and an
    added row has the weight that comes and goes together (`EightCells.unit`). With weights of 1 it is the same but for the factor
    G / (G - 1) and t.

    Undefined when: fewer than 2 rows, or a denominator is 0 for one of the two (`no_denominator` says which). No interval under 10
    effective clusters in the smallest denominator.

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

    def estimate(self, paired: PairedTally) -> Estimate:
        """Return both metrics, the standard error of their difference and the p-value."""
        counts = paired.cells.reshape(-1, 8).astype(np.float64)
        is_defined = (paired.n >= 2) & np.all([counts @ d > 0 for d in self.denominators], axis=0)
        rows = eight_cells(paired, is_defined, self.denominators)
        champion, challenger = (self._value(rows.total, of) for of in (OF_CHAMPION, OF_CHALLENGER))
        usable = is_defined & ~np.isnan(rows.degrees)
        se = np.sqrt(rows.variance(self._slope(rows.total), np.zeros_like(rows.total)))
        return Estimate(
            n=np.asarray(counts @ self.rests_on, dtype=np.int64),
            champion=np.where(is_defined, champion, np.nan),
            challenger=np.where(is_defined, challenger, np.nan),
            se=np.where(usable & (se > 0), se, np.nan),
            p_value=np.where(usable, self._p_value(rows, challenger - champion), np.nan),
            method=self._method(paired, is_defined, rows),
            degrees=None if paired.totals is None else rows.degrees,
        )

    def interval(self, paired: PairedTally, estimate: Estimate, confidence: Floats) -> Bounds:
        """Return the interval of the difference, within what a difference can be; NaN where the difference is not defined."""
        difference = estimate.challenger - estimate.champion
        rows = eight_cells(paired, np.isfinite(difference), self.denominators)
        quantile = rows.quantile(confidence)
        centre, se = self._moved(rows, quantile)
        low, high = np.minimum(centre - quantile * se, difference), np.maximum(centre + quantile * se, difference)
        return low.clip(-self.widest), high.clip(None, self.widest)

    def _value(self, cells: Floats, of: NDArray[np.intp]) -> Floats:
        return np.asarray(self.of_confusion((cells @ np.eye(4)[of]).astype(np.complex128)).real, dtype=np.float64)

    def _slope(self, cells: Floats) -> Floats:
        """Return the gradient of challenger - champion at cells that are nowhere 0 in a denominator, float64 [n_cells, 8]."""
        slopes = [gradient(self.of_confusion, cells @ np.eye(4)[of])[:, of] for of in (OF_CHAMPION, OF_CHALLENGER)]
        return np.asarray(slopes[1] - slopes[0], dtype=np.float64)

    def _moved(self, rows: EightCells, quantile: Floats) -> tuple[Floats, Floats]:
        """Return the difference and its standard error with the added rows of a quantile; NaN where that is."""
        added = rows.added(quantile)
        cells = np.where(np.isnan(added), 1.0, rows.total + added)
        difference = self._value(cells, OF_CHALLENGER) - self._value(cells, OF_CHAMPION)
        return difference, np.sqrt(rows.variance(self._slope(cells), added))

    def _p_value(self, rows: EightCells, difference: Floats) -> Floats:
        """Return the two-sided p-value of the quantile at which the interval just reaches 0; 1 where the difference is 0."""
        sign = np.sign(difference)
        highest = np.where(rows.degrees < 100.0, HIGHEST_T, HIGHEST)

        def excess(quantile: Floats) -> Floats:
            centre, se = self._moved(rows, quantile)
            reach = np.divide(sign * centre, se, out=highest.copy(), where=se > 0)
            return np.asarray(quantile - reach.clip(0.0, highest), dtype=np.float64)

        quantile = rising_root(excess, np.zeros(len(sign)), highest, TOLERANCE)
        return np.where(sign == 0, 1.0, rows.p_value(quantile))

    def _method(self, paired: PairedTally, is_defined: NDArray[np.bool_], rows: EightCells) -> NDArray[np.object_]:
        texts = [(paired.n < 2, "undefined: fewer than 2 rows"), (~is_defined, f"undefined: {self.no_denominator}")]
        if paired.totals is not None:
            texts.append((paired.totals.n_clusters < MIN_CLUSTERS, FEW_CLUSTERS))
            texts.append((np.isnan(rows.degrees), FEW_EFFECTIVE))
        method: NDArray[np.object_] = np.full(len(is_defined), METHOD if paired.totals is None else WEIGHTED, dtype=np.object_)
        for holds, text in reversed(texts):
            method[holds] = text
        return method

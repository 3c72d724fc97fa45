"""The rows of a paired tally by label and both decisions, plain or weighted and clustered, and how uncertain sums of them are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from harness.records.tally import PairedTally
from harness.stats.effective_clusters import degrees_of_freedom, effective_clusters

Floats = NDArray[np.float64]

BITS = np.indices((2, 2, 2)).reshape(3, 8)  # of the eight cells, in the order of PairedTally.cells
LABEL, CHAMPION, CHALLENGER = (row.astype(np.float64) for row in BITS)
IS_DISCORDANT = CHAMPION != CHALLENGER
ADDED = np.where(IS_DISCORDANT, 1.0 / 5.0, 1.0 / 8.0)  # rows per squared quantile that are put into each cell


@dataclass(frozen=True)
class EightCells:
    """Totals of the eight cells, and how they vary; arrays begin with [n_cells].

    Parameters
    ----------
    total : float64 [n_cells, 8]
        Rows, or their weight.
    cross : float64 [n_cells, 8, 8] or None
        Sum over clusters of the outer product of a cluster's totals; None: plain rows, whose cross is diag(total).
    unit : float64 [n_cells]
        Weight that comes and goes together: 1 for plain rows, else that of a cluster's discordant rows, on average over those rows.
    factor : float64 [n_cells]
        1, or G / (G - 1) of G clusters.
    degrees : float64 [n_cells]
        Of Student's t, infinite for plain rows; NaN where there are too few clusters.
    """

    total: Floats
    cross: Floats | None
    unit: Floats
    factor: Floats
    degrees: Floats

    def variance(self, slope: Floats, added: Floats) -> Floats:
        """Return the linearised variance with gradient `slope`, float64 [n_cells, 8], after `added` rows were put into the cells."""
        own = self.total * slope**2 if self.cross is None else np.einsum("ci,cij->cj", slope, self.cross) * slope
        return np.asarray(self.factor * own.sum(axis=1).clip(0.0) + (added * self.unit[:, None] * slope**2).sum(axis=1), dtype=np.float64)

    def added(self, quantile: Floats) -> Floats:
        """Return what is put into the cells at a quantile, float64 [n_cells, 8]: `ADDED` rows per squared quantile, of one unit each."""
        return np.asarray((quantile * quantile * self.unit)[:, None] * ADDED, dtype=np.float64)

    def quantile(self, confidence: Floats) -> Floats:
        """Return the two-sided quantile, normal or Student's; NaN where there are too few clusters."""
        share = 0.5 + confidence / 2
        return np.asarray(ndtri(share) if self.cross is None else stdtrit(self.degrees, share), dtype=np.float64)

    def p_value(self, quantile: Floats) -> Floats:
        """Return the two-sided p-value that belongs to a quantile."""
        return np.asarray(2.0 * (ndtr(-quantile) if self.cross is None else stdtr(self.degrees, -quantile)), dtype=np.float64)


def eight_cells(paired: PairedTally, is_defined: NDArray[np.bool_], denominators: tuple[Floats, ...]) -> EightCells:
    """Return the eight cells of a tally; where a metric is not defined they hold ones, so that no formula divides by 0.

    Degrees of freedom are the effective clusters of the smallest of `denominators` (float64 [8] each), less 1.

    Examples
    --------
    Two clusters, of which one has both discordant rows: they come and go together.

    >>> from harness.records.tally import ClusterTotals
    >>> cross = np.zeros((1, 12, 12))
    >>> cross[0, 1, 1] = 4.0
    >>> totals = ClusterTotals(np.array([2]), np.array([[8.0, 2, *[0.0] * 10]]), cross)
    >>> zero = np.zeros(1)
    >>> tally = PairedTally(np.ones((1, 2, 2, 2), np.int64), *[None] * 5, totals=totals)
    >>> eight_cells(tally, np.array([True]), (np.ones(8),)).unit
    array([2.])
    """
    n_cells = len(is_defined)
    one, infinite = np.ones(n_cells), np.full(n_cells, np.inf)
    totals = paired.totals
    if totals is None:
        counts = paired.cells.reshape(-1, 8).astype(np.float64)
        return EightCells(np.where(is_defined[:, None], counts, 1.0), None, one, one, infinite)
    total, cross = totals.total[:, :8], totals.cross[:, :8, :8]
    effective = np.stack([effective_clusters(total, cross, d) for d in denominators]).min(axis=0)
    clusters = np.where(totals.n_clusters >= 2, totals.n_clusters, np.nan)
    return EightCells(
        total=np.where(is_defined[:, None], total, 1.0),
        cross=cross,
        unit=_unit(total, cross),
        factor=clusters / (clusters - 1),
        degrees=degrees_of_freedom(effective),
    )


def _unit(total: Floats, cross: Floats) -> Floats:
    """Return the weight that comes and goes together, of discordant rows; where there are none, of all rows."""
    squares = np.diagonal(cross, axis1=1, axis2=2)
    weight, square = total @ IS_DISCORDANT, squares @ IS_DISCORDANT
    none = weight == 0
    weight, square = np.where(none, total.sum(axis=1), weight), np.where(none, squares.sum(axis=1), square)
    unit = np.ones(len(total))
    np.divide(square, weight, out=unit, where=weight > 0)
    return unit

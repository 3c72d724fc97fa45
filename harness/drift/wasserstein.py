"""wasserstein, wasserstein_normed: how far the values moved on average."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from harness.drift.day_test import Counts, DayTested, day_test
from harness.drift.kolmogorov_smirnov import bins_show, counts_of_values, ks_test
from harness.drift.readings import left_out, nobody, reading, undefined, unit_of
from harness.records.column import ColumnKind
from harness.records.drift import ColumnPair, Reading, TwoSample


@dataclass(frozen=True, kw_only=True)
class Wasserstein(DayTested):
    """How far, on average, the values would have to be moved to turn one distribution into the other.

    Formula: integral of |F(x) - G(x)| dx of the finite values, exact; in the unit of the column, seconds of a time. `normed` divides it by the
    standard deviation of the reference (ddof 1): `wasserstein_normed`. A shift of every value by d gives d.

    It has no test of its own with independent rows: it carries the p-value of `ks`, which tests the same, F = G. By days, the distance of the
    binned values is resampled, every bin standing at its middle.

    Undefined when: a side has no finite value, or the values are not at hand (a stored profile); normed: also where the reference does not vary.

    Parameters
    ----------
    normed : bool
        Over the reference's standard deviation.

    Notes
    -----
    Vallender 1974, Theory of Probability and its Applications 18:784, for the integral. SciPy's `wasserstein_distance`.
    """

    normed: bool = False

    def default_name(self) -> str:
        """Return wasserstein or wasserstein_normed."""
        return "wasserstein_normed" if self.normed else "wasserstein"

    def applies_to(self, kind: ColumnKind, is_label: bool) -> bool:
        """Say that values in an order have it."""
        return kind in ("number", "time")

    def read(self, pair: ColumnPair) -> Reading:
        """Compare the two distribution functions."""
        ordered = pair.ordered
        if ordered is None:
            return undefined(self.threshold, pair.reference.n_present, pair.current.n_present, "the values are not at hand")
        n, m = ordered.n_reference, ordered.n_current
        if not n or not m:
            return undefined(self.threshold, n, m, nobody(n, "finite values"))
        if self.normed and not pair.reference.std > 0.0:
            return undefined(self.threshold, n, m, "the reference does not vary")
        unit = pair.reference.std if self.normed else unit_of(pair)
        p_value, how = self._test(pair, ordered)
        return reading(ordered.wasserstein / unit, self.threshold, p_value, n, m, left_out(pair), how)

    def _test(self, pair: ColumnPair, ordered: TwoSample) -> tuple[float | None, str]:
        if pair.days is None or not bins_show(pair, ordered):
            p_value, how = ks_test(pair, ordered, self.n_resamples, self.seed)
            return p_value, f"p of KS (no test of its own): {how}"
        area = partial(wasserstein_of_counts, gaps=np.diff(joined_middles(pair)))
        p_value, how = day_test(pair.days, partial(counts_of_values, pair), area, self.n_resamples, self.seed)
        return p_value, f"{how}, of the bins"


def wasserstein_of_counts(reference: Counts, current: Counts, gaps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance of counts [..., n_bins] in ascending bins whose places are `gaps` [n_bins - 1] apart.

    Examples
    --------
    One of two rows moves by one gap of 3: 1/2 * 3.

    >>> float(wasserstein_of_counts(np.array([2.0, 0.0]), np.array([1.0, 1.0]), np.array([3.0])))
    1.5
    """
    f, g = (np.cumsum(side, axis=-1)[..., :-1] / side.sum(axis=-1, keepdims=True) for side in (reference, current))
    return np.asarray((np.abs(f - g) * gaps).sum(axis=-1), np.float64)


def joined_middles(pair: ColumnPair) -> NDArray[np.float64]:
    """Return the middle of every bin of values that is tested; the outer bins of a column with one inner bin reach to the farthest value."""
    edges = np.asarray(pair.bins.edges, np.float64)
    if len(edges) > 2:
        return (edges[:-1] + edges[1:]) / 2.0
    ends = [end for side in (pair.reference, pair.current) for end in (side.minimum, side.maximum) if not math.isnan(end)]
    borders = np.array([min([edges[0], *ends]), *edges, max([edges[-1], *ends])])
    return np.asarray((borders[:-1] + borders[1:]) / 2.0, np.float64)

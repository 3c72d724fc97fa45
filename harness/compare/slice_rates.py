"""Selection rate, recall and false positive rate of every slice, all windows together, with intervals at any level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from harness.records.tally import BinaryTally, ClusterTotals
from harness.stats.effective_clusters import effective_clusters, t_quantiles
from harness.stats.linearised import linearised
from harness.stats.wilson import wilson_interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
N_DECISIONS = 4  # the first of BINARY_COMPONENTS: TN, FP, FN, TP
# Coefficients of TN, FP, FN, TP: what is counted, and among what.
RATES: dict[str, tuple[Ints, Ints]] = {
    "selection_rate": (np.array([0, 1, 0, 1]), np.array([1, 1, 1, 1])),
    "recall": (np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])),
    "fpr": (np.array([0, 1, 0, 0]), np.array([1, 1, 0, 0])),
}


@dataclass(frozen=True)
class SliceRates:
    """One rate of every slice.

    Parameters
    ----------
    counted, n : int64 [n_slices]
        Rows that count, and rows of the denominator, whatever they weigh.
    value : float64 [n_slices]
        The rate, of weight where rows are weighted; NaN where the denominator is empty.
    totals : ClusterTotals or None
        Of weighted or clustered rows, components TN, FP, FN, TP of every slice.
    """

    name: str
    counted: Ints
    n: Ints
    value: Floats
    totals: ClusterTotals | None

    def interval(self, slices: NDArray[np.intp], confidence: float) -> tuple[Floats, Floats]:
        """Return the interval of the rate in some slices; NaN where there is none.

        Plain rows: Wilson. Weighted or clustered ones: linearised on the logit scale with Student's t of the effective clusters, and at 0
        and 1 Wilson with their effective number, as the metrics of one variant have it.
        """
        if self.totals is None:
            return wilson_interval(self.counted[slices], self.n[slices], confidence)
        numerator, denominator = RATES[self.name]
        total, cross, n_clusters = self.totals.total[slices], self.totals.cross[slices], self.totals.n_clusters[slices]
        share, variance = linearised(lambda t: (t @ numerator) / (t @ denominator), total, cross, n_clusters)
        effective = effective_clusters(total, cross, denominator)
        quantile = t_quantiles(effective, confidence)
        part, whole = total @ numerator, total @ denominator
        is_end = (part == 0) | (part == whole)
        p = np.where(is_end | ~(variance > 0), np.nan, share)
        half = quantile * np.sqrt(variance) / (p * (1.0 - p))
        low, high = wilson_interval(np.where(part == 0, 0.0, effective), effective, confidence)
        usable = np.where(np.isnan(quantile), np.nan, 0.0)  # at 0 and 1 too few clusters are too few as well
        return np.where(is_end, low, expit(logit(p) - half)) + usable, np.where(is_end, high, expit(logit(p) + half)) + usable


def slice_rates(tally: BinaryTally, n_windows: int, name: str) -> SliceRates:
    """Return one of `RATES` for every slice of a tally, from its cells of window "all".

    Examples
    --------
    >>> from harness.records.tally import Moments
    >>> bins, none = np.zeros((1, 15), np.int64), Moments(np.zeros(1), np.zeros(1))
    >>> tally = BinaryTally(np.array([[[6, 2], [1, 3]]]), bins, bins, bins.astype(np.float64), none, none, None)
    >>> [float(slice_rates(tally, 1, name).value[0].round(4)) for name in RATES]
    [0.4167, 0.75, 0.25]
    """
    numerator, denominator = RATES[name]
    decisions = tally.confusion[::n_windows].reshape(-1, N_DECISIONS)
    counted, n = decisions @ numerator, decisions @ denominator
    if tally.totals is None:
        return SliceRates(name, counted, n, _share(counted, n), None)
    own = slice(0, N_DECISIONS)
    t = tally.totals
    totals = ClusterTotals(t.n_clusters[::n_windows], t.total[::n_windows, own], t.cross[::n_windows, own, own])
    return SliceRates(name, counted, n, _share(totals.total @ numerator, totals.total @ denominator), totals)


def _share(part: NDArray[np.generic], whole: NDArray[np.generic]) -> Floats:
    share = np.full(len(whole), np.nan)
    np.divide(part, whole, out=share, where=np.asarray(whole != 0))
    return share

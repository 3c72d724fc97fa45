"""Coverage of counts without simulation: every table that can come up, with its probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy
from scipy.stats import binom

from benchmarks.null_worlds.coverage import CONFIDENCE
from benchmarks.null_worlds.world import Floats
from harness.compare.paired_differences import paired_differences
from harness.metrics.accuracy import Accuracy
from harness.records.tally import N_BINS, BinaryTally, Moments, PairedTally, RankSums

WILSON_ROWS, WILSON_SHARES = (10, 30, 100, 200, 2000), (0.01, 0.05, 0.2, 0.5)
TANGO_ROWS = (30, 100)
TANGO_SHARES = ((0.02, 0.02), (0.05, 0.05), (0.2, 0.2), (0.02, 0.05), (0.05, 0.15), (0.1, 0.3))  # gained, lost


@dataclass(frozen=True)
class Exact:
    """Coverage of an interval of counts, known without error."""

    n: int
    world: str
    coverage: float


def wilson_coverage() -> list[Exact]:
    """Return the coverage of accuracy at every n and share, over all counts of right rows."""
    found = []
    for n in WILSON_ROWS:
        right = np.arange(n + 1)
        values = Accuracy().compute(binary_tally(right, n), CONFIDENCE, 0)
        for p in WILSON_SHARES:
            holds = (values.ci_low <= p) & (p <= values.ci_high)
            found.append(Exact(n, f"share {p:g}", float(binom.pmf(right, n, p)[holds].sum())))
    return found


def tango_coverage() -> list[Exact]:
    """Return the coverage of the paired difference of accuracy, over all counts of rows that only one of two models has right."""
    found = []
    for n in TANGO_ROWS:
        gained, lost = (a.ravel() for a in np.meshgrid(np.arange(n + 1), np.arange(n + 1)))
        gained, lost = gained[gained + lost <= n], lost[gained + lost <= n]
        values = paired_differences(paired_tally(gained, lost, n), "accuracy", "champion", "challenger", CONFIDENCE)
        for p, q in TANGO_SHARES:
            holds = (values.ci_low <= p - q) & (p - q <= values.ci_high)
            log_mass = gammaln(n + 1) - gammaln(gained + 1) - gammaln(lost + 1) - gammaln(n - gained - lost + 1)
            mass = np.exp(log_mass + xlogy(gained, p) + xlogy(lost, q) + xlogy(n - gained - lost, 1 - p - q))
            found.append(Exact(n, f"gained {p:g}, lost {q:g}", float(mass[holds].sum())))
    return found


def binary_tally(right: NDArray[np.int64], n: int) -> BinaryTally:
    """Return a tally of positive rows, of which so many are predicted so in each cell; what accuracy does not read is 0."""
    confusion = np.zeros((len(right), 2, 2), np.int64)
    confusion[:, 1, 1], confusion[:, 1, 0] = right, n - right
    bins = np.zeros((len(right), N_BINS), np.int64)
    return BinaryTally(confusion, bins, bins, bins.astype(np.float64), _no_moments(len(right)), _no_moments(len(right)), None)


def paired_tally(gained: NDArray[np.int64], lost: NDArray[np.int64], n: int) -> PairedTally:
    """Return a tally of positive rows that both, either or none predict so; what accuracy does not read is 0."""
    cells = np.zeros((len(gained), 2, 2, 2), np.int64)
    cells[:, 1, 0, 1], cells[:, 1, 1, 0], cells[:, 1, 1, 1] = gained, lost, n - gained - lost
    moments, nothing = _no_moments(len(gained)), np.zeros(len(gained), np.int64)
    ranks = RankSums(*[nothing] * 7)
    return PairedTally(cells, moments, moments, moments, moments, ranks, ranks, nothing, nothing, nothing, nothing)


def _no_moments(n_cells: int) -> Moments:
    zeros: Floats = np.zeros(n_cells)
    return Moments(zeros, zeros)

"""Coverage of counts without simulation: every table that can come up, with its probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy
from scipy.stats import binom

from benchmarks.null_worlds.coverage import CONFIDENCE
from benchmarks.null_worlds.world import Layout
from harness.compare.paired_differences import paired_differences
from harness.metrics.accuracy import Accuracy
from harness.pipeline.reduction import Paired, Rows, paired_of, tally_of
from harness.records.needs import Needs
from harness.records.tally import BinaryTally

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
        low, high = values.ci_low[1:], values.ci_high[1:]
        for p in WILSON_SHARES:
            holds = (low <= p) & (p <= high)
            found.append(Exact(n, f"share {p:g}", float(binom.pmf(right, n, p)[holds].sum())))
    return found


def tango_coverage() -> list[Exact]:
    """Return the coverage of the paired difference of accuracy, over all counts of rows that only one of two models has right."""
    found = []
    for n in TANGO_ROWS:
        gained, lost = (a.ravel() for a in np.meshgrid(np.arange(n + 1), np.arange(n + 1)))
        gained, lost = gained[gained + lost <= n], lost[gained + lost <= n]
        values = paired_differences(paired_tally(gained, lost, n), "accuracy", "champion", "challenger", CONFIDENCE)
        low, high = values.ci_low[1:], values.ci_high[1:]
        for p, q in TANGO_SHARES:
            holds = (low <= p - q) & (p - q <= high)
            log_mass = gammaln(n + 1) - gammaln(gained + 1) - gammaln(lost + 1) - gammaln(n - gained - lost + 1)
            mass = np.exp(log_mass + xlogy(gained, p) + xlogy(lost, q) + xlogy(n - gained - lost, 1 - p - q))
            found.append(Exact(n, f"gained {p:g}, lost {q:g}", float(mass[holds].sum())))
    return found


def binary_tally(right: NDArray[np.int64], n: int) -> BinaryTally:
    """Return the tally of n positive rows per cell, of which so many are predicted so; cell 0 is all cells together."""
    sets, rows = np.repeat(np.arange(len(right)), n), np.tile(np.arange(n), len(right))
    tally = tally_of(_scores(rows < right[sets]), _positive_rows(sets, len(right)), 0.5, Needs())
    assert isinstance(tally, BinaryTally)
    return tally


def paired_tally(gained: NDArray[np.int64], lost: NDArray[np.int64], n: int) -> Paired:
    """Return the tally of n positive rows per cell: so many only the challenger has right, so many only the champion, the others both."""
    sets, rows = np.repeat(np.arange(len(gained)), n), np.tile(np.arange(n), len(gained))
    champion_is_right, challenger_is_right = rows >= gained[sets], (rows < gained[sets]) | (rows >= (gained + lost)[sets])
    scores = _scores(champion_is_right), _scores(challenger_is_right)
    return paired_of(*scores, _positive_rows(sets, len(gained)), 0.5, 0.5, Needs())


def _scores(is_right: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.where(is_right, np.float32(0.75), np.float32(0.25))


def _positive_rows(sets: NDArray[np.int64], n_sets: int) -> Rows:
    return Layout(n_sets, sets.astype(np.int32), None, None, 0.0).rows("binary", np.ones(len(sets), np.int8))

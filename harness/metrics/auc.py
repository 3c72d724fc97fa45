"""auc: how often a positive row is ranked above a negative one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from harness.errors import ConfigError, did_you_mean, one_of
from harness.metrics.linearised_interval import decision_totals, logit_bounds, quantiles, too_few
from harness.metrics.metric import BinaryMetric, Direction
from harness.metrics.placement_variance import delong_variance
from harness.metrics.values import FEWER_THAN_TWO, ONE_CLASS, Case, metric_values, ratio
from harness.records.metric import MIN_CLASS_ROWS, MetricValues
from harness.records.needs import Needs
from harness.records.tally import BinaryTally, BinnedAuc, ClusterTotals, RankSums, ShareEstimate

METHODS = ("exact", "binned")
FEW_FOR_DELONG = 40  # rows of a class: of fewer, DeLong's variance may be far too small
ROUNDING = 1e-12  # sums of weights that are not whole numbers reach an AUC of 1 up to this
FEW_OF_A_CLASS = f"; fewer than {MIN_CLASS_ROWS} of a class: not gated"
_POSITIVE = np.array([0.0, 0.0, 1.0, 1.0])  # of TN, FP, FN, TP


@dataclass(frozen=True)
class Auc(BinaryMetric):
    """How often a positive row is ranked above a negative one, ties counting one half.

    Formula: sum of a / (2 P N), with a the doubled placement of a positive row among the negative ones; exact.
    The interval is expit(logit(auc) ± z * se / (auc * (1 - auc))) with DeLong's se. Of weighted or clustered rows it is the
    share of the weight of pairs, with Obuchowski's se and Student's t of the effective clusters less 1, those of the class that has fewer.
    `binned` takes the AUC of scores in bins: its interval is made at both ends of what the exact AUC can be, and reaches from the lower
    to the upper.

    Undefined when: the cell has fewer than 2 rows, one class only, or its ranks (bins) were not kept. No interval when a class has
    fewer than 2 rows, or fewer than 10 effective clusters, or at 0 and 1. With fewer than 20 rows of a class the method says "not gated".

    Parameters
    ----------
    method : str
        `exact` from the order of all rows, or `binned` for logs whose order does not fit in memory.

    Raises
    ------
    ConfigError
        When `method` is neither.
    """

    method: str = "exact"

    name: ClassVar[str] = "auc"
    title: ClassVar[str] = "how often a positive row is ranked above a negative one"
    unit: ClassVar[str] = "share"
    direction: ClassVar[Direction] = "higher"
    takes_weights: ClassVar[bool] = True
    interval: ClassVar[str] = (
        "DeLong, logit, with fewer than 40 of a class at least Hanley & McNeil; weights or clusters: Obuchowski, logit, t"
    )
    source: ClassVar[str] = (
        "DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44:837; Obuchowski 1997, Biometrics 53:567; logit: Pepe 2003, ch. 5;"
        " Hanley & McNeil 1982, Radiology 143:29"
    )

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ConfigError(f"metrics.auc.method is '{self.method}'; wanted {one_of(METHODS)}{did_you_mean(self.method, METHODS)}")
        if self.method == "binned":  # on the object alone: bins have no weighted form, and a conf that asks for it is refused
            object.__setattr__(self, "takes_weights", False)

    def needs(self) -> Needs:
        """Return that the rank sums are read, or the bins."""
        return Needs(binned_auc=True) if self.method == "binned" else Needs(ranks=True)

    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return the AUC and its interval for every cell; `seed` is not used."""
        totals = tally.totals
        if self.method == "binned":
            if totals is not None:
                return self._nothing(tally, "binned scores have no weighted form; use metrics.auc.method=exact")
            binned = tally.binned_auc
            return (
                self._nothing(tally, "the bins of the scores were not kept") if binned is None else self._binned(tally, binned, confidence)
            )
        if totals is not None and tally.auc is not None:
            return self._of_weight(tally, totals, tally.auc, confidence)
        if totals is not None or tally.ranks is None:
            return self._nothing(tally, "the ranks of the scores were not kept")
        return self._from_ranks(tally, tally.ranks, confidence)

    def _from_ranks(self, tally: BinaryTally, ranks: RankSums, confidence: float) -> MetricValues:
        auc = ratio(ranks.sum_a, 2 * ranks.n_positive * ranks.n_negative)
        variance, floored = floored_variance(auc, delong_variance(ranks), ranks.n_positive, ranks.n_negative)
        method = np.where(floored, "Hanley & McNeil, logit", "DeLong, logit").astype(np.object_)
        return self._values(tally, auc, *logit_interval(auc, variance, confidence), method, [])

    def _of_weight(self, tally: BinaryTally, totals: ClusterTotals, auc: ShareEstimate, confidence: float) -> MetricValues:
        quantile = quantiles(decision_totals(totals), [_POSITIVE, 1.0 - _POSITIVE], confidence)
        low, high = logit_bounds(auc.value, auc.variance, quantile)
        return self._values(tally, auc.value, low, high, "Obuchowski, logit, t", too_few(totals, quantile))

    def _binned(self, tally: BinaryTally, binned: BinnedAuc, confidence: float) -> MetricValues:
        lowest, highest = binned.value - binned.bound, binned.value + binned.bound
        variance, _ = floored_variance(binned.value, binned.variance, tally.n_positive, tally.n - tally.n_positive)
        low, high = logit_interval(lowest, variance, confidence)[0], logit_interval(highest, variance, confidence)[1]
        # Where the exact AUC may be 0 or 1 the logit has no bound on that side.
        low, high = (np.where(end & (binned.variance > 0), v, x) for x, end, v in ((low, lowest <= 0, 0.0), (high, highest >= 1, 1.0)))
        method = "DeLong of binned scores, logit, widened by the bound " + np.char.mod("%.1g", binned.bound).astype(np.object_)
        return self._values(tally, binned.value, low, high, method, [])

    def _nothing(self, tally: BinaryTally, why: str) -> MetricValues:
        nan = np.full(len(tally.n), np.nan)
        return metric_values(self.name, nan, nan, nan, "", [(np.isnan(nan), why)])

    def _values(
        self,
        tally: BinaryTally,
        auc: NDArray[np.float64],
        low: NDArray[np.float64],
        high: NDArray[np.float64],
        method: str | NDArray[np.object_],
        no_interval: list[Case],
    ) -> MetricValues:
        """Return the values with the reasons that all methods share."""
        fewest = np.minimum(tally.n_positive, tally.n - tally.n_positive)
        methods = np.where(fewest < MIN_CLASS_ROWS, method + FEW_OF_A_CLASS, method).astype(np.object_)
        undefined = [(tally.n < 2, FEWER_THAN_TWO), (fewest == 0, ONE_CLASS)]
        no_interval = [
            (fewest < 2, "no interval: fewer than 2 rows of a class"),
            (np.minimum(auc, 1 - auc) < ROUNDING, "no interval: AUC is 0 or 1"),
            *no_interval,
            (np.isnan(low), "no interval: all placements are equal"),
        ]
        return metric_values(self.name, auc, low, high, methods, undefined, no_interval)


def floored_variance(
    auc: NDArray[np.float64], variance: NDArray[np.float64], n_positive: NDArray[np.int64], n_negative: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return a variance of AUC that few rows of a class cannot make too small, and where it is not DeLong's.

    DeLong's variance rests on the placements that were seen. With 20 positive rows at an AUC of .98 hardly one of them lies below a
    negative one, and the interval covers .83; so with fewer than 40 rows of a class it is at least that of Hanley & McNeil, which follows
    from AUC and counts (docs/coverage.md).

    Formula: (A (1 - A) + (P - 1)(A / (2 - A) - A²) + (N - 1)(2 A² / (1 + A) - A²)) / (P N).

    Notes
    -----
    Hanley & McNeil 1982, Radiology 143:29, equations 1 and 2 (exponential scores).

    Examples
    --------
    >>> one = np.array([20])
    >>> floored_variance(np.array([0.9]), np.array([0.0001]), one, one)[0].round(5), bool(floored_variance(one / 40, one / 1.0, one, one)[1][0])
    (array([0.00264]), False)
    """
    p, n = n_positive.astype(np.float64), n_negative.astype(np.float64)
    spread = auc * (1 - auc) + (p - 1) * (auc / (2 - auc) - auc**2) + (n - 1) * (2 * auc**2 / (1 + auc) - auc**2)
    known = ratio(spread, p * n)
    is_floored = (np.minimum(n_positive, n_negative) < FEW_FOR_DELONG) & (known > variance) & (variance > 0)
    return np.where(is_floored, known, variance), np.asarray(is_floored, np.bool_)


def logit_interval(
    share: NDArray[np.float64], variance: NDArray[np.float64], confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the normal interval of the logit of a share, mapped back; NaN at 0, at 1 and at variance 0.

    Examples
    --------
    >>> low, high = logit_interval(np.array([0.5]), np.array([0.01]), 0.95)
    >>> low.round(4), high.round(4)
    (array([0.3135]), array([0.6865]))
    """
    return logit_bounds(share, variance, float(ndtri(0.5 + confidence / 2)))

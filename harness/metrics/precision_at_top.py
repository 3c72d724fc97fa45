"""precision_at_top: how many of the rows with the highest scores are positive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from harness.metrics.metric import BinaryMetric, Direction
from harness.metrics.rank_bins import check_share, not_kept, rate_at_border, wilson_of_share, wrong_parameter
from harness.metrics.values import FEWER_THAN_TWO, metric_values
from harness.records.metric import MetricValues
from harness.records.needs import Needs
from harness.records.tally import BinaryTally
from harness.stats.cuts import smallest_reaching

MIN_TOP = 20  # rows; of fewer, Wilson's interval covers too little where nearly all are positive (docs/coverage.md)


@dataclass(frozen=True)
class PrecisionAtTop(BinaryMetric):
    """How many of the rows with the highest scores are positive: their share among the k = ceil(top_share * n) highest.

    Rows of the score that straddles the border count with their own positive share: the mean over random ways to break the tie.
    The interval is Wilson's with the effective number of rows: p (1 - p) / variance, where the variance is
    (p (1 - p) + (1 - top_share) (p - r)²) / k, with r the positive share about the border, from 60 rank bins: the border moves
    from sample to sample, and rows there are positive with share r.

    Undefined when: the cell has fewer than 2 rows, or the curve was not kept or was kept for another share. No interval with fewer
    than 20 rows at the top.

    Parameters
    ----------
    top_share : float
        The share of rows with the highest scores, above 0 and at most 1.

    Raises
    ------
    ConfigError
        When it is not.
    """

    top_share: float = 0.01

    name: ClassVar[str] = "precision_at_top"
    title: ClassVar[str] = "of the top_share of rows with the highest scores, which share is positive"
    unit: ClassVar[str] = "share"
    direction: ClassVar[Direction] = "higher"
    interval: ClassVar[str] = "Wilson with the effective n of the top"
    source: ClassVar[str] = "Manning, Raghavan & Schütze 2008, section 8.4; Wilson 1927, JASA 22:209; variance: docs/decisions/009"

    def __post_init__(self) -> None:
        check_share("precision_at_top.top_share", self.top_share, may_be_one=True)

    def needs(self) -> Needs:
        """Return that the rank curve is read, for this share."""
        return Needs(curve=True, top_share=self.top_share)

    def compute(self, tally: BinaryTally, confidence: float, seed: int) -> MetricValues:
        """Return the precision and its interval for every cell; `seed` is not used."""
        if tally.curve is None:
            return not_kept(self.name, tally)
        why = wrong_parameter(tally.curve.top_share, self.top_share, "top_share")
        if why:
            return not_kept(self.name, tally, why)
        n_top = smallest_reaching(self.top_share, tally.n)
        value = tally.curve.precision_at_top
        smoothed = (value * n_top + 0.5) / (n_top + 1.0)
        apart = smoothed - rate_at_border(tally.curve, n_top)
        variance = (smoothed * (1.0 - smoothed) + (1.0 - self.top_share) * apart**2) / np.maximum(n_top, 1)
        low, high = wilson_of_share(value, variance, smoothed, confidence)
        few = (n_top < MIN_TOP, f"no interval: fewer than {MIN_TOP} rows at the top")
        return metric_values(self.name, value, low, high, self.interval, [(tally.n < 2, FEWER_THAN_TWO)], [few])

"""Gain from a metric, where nobody knows what a single prediction is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from harness.errors import ConfigError, did_you_mean, one_of
from harness.gain.fields import check_currency, read_number
from harness.gain.rule import GainRule
from harness.records.metric import Differences, MetricValues
from harness.records.money import GainEvidence, GainRow
from harness.records.tally import PairedTally

FIGURES = ("value_per_1k", "point")
DIRECTIONS = ("higher", "lower")
_Estimate = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]  # value, low, high of every cell


@dataclass(frozen=True)
class MetricValue(GainRule):
    """Say what a better metric is worth, as if every point of it were worth the same.

    Formula: gain per 1,000 = value_per_1k · d / point, with d the metric less the baseline (its negative where lower is better); against the
    champion d is the paired difference.

    Parameters
    ----------
    metric
        Name of a metric that is computed.
    value_per_1k
        What a better metric by one `point` brings per 1,000 predictions, in `currency`.
    direction
        Which way the metric is better: "higher" or "lower".
    currency
        Currency of the value, as "USD".
    point
        How much of the metric is one point, above 0: 0.01 for a percentage point of a share.
    baseline
        "champion", or a value of the metric.
    note
        Where the figures come from; printed beside every gain.

    Raises
    ------
    ValueError
        When a field means nothing.

    Notes
    -----
    The interval is that of the metric, or of the paired difference, times the value of a unit; the standard error is the longer of its two
    sides over the normal quantile, so that it is not too short where the interval is not symmetric. That the value is linear in the metric is
    taken for granted: `assumption` of every row says so.

    Examples
    --------
    AUC .76 against a baseline of .75, one point of .01 worth 12 USD per 1,000 predictions:

    >>> from types import SimpleNamespace
    >>> auc = MetricValues("auc", np.array([0.76]), np.array([0.75]), np.array([0.77]), np.array([""]), np.array([None]))
    >>> rule = MetricValue("auc", value_per_1k=12.0, direction="higher", currency="USD", point=0.01, baseline=0.75)
    >>> given = GainEvidence("v", False, SimpleNamespace(n=np.array([4])), None, metrics=(auc,))
    >>> round(rule.gain(given).gain_per_1k, 6)
    12.0
    """

    tasks: ClassVar[tuple[str, ...]] = ("binary", "regression", "multiclass")
    about: ClassVar[str] = "values a metric"
    takes_weights: ClassVar[bool] = True  # as far as the metric does, whose interval it has

    metric: str
    value_per_1k: float
    direction: str
    currency: str
    point: float = 1.0
    baseline: Any = "champion"
    note: str = ""

    def __post_init__(self) -> None:
        for name in FIGURES:
            object.__setattr__(self, name, read_number(name, getattr(self, name), "a finite number"))
        if self.value_per_1k <= 0:
            raise ValueError(
                f"value_per_1k: found {self.value_per_1k:g}, wanted a number above 0; direction says which way '{self.metric}' is better"
            )
        if self.point <= 0:
            raise ValueError(f"point: found {self.point:g}, wanted a number above 0, how much of the metric is one point")
        if self.direction not in DIRECTIONS:
            raise ValueError(
                f"direction: found {self.direction!r}, wanted one of {one_of(DIRECTIONS)}: which way '{self.metric}' is better"
            )
        check_currency(self.currency)
        if self.baseline != "champion":
            object.__setattr__(self, "baseline", read_number("baseline", self.baseline, f"champion, or a value of '{self.metric}'"))

    @property
    def assumption(self) -> str:
        """What every figure of this rule takes for granted."""
        return f"linear: every {self.point:g} of {self.metric} is taken to be worth {self.value_per_1k:g} {self.currency} per 1,000 predictions"

    def gain(self, given: GainEvidence, confidence: float = 0.95) -> GainRow:
        """Return gain and standard error per 1,000 predictions over all rows (cell 0), and the paired difference to the champion.

        Undefined, NaN with its reason, when the metric was not computed or is not defined, or has no paired form where one is needed.
        """
        own, reason = self._estimate(given)
        total = (0.0, 0.0) if given.is_champion and self.baseline == "champion" else self._first(own, confidence)
        against: tuple[float, float] | None = None
        pair = self._pair(given)
        if given.is_champion:
            against = (0.0, 0.0)
        elif given.paired is not None:
            against = self._first(None if pair is None else self._of_pair(pair), confidence)
        if reason is None and math.isnan(total[0]):
            reason = self._why_undefined(given)
        return GainRow(
            variant=given.variant,
            currency=self.currency,
            baseline=self._baseline_name,
            gain_per_1k=total[0],
            se_per_1k=total[1],
            vs_champion_per_1k=against[0] if against else None,
            vs_champion_se_per_1k=against[1] if against else None,
            note=self.note,
            n_rows=int((given.tally.n if pair is None or self.baseline != "champion" else pair.n)[0]),
            vs_champion_n_rows=0 if pair is None else int(pair.n[0]),
            assumption=self.assumption,
            reason=reason,
        )

    def by_cell(self, given: GainEvidence, confidence: float = 0.95) -> MetricValues | None:
        """Return the gain per 1,000 predictions of every cell with the interval of the metric; None where there is none."""
        del confidence
        estimate, _ = self._estimate(given)
        if estimate is None:
            return None
        value, low, high = estimate
        reason, method = np.full(len(value), None, dtype=np.object_), np.full(len(value), self.assumption, dtype=np.object_)
        reason[np.isnan(value)], method[np.isnan(low)] = f"{self.metric} is not defined", ""
        return MetricValues("gain_per_1k", value, low, high, method, reason)

    def difference_range(
        self, paired: PairedTally, n_gained: int, n_lost: int, n_alike: int, given: GainEvidence | None = None
    ) -> tuple[float, float]:
        """Return no bound where any row has no label: what it would do to the metric is not counted here."""
        pair = self._pair(given) if given is not None else None
        if n_gained + n_lost + n_alike > 0 or pair is None:
            return -math.inf, math.inf
        difference = float(self._of_pair(pair)[0][0])
        return difference, difference

    def figures(self) -> dict[str, float]:
        """Return the value of a point; how large a point is, is a unit and no figure."""
        return {"value_per_1k": self.value_per_1k}

    def with_figure(self, name: str, value: float) -> MetricValue:
        """Return the rule with another value of a point."""
        if name != "value_per_1k":
            raise ValueError(f"figure: found {name!r}, wanted value_per_1k")
        return replace(self, value_per_1k=value)

    def error_cost_per_row(self, given: GainEvidence) -> float | None:
        """Return None: a metric says nothing of a single error."""
        del given
        return None

    def check(self, directions: Mapping[str, str], slice_by: tuple[str, ...]) -> None:
        """Refuse a metric that is not computed, or is better the other way."""
        if self.metric not in directions:
            raise ConfigError(
                f"gain.metric: '{self.metric}' is not among the metrics: {one_of(directions, 30)}{did_you_mean(self.metric, directions)}"
            )
        if directions[self.metric] not in ("none", self.direction):
            raise ConfigError(f"gain.direction: found {self.direction}, and {self.metric} is better {directions[self.metric]}; write that")

    @property
    def _baseline_name(self) -> str:
        return "champion" if self.baseline == "champion" else f"{self.metric} {self.baseline:g}"

    @property
    def _unit(self) -> float:
        return (1.0 if self.direction == "higher" else -1.0) * self.value_per_1k / self.point

    def _pair(self, given: GainEvidence) -> Differences | None:
        return next((d for d in given.differences if d.metric == self.metric), None)

    def _of_pair(self, pair: Differences) -> _Estimate:
        return self._in_money(pair.difference, pair.ci_low, pair.ci_high)

    def _estimate(self, given: GainEvidence) -> tuple[_Estimate | None, str | None]:
        """Return the gain of every cell with its interval, or why there is none."""
        if self.baseline != "champion":
            own = next((m for m in given.metrics if m.metric == self.metric), None)
            if own is None:
                return None, f"{self.metric} was not computed"
            return self._in_money(*(np.asarray(part) - self.baseline for part in (own.value, own.ci_low, own.ci_high))), None
        if given.is_champion:
            zero = np.zeros(len(given.tally.n))
            return (zero, np.full_like(zero, np.nan), np.full_like(zero, np.nan)), None
        pair = self._pair(given)
        if pair is not None:
            return self._of_pair(pair), None
        return None, f"{self.metric} has no paired difference" if given.paired is not None else "there is no champion to pair with"

    def _in_money(self, value: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> _Estimate:
        ends = self._unit * low, self._unit * high
        return self._unit * value, np.minimum(*ends), np.maximum(*ends)

    def _first(self, estimate: _Estimate | None, confidence: float) -> tuple[float, float]:
        if estimate is None:
            return math.nan, math.nan
        value, low, high = (float(part[0]) for part in estimate)
        half = max(value - low, high - value)
        return value, half / float(ndtri(0.5 + confidence / 2)) if half > 0 else math.nan

    def _why_undefined(self, given: GainEvidence) -> str:
        own = next((m for m in given.metrics if m.metric == self.metric), None)
        why = None if own is None else own.undefined_reason[0]
        return f"{self.metric} is not defined" + (f": {why}" if why else "")

"""Gain of a prediction of a number whose error costs money."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from harness.errors import ConfigError, did_you_mean, one_of
from harness.gain.fields import PolicyColumn, check_currency, read_baseline, read_number
from harness.gain.row_worth import CaseWorth, chosen, first_per_1k, row_moments, values_by_cell
from harness.gain.rule import GainRule
from harness.records.metric import MetricValues
from harness.records.money import GainEvidence, GainRow
from harness.records.tally import PairedTally
from kernels.moments import RowMoments

BASELINES = ("none", "champion")
FIGURES = ("over_prediction", "under_prediction")
OWN = ("over", "under")
DIFFERENCES = ("over_difference", "under_difference")  # own less the other model's
_WHAT = "the error"  # over, or under
_COST = "a finite number of at least 0, the cost of one unit"


@dataclass(frozen=True)
class ErrorCost(GainRule):
    """Say what predictions of a number are worth when every unit of over- and of under-prediction has a price.

    Formula: the cost of a row is over_prediction · max(prediction - label, 0) + under_prediction · max(label - prediction, 0); its gain is
    the baseline's cost on the same row less its own; per 1,000 predictions it is 1000 times the mean over rows.

    Parameters
    ----------
    over_prediction, under_prediction
        Cost in `currency` of one unit (of the label) of prediction above, and below, the label; at least 0.
    currency
        Currency of both, as "USD".
    baseline
        What the gain is counted against: "none" costs nothing, so that the gain is less the cost; "champion"; {column: forecast} predicts as a
        column of the log does.
    note
        Where the figures come from; printed beside every gain.

    Raises
    ------
    ValueError
        When a cost is no number of at least 0, a currency is missing, or the baseline is unknown.

    Notes
    -----
    Up to a factor this is the piecewise linear loss whose mean a quantile minimises (Koenker & Bassett, "Regression quantiles", Econometrica
    1978), the newsvendor's cost of one unit too many and too few. The standard error is that of a mean of independent rows; a difference is paired, from the moments of
    the differences of both models' errors on the same rows.

    Examples
    --------
    Four rows: over by 2 and 1, under by 3, exact. At 1 and 10 a unit they cost 33.

    >>> from types import SimpleNamespace
    >>> from harness.records.money import ValueMoments
    >>> mean, m2 = np.array([[[0.75, 0.75]]]), np.array([[[[2.75, -2.25], [-2.25, 6.75]]]])
    >>> moments = ValueMoments(("over", "under"), np.array([[4]]), mean, m2)
    >>> rule = ErrorCost(over_prediction=1.0, under_prediction=10.0, currency="EUR")
    >>> rule.gain(GainEvidence("v", False, SimpleNamespace(n=np.array([4])), None, moments)).gain_per_1k
    -8250.0
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    about: ClassVar[str] = "values errors"

    over_prediction: float
    under_prediction: float
    currency: str
    baseline: Any = "none"
    note: str = ""

    def __post_init__(self) -> None:
        for name in FIGURES:
            value = read_number(name, getattr(self, name), _COST)
            if value < 0:
                raise ValueError(f"{name}: found {value:g}, wanted {_COST}; a cost is written without a sign")
            object.__setattr__(self, name, value)
        check_currency(self.currency)
        object.__setattr__(self, "baseline", read_baseline(self.baseline, BASELINES))

    def columns(self) -> tuple[str, ...]:
        """Return the column of the policy's predictions, if there is one."""
        return () if self.policy_column() is None else (str(self.policy_column()),)

    def policy_column(self) -> str | None:
        """Return the column that predicts as the baseline, or None."""
        return self.baseline.column if isinstance(self.baseline, PolicyColumn) else None

    def gain(self, given: GainEvidence, confidence: float = 0.95) -> GainRow:
        """Return gain and standard error per 1,000 predictions over all rows (cell 0), and the paired difference to the champion.

        Undefined when the cell has no rows (NaN); the standard error is NaN under two rows. With baseline "champion" the gain is the
        paired difference: zero for the champion itself, NaN where there is no champion to pair with.
        """
        del confidence
        pair = self._difference(given)
        against = (0.0, 0.0) if given.is_champion else None if pair is None else first_per_1k(pair)
        own = pair if self.baseline == "champion" else self._own(given)
        total = first_per_1k(own) if own is not None else against or (math.nan, math.nan)
        why = "no rows" if own is not None or given.is_champion else "there is no champion to pair with"
        return GainRow(
            variant=given.variant,
            currency=self.currency,
            baseline=str(self.baseline),
            gain_per_1k=total[0],
            se_per_1k=total[1],
            vs_champion_per_1k=against[0] if against else None,
            vs_champion_se_per_1k=against[1] if against else None,
            note=self.note,
            n_rows=int((given.tally.n if own is None else own.n)[0]),
            vs_champion_n_rows=0 if pair is None else int(pair.n[0]),
            reason=why if math.isnan(total[0]) else None,
        )

    def by_cell(self, given: GainEvidence, confidence: float = 0.95) -> MetricValues | None:
        """Return the gain per 1,000 predictions of every cell with its normal interval; None where the baseline is a champion that is not there."""
        found = self._difference(given) if self.baseline == "champion" else self._own(given)
        if found is None and given.is_champion:
            found = RowMoments(given.tally.n, np.zeros(len(given.tally.n)), np.zeros(len(given.tally.n)))
        return None if found is None else values_by_cell(found, confidence, np.full(len(found.n), None, dtype=np.object_))

    def difference_range(
        self, paired: PairedTally, n_gained: int, n_lost: int, n_alike: int, given: GainEvidence | None = None
    ) -> tuple[float, float]:
        """Return no bound: a label that is a number may be anything."""
        del paired, n_gained, n_lost, n_alike, given
        return -math.inf, math.inf

    def figures(self) -> dict[str, float]:
        """Return both costs."""
        return {name: getattr(self, name) for name in FIGURES}

    def with_figure(self, name: str, value: float) -> ErrorCost:
        """Return the rule with another cost."""
        if name not in FIGURES:
            raise ValueError(f"figure: found {name!r}, wanted one of {one_of(FIGURES)}{did_you_mean(name, FIGURES)}")
        changes: dict[str, Any] = {name: value}
        return replace(self, **changes)

    def error_cost_per_row(self, given: GainEvidence) -> float | None:
        """Return the cost of all errors over their absolute sum: what a unit of absolute error costs as these rows mix over and under.

        None without rows, and where no prediction is off.
        """
        moments = chosen(given.moments, OWN, None, _WHAT)
        over, under = moments.mean[0, 0]
        if moments.n[0, 0] == 0 or over + under == 0:
            return None
        return float((self.over_prediction * over + self.under_prediction * under) / (over + under))

    def check(self, directions: Mapping[str, str], slice_by: tuple[str, ...]) -> None:
        """Refuse two costs of zero: no model could then bring anything."""
        del directions, slice_by
        if not self.over_prediction and not self.under_prediction:
            raise ConfigError("gain: over_prediction and under_prediction are both 0, so that no error costs anything; give one of them")

    def _own(self, given: GainEvidence) -> RowMoments:
        names = OWN if self.policy_column() is None else DIFFERENCES
        return row_moments(chosen(given.moments, names, self.policy_column(), _WHAT), self._worth)

    def _difference(self, given: GainEvidence) -> RowMoments | None:
        return None if given.paired is None else row_moments(chosen(given.paired_moments, DIFFERENCES, None, _WHAT), self._worth)

    @property
    def _worth(self) -> CaseWorth:
        return CaseWorth(np.zeros(1), np.array([[-self.over_prediction, -self.under_prediction]]))

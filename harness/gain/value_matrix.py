"""Gain of a yes/no decision whose four outcomes have fixed values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from harness.gain.rule import GainRule
from harness.records.metric import MetricValues
from harness.records.money import GainRow
from harness.records.tally import BinaryTally, PairedTally

BASELINES = ("none", "all", "champion")
_OUTCOMES = ("true_positive", "false_positive", "false_negative", "true_negative")


@dataclass(frozen=True)
class ValueMatrix(GainRule):
    """Say what decisions are worth when each of their four outcomes has a fixed value in money.

    Formula: the value of a row is v[label, decision]; its gain is that less the value of the baseline policy's
    decision on the same row; per 1,000 predictions it is 1000 times the mean over rows.

    Parameters
    ----------
    true_positive, false_positive, false_negative, true_negative
        Value of one such row in `currency`; a loss is negative.
    currency
        Currency of the four values, as "USD".
    baseline
        Policy the gain is counted against: "none" flags nobody, "all" flags everybody, "champion" decides as the champion does.
    note
        Where the figures come from; printed beside every gain.

    Raises
    ------
    ValueError
        When a value is not a finite number, a currency is missing, or the baseline is unknown.

    Notes
    -----
    The values are the cost matrix of Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001, section 1.1, counted
    as benefits rather than costs (section 1.2 there). The standard error is exact given the counts: a row's gain takes at most four
    values (eight when paired), so its sample variance needs the cells only.

    Examples
    --------
    Two flags right, one wrong, one positive missed: 2·2.00 − 0.60 = 3.40 over four rows.

    >>> rule = ValueMatrix(true_positive=2.0, false_positive=-0.6, false_negative=0.0, true_negative=0.0, currency="USD")
    >>> mean, se = rule.mean_and_se(np.array([[[0, 1], [1, 2]]]), rule.gains(BASELINE_NONE))
    >>> round(float(mean[0]), 4)
    0.85
    """

    true_positive: float
    false_positive: float
    false_negative: float
    true_negative: float
    currency: str
    baseline: str = "none"
    note: str = ""

    def __post_init__(self) -> None:
        for name in _OUTCOMES:
            object.__setattr__(self, name, _amount(name, getattr(self, name)))
        if not isinstance(self.currency, str) or not self.currency.strip():
            raise ValueError(f"currency: found {self.currency!r}, wanted a currency code; write currency: USD")
        if self.baseline not in BASELINES:
            raise ValueError(f"baseline: found {self.baseline!r}, wanted one of {', '.join(BASELINES)}")

    @property
    def values(self) -> NDArray[np.float64]:
        """Value of a row, float64 [2, 2], indexed [label, decision], in `currency`."""
        return np.array([[self.true_negative, self.false_positive], [self.false_negative, self.true_positive]], dtype=np.float64)

    def gains(self, baseline: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the gain of a row over a fixed policy, float64 [2, 2], indexed [label, decision].

        Parameters
        ----------
        baseline
            int64 [2], the policy's decision for label 0 and 1: `BASELINE_NONE` or `BASELINE_ALL`.
        """
        values = self.values
        return values - values[np.arange(2), baseline][:, None]

    def gain(self, variant: str, tally: BinaryTally, paired: PairedTally | None, *, is_champion: bool = False) -> GainRow:
        """Return gain and standard error per 1,000 predictions over all rows (cell 0), and the paired difference to the champion.

        Undefined when the cell has no rows (NaN); the standard error is NaN under two rows. With baseline "champion" the
        gain is the paired difference: zero for the champion itself, NaN where there is no champion to pair with.
        """
        own = (0.0, 0.0) if is_champion else self._difference(paired)
        policy = _POLICIES.get(self.baseline)
        unpaired = (math.nan, math.nan)
        total = own or unpaired if policy is None else _first(self.mean_and_se(tally.confusion[:1], self.gains(policy)))
        return GainRow(
            variant=variant,
            currency=self.currency,
            baseline=self.baseline,
            gain_per_1k=total[0],
            se_per_1k=total[1],
            vs_champion_per_1k=own[0] if own else None,
            vs_champion_se_per_1k=own[1] if own else None,
            note=self.note,
        )

    def difference_range(self, paired: PairedTally, n_gained: int, n_lost: int, n_alike: int) -> tuple[float, float]:
        """Return the lowest and highest difference to the champion per 1,000 predictions, were every unlabelled row the worst or the best.

        Formula: (sum over labelled rows + gained * min(v) - lost * max(v)) / all rows for the lowest, with v the value of predicting a
        positive or a negative row positive rather than negative; the highest is the mirror. Both are reached by some labels.

        Examples
        --------
        One labelled row that both find, one unlabelled one that only the challenger selects: worth 5 if positive, -1 if not.

        >>> rule = ValueMatrix(true_positive=5, false_positive=-1, false_negative=0, true_negative=0, currency="USD")
        >>> from types import SimpleNamespace
        >>> pair = SimpleNamespace(cells=np.array([[[[0, 0], [0, 0]], [[0, 0], [0, 1]]]]))
        >>> rule.difference_range(pair, 1, 0, 0)
        (-500.0, 2500.0)
        """
        known, values = float((paired.cells[0] * self._paired_values()).sum()), self.values
        turn = values[:, 1] - values[:, 0]
        lowest, highest = n_gained * turn.min() - n_lost * turn.max(), n_gained * turn.max() - n_lost * turn.min()
        n_rows = int(paired.cells[0].sum()) + n_gained + n_lost + n_alike
        return 1000 * float(known + lowest) / n_rows, 1000 * float(known + highest) / n_rows

    def by_cell(self, tally: BinaryTally, paired: PairedTally | None, confidence: float = 0.95) -> MetricValues:
        """Return the gain per 1,000 predictions of every cell with its normal interval, as the metric `gain_per_1k`.

        Raises
        ------
        ValueError
            When the baseline is the champion and there is no paired tally.
        """
        if self.baseline == "champion":
            if paired is None:
                raise ValueError(
                    "gain by slice: the baseline is the champion, but there is no paired tally; name a champion or use baseline: none"
                )
            mean, se = self.mean_and_se(paired.cells, self._paired_values())
        else:
            mean, se = self.mean_and_se(tally.confusion, self.gains(_POLICIES[self.baseline]))
        half = float(ndtri(0.5 + confidence / 2)) * np.where(se > 0, se, np.nan)  # a zero width is not evidence
        reason, method = np.full(len(mean), None, dtype=np.object_), np.full(len(mean), "normal", dtype=np.object_)
        reason[np.isnan(mean)], method[np.isnan(half)] = "no rows", ""
        return MetricValues("gain_per_1k", 1000 * mean, 1000 * (mean - half), 1000 * (mean + half), method, reason)

    def mean_and_se(self, counts: NDArray[np.int64], values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and standard error of a per-row value from the counts of its cases.

        Parameters
        ----------
        counts
            int64 [n_cells, ...], rows of each case.
        values
            float64 [...], value of each case.

        Returns
        -------
        mean, se : float64 [n_cells]
            Per row. NaN with no rows; `se` is NaN under two rows. `se` uses the sample variance (ddof 1).
        """
        rows = counts.reshape(len(counts), -1).astype(np.float64)
        flat = values.reshape(-1)
        n = rows.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(n > 0, rows @ flat / n, np.nan)
            m2 = (rows * (flat[None, :] - mean[:, None]) ** 2).sum(axis=1)
            se = np.where(n > 1, np.sqrt(m2 / (n - 1) / n), np.nan)
        return mean, se

    def _paired_values(self) -> NDArray[np.float64]:
        values = self.values  # challenger's value less the champion's, [label, champion, challenger]
        return values[:, None, :] - values[:, :, None]

    def _difference(self, paired: PairedTally | None) -> tuple[float, float] | None:
        return None if paired is None else _first(self.mean_and_se(paired.cells[:1], self._paired_values()))


BASELINE_NONE = np.zeros(2, dtype=np.int64)
BASELINE_ALL = np.ones(2, dtype=np.int64)
_POLICIES = {"none": BASELINE_NONE, "all": BASELINE_ALL}


def _first(pair: tuple[NDArray[np.float64], NDArray[np.float64]]) -> tuple[float, float]:
    return 1000 * float(pair[0][0]), 1000 * float(pair[1][0])


def _amount(name: str, value: object) -> float:
    if isinstance(value, Mapping):
        raise ValueError(f"{name}: found a column reference {dict(value)}, which is not offered yet; give one number for all rows")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: found {value!r}, wanted a finite number, the value of one such row; a loss is negative")
    return float(value)

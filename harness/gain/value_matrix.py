"""Gain of a yes/no decision whose four outcomes have a value each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.errors import ConfigError, did_you_mean, one_of
from harness.gain.decision_worth import (
    OUTCOMES,
    DecisionWorth,
    decision_worth,
    figure_name,
    figure_of,
    over_policy,
    right_over_wrong,
    with_figure,
)  # fmt: skip
from harness.gain.fields import Amount, PolicyColumn, check_currency, read_baseline, read_value
from harness.gain.overrides import check_slices, overridden, override_ids, read_overrides
from harness.gain.row_worth import CaseWorth, chosen, first_per_1k, of_counts, row_moments, values_by_cell
from harness.gain.rule import GainRule
from harness.gain.unlabelled import amounts_range, by_slice, constants_range
from harness.records.metric import MetricValues
from harness.records.money import GainEvidence, GainRow, ValueMoments
from harness.records.tally import Grid, PairedTally
from harness.records.task_tally import PairedMulticlassTally, PairedRegressionTally, RegressionTally
from kernels.moments import RowMoments

BASELINES = ("none", "all", "champion")
NO_PAIR = "there is no champion to pair with"
_Found = tuple[RowMoments, NDArray[np.object_]]  # and why a cell has none


@dataclass(frozen=True)
class ValueMatrix(GainRule):
    """Say what decisions are worth when each of their four outcomes has a value in money.

    Formula: the value of a row is v[label, decision], a number or `times` the amount that the log holds for the row; its gain is
    that less the value of the baseline policy's decision on the same row; per 1,000 predictions it is 1000 times the mean over rows.

    Parameters
    ----------
    true_positive, false_positive, false_negative, true_negative
        Value of one such row in `currency`, a number or {column: amount, times: -1}; a loss is negative.
    currency
        Currency of the four values, as "USD".
    baseline
        Policy the gain is counted against: "none" flags nobody, "all" flags everybody, "champion" decides as the champion does, {column: flag}
        as a column of the log says, 0 or 1.
    note
        Where the figures come from; printed beside every gain.
    overrides
        Values that rows of some slices have instead: [{slice: carrier=UA, true_positive: 3.0}], all slices of one column, or of one
        cross. The gain of all rows, and of that column's slices, follows from the tallies of these slices. The gain of other columns' slices
        is then not known (NaN, with a reason): the tallies do not say how their rows are spread over this column. Refused: two columns, a
        slice twice, and a slice that no judged row is in.

    Raises
    ------
    ValueError
        When a value is neither a finite number nor a column, a currency is missing, or the baseline is unknown.

    Notes
    -----
    The values are the cost matrix of Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001, section 1.1, counted
    as benefits rather than costs (section 1.2 there); values that differ from row to row are those of Zadrozny & Elkan, "Learning and making
    decisions when costs and probabilities are both unknown", KDD 2001. The standard error is that of a mean of independent rows: of constants
    it needs the counts only, of amounts their moments by case, within and between cases.

    Examples
    --------
    Two flags right, one wrong, one positive missed: 2·2.00 − 0.60 = 3.40 over four rows.

    >>> from types import SimpleNamespace
    >>> rule = ValueMatrix(true_positive=2.0, false_positive=-0.6, false_negative=0.0, true_negative=0.0, currency="USD")
    >>> tally = SimpleNamespace(confusion=np.array([[[0, 1], [1, 2]]]), n=np.array([4]))
    >>> round(rule.gain(GainEvidence("v", False, tally, None)).gain_per_1k, 4)
    850.0
    """

    tasks: ClassVar[tuple[str, ...]] = ("binary",)
    about: ClassVar[str] = "values decisions"
    values_decisions: ClassVar[bool] = True

    true_positive: Any
    false_positive: Any
    false_negative: Any
    true_negative: Any
    currency: str
    baseline: Any = "none"
    note: str = ""
    overrides: Any = ()

    def __post_init__(self) -> None:
        for name in OUTCOMES:
            object.__setattr__(self, name, read_value(name, getattr(self, name)))
        check_currency(self.currency)
        object.__setattr__(self, "baseline", read_baseline(self.baseline, BASELINES))
        object.__setattr__(self, "overrides", read_overrides(self.overrides, OUTCOMES))

    @property
    def amounts(self) -> tuple[str, ...]:
        """Columns that some value is an amount of, sorted."""
        given = [getattr(self, name) for name in OUTCOMES] + [value for o in self.overrides for _, value in o.values]
        return tuple(sorted({value.column for value in given if isinstance(value, Amount)}))

    def columns(self) -> tuple[str, ...]:
        """Return the columns of amounts, sorted, then the policy's."""
        policy = self.policy_column()
        return self.amounts if policy is None else (*self.amounts, policy)

    def policy_column(self) -> str | None:
        """Return the column that decides as the baseline, or None."""
        return self.baseline.column if isinstance(self.baseline, PolicyColumn) else None

    @property
    def worths(self) -> tuple[DecisionWorth, ...]:
        """What decisions are worth on rows without an override, then on those of each override."""
        base = {name: getattr(self, name) for name in OUTCOMES}
        return tuple(decision_worth(base | own, self.amounts) for own in ({}, *(dict(o.values) for o in self.overrides)))

    def gain(self, given: GainEvidence, confidence: float = 0.95) -> GainRow:
        """Return gain and standard error per 1,000 predictions over all rows (cell 0), and the paired difference to the champion.

        Undefined when the cell has no rows (NaN); the standard error is NaN under two rows. With baseline "champion" the
        gain is the paired difference: zero for the champion itself, NaN where there is no champion to pair with.
        """
        del confidence
        pair, is_paired = self._difference(given), self.baseline == "champion"
        against = (0.0, 0.0) if given.is_champion else None if pair is None else first_per_1k(pair[0])
        own = pair if is_paired else self._own(given)
        total = first_per_1k(own[0]) if own is not None else against or (math.nan, math.nan)
        reason = own[1][0] if own is not None else None if given.is_champion else NO_PAIR
        return GainRow(
            variant=given.variant,
            currency=self.currency,
            baseline=str(self.baseline),
            gain_per_1k=total[0],
            se_per_1k=total[1],
            vs_champion_per_1k=against[0] if against else None,
            vs_champion_se_per_1k=against[1] if against else None,
            note=self.note,
            n_rows=int((given.tally.n if own is None else own[0].n)[0]),
            vs_champion_n_rows=0 if pair is None else int(pair[0].n[0]),
            reason=reason or ("no rows" if math.isnan(total[0]) else None),
        )

    def by_cell(self, given: GainEvidence, confidence: float = 0.95) -> MetricValues | None:
        """Return the gain per 1,000 predictions of every cell with its normal interval; None where the baseline is a champion that is not there."""
        found = self._own(given) if self.baseline != "champion" else self._difference(given)
        if found is None and given.is_champion:
            n = given.tally.n
            found = RowMoments(n, np.zeros(len(n)), np.zeros(len(n))), np.full(len(n), None, dtype=np.object_)
        return None if found is None else values_by_cell(found[0], confidence, found[1])

    def difference_range(
        self, paired: PairedTally, n_gained: int, n_lost: int, n_alike: int, given: GainEvidence | None = None
    ) -> tuple[float, float]:
        """Return the lowest and highest difference to the champion per 1,000 predictions, were every unlabelled row the worst or the best.

        Formula: (sum over labelled rows + gained * min(v) - lost * max(v)) / all rows for the lowest, with v the value of predicting a
        positive or a negative row positive rather than negative; the highest is the mirror. Both are reached by some labels. With overrides
        v is the lowest or highest of any slice; with amounts the sums of min(v) and max(v) are bounded by `amounts_range`: then both are
        bounds that need not be reached.

        Examples
        --------
        One labelled row that both find, one unlabelled one that only the challenger selects: worth 5 if positive, -1 if not.

        >>> rule = ValueMatrix(true_positive=5, false_positive=-1, false_negative=0, true_negative=0, currency="USD")
        >>> from types import SimpleNamespace
        >>> pair = SimpleNamespace(cells=np.array([[[[0, 0], [0, 0]], [[0, 0], [0, 1]]]]), n=np.array([1]))
        >>> rule.difference_range(pair, 1, 0, 0)
        (-500.0, 2500.0)
        """
        n_rows = int(paired.n[0]) + n_gained + n_lost + n_alike
        if n_rows == 0 or (given is None and (self.amounts or self.overrides)):
            return -math.inf, math.inf
        pair, _ = self._difference_of(paired, given)
        known = float(pair.mean[0]) * int(pair.n[0])
        if not self.amounts or n_gained + n_lost == 0:
            low, high = constants_range(np.array([worth.turn[0] for worth in self.worths]), n_gained, n_lost)
        elif given is None or given.unlabelled_moments is None:
            low, high = -math.inf, math.inf
        else:
            rows = chosen(given.unlabelled_moments, self.amounts, None)
            low, high = by_slice([amounts_range(rows, *worth.turn) for worth in self.worths], self.overrides, given.grid)
        return 1000 * (known + low) / n_rows, 1000 * (known + high) / n_rows

    def figures(self) -> dict[str, float]:
        """Return the values by outcome, `times` of amounts, and those of overrides after their slice: "carrier=UA true_positive"."""
        found = {figure_name(name, value := getattr(self, name)): figure_of(value) for name in OUTCOMES}
        return found | {f"{o.name} {figure_name(name, value)}": figure_of(value) for o in self.overrides for name, value in o.values}

    def with_figure(self, name: str, value: float) -> ValueMatrix:
        """Return the rule with another value for one of `figures`."""
        if name not in (known := self.figures()):
            raise ValueError(f"figure: found {name!r}, wanted one of {one_of(known)}{did_you_mean(name, known)}")
        changes: dict[str, Any] = {
            outcome: with_figure(own, value) for outcome in OUTCOMES if name == figure_name(outcome, own := getattr(self, outcome))
        }
        changes["overrides"] = tuple(
            replace(o, values=tuple((k, with_figure(v, value) if name == f"{o.name} {figure_name(k, v)}" else v) for k, v in o.values))
            for o in self.overrides
        )
        return replace(self, **changes)

    def error_cost_per_row(self, given: GainEvidence) -> float | None:
        """Return the mean over rows of the right decision's value less the wrong one's: what one more error on a row drawn by chance costs.

        None without rows.
        """
        found, _ = self._summed(self._rows(given), right_over_wrong, given.grid)
        return None if found.n[0] == 0 or math.isnan(found.mean[0]) else float(found.mean[0])

    def check(self, directions: Mapping[str, str], slice_by: tuple[str, ...]) -> None:
        """Refuse overrides of a column that the replay is not sliced by."""
        del directions
        for override in self.overrides[:1]:
            if override.slice_by not in slice_by:
                raise ConfigError(
                    f"gain.overrides: the replay has no slices of '{override.slice_by}'; it is sliced by: {one_of(slice_by) or 'nothing'}"
                    f"{did_you_mean(override.slice_by, slice_by)}"
                )

    def check_slices(self, grid: Grid) -> None:
        """Refuse overrides of slices that no judged row is in."""
        check_slices(self.overrides, grid)

    def override_ids(self, slice_ids: NDArray[Any], grid: Grid) -> NDArray[np.intp] | None:
        """Return which override each row has, 0 none; None without overrides."""
        return override_ids(self.overrides, slice_ids, grid)

    def turns(
        self, labels: NDArray[np.integer], amounts: NDArray[np.float64] | None = None, override_ids: NDArray[np.intp] | None = None
    ) -> NDArray[np.float64]:
        """Return what flagging each row rather than not is worth, float64 [n_rows].

        >>> rule = ValueMatrix(0, -3, {"column": "amount", "times": -1}, 0, "USD")
        >>> rule.turns(np.array([1, 0]), np.array([[40.0], [40.0]])).tolist()  # a loss of 40 spared; a needless call
        [40.0, -3.0]
        """
        found = np.zeros(len(labels))
        for number, worth in enumerate(self.worths if override_ids is not None else self.worths[:1]):
            rows = np.arange(len(labels)) if override_ids is None else np.flatnonzero(override_ids == number)
            label, (constant, weight) = np.asarray(labels)[rows].astype(np.intp), worth.turn
            found[rows] = constant[label]
            if self.amounts:
                if amounts is None:
                    raise ValueError(f"amounts: none given, and the values hang on {one_of(self.amounts)}")
                found[rows] += (weight[label] * amounts[rows, : len(self.amounts)]).sum(axis=1)
        return found

    def _rows(self, given: GainEvidence) -> ValueMoments:
        """Return the judged rows by [label, policy's decision, own decision], the policy's decision 0 where no column holds it."""
        if self.columns():
            return chosen(given.moments, self.amounts, self.policy_column())
        assert not isinstance(given.tally, RegressionTally)
        cases = np.zeros((len(given.tally.confusion), 2, 2, 2), np.int64)
        cases[:, :, 0, :] = given.tally.confusion
        return of_counts(cases)

    def _own(self, given: GainEvidence) -> _Found:
        """Return the moments of the gain over a policy that is not the champion."""
        decided = {"none": 0, "all": 1}.get(str(self.baseline))
        return self._summed(self._rows(given), lambda worth: over_policy(worth, decided), given.grid)

    def _difference(self, given: GainEvidence) -> _Found | None:
        """Return the moments of the challenger's value less the champion's, or None without a pair."""
        if given.paired is None:
            return None
        assert not isinstance(given.paired, (PairedRegressionTally, PairedMulticlassTally))
        return self._difference_of(given.paired, given)

    def _difference_of(self, paired: PairedTally, given: GainEvidence | None) -> _Found:
        rows = chosen(given.paired_moments if given else None, self.amounts, None) if self.amounts else of_counts(paired.cells)
        return self._summed(rows, lambda worth: over_policy(worth, None), given.grid if given else None)

    def _summed(self, rows: ValueMoments, worth_of_case: Callable[[DecisionWorth], CaseWorth], grid: Grid | None) -> _Found:
        return overridden([row_moments(rows, worth_of_case(worth)) for worth in self.worths], self.overrides, grid)

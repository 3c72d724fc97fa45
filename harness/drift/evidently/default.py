"""Which comparison Evidently makes of a column that was given none, and the base of those that it may choose."""

from __future__ import annotations

from dataclasses import dataclass

from harness.drift.evidently.bins import value_counts
from harness.drift.evidently.statistic import (
    EvidentlyStatistic,
    has_more_values_than,
    n_compared,
    reference_has_more_values_than,
    values_of,
)
from harness.records.drift import ColumnPair, Reading

SMALL_REFERENCE = 1000  # rows with a value, at most, of which Evidently makes a test
FEW_VALUES = 5  # different values of a number, at most, that are compared one by one
BINARY = 2


@dataclass(frozen=True, kw_only=True)
class EvidentlyChoice(EvidentlyStatistic):
    """Base of the five comparisons among which Evidently's default chooses.

    Parameters
    ----------
    by_default
        True: a row only of those columns for which Evidently's default chooses this comparison. False: of every column that it applies to.
    """

    by_default: bool = True

    def read(self, pair: ColumnPair) -> Reading | None:
        """Compare the two sides; None where Evidently would have compared them otherwise."""
        if self.by_default and default_choice(pair) != self.own_name:
            return None
        return super().read(pair)


def default_choice(pair: ColumnPair) -> str:
    """Return the name of the comparison that Evidently 0.7 makes of a column when it was told none.

    Of up to 1,000 reference rows with a value: `ks` of a number with more than 5 different values in both sides together; else
    `chi_square`, and `z_test` where there are at most two different values. Of more rows: `wasserstein_normed` of a number with more than
    5 different values, else `jensen_shannon`.

    Notes
    -----
    Evidently, legacy/calculations/stattests/registry.py, `_get_default_stattest`. Departures: what is a category is what the log says is
    one (Evidently infers it of integers with at most 10 different values, and may be told), and texts of which more than half differ are
    categories too (Evidently trains a text classifier). Where the values are not known a number is taken to have many.
    """
    is_small = n_compared(pair.reference) <= SMALL_REFERENCE
    if _has_many_values(pair):
        return "ks" if is_small else "wasserstein_normed"
    if not is_small:
        return "jensen_shannon"
    return "chi_square" if len(value_counts(pair)[0]) > BINARY else "z_test"


def _has_many_values(pair: ColumnPair) -> bool:
    if pair.kind != "number":
        return False
    if pair.reference.values is None or pair.current.values is None:
        return True
    if reference_has_more_values_than(pair, FEW_VALUES) or has_more_values_than(values_of(pair.current), FEW_VALUES):
        return True
    return len(value_counts(pair)[0]) > FEW_VALUES

"""Infers a contract from the reference: what it kept, with room for what it would keep in other rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence

from harness.drift.stays import has_windows, reference_windows, varies_in_every_window
from harness.records.contract import ColumnRule, Contract
from harness.records.profile import QUANTILES, ColumnProfile

MISSING_TIMES, MISSING_MORE = 2.0, 0.01  # a share that doubles, or one near 0 that becomes 1 %, is what rates of nulls do by themselves
SPREADS = 3.0  # a season moves a column by its spread in one month, and seldom by three; percents are 99 spreads away from their shares
MAX_CLOSED, ROWS_PER_VALUE = 50, 100  # a set is closed where more values would have shown: with fewer rows each, new ones are natural
MAX_UNSEEN_SHARE = 0.01  # of rows with a value outside a closed set: rare values may have missed the reference
DISTINCT_SHARE = 0.85  # of rows, from which on values number rows: estimates of as many values as rows are within 15 %
MIN_DISTINCT_ROWS = 100  # among fewer rows, all different says little of an id
NEAR_ZERO = 0.05  # of the span: whole numbers that come so near 0, or begin with 1, and never cross it are counts
MISSING_CODES = -999.0, -9999.0  # written where a value was missing; a bound beyond them would let them pass
MIN_WINDOWS = 5  # of the reference, all of which varied, before a single constant window says something
MOSTLY_ONE = 0.9  # share of one bin in a window from which on a constant window is common: 131 equal rows are then one chance in a million


def infer_contract(profiles: Sequence[ColumnProfile], source: str, sorted_columns: Collection[str] = ()) -> Contract:
    """Return the contract that the reference's columns kept.

    Parameters
    ----------
    profiles : sequence of ColumnProfile
        Of the reference side.
    source : str
        What it was inferred from, for the contract's `source`.
    sorted_columns : collection of str
        Columns whose values never fall in the reference (`contract_values.never_falls`) and are to be held to it: the replay's timestamp.

    Returns
    -------
    Contract
        One rule a column, in their order.
    """
    return Contract(tuple(infer_rule(p, p.name in sorted_columns) for p in profiles), source, is_inferred=True)


def infer_rule(reference: ColumnProfile, is_monotone: bool = False, is_unique: bool = False, goes_on: bool = False) -> ColumnRule:
    """Return the rule that a column of the reference kept, with room for what other rows of the same kind hold.

    Presence and type as they are. Missing: twice the share and 1 % more, see `_max_missing_share`. Range of a number, where it varied: see `_range`.
    Categories: closed where at most 50 have 100 rows each on average and no new ones came in its last window. Not constant in a window: where it was
    constant in none of five or more, nor mostly one value; without windows, where it varied. A time has no range, it goes on, and a last window may be
    one moment of it.

    Parameters
    ----------
    reference : ColumnProfile
        Of the reference side.
    is_monotone : bool
        Whether values never fall in the reference and are to be held to it: those of the replay's timestamp.
    is_unique : bool
        Whether no value stands twice in the reference, found from its rows, and the column is known to be an id. All different is no proof of an id:
        amounts are so too, and repeat in more rows.
    goes_on : bool
        Whether the values of later rows lie beyond these, as ids, counters and numbers of months do: no range, no set, no unit, no constant.
    """
    if reference.kind == "none":
        return ColumnRule(reference.name, type=reference.type, check_unit=False, check_stays=False)
    goes_on = goes_on or is_unique
    is_open = goes_on or is_monotone or _numbers_rows(reference)
    minimum, maximum = (None, None) if is_open else _range(reference)
    categories = None if is_open else _closed_set(reference)
    return ColumnRule(
        reference.name,
        type=reference.type,
        max_missing_share=_max_missing_share(reference),
        minimum=minimum,
        maximum=maximum,
        categories=categories,
        max_unseen_share=MAX_UNSEEN_SHARE if categories else 0.0,
        is_unique=is_unique,
        is_monotone=is_monotone,
        may_be_constant=goes_on or reference.kind == "time" or not _varies_well(reference),
        check_unit=not (goes_on or is_monotone),
        check_stays=not goes_on,
    )


def _varies_well(reference: ColumnProfile) -> bool:
    """Say whether a constant window would be news: no value, by its bin, has nine tenths of the rows of a window."""
    windows = reference_windows(reference)
    enough = len(windows) >= (MIN_WINDOWS if has_windows(reference) else 1) and varies_in_every_window(reference)
    return enough and all(reference.counts[w, :-1].max() < MOSTLY_ONE * reference.counts[w, :-1].sum() for w in windows)


def _n_present(reference: ColumnProfile) -> int:
    return int(reference.moments.n_rows[0] - reference.moments.n_missing[0])


def _max_missing_share(reference: ColumnProfile) -> float | None:
    """Return twice the share of the reference and 1 % more; None where it has no rows.

    A reference without a missing value does not promise that there are none: a sensor that fails for an hour in the year is 0.01 % of its rows, and
    was not in that month. Only a rule that a person wrote asks for 0.
    """
    n_rows, n_missing = int(reference.moments.n_rows[0]), int(reference.moments.n_missing[0])
    return min(1.0, round(MISSING_TIMES * n_missing / n_rows + MISSING_MORE, 6)) if n_rows else None


def _range(reference: ColumnProfile) -> tuple[float | None, float | None]:
    """Return bounds that a season and the next natural extreme keep; None for a constant, and where infinite values leave no bounds.

    Formula: maximum = the greater of high + 3 (high - low) and median + (high - median) * r**2, r = (q99 - median) / (q90 - median); the minimum likewise
    with q01 and q10. The first is three times the reference's own spread: 0 .. 1 becomes -3 .. 4, which percents leave, and 26 .. 60 degrees of March
    -76 .. 162, which a summer keeps and -999 does not. The second is for heavy tails: a power law through q90 and q99 reaches there with a hundredth
    of the probability of the extreme, so that one sample in about a hundred of the same size leaves the range. Where q90 is the median, r is of the
    extreme and q99; where that is the median as well, as in a column of zeros, there is no bound.

    A bound is 0 where none is beyond it and it is one by nature: of whole numbers that come near it, and where 1 % of the values are 0 exactly.
    The spreads alone do not take a minimum to -999 or -9999 where these are more than one of them below the reference. Bounds of other than whole numbers
    are rounded to a thousandth of the spread.
    """
    low, high = float(reference.moments.minimum[0]), float(reference.moments.maximum[0])
    span = high - low
    if reference.kind != "number" or not 0.0 < span < math.inf or reference.moments.n_infinite[0]:
        return None, None
    whole, near, is_often_zero = _is_whole(reference), max(1.0, NEAR_ZERO * span), False
    minimum, maximum = max([low - SPREADS * span, *(code + 1.0 for code in MISSING_CODES if code < low - span)]), high + SPREADS * span
    if reference.quantiles is not None:
        q01, q10, median, q90, q99 = (float(reference.quantiles[QUANTILES.index(q)]) for q in (0.01, 0.1, 0.5, 0.9, 0.99))
        maximum = max(maximum, median + _reach(high - median, q99 - median, q90 - median))
        minimum = min(minimum, median - _reach(median - low, median - q01, median - q10))
        is_often_zero = low == q01 == 0.0 or high == q99 == 0.0  # of values none of which is beyond, the quantile at 1 % is 0 where 1 % are
    if (whole and 0.0 <= low <= near) or (is_often_zero and low == 0.0):
        minimum = 0.0
    if (whole and -near <= high <= 0.0) or (is_often_zero and high == 0.0):
        maximum = 0.0
    digits = 3 - math.floor(math.log10(span))
    return _bound(minimum, math.floor if whole else None, digits), _bound(maximum, math.ceil if whole else None, digits)


def _reach(extreme: float, at_99: float, at_90: float) -> float:
    """Return how far from the median a tail of the reference may go; all are distances from it."""
    if extreme <= 0.0:
        return 0.0
    far, near = (at_99, at_90) if at_90 > 0.0 else (extreme, at_99)
    return extreme * (far / near) ** 2 if near > 0.0 else math.inf


def _bound(value: float, to_whole: Callable[[float], int] | None, digits: int) -> float | None:
    if not math.isfinite(value):
        return None
    return round(value, digits) if to_whole is None else to_whole(value)


def _closed_set(reference: ColumnProfile) -> tuple[str, ...] | None:
    if reference.kind != "category" or reference.type == "bool":
        return None
    counts = reference.counts[:, :-1]  # the last is missing
    seen = counts[0] > 0
    n_seen = int(seen.sum())
    if n_seen != reference.cardinality.n_distinct or not 0 < n_seen <= MAX_CLOSED or _n_present(reference) < ROWS_PER_VALUE * n_seen:
        return None
    n_windows = sum(name != "all" for name in reference.window_names)
    if n_windows > 1:  # values of the last window that no earlier one had: names of days and versions never end
        before, last = counts[1:n_windows].sum(axis=0), counts[n_windows]
        if last[before == 0].sum() > MAX_UNSEEN_SHARE * max(int(last.sum()), 1):
            return None
    return tuple(name for name, s in zip(reference.bins.categories, seen, strict=True) if s)


def _is_whole(reference: ColumnProfile) -> bool:
    return reference.kind == "number" and "int" in reference.type


def _numbers_rows(reference: ColumnProfile) -> bool:
    """Say whether nearly every row has a whole number or a text of its own, as an id does: the next rows have others."""
    n = _n_present(reference)
    is_like_id = reference.kind == "category" or _is_whole(reference)
    return is_like_id and n >= MIN_DISTINCT_ROWS and reference.cardinality.n_distinct >= DISTINCT_SHARE * n

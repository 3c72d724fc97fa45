"""Infers a contract from the reference: what it kept, with room for what it would keep in other rows."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from harness.drift.stays import varies_in_every_window
from harness.records.contract import ColumnRule, Contract
from harness.records.profile import QUANTILES, ColumnProfile

MISSING_TIMES, MISSING_MORE = (
    2.0,
    0.01,
)  # a share that doubles, or a share near 0 that becomes 1 %, is within what rates of nulls do by themselves
MAX_CLOSED, ROWS_PER_VALUE = (
    50,
    100,
)  # a set is closed where more values would have shown: beyond 50, or with few rows each, new ones are natural
MAX_UNSEEN_SHARE = 0.01  # of rows with a value outside a closed set: rare values may have missed the reference
MIN_UNIQUE_ROWS = 1_000  # among fewer rows, all different says little of an id
NEAR_ZERO = 0.05  # of the span: a quantity that comes so near 0 and never crosses it is bounded there


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


def infer_rule(reference: ColumnProfile, is_monotone: bool = False) -> ColumnRule:
    """Return the rule that a column of the reference kept.

    Presence and type as they are. Missing: none where there were none, else twice the share and 1 % more. Range of a number, where it varied: as `_range`.
    Categories: closed where at most 50 have 100 rows each on average and no new ones came in its last window. Unique: where all of 1,000 whole numbers or
    texts or more are different. Not constant in a window: where it was constant in none. A time has no range, it goes on; an id no unit.
    """
    if reference.kind == "none":
        return ColumnRule(reference.name, type=reference.type, check_unit=False, check_stays=False)
    is_unique = _is_unique(reference)
    minimum, maximum = (None, None) if is_unique or is_monotone else _range(reference)
    categories = _closed_set(reference)
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
        may_be_constant=not varies_in_every_window(reference),
        check_unit=not (is_unique or is_monotone),
    )


def _n_present(reference: ColumnProfile) -> int:
    return int(reference.moments.n_rows[0] - reference.moments.n_missing[0])


def _max_missing_share(reference: ColumnProfile) -> float | None:
    n_rows, n_missing = int(reference.moments.n_rows[0]), int(reference.moments.n_missing[0])
    if not n_rows:
        return None
    return min(1.0, round(MISSING_TIMES * n_missing / n_rows + MISSING_MORE, 6)) if n_missing else 0.0


def _range(reference: ColumnProfile) -> tuple[float | None, float | None]:
    """Return bounds that the next natural extreme keeps; None for a constant, and where infinite values leave no bounds.

    Formula: maximum = the greater of high + (high - low) and median + (high - median) * r**2, r = (q99 - median) / (q90 - median); the minimum likewise
    with q01 and q10. The first is the reference's own spread again. The second is for heavy tails: a power law through q90 and q99 reaches there with
    a hundredth of the probability of the extreme, so that one sample in about a hundred of the same size leaves the range; the first alone is left by
    one in ten of log-normal values (sigma 1, n 1,000). Where q90 is the median, r is of the extreme and q99; where that is the median as well, as in a
    column of zeros, there is no bound.
    """
    low, high = float(reference.moments.minimum[0]), float(reference.moments.maximum[0])
    if reference.kind != "number" or not high > low or reference.moments.n_infinite[0]:
        return None, None
    minimum, maximum = low - (high - low), high + (high - low)
    if reference.quantiles is not None:
        q01, q10, median, q90, q99 = (float(reference.quantiles[QUANTILES.index(q)]) for q in (0.01, 0.1, 0.5, 0.9, 0.99))
        maximum = max(maximum, median + _reach(high - median, q99 - median, q90 - median))
        minimum = min(minimum, median - _reach(median - low, median - q01, median - q10))
    near = NEAR_ZERO * (high - low)
    minimum = 0.0 if 0.0 <= low <= near else minimum
    maximum = 0.0 if -near <= high <= 0.0 else maximum
    whole = "int" in reference.type
    return _bound(minimum, math.floor if whole else None), _bound(maximum, math.ceil if whole else None)


def _reach(extreme: float, at_99: float, at_90: float) -> float:
    """Return how far from the median a tail of the reference may go; all are distances from it."""
    if extreme <= 0.0:
        return 0.0
    far, near = (at_99, at_90) if at_90 > 0.0 else (extreme, at_99)
    return extreme * (far / near) ** 2 if near > 0.0 else math.inf


def _bound(value: float, to_whole: object) -> float | None:
    if not math.isfinite(value):
        return None
    return to_whole(value) if callable(to_whole) else value


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


def _is_unique(reference: ColumnProfile) -> bool:
    is_id = reference.kind == "category" or (reference.kind == "number" and "int" in reference.type)
    n = _n_present(reference)
    return is_id and reference.cardinality.method == "exact" and n >= MIN_UNIQUE_ROWS and reference.cardinality.n_distinct == n

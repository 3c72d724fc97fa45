"""Constants and nulls that appear in some window: one value where there were several, and stays to the last window."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from harness.drift.contract_rows import CurrentRows, share_text, value_text
from harness.records.column import Column
from harness.records.contract import ColumnRule, Violation
from harness.records.profile import ColumnProfile

MAX_CHANCE = 1e-6  # of what is claimed, in rows like the reference's: of a thousand columns by a thousand windows, one in error
MIN_ALONE = 100  # rows of a last window that may stand for "stays", or of one that must vary: fewer may be of one moment
WITHOUT_REFERENCE = 0.5  # share of its commonest value that a column is then thought to have: 20 equal rows are beyond chance
NULLS_BEFORE, NULLS_AFTER = 0.01, 0.5  # missing shares: of a reference that knew no nulls to speak of, and of windows that are full of them


@dataclass(frozen=True)
class _Windows:
    """Current rows by window: arrays [n_windows], entry 0 unused; without windows, entry 1 is all rows."""

    of_row: NDArray[np.int32]
    names: tuple[str, ...]
    n_rows: NDArray[np.int64]
    n_missing: NDArray[np.int64]
    first: NDArray[np.int64]  # place of the first row with a value, -1 where there is none
    varies: NDArray[np.bool_]

    @property
    def n_present(self) -> NDArray[np.int64]:
        return self.n_rows - self.n_missing


def _windows(current: CurrentRows) -> _Windows:
    of_row = current.window if current.has_windows else np.ones(current.n, dtype=np.int32)
    names = current.cells.windows if current.has_windows else ("all", "all rows")
    present = np.flatnonzero(~current.missing)
    first = np.full(len(names), -1, dtype=np.int64)
    first[of_row[present[::-1]]] = present[::-1]  # of several that go to one place the last stays: the first row
    differs = current.values[present] != current.values[first[of_row[present]]]
    n_rows, n_missing, n_differ = (
        np.bincount(windows, minlength=len(names)).astype(np.int64)
        for windows in (of_row, of_row[current.missing], of_row[present[differs]])
    )
    return _Windows(of_row, names, n_rows, n_missing, first, n_differ > 0)


def varies_in_every_window(reference: ColumnProfile) -> bool:
    """Say whether a column had more than one value in every window of its reference; windows of fewer than two values say nothing.

    Without windows all rows of the reference are one.
    """
    windows = reference_windows(reference)
    return bool(windows) and all(_varies(reference, w) for w in windows)


def has_windows(reference: ColumnProfile) -> bool:
    """Say whether the reference is cut into windows."""
    return any(name != "all" for name in reference.window_names)


def reference_windows(reference: ColumnProfile) -> list[int]:
    """Return the cells of the reference's windows with two values or more that are there; the cell of all rows where there are no windows."""
    n_windows = sum(name != "all" for name in reference.window_names)
    present = reference.moments.n_rows - reference.moments.n_missing
    return [w for w in (range(1, 1 + n_windows) if n_windows else (0,)) if present[w] >= 2]


def _varies(reference: ColumnProfile, window: int) -> bool:
    if reference.kind == "category":
        return bool((reference.counts[window, :-1] > 0).sum() >= 2)
    return bool(reference.moments.maximum[window] > reference.moments.minimum[window])


def _greatest_share(current: CurrentRows, reference: ColumnProfile, value: Any) -> float:
    """Return the share of a value in the window of the reference that has most of it; of its bin, no less, where only the profile is known."""
    if current.rows.n_reference:
        same, present = current.reference_counts(value)
        return float(np.max(same[present >= 2] / present[present >= 2], initial=0.0))
    at = _bin_of(reference, current.column, value)
    if at is None:
        return 0.0
    n_present = reference.moments.n_rows - reference.moments.n_missing
    return max((float(reference.counts[w, at] / n_present[w]) for w in reference_windows(reference)), default=0.0)


def _bin_of(reference: ColumnProfile, column: Column, value: Any) -> int | None:
    bins = reference.bins
    if reference.kind == "category":
        text = value_text(column, value)
        return next((bins.categories.index(name) for name in (text, "other") if name in bins.categories), None)
    if not bins.edges:
        return None
    at = bisect_right(bins.edges, value)
    return at - 1 if value == bins.edges[-1] and len(bins.edges) > 1 else at


def _rows_needed(share: float) -> float:
    """Return how many equal rows are beyond chance where one value has this share."""
    return 1.0 if share <= 0.0 else (math.inf if share >= 1.0 else math.log(MAX_CHANCE) / math.log(share))


def check_constant(rule: ColumnRule, current: CurrentRows, reference: ColumnProfile | None) -> tuple[Violation | None, str | None]:
    """Say whether a column holds one value only: in any window where it must not, or from some window to the last where the reference varied.

    Parameters
    ----------
    rule : ColumnRule
        `may_be_constant` false asks for single windows (all rows, where there are none), `check_stays` for a value that stays.
    current : CurrentRows
        Of a number, a time or a category.
    reference : ColumnProfile or None
        Tells how common the value was: as many equal rows must be there as would come by chance less than once in a million, and a hundred where
        they are all of one window.

    Returns
    -------
    Violation or None, str or None
        The violation; or why what the rule asked could not be checked.
    """
    windows = _windows(current)
    varied = reference is not None and varies_in_every_window(reference)
    stays = _stays(windows, current, reference) if rule.check_stays and varied and reference is not None else []
    if stays:
        value = current.text_at(int(windows.first[stays[0]]))
        at = np.flatnonzero(np.isin(windows.of_row, stays) & ~current.missing)
        found = f"only {value} from window {windows.names[stays[0]]} on, to the last ({_n_windows(len(stays))})"
        return current.violation("constant", "more than one value, as in every window of the reference", found, at), None
    return (None, None) if rule.may_be_constant else _single(windows, current, reference if varied else None)


def _stays(windows: _Windows, current: CurrentRows, reference: ColumnProfile | None) -> list[int]:
    """Return the last windows, in order, that hold one value together, where that is beyond chance; [] otherwise."""
    if not current.has_windows or reference is None:
        return []
    found: list[int] = []
    for w in np.flatnonzero(windows.n_present)[::-1]:
        if windows.varies[w] or (found and current.values[windows.first[w]] != current.values[windows.first[found[0]]]):
            break
        found.insert(0, int(w))
    if not found or (len(found) < 2 and (windows.n_present[found[0]] < MIN_ALONE or current.column.kind == "time")):
        return []  # a log ends within a window, all of whose rows may be of one day
    share = _greatest_share(current, reference, current.values[windows.first[found[0]]])
    return found if windows.n_present[found].sum() >= _rows_needed(share) else []


def _single(windows: _Windows, current: CurrentRows, reference: ColumnProfile | None) -> tuple[Violation | None, str | None]:
    filled = [int(w) for w in np.flatnonzero(windows.n_present)]
    shares = {
        w: WITHOUT_REFERENCE if reference is None else _greatest_share(current, reference, current.values[windows.first[w]]) for w in filled
    }
    fewest = 2 if reference is None else MIN_ALONE
    enough = [w for w in filled if windows.varies[w] or windows.n_present[w] >= max(fewest, _rows_needed(shares[w]))]
    if not enough:
        return None, "no window has enough rows to tell one value from chance"
    constant = [w for w in enough if not windows.varies[w]]
    if not constant:
        return None, None
    at = np.flatnonzero(np.isin(windows.of_row, constant) & ~current.missing)
    value = current.text_at(int(windows.first[constant[0]]))
    found = f"only {value} in window {windows.names[constant[0]]}" if current.has_windows else f"only {value}"
    found += f", and one value in {_n_windows(len(constant) - 1)} more" if len(constant) > 1 else ""
    return current.violation("constant", "more than one value in every window", found, at), None


def check_nulls(rule: ColumnRule, current: CurrentRows, reference: ColumnProfile) -> Violation | None:
    """Say whether nulls appear and stay: at most 1 % missing in the reference, and half of the rows or more from some window to the last.

    A share that the rule allows by `max_missing_share` is no violation.
    """
    n_missing, n_rows = int(reference.moments.n_missing[0]), int(reference.moments.n_rows[0])
    if not current.has_windows or not n_rows or n_missing > NULLS_BEFORE * n_rows:
        return None
    windows = _windows(current)
    limit = max(NULLS_AFTER, np.nextafter(rule.max_missing_share, 2.0) if rule.max_missing_share is not None else 0.0)
    found: list[int] = []
    for w in np.flatnonzero(windows.n_rows)[::-1]:
        if windows.n_missing[w] < limit * windows.n_rows[w]:
            break
        found.insert(0, int(w))
    n, k = int(windows.n_rows[found].sum()), int(windows.n_missing[found].sum())
    if not found or (len(found) < 2 and n < MIN_ALONE) or binom.sf(k - 1, n, (n_missing + 1) / (n_rows + 2)) > MAX_CHANCE:
        return None
    at = np.flatnonzero(np.isin(windows.of_row, found) & current.missing)
    found_text = f"{share_text(k / n)} of them from window {windows.names[found[0]]} on, to the last ({_n_windows(len(found))})"
    return current.violation("nulls", f"few rows without a value, as in the reference ({share_text(n_missing / n_rows)})", found_text, at)


def _n_windows(n: int) -> str:
    return f"{n} window{'s' * (n != 1)}"

"""One column counted and measured in every cell of its rows, and what is compared of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.drift.bins import DECILES, category_bins, has_shared_rows, number_bins, present_values, recode_to
from harness.drift.cell_groups import CellGroups
from harness.drift.column_on_card import ColumnOnCard, PlacedSample
from harness.drift.quantiles import quantiles_of
from harness.drift.row_index import RowIndex, Rows
from harness.drift.stored_reference import StoredReference
from harness.records.column import CURRENT_SIDE, REFERENCE_SIDE, Column
from harness.records.drift import ColumnPair, DayCounts, Sample, TwoSample
from harness.records.profile import Bins, CellMoments
from harness.records.tally import ALL
from kernels.array_library import library_of

if TYPE_CHECKING:
    from kernels.two_sample import TwoSampleResult

MIN_DAYS = 10  # on either side, for a test that resamples days


@dataclass(frozen=True)
class ColumnTables:
    """A column in its bins: arrays over `CellGroups`, all rows of either side, windows of either side, slices of either side.

    Args:
        counts: int64 [n_groups, n_bins].
        moments: [n_groups]; of a category only n_rows and n_missing are filled.
        stretches: int64 [n_time, n_bins], the same rows by stretch of time.
        recode: int32 [n_categories], the bin of each code of a category; empty for a number.
    """

    bins: Bins
    counts: NDArray[np.int64]
    moments: CellMoments
    stretches: NDArray[np.int64]
    recode: NDArray[np.int32]


def tabulate(
    column: Column,
    index: RowIndex,
    groups: CellGroups,
    bins: Bins | None,
    max_categories: int,
    n_threads: int = 1,
    there: ColumnOnCard | None = None,
) -> ColumnTables:
    """Count a column in its bins in every cell, and take the moments of a number.

    Parameters
    ----------
    bins
        Of a stored profile; None: the reference rows' own, or the current rows' where there is no reference.
    max_categories
        Counted one by one, those that a stored profile names among them.
    there
        The same column on a card, where it is then counted; None: on the host.
    """
    if column.kind == "none":
        return _nothing(groups)
    if column.codes is not None:
        return _categories(column, column.codes, index, groups, bins, max_categories, n_threads, there)
    assert column.values is not None
    return _numbers(column, index, groups, bins, n_threads, there)


def _nothing(groups: CellGroups) -> ColumnTables:
    counts = np.zeros((groups.n_groups, 1), np.int64)
    return ColumnTables(Bins(), counts, _rows_only(counts), np.zeros((groups.n_time, 1), np.int64), np.zeros(0, np.int32))


def _categories(
    column: Column,
    codes: NDArray[np.int32],
    index: RowIndex,
    groups: CellGroups,
    bins: Bins | None,
    max_categories: int,
    n_threads: int,
    there: ColumnOnCard | None,
) -> ColumnTables:
    from kernels.cell_counts import cell_counts

    if bins is None:
        n = len(column.categories)
        reference, current = (np.bincount(codes[rows] + 1, minlength=n + 1)[1:] for rows in index.sides)
        bins, recode = category_bins(column, reference, current, max_categories)
    else:
        counts = np.bincount(codes[index.sides[CURRENT_SIDE]] + 1, minlength=len(column.categories) + 1)[1:]
        bins, recode = recode_to(bins, column.categories, counts, max_categories)
    cells = index.cells
    own, ids = (codes, cells.ids) if there is None else (there.values, there.ids)
    by_cell = cell_counts(own, ids, cells.n_cells, recode, bins.n_bins, n_threads=n_threads)
    summed = groups.summed(by_cell)
    return ColumnTables(bins, summed, _rows_only(summed), by_cell[: groups.n_time], recode)


def _rows_only(counts: NDArray[np.int64]) -> CellMoments:
    n, unknown = len(counts), np.full(len(counts), np.nan)
    return CellMoments(counts.sum(axis=1), counts[:, -1], np.zeros(n, np.int64), unknown, unknown, unknown, np.zeros(n))


def _numbers(
    column: Column, index: RowIndex, groups: CellGroups, bins: Bins | None, n_threads: int, there: ColumnOnCard | None
) -> ColumnTables:
    from kernels.cell_moments import cell_moments, merge_cells

    cells = index.cells
    if bins is None:
        first = REFERENCE_SIDE if index.rows.n_reference else CURRENT_SIDE
        own = taken(column, index.sides[first]) if there is None else there.side(first)
        bins = number_bins(quantiles_of(own, DECILES, n_threads=n_threads), _whole_ends(own))
    values, ids, is_missing = (
        (column.values, cells.ids, column.is_missing) if there is None else (there.values, there.ids, there.is_missing)
    )
    tally = cell_moments(values, ids, cells.n_cells, bins.edges, is_missing=is_missing, n_threads=n_threads)
    whole = merge_cells(tally, groups.members)
    has_values = whole.moments.n > 0
    moments = CellMoments(
        n_rows=whole.counts.sum(axis=1),
        n_missing=whole.counts[:, -1],
        n_infinite=whole.n_infinite,
        minimum=whole.minimum,
        maximum=whole.maximum,
        mean=np.where(has_values, whole.moments.mean, np.nan),
        m2=whole.moments.m2,
    )
    return ColumnTables(bins, whole.counts, moments, tally.counts[: groups.n_time], np.zeros(0, np.int32))


def _whole_ends(values: Any) -> tuple[int, int] | None:
    """Return the least and the greatest of whole numbers, which quantiles in float64 may round; None for others, and without any."""
    if values.dtype.kind != "i" or not values.shape[0]:
        return None
    values = library_of(values).array
    return int(values.min()), int(values.max())


def taken(column: Column, rows: Rows) -> NDArray[Any]:
    """Return the finite values of some rows of a number, in the order of the log."""
    assert column.values is not None
    return present_values(column.values[rows], None if column.is_missing is None else column.is_missing[rows])


class PairMaker:
    """Makes the pairs of one column: all rows, every window against the whole reference, every slice against its own reference.

    Parameters
    ----------
    n_distinct
        Different values of either side over all rows, where they were counted.
    days
        Whether tests may resample days.
    stored
        The profile that stands in for the reference rows.
    there
        The same column on a card, where its samples are then ordered; None: on the host.
    """

    def __init__(
        self,
        column: Column,
        tables: ColumnTables,
        index: RowIndex,
        groups: CellGroups,
        n_distinct: tuple[float | None, float | None] = (None, None),
        *,
        days: bool = True,
        stored: StoredReference | None = None,
        there: ColumnOnCard | None = None,
    ) -> None:
        self._there = there
        self.column, self.tables, self.index, self.groups, self.days = column, tables, index, groups, days
        self._n_distinct, self._stored = n_distinct, stored
        self._ordered: Any = None
        if stored is not None:
            self.reference, self.reference_windows = stored.whole(tables.bins), stored.windows(tables.bins)
            return
        self.reference = self._side(REFERENCE_SIDE)
        self.reference_windows = tuple(self._window(REFERENCE_SIDE, w) for w in range(1, groups.n_windows(REFERENCE_SIDE)))

    def pairs(self, *, slices: bool, windows: bool) -> Iterator[tuple[str, str, str, ColumnPair]]:
        """Yield (slice_by, slice_value, window, pair)."""
        groups, cells = self.groups, self.index.cells
        current = self._side(CURRENT_SIDE)
        yield ALL, ALL, ALL, self._pair(self.reference, current, self._days(None), self.reference_windows)
        for window in range(1, groups.n_windows(CURRENT_SIDE) if windows else 1):
            own = self._window(CURRENT_SIDE, window)
            yield ALL, ALL, cells.windows[window], self._pair(self.reference, own, self._days(window), self.reference_windows)
        for slice_id in range(1, cells.n_slices if slices else 1):
            by, value = cells.slice_by[slice_id], cells.slice_value[slice_id]
            own = self._slice(slice_id, CURRENT_SIDE)
            reference = self._stored.slice(by, value, self.tables.bins) if self._stored else self._slice(slice_id, REFERENCE_SIDE)
            yield by, value, ALL, self._pair(reference, own)

    def _side(self, side: int) -> Sample:
        there = partial(self._there.side, side) if self._there else None
        return self._sample(self.groups.side(side), lambda: self.index.sides[side], there, self._n_distinct[side])

    def _window(self, side: int, window: int) -> Sample:
        there = partial(self._there.window, side, window) if self._there else None
        return self._sample(self.groups.window(side, window), lambda: self.index.window(side, window), there)

    def _slice(self, slice_id: int, side: int) -> Sample:
        there = partial(self._there.slice, slice_id, side) if self._there else None
        return self._sample(self.groups.slice(slice_id, side), lambda: self.index.slice_rows(slice_id, side), there)

    def _sample(self, group: int, rows: Callable[[], Rows], there: Callable[[], Any] | None, n_distinct: float | None = None) -> Sample:
        """Return one side in one cell."""
        m, counts = self.tables.moments, self.tables.counts[group]
        n = int(m.n_rows[group] - m.n_missing[group] - m.n_infinite[group])
        is_number = self.column.kind in ("number", "time")
        if n_distinct is None and not is_number and not has_shared_rows(self.tables.bins, counts):
            n_distinct = float((counts[:-1] > 0).sum())
        return PlacedSample(
            n_rows=int(m.n_rows[group]),
            n_missing=int(m.n_missing[group]),
            n_infinite=int(m.n_infinite[group]),
            minimum=float(m.minimum[group]),
            maximum=float(m.maximum[group]),
            mean=float(m.mean[group]),
            std=float(np.sqrt(m.m2[group] / (n - 1))) if is_number and n > 1 else float("nan"),
            counts=counts,
            n_distinct=n_distinct,
            values=(lambda: taken(self.column, rows())) if is_number else None,
            there=there if is_number else None,
        )

    def _pair(self, reference: Sample, current: Sample, days: DayCounts | None = None, windows: tuple[Sample, ...] = ()) -> ColumnPair:
        is_ordered = reference.values is not None and current.values is not None
        return ColumnPair(
            self.column.name,
            self.column.kind,
            self.tables.bins,
            reference,
            current,
            windows,
            days,
            partial(self._order, reference, current) if is_ordered else None,
        )

    def _order(self, reference: Sample, current: Sample) -> TwoSample:
        found = self._two_sample(reference, current)
        return TwoSample(found.ks, found.ks_at, found.wasserstein, found.n_reference, found.n_current)

    def _two_sample(self, reference: Sample, current: Sample) -> TwoSampleResult:
        from kernels.two_sample import ordered_sample, two_sample

        if isinstance(reference, PlacedSample) and isinstance(current, PlacedSample) and reference.there and current.there:
            return two_sample(reference.there(), current.there())
        assert reference.values is not None
        assert current.values is not None
        first: Any = reference.values()
        if reference is self.reference and self.groups.n_windows(CURRENT_SIDE) > 1:
            self._ordered = ordered_sample(first) if self._ordered is None else self._ordered
            first = self._ordered
        return two_sample(first, current.values())

    def _days(self, window: int | None) -> DayCounts | None:
        """Return the counts by day of the reference and of a window (None: of all current rows), where both have enough days."""
        if not self.days or self._stored is not None:
            return None
        reference = self.groups.days(self.tables.stretches, REFERENCE_SIDE, None)
        current = self.groups.days(self.tables.stretches, CURRENT_SIDE, window)
        if reference is None or current is None or min(len(reference), len(current)) < MIN_DAYS:
            return None
        return DayCounts(reference, current)

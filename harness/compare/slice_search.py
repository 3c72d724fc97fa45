"""Where a variant is at its worst among all slices of one or two columns: candidates from the search half of the rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.compare.slice_difference import compare_means, lower_bound, moments_of, p_value_worse, rest_of, sliceline_scores
from harness.compare.slice_rest import Listed
from harness.errors import ConfigError
from harness.records.slice_search import SearchColumn, SearchRule, SliceCandidate, SliceCondition, SliceSearch
from kernels.devices import check_fits, to_device
from kernels.moments import RowMoments
from kernels.pair_tally import PairTally, merge, pair_tally, tables_of

MAX_CELLS = 1 << 23  # 32 bytes each, for every thread
CARD_BLOCK_ROWS = 1 << 24  # whose ids are sent at a time, 16 MB a column; a multiple of every chunk of the kernel
LOOKS_PER_PLACE = 20  # candidates looked at row by row for each one that is carried


class _Frequent(NamedTuple):
    """The values of each column that have enough rows: `ids` [n_columns, n] number them, the others share the last number."""

    ids: NDArray[np.uint8] | NDArray[np.uint16]
    values: tuple[NDArray[np.intp], ...]


@dataclass(frozen=True)
class _Cells:
    """The slices that have enough rows, [n_slices]: their cells, columns and the numbers of their frequent values; -1 for none."""

    cell: NDArray[np.intp]
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    first_id: NDArray[np.intp]
    second_id: NDArray[np.intp]

    def take(self, chosen: NDArray[np.intp]) -> _Cells:
        """Return some of the slices."""
        return _Cells(*(part[chosen] for part in (self.cell, self.first, self.second, self.first_id, self.second_id)))


class _Figures(NamedTuple):
    """Of the slices that have enough rows: moments, difference to the rest, lower end of its interval, SliceLine's score."""

    slices: RowMoments
    difference: NDArray[np.float64]
    bound: NDArray[np.float64]
    score: NDArray[np.float64]


def minimum_n(rule: SearchRule, n_rows: int) -> int:
    """Return the rows that a slice of the search half needs; by default SliceLine's minimum support.

    Source: Sagadeeva & Boehm, SIGMOD 2021, section 2.2: sigma = max(32, n / 100).

    >>> minimum_n(SearchRule(), 1_000), minimum_n(SearchRule(), 1_000_000), minimum_n(SearchRule(min_n=50), 1_000)
    (32, 10000, 50)
    """
    return rule.min_n if rule.min_n is not None else max(32, math.ceil(n_rows / 100))


def search_slices(
    losses: NDArray[np.float64],
    columns: Sequence[SearchColumn],
    rows: NDArray[np.intp],
    rule: SearchRule,
    *,
    n_threads: int | None = None,
    there: Any = None,
) -> SliceSearch:
    """Return the slices of one or two columns that are worst on these rows, none of them said twice.

    A slice and the rest of the rows both need `min_n` rows. It ranks by the lower end of the interval of its difference to the
    rest, or by SliceLine's score, and must rank above 0. Then:

    1. a pair must be worse than the rest of *each* of its two columns' values, by the t of `compare_means` at a one-sided (1 - confidence) / 2
       divided by the number of pairs with `min_n` rows;
    2. from the worst down, a slice that has rows of those already listed (a pair's own two columns excepted) is taken without
       those rows: it is left out when fewer than `min_n_confirm` are left, or when they are not worse at that level, not
       divided, than the other rows or, in a pair, than the other rows of each of its columns' values.

    The second drops slices of the same rows under another name, and single columns that are bad only where a listed pair is.

    Parameters
    ----------
    losses : float64 [n_rows]
        Finite; higher is worse. It may be a paired difference to the champion.
    columns : sequence of SearchColumn
        What to search; ids are [n_rows].
    rows : intp [n_search]
        The rows of the search half.
    rule : SearchRule
        The ranking and its limits.
    n_threads : int, optional
        None for every core; the result does not depend on it.
    there : float64 [n_search], CUDA, optional
        The losses of these rows on a card, where they are then tallied; None: on the host.

    Returns
    -------
    SliceSearch
        At most `rule.n_carried` candidates, worst first.

    Raises
    ------
    ConfigError
        There would be too many value pairs, or SliceLine's score is asked of losses whose mean is not above 0.
    """
    min_n = minimum_n(rule, len(rows))
    own = np.ascontiguousarray(losses[rows])
    whole = moments_of(own)
    if rule.ranking == "sliceline" and len(own) and whole.mean[0] <= 0:
        raise ConfigError(
            f"worst slices: the mean loss is {whole.mean[0]:.6g} and SliceLine's score divides by it;"
            " wanted a loss whose mean is above 0: rank by lower_bound"
        )
    frequent = _frequent(columns, rows, min_n)
    layout = (frequent.ids, _widths(frequent, rule.pairs), rule.pairs)
    tally = _tally(own, *layout, n_threads) if there is None else _tally_on_card(there, *layout)
    cells = _enough(tally, frequent, min_n, len(own))
    found = _figures(tally, cells, whole, rule)
    ranked = _ranked(tally, cells, found, rule)
    chosen, n_considered = _chosen(own, frequent, cells, ranked, rule)
    candidates = tuple(_candidate(frequent, cells, found, i) for i in chosen)
    return SliceSearch(candidates, len(own), min_n, float(whole.mean[0]), len(cells.cell), len(ranked), n_considered)


def _tally(losses: NDArray[np.float64], ids: NDArray[Any], widths: Sequence[int], pairs: bool, n_threads: int | None) -> PairTally:
    return pair_tally(losses, ids, widths, pairs=pairs, n_threads=n_threads)


def _tally_on_card(losses: Any, ids: NDArray[Any], widths: Sequence[int], pairs: bool) -> PairTally:
    """Return what `pair_tally` gives, of ids that are sent a block of rows at a time."""
    tally = tables_of(widths, pairs=pairs)
    for start in range(0, ids.shape[1], CARD_BLOCK_ROWS):
        block = np.ascontiguousarray(ids[:, start : start + CARD_BLOCK_ROWS])
        check_fits("the values of a block of rows", block.nbytes)
        tally = merge(tally, pair_tally(losses[start : start + block.shape[1]], to_device(block), widths, pairs=pairs))
    return tally


def _figures(tally: PairTally, cells: _Cells, whole: RowMoments, rule: SearchRule) -> _Figures:
    slices = _moments_at(tally, cells.cell)
    against_rest = compare_means(slices, rest_of(whole, slices))
    bound = lower_bound(against_rest, rule.confidence)
    return _Figures(slices, against_rest.difference, bound, sliceline_scores(slices, whole, rule.alpha))


def _ranked(tally: PairTally, cells: _Cells, found: _Figures, rule: SearchRule) -> NDArray[np.intp]:
    """Return the slices that rank above 0 and are worse than their columns, worst first; of equal ones the larger, then in order."""
    value = found.bound if rule.ranking == "lower_bound" else found.score
    ranked = np.flatnonzero((value > 0) & _beats_its_columns(tally, cells, rule))
    return ranked[np.lexsort((ranked, -found.slices.n[ranked], -value[ranked]))]


def _chosen(
    losses: NDArray[np.float64], frequent: _Frequent, cells: _Cells, ranked: NDArray[np.intp], rule: SearchRule
) -> tuple[list[int], int]:
    """Return the slices to carry, and how many were looked at row by row to find them."""
    listed = Listed(losses, rule)
    chosen: list[int] = []
    n_considered = 0
    for i in ranked[: LOOKS_PER_PLACE * rule.n_carried].tolist():
        if len(chosen) == rule.n_carried:
            break
        n_considered += 1
        terms = _terms(cells, i)
        if listed.add(terms, [frequent.ids[column] == value_id for column, value_id in terms]):
            chosen.append(i)
    return chosen, n_considered


def _candidate(frequent: _Frequent, cells: _Cells, found: _Figures, i: int) -> SliceCandidate:
    return SliceCandidate(
        conditions=tuple(SliceCondition(column, int(frequent.values[column][value_id])) for column, value_id in _terms(cells, i)),
        n=int(found.slices.n[i]),
        mean_loss=float(found.slices.mean[i]),
        difference=float(found.difference[i]),
        lower_bound=float(found.bound[i]),
        sliceline_score=float(found.score[i]),
    )


def _frequent(columns: Sequence[SearchColumn], rows: NDArray[np.intp], min_n: int) -> _Frequent:
    """Return new numbers for the values with enough rows; no pair has more rows than its values, so no other value can matter."""
    taken = [column.ids[rows] for column in columns]
    values = tuple(np.flatnonzero(np.bincount(ids, minlength=len(c.values)) >= min_n) for ids, c in zip(taken, columns, strict=True))
    dtype = np.uint8 if max((len(v) for v in values), default=0) < 256 else np.uint16
    numbered = np.empty((len(columns), len(rows)), dtype)
    for line, (column, ids, kept) in enumerate(zip(columns, taken, values, strict=True)):
        number = np.full(len(column.values), len(kept), dtype)
        number[kept] = np.arange(len(kept))
        np.take(number, ids, out=numbered[line], mode="clip")  # the ids are in range; mode "raise" would buffer the output
    return _Frequent(numbered, values)


def _widths(frequent: _Frequent, pairs: bool) -> list[int]:
    widths = [len(values) + 1 for values in frequent.values]
    n_cells = sum(widths) + ((sum(widths) ** 2 - sum(w * w for w in widths)) // 2 if pairs else 0)
    if n_cells > MAX_CELLS or max(widths, default=0) > 1 << 16:
        raise ConfigError(
            f"worst slices: {n_cells:,} value pairs have a chance of enough rows; wanted at most {MAX_CELLS:,}:"
            " raise min_n, or search fewer columns"
        )
    return widths


def _enough(tally: PairTally, frequent: _Frequent, min_n: int, n_rows: int) -> _Cells:
    n = tally.moments.n
    cell = np.flatnonzero((n >= min_n) & (n_rows - n >= min_n))
    table = np.searchsorted(tally.first_cell, cell, side="right") - 1
    first, second = tally.first_column[table].astype(np.intp), tally.second_column[table].astype(np.intp)
    first_id, second_id = np.divmod(cell - tally.first_cell[table], tally.second_width[table])
    is_single = first == second
    n_values = np.array([len(values) for values in frequent.values], np.intp)
    named = (first_id < n_values[first]) & (is_single | (second_id < n_values[second]))
    cells = _Cells(cell, first, np.where(is_single, -1, second), first_id, np.where(is_single, -1, second_id))
    return cells.take(np.flatnonzero(named))


def _moments_at(tally: PairTally, cell: NDArray[np.intp]) -> RowMoments:
    return RowMoments(tally.moments.n[cell], tally.moments.mean[cell], tally.moments.m2[cell])


def _beats_its_columns(tally: PairTally, cells: _Cells, rule: SearchRule) -> NDArray[np.bool_]:
    """Say of each slice whether it is a single column, or worse than the rest of both of its columns' values."""
    beats = np.ones(len(cells.cell), np.bool_)
    pairs = np.flatnonzero(cells.second >= 0)
    limit = (1.0 - rule.confidence) / 2 / max(len(pairs), 1)
    slices = _moments_at(tally, cells.cell[pairs])
    for column, value_id in ((cells.first, cells.first_id), (cells.second, cells.second_id)):
        parent = _moments_at(tally, tally.first_cell[column[pairs]] + value_id[pairs])
        beats[pairs] &= p_value_worse(compare_means(slices, rest_of(parent, slices))) <= limit  # NaN, the same rows, is no pair
    return beats


def _terms(cells: _Cells, i: int) -> tuple[tuple[int, int], ...]:
    first = (int(cells.first[i]), int(cells.first_id[i]))
    return (first,) if cells.second[i] < 0 else (first, (int(cells.second[i]), int(cells.second_id[i])))

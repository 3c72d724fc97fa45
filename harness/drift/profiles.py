"""The profile of one side of a column: what stands in for its rows."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.drift.cardinality import number_cardinality, text_cardinality
from harness.drift.cell_groups import CellGroups
from harness.drift.column_on_card import ColumnOnCard
from harness.drift.column_tables import ColumnTables, taken
from harness.drift.quantiles import quantiles_of
from harness.drift.row_index import RowIndex
from harness.records.column import REFERENCE_SIDE, Column
from harness.records.profile import QUANTILES, Cardinality, CellMoments, ColumnProfile

N_TOP = 20
_TOP_OF_NUMBERS = 50  # different values up to which a number's own are listed


def profile_of(
    column: Column, tables: ColumnTables, index: RowIndex, groups: CellGroups, side: int, there: ColumnOnCard | None = None
) -> ColumnProfile:
    """Return the profile of one side: over all rows, by window, and by slice.

    Quantiles are of type 7, of the finite values, found on a card where the column is `there`; cardinality is exact up to 10,000 values.
    """
    own = groups.of_side(side)
    cells = index.cells
    moments = CellMoments(**{f.name: getattr(tables.moments, f.name)[own] for f in fields(CellMoments)})
    quantiles, cardinality, top = _values(column, tables, index, side, there)
    windows = cells.reference_windows if side == REFERENCE_SIDE else cells.windows
    return ColumnProfile(
        name=column.name,
        type=column.reference_type if side == REFERENCE_SIDE else column.type,
        kind=column.kind,
        bins=tables.bins,
        moments=moments,
        counts=tables.counts[own],
        quantiles=quantiles,
        quantile_method="type7",
        cardinality=cardinality,
        top=top,
        window_names=windows[1:],
        slice_by=cells.slice_by[1:],
        slice_value=cells.slice_value[1:],
        note=column.note,
    )


def _values(
    column: Column, tables: ColumnTables, index: RowIndex, side: int, there: ColumnOnCard | None
) -> tuple[NDArray[np.float64] | None, Cardinality, tuple[tuple[str, int], ...]]:
    if column.kind == "none":
        return None, Cardinality(0.0, "exact", b"t[]"), ()
    if column.codes is not None:
        counts = np.bincount(column.codes[index.sides[side]] + 1, minlength=len(column.categories) + 1)[1:]
        present = np.flatnonzero(counts)
        return None, text_cardinality(column.categories[i] for i in present.tolist()), _top(column.categories, counts)
    finite = taken(column, index.sides[side])
    values = np.concatenate([finite, _infinite(column, index, side)]) if tables.moments.n_infinite[side] else finite
    cardinality = number_cardinality(values)
    top: tuple[tuple[str, int], ...] = ()
    if cardinality.n_distinct <= _TOP_OF_NUMBERS:
        own, counts = np.unique(values + values.dtype.type(0), return_counts=True)  # -0 is 0, under one name
        top = _top(tuple(str(v) for v in own), counts)  # with all digits, so that two values have two names
    return quantiles_of(finite if there is None else there.side(side), QUANTILES), cardinality, top


def _infinite(column: Column, index: RowIndex, side: int) -> NDArray[Any]:
    assert column.values is not None
    own = column.values[index.sides[side]]
    infinite: NDArray[Any] = own[np.isinf(own)]
    return infinite


def _top(names: tuple[str, ...], counts: NDArray[np.int64]) -> tuple[tuple[str, int], ...]:
    order = np.argsort(-counts, kind="stable")[:N_TOP]
    return tuple((names[i], int(counts[i])) for i in order.tolist() if counts[i])

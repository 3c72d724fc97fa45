"""Small columns with their sides, windows and profiles, for tests of contracts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.records.column import Column, ComparedRows
from harness.records.drift_cells import DriftCells, TimeCells
from harness.records.profile import QUANTILES, Bins, Cardinality, CellMoments, ColumnProfile

Texts = Sequence[str | None]


def compared(n_reference: int, n_current: int, first_row: int | None = None) -> ComparedRows:
    """Reference rows, then current rows; `first_row` numbers them."""
    side = np.repeat(np.array([0, 1], dtype=np.int8), [n_reference, n_current])
    numbers = None if first_row is None else np.arange(first_row, first_row + len(side), dtype=np.int64)
    return ComparedRows(side, None, n_reference, n_current, row_numbers=numbers)


def cells_of(reference_windows: Sequence[int], current_windows: Sequence[int]) -> DriftCells:
    """Cells in which every window of a side is one stretch; the window of every row, 0 without windows."""
    n = [max(windows, default=0) for windows in (reference_windows, current_windows)]
    side = np.repeat(np.array([0, 1], dtype=np.int8), [n[0] + 1, n[1] + 1])
    window = np.concatenate([np.arange(k + 1) for k in n]).astype(np.int32)
    ids = np.concatenate([np.asarray(reference_windows, dtype=np.int32), np.asarray(current_windows, dtype=np.int32) + n[0] + 1])
    time = TimeCells(side, window, np.full(len(side), -1, dtype=np.int64))
    names = [("all", *(f"{letter}{w}" for w in range(1, k + 1))) for letter, k in zip("rw", n, strict=True)]
    return DriftCells(ids[:, None].astype(np.int32), time, names[1], names[0], ("all",), ("all",))


def number_column(reference: Any, current: Any, dtype: str = "float64", **changes: Any) -> Column:
    """A column of numbers, or of times."""
    values = np.concatenate([np.asarray(reference, dtype=dtype), np.asarray(current, dtype=dtype)])
    fields: dict[str, Any] = {"type": dtype.replace("float64", "double"), "kind": "number", **changes}
    return Column("x", reference_type=fields.pop("reference_type", fields["type"]), values=values, **fields)


def text_column(reference: Texts, current: Texts, **changes: Any) -> Column:
    """A column of texts; None is missing."""
    texts = [*reference, *current]
    categories = tuple(dict.fromkeys(text for text in texts if text is not None))
    codes = np.array([-1 if text is None else categories.index(text) for text in texts], dtype=np.int32)
    fields: dict[str, Any] = {"type": "string", "kind": "category", **changes}
    return Column("x", reference_type=fields.pop("reference_type", fields["type"]), codes=codes, categories=categories, **fields)


def profile_of(column: Column, n_reference: int, windows: Sequence[int] = (), n_edges: int = 11) -> ColumnProfile:
    """Profile of the reference rows, by definition, in cells all and window 1 .."""
    window = np.asarray(windows if len(windows) else [0] * n_reference, dtype=np.int64)
    picks = [np.ones(n_reference, dtype=bool), *(window == w for w in range(1, window.max(initial=0) + 1))]
    names = tuple(f"r{w}" for w in range(1, len(picks)))
    if column.kind == "category":
        assert column.codes is not None
        codes = column.codes[:n_reference]
        missing = codes < 0
        bins = Bins(categories=column.categories)
        counts = np.array([np.bincount(np.where(missing, len(column.categories), codes)[p], minlength=bins.n_bins) for p in picks])
        nan = np.full(len(picks), np.nan)
        n_rows = np.array([p.sum() for p in picks])
        moments = CellMoments(n_rows, np.array([missing[p].sum() for p in picks]), n_rows * 0, nan, nan, nan, nan)
        distinct, quantiles = len(set(codes[~missing])), None
    else:
        assert column.values is not None
        values = column.values[:n_reference]
        missing = (
            np.isnan(values)
            if values.dtype.kind == "f"
            else np.zeros(n_reference, bool)
            if column.is_missing is None
            else column.is_missing[:n_reference]
        )
        finite = np.isfinite(values) & ~missing
        edges = tuple(np.unique(np.quantile(values[finite], np.linspace(0, 1, n_edges)))) if finite.any() else (0.0, 1.0)
        bins = Bins(edges=edges)
        at = np.where(values == edges[-1], len(edges) - 1, np.searchsorted(edges, values, side="right"))
        counts = np.array([np.bincount(np.where(missing, bins.n_bins - 1, at)[p], minlength=bins.n_bins) for p in picks])
        low, high = (np.array([f(values[p & finite]) if (p & finite).any() else np.nan for p in picks]) for f in (np.min, np.max))
        n_infinite = np.array([(p & ~finite & ~missing).sum() for p in picks])
        n_missing = np.array([missing[p].sum() for p in picks])
        moments = CellMoments(
            np.array([p.sum() for p in picks]), n_missing, n_infinite, low.astype(float), high.astype(float), low * 0, low * 0
        )
        distinct = len(np.unique(values[~missing]))
        quantiles = np.quantile(values[finite].astype(float), QUANTILES) if finite.any() else np.full(len(QUANTILES), np.nan)
    kind = Cardinality(float(distinct), "exact")
    return ColumnProfile(column.name, column.reference_type, column.kind, bins, moments, counts, quantiles, "type7", kind, (), names)

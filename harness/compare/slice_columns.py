"""Columns to search for slices: categories as they are, numbers in quantile bins, missing values apart."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.records.slice_search import SearchColumn

MISSING = "missing"
EDGE_ROWS = 1 << 20  # quantiles of so many rows have a standard error below 0.05 percentage points: exact enough for bins


def edge_rows(in_search: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the rows that edges are read from: those of the search half, at most `EDGE_ROWS` of them, evenly spaced.

    >>> edge_rows(np.array([True, False, True])).tolist()
    [0, 2]
    """
    rows = np.flatnonzero(in_search)
    return rows[:: math.ceil(len(rows) / EDGE_ROWS)] if len(rows) else rows


def quantile_edges(values: NDArray[Any], n_bins: int) -> NDArray[Any]:
    """Return the edges that cut numbers into at most `n_bins` bins [a, b) of about as many rows each.

    Edges are values that occur. Where ties fill more than one bin, the value has a bin of its own: a flag that is 1 in 2 % of
    the rows is cut at 1, though every decile is 0.

    Parameters
    ----------
    values : floating or integer [n_rows]
        NaN is left out.
    n_bins : int
        At least 1.

    Returns
    -------
    dtype of `values`, [n_edges], rising
        Below the first is a bin, and so is the last with everything above it; n_edges is at most 2 * (n_bins - 1).

    Examples
    --------
    >>> quantile_edges(np.arange(100.0), 4).tolist()
    [25.0, 50.0, 75.0]
    >>> quantile_edges(np.array([0.0] * 98 + [1.0, 1.0]), 10).tolist()
    [1.0]
    """
    if values.dtype.kind == "f":
        values = values[~np.isnan(values)]
    if len(values) == 0:
        return values[:0]
    ordered = np.sort(values)
    edges, times = np.unique(ordered[np.arange(1, n_bins) * len(ordered) // n_bins], return_counts=True)
    after = np.searchsorted(ordered, edges[times > 1], side="right")
    after = after[after < len(ordered)]
    cut = np.union1d(edges, ordered[after])
    return np.asarray(cut[cut > ordered[0]])


def number_column(name: str, values: NDArray[Any], rows: NDArray[np.intp], n_bins: int) -> SearchColumn:
    """Return a numeric column in quantile bins; NaN is a value of its own, "missing".

    Parameters
    ----------
    name : str
        Of the column.
    values : floating or integer [n_rows]
        All rows.
    rows : intp [n_edge_rows]
        The rows that edges are read from.
    n_bins : int
        About so many bins, see `quantile_edges`.

    Examples
    --------
    >>> column = number_column("age", np.array([1.0, 2.0, 3.0, np.nan]), np.arange(4), 3)
    >>> column.values, column.ids.tolist()
    (('< 2', '[2, 3)', '>= 3', 'missing'), [0, 1, 2, 3])
    """
    edges = quantile_edges(values[rows], n_bins)
    ids = np.searchsorted(edges, values, side="right").astype(_smallest(len(edges) + 2))
    if values.dtype.kind == "f":
        ids[np.isnan(values)] = len(edges) + 1
    text = [str(edge).removesuffix(".0") for edge in edges]
    if not text:
        return SearchColumn(name, ("any", MISSING), ids)
    bands = [f"< {text[0]}", *(f"[{a}, {b})" for a, b in itertools.pairwise(text)), f">= {text[-1]}"]
    return SearchColumn(name, (*bands, MISSING), ids)


def text_column(name: str, values: NDArray[np.object_]) -> SearchColumn:
    """Return a column of texts as they are, in the order of the alphabet; null is a value of its own, "missing".

    >>> column = text_column("carrier", np.array(["UA", None, "DL", "UA"], dtype=object))
    >>> column.values, column.ids.tolist()
    (('DL', 'UA', 'missing'), [1, 2, 0, 1])
    """
    codes, found = pd.factorize(values)
    names = np.array([str(value) for value in found], dtype=object)
    order = np.argsort(names, kind="stable")
    final = np.empty(len(names) + 1, _smallest(len(names) + 1))
    final[order] = np.arange(len(names))
    final[-1] = len(names)  # code -1 is null
    missing = MISSING if MISSING not in names else f"{MISSING} (null)"
    return SearchColumn(name, (*names[order], missing), final[codes])


def sliced_column(name: str, ids: NDArray[Any], first: int, values: Sequence[str]) -> SearchColumn:
    """Return a column that was sliced before: `ids` are global numbers of slices, `first` that of `values[0]`.

    >>> sliced_column("carrier", np.array([5, 4], np.uint16), 4, ["DL", "UA"]).ids.tolist()
    [1, 0]
    """
    return SearchColumn(name, tuple(values), (ids.astype(np.int32) - first).astype(_smallest(len(values))))


def _smallest(n_values: int) -> type[np.uint8 | np.uint16 | np.int32]:
    """Return the smallest dtype of so many ids: forty columns of them are what the search keeps of a row."""
    return np.uint8 if n_values <= 1 << 8 else np.uint16 if n_values <= 1 << 16 else np.int32

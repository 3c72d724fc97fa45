"""Requests of every slice, and of every version of the live model, in every hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.records.money import SliceTraffic
from harness.records.tally import Grid

_US_PER_HOUR = 3_600_000_000
_MAX_CELLS = 1 << 18  # of a table of counts, hours by parts: 2 MiB, which stay in a core's cache
_CHUNK_ROWS = 1 << 20
MODEL_VERSION = "model_version"
_NO_ROWS = (np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0))


def slice_traffic(
    timestamps_us: NDArray[np.int64],
    slice_ids: NDArray[np.uint16] | NDArray[np.int32],
    grid: Grid,
    rows_per_request: float,
    version_ids: NDArray[np.int32] | None = None,
    versions: Sequence[str] = (),
) -> SliceTraffic:
    """Count the requests of each hour in every slice of the grid, and in every version of the live model that the log names.

    Formula: rows of the hour and the part / rows_per_request.

    Parameters
    ----------
    timestamps_us : NDArray[np.int64]
        [n_rows], microseconds since the epoch (UTC), in any order.
    slice_ids : NDArray
        [n_rows, n_columns], uint16 or int32; column 0 is slice 0, all rows. Id 0 in another column: in none of its slices.
    grid : Grid
        Names of the slices.
    rows_per_request : float
        Rows that are scored for one request.
    version_ids : NDArray[np.int32], optional
        [n_rows], into `versions`; -1 where none was logged: those rows are the part "missing".
    versions : sequence of str
        Names of the versions.

    Returns
    -------
    SliceTraffic
        By hour, then by part; 8 bytes a row are needed besides it.

    Examples
    --------
    >>> grid = Grid(("all", "carrier", "carrier"), ("all", "UA", "DL"), ("all",))
    >>> ids = np.array([[0, 1], [0, 2], [0, 1], [0, 1]], np.uint16)
    >>> found = slice_traffic(np.array([0, 1, 3_600_000_000, 2]), ids, grid, rows_per_request=2)
    >>> found.hour.tolist(), found.part_id.tolist(), found.requests.tolist()
    ([0, 0, 0, 1, 1], [0, 1, 2, 0, 1], [1.5, 1.0, 0.5, 0.5, 0.5])
    """
    n_slices = grid.n_slices
    with_missing = version_ids is not None and bool((version_ids < 0).any())
    names = (*versions, "missing") if with_missing else tuple(versions)
    n_parts = n_slices + len(names)
    hour = timestamps_us // _US_PER_HOUR
    order = None if (hour[1:] >= hour[:-1]).all() else np.argsort(hour, kind="stable")
    sorted_hour = hour if order is None else hour[order]
    found = []
    for hours, first, stop in _blocks(sorted_hour, max(1, _MAX_CELLS // n_parts)):
        table = np.zeros((hours.size, n_parts), np.int64)
        for start in range(first, stop, _CHUNK_ROWS):
            piece = slice(start, min(stop, start + _CHUNK_ROWS))
            rows = piece if order is None else order[piece]
            at = np.searchsorted(hours, sorted_hour[piece]) * n_parts
            _count(table, at, slice_ids[rows])
            if version_ids is not None:
                ids = version_ids[rows].astype(np.int64)
                table += _counts(at + n_slices + np.where(ids < 0, len(names) - 1, ids), table)
        row, part = np.nonzero(table)
        found.append((hours[row], part.astype(np.int32), table[row, part] / rows_per_request))
    hour_of, part_of, requests = (np.concatenate(arrays) for arrays in zip(*found, strict=True)) if found else _NO_ROWS
    return SliceTraffic(hour_of, part_of, requests, (*grid.slice_by, *(MODEL_VERSION,) * len(names)), (*grid.slice_value, *map(str, names)))


def _blocks(sorted_hour: NDArray[np.int64], n_hours: int) -> Iterator[tuple[NDArray[np.int64], int, int]]:
    """Yield up to `n_hours` different hours at a time, with the first row of the first and the one after the last of the last."""
    if sorted_hour.size == 0:
        return
    starts = np.flatnonzero(np.diff(sorted_hour, prepend=sorted_hour[0] - 1))
    borders = np.append(starts, sorted_hour.size)
    for at in range(0, starts.size, n_hours):
        own = starts[at : at + n_hours]
        yield sorted_hour[own], int(own[0]), int(borders[min(at + n_hours, starts.size)])


def _count(table: NDArray[np.int64], at: NDArray[np.int64], ids: NDArray[np.uint16] | NDArray[np.int32]) -> None:
    """Add the rows to the slices of their columns; id 0 is all rows in column 0, and no slice in another."""
    for column in range(ids.shape[1]):
        counts = _counts(at + ids[:, column], table)
        if column > 0:
            counts[:, 0] = 0
        table += counts


def _counts(cell: NDArray[np.int64], table: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.bincount(cell, minlength=table.size).reshape(table.shape)

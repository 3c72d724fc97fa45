"""Where a variant is at its worst: the slice with the worst value of a metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.records.metric import Differences, MetricValues
from harness.records.tally import ALL, Grid


@dataclass(frozen=True)
class WorstSlice:
    """The slice with the worst value, that value, and its paired difference to the champion (None: unknown)."""

    name: str
    value: float
    vs_champion: float | None


def worst_slice(
    values: MetricValues,
    differences: Differences | None,
    tally_n: NDArray[np.int64],
    grid: Grid,
    min_n: int = 30,
    higher_is_better: bool = True,
) -> WorstSlice | None:
    """Return the slice with the worst value over all windows, or None when no slice can be ranked.

    The worst of many slices looks worse than it is, as chance chose it too: it is where to look, not evidence.

    Parameters
    ----------
    values : MetricValues
        The metric in every cell.
    differences : Differences, optional
        The same metric against the champion.
    tally_n : int64 [n_cells]
        Rows per cell; slices with fewer than `min_n` are not ranked.
    grid : Grid
        Names of the cells.
    min_n : int
        Rows that a slice needs.
    higher_is_better : bool
        Direction of the metric.

    Returns
    -------
    WorstSlice or None
        Named "carrier=UA" or "carrier*origin=UA*EWR". Of equal slices the first.

    Examples
    --------
    >>> grid = Grid(("all", "carrier", "carrier"), ("all", "UA", "DL"), ("all",))
    >>> none = np.full(3, None, dtype=object)
    >>> values = MetricValues("auc", np.array([0.7, 0.6, 0.8]), none, none, none, none)
    >>> worst_slice(values, None, np.array([90, 40, 50]), grid)
    WorstSlice(name='carrier=UA', value=0.6, vs_champion=None)
    """
    cells = np.arange(grid.n_slices) * grid.n_windows + grid.windows.index(ALL)
    is_slice = np.array([by != ALL for by in grid.slice_by], dtype=np.bool_)
    value = values.value[cells]
    is_ranked = is_slice & (tally_n[cells] >= min_n) & np.isfinite(value)
    if not is_ranked.any():
        return None
    badness = -value if higher_is_better else value
    worst = int(np.argmax(np.where(is_ranked, badness, -np.inf)))
    return WorstSlice(
        name=f"{grid.slice_by[worst]}={grid.slice_value[worst]}",
        value=float(value[worst]),
        vs_champion=_difference_at(differences, int(cells[worst])),
    )


def _difference_at(differences: Differences | None, cell: int) -> float | None:
    """Return the difference in one cell; None where there is none or it is not defined."""
    if differences is None or not np.isfinite(differences.difference[cell]):
        return None
    return float(differences.difference[cell])

"""What rows without a label could be worth at worst and at best, where champion and challenger decide them differently."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.gain.overrides import Override
from harness.records.money import ValueMoments
from harness.records.tally import Grid


def constants_range(turns: NDArray[np.float64], n_gained: int, n_lost: int) -> tuple[float, float]:
    """Return the lowest and highest sum over rows that only the challenger flags, less that over rows that only the champion flags.

    Parameters
    ----------
    turns
        float64 [n_matrices, 2], what flagging a row of label 0 and of label 1 is worth.

    >>> constants_range(np.array([[-1.0, 5.0]]), 2, 1)
    (-7.0, 11.0)
    """
    low, high = float(turns.min()), float(turns.max())
    return n_gained * low - n_lost * high, n_gained * high - n_lost * low


def amounts_range(
    rows: ValueMoments, constant: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return bounds of the same sums where the worth of flagging a row of label y is constant[y] + weight[y] · amounts, float64 [n_cells] each.

    Formula: with f_y the worth under label y and g = f_1 - f_0, the sum of min(f_0, f_1) is sum f_0 + (sum g - sum |g|) / 2, and sum |g| is
    at most sqrt(n sum g²) (Cauchy and Schwarz), which the moments give; max is the mirror. It is reached where |g| is the same in all rows, as
    where values are constants.

    Parameters
    ----------
    rows
        Cases [champion's decision, own decision].

    >>> rows = ValueMoments(("a",), np.array([[0, 1, 0, 0]]), np.full((1, 4, 1), 4.0), np.zeros((1, 4, 1, 1)))
    >>> low, high = amounts_range(rows, np.array([-3.0, 0.0]), np.array([[0.0], [2.0]]))  # one row of 4: worth -3 or 8
    >>> float(low[0]), float(high[0])
    (-3.0, 8.0)
    """
    low, high = np.zeros(len(rows.n)), np.zeros(len(rows.n))
    for case, sign in ((1, 1.0), (2, -1.0)):  # gained: only the challenger flags it; lost: only the champion
        n, mean, m2 = rows.n[:, case].astype(np.float64), rows.mean[:, case], rows.m2[:, case]
        base = n * (constant[0] + mean @ weight[0])
        step, along = constant[1] - constant[0], weight[1] - weight[0]
        mean_step = step + mean @ along
        spread = np.maximum(np.einsum("cij,i,j->c", m2, along, along), 0.0)
        reach = np.sqrt(n * (spread + n * mean_step**2))
        worst, best = base + (n * mean_step - reach) / 2, base + (n * mean_step + reach) / 2
        low, high = low + (worst if sign > 0 else -best), high + (best if sign > 0 else -worst)
    return low, high


def by_slice(
    bounds: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], overrides: Sequence[Override], grid: Grid | None
) -> tuple[float, float]:
    """Return the bounds over all rows from those of every cell under the values of all rows, then of each override.

    With overrides the rows are summed over the slices of their column, each under its own values.
    """
    if not overrides or grid is None:
        return float(bounds[0][0][0]), float(bounds[0][1][0])
    numbers = {o.slice_value: j for j, o in enumerate(overrides, 1)}
    cells = [(i * grid.n_windows, numbers.get(grid.slice_value[i], 0)) for i, by in enumerate(grid.slice_by) if by == overrides[0].slice_by]
    return math.fsum(bounds[j][0][cell] for cell, j in cells), math.fsum(bounds[j][1][cell] for cell, j in cells)

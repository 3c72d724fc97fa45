"""Values of their own for some slices of one column, and what the cells of a grid are then worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ConfigError, did_you_mean, one_of
from harness.gain.fields import Amount, read_value
from harness.records.tally import Grid
from kernels.moments import RowMoments, merged_moments


@dataclass(frozen=True)
class Override:
    """Values that rows of one slice have in place of those of all rows."""

    slice_by: str
    slice_value: str
    values: tuple[tuple[str, float | Amount], ...]

    @property
    def name(self) -> str:
        """How a configuration names the slice."""
        return f"{self.slice_by}={self.slice_value}"


def read_overrides(given: object, outcomes: Sequence[str]) -> tuple[Override, ...]:
    """Return the overrides of a configuration: [{slice: carrier=UA, true_positive: 3.0}].

    Raises
    ------
    ValueError
        When one of them means nothing, names a slice twice, or is of another column than the first: a row would have two values.
    """
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ValueError(f"overrides: found {given!r}, wanted a list, as [{{slice: carrier=UA, {outcomes[0]}: 3.0}}]")
    found = tuple(_read(item, outcomes) for item in given)
    for i, override in enumerate(found):
        if override.slice_by != found[0].slice_by:
            raise ValueError(
                f"overrides: found slices of '{found[0].slice_by}' and of '{override.slice_by}', and a row in both would have two values;"
                " use slices of one column, or of their cross"
            )
        if override.name in [other.name for other in found[:i]]:
            raise ValueError(f"overrides: slice '{override.name}' stands there twice; give its values once")
    return found


def _read(item: Any, outcomes: Sequence[str]) -> Override:
    if isinstance(item, Override):
        return item
    text = item.get("slice") if isinstance(item, Mapping) else None
    by, equals, value = str(text).partition("=")
    if not isinstance(text, str) or not by or not equals:
        raise ValueError(f"overrides: found {item!r}, wanted a slice and its values, as {{slice: carrier=UA, {outcomes[0]}: 3.0}}")
    own = {str(k): v for k, v in item.items() if k != "slice"}
    for key in own:
        if key not in outcomes:
            raise ValueError(f"overrides.{key}: unknown key; keys are: slice, {one_of(outcomes)}{did_you_mean(key, outcomes)}")
    if not own:
        raise ValueError(f"overrides: slice '{text}' has no value of its own; give one of {one_of(outcomes)}, or leave it out")
    return Override(by, value, tuple((key, read_value(f"{text} {key}", v)) for key, v in own.items()))


def check_slices(overrides: Sequence[Override], grid: Grid) -> None:
    """Raise ConfigError where an override names a slice that the judged rows do not have."""
    if not overrides:
        return
    there = _slices_of(grid, overrides[0].slice_by)
    for override in overrides:
        if override.slice_value not in there:
            raise ConfigError(
                f"gain.overrides: no judged row is in slice '{override.name}'; slices of '{override.slice_by}' are: {one_of(there) or 'none'}"
                f"{did_you_mean(override.slice_value, there)}"
            )


def _slices_of(grid: Grid, by: str) -> dict[str, int]:
    return {value: i for i, (own, value) in enumerate(zip(grid.slice_by, grid.slice_value, strict=True)) if own == by}


def override_ids(overrides: Sequence[Override], slice_ids: NDArray[Any], grid: Grid) -> NDArray[np.intp] | None:
    """Return of each row which override holds: 0 none, else its number from 1; None where there are none.

    Parameters
    ----------
    slice_ids
        uint16 or int32 [n_rows, n_columns], as in a prepared replay.
    """
    if not overrides:
        return None
    check_slices(overrides, grid)
    there = _slices_of(grid, overrides[0].slice_by)
    table = np.zeros(grid.n_slices, np.intp)
    for number, override in enumerate(overrides, 1):
        table[there[override.slice_value]] = number
    return np.asarray(table[slice_ids].max(axis=1, initial=0), np.intp)


def overridden(found: Sequence[RowMoments], overrides: Sequence[Override], grid: Grid | None) -> tuple[RowMoments, NDArray[np.object_]]:
    """Return the moments of every cell in which each slice has its own values, and why a cell has none.

    The slices of one column hold every row once, so all rows together are the merger of these slices. Cells of other columns and of crosses
    hold rows of several such slices in unknown shares: they are NaN, with a reason.

    Parameters
    ----------
    found
        The moments of all cells under the values of all rows, then under those of each override.
    """
    reason = np.full(len(found[0].n), None, dtype=np.object_)
    if not overrides:
        return found[0], reason
    if grid is None:
        raise ConfigError("gain.overrides: the slices of these rows are not known; leave the overrides out")
    check_slices(overrides, grid)
    by = overrides[0].slice_by
    there, numbers = _slices_of(grid, by), {o.slice_value: j for j, o in enumerate(overrides, 1)}
    n, mean, m2 = found[0].n.copy(), np.full(len(reason), np.nan), np.full(len(reason), np.nan)
    reason[:] = f"overrides by {by}: how these rows are spread over it is not counted"
    whole = None
    for value, at in there.items():
        cells = slice(at * grid.n_windows, (at + 1) * grid.n_windows)
        chosen = found[numbers.get(value, 0)]
        own = RowMoments(chosen.n[cells], chosen.mean[cells], chosen.m2[cells])
        mean[cells], m2[cells], reason[cells] = own.mean, own.m2, None
        whole = own if whole is None else merged_moments(whole, own)
    assert whole is not None
    first = slice(0, grid.n_windows)
    is_whole = whole.n == n[first]
    mean[first], m2[first] = np.where(is_whole, whole.mean, np.nan), np.where(is_whole, whole.m2, np.nan)
    reason[first] = None
    reason[first][~is_whole] = f"overrides by {by}: some rows are in no slice of it"
    return RowMoments(n, mean, m2), reason

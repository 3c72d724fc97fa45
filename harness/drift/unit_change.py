"""Asks whether a column is written in another unit: one factor away from its reference, in shape the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.drift.unit_factor import MAX_NOISE, factors
from harness.drift.unit_names import OF_SHARES, TEMPERATURES, Unit
from harness.drift.unit_sides import Side, converted_back, ks_of, noise_of, rescaled_ks, rounded, side_of
from harness.records.contract import UnitChange
from kernels.two_sample import two_sample

MIN_RAW_KS, MAX_RESCALED_KS = 0.3, 0.05


def find_unit_change(reference_values: NDArray[Any], current_values: NDArray[Any], column: str = "") -> UnitChange | None:
    """Say in which other unit the current values seem to be written; None where they do not.

    Formula: claimed is current = factor * reference + offset when KS(reference, current) > 0.3, KS(reference, (current - offset) / factor) is below 0.05
    or below its 99 % point under equal distributions, 1.628 sqrt(1/n + 1/m), and the logarithms of the quantiles' ratios are nearly one constant. The
    factor is the ratio of the power means, of |x|^p for the p with the least standard error; it takes a name within 2 %, or three standard errors,
    of it.

    Parameters
    ----------
    reference_values, current_values : NDArray, number [n], [m]
        Values in any order; missing and infinite ones are left out.
    column : str
        Name that the claim carries.

    Returns
    -------
    UnitChange or None
        `window` is None. Both KS are exact, of all finite values. Where a part of the reference's values is gone as well, the name says so and
        `ks_rescaled` is against the part that is there.

    Notes
    -----
    Not claimed: an unnamed factor from 1/3 to 3, which seasons and growth have; a named one below 5 (1.609, 2.205, 2.54, 3.281) unless the data tell
    it from 1.5, 2, 3, 4 and 5 by five standard errors, or the values converted back lie on the reference's whole numbers; an unnamed factor of fewer
    than 530 rows a side; sides of fewer than 100 rows or of fewer than three different values.

    Examples
    --------
    >>> shares = np.linspace(0.2, 0.9, 200)
    >>> find_unit_change(shares, 100 * shares).name
    '100 (a share written in percent)'
    """
    reference, current = side_of(reference_values), side_of(current_values)
    return None if reference is None or current is None else _find(reference, current, column)


def unit_change_by_window(
    reference_values: NDArray[Any], current_values: NDArray[Any], windows: NDArray[np.int32], names: tuple[str, ...], column: str = ""
) -> tuple[UnitChange, tuple[int, ...]] | None:
    """Say in which other unit the current values seem to be written, of all rows or of the first window in which they are.

    Parameters
    ----------
    reference_values, current_values : NDArray, number [n], [m]
        As `find_unit_change`.
    windows : NDArray[np.int32], [m]
        Window of every current value, 1 ..; 0 where there are none.
    names : tuple of str
        Of the windows; name 0 is "all".
    column : str
        Name that the claim carries.

    Returns
    -------
    (UnitChange, tuple of int) or None
        The claim with its first window, and every window that claims the same; none of them where there are no windows or all are too small.
    """
    reference, current = side_of(reference_values), side_of(current_values)
    if reference is None:
        return None
    whole = None if current is None else _find(reference, current, column)
    found = {}
    for w in range(1, len(names)):
        side = side_of(current_values[windows == w])
        claim = None if side is None else _find(reference, side, column)
        if claim is not None:
            found[w] = claim
    if whole is None and not found:
        return None
    claim = whole or found[min(found)]
    same = tuple(w for w in found if _is_same(found[w], claim))
    return replace(claim, window=names[same[0]] if same else None), same


def _is_same(one: UnitChange, other: UnitChange) -> bool:
    return abs(np.log(one.factor / other.factor)) < 0.1 and (one.offset == 0.0) == (other.offset == 0.0)


@np.errstate(over="ignore", invalid="ignore")
def _find(reference: Side, current: Side, column: str) -> UnitChange | None:
    raw = ks_of(reference.points, current.points)
    if raw < MIN_RAW_KS - 0.01:  # the points' own error, and some more
        return None
    tried = [(rescaled_ks(reference, current, unit), unit) for unit in (*factors(reference, current), *TEMPERATURES)]
    fitting = [
        (ks, unit) for ks, unit in tried if ks <= min(_limit(reference.n, current.n), raw / 2) and _same_shape(reference, current, unit)
    ]
    claims = (_claim(reference, current, unit, column) for _, unit in sorted(fitting, key=lambda pair: pair[0]))
    return next((claim for claim in claims if claim is not None), None) or _part(reference, current, raw, column)


def _limit(n: int, m: int) -> float:
    return max(MAX_RESCALED_KS, noise_of(n, m))


def _same_shape(reference: Side, current: Side, unit: Unit) -> bool:
    """Say whether the log ratios of the quantiles, converted back, are nearly one constant, and the spreads alike."""
    back, noise = converted_back(current.levels, unit), noise_of(reference.n, current.n)
    usable = (np.sign(back) == np.sign(reference.levels)) & (np.minimum(np.abs(back), np.abs(reference.levels)) > 0.25 * reference.size)
    if not usable.any():
        return False
    ratios = np.log(back[usable] / reference.levels[usable])
    spread, expected = back[17] - back[1], reference.levels[17] - reference.levels[1]  # from .10 to .90
    if spread <= 0.0 or expected <= 0.0:
        return bool(spread == expected)
    about = np.median(np.abs(ratios - np.median(ratios)))
    return bool(about <= 0.15 + noise and abs(np.log(spread / expected)) <= 0.1 + 1.5 * noise)


def _claim(reference: Side, current: Side, unit: Unit, column: str) -> UnitChange | None:
    raw = two_sample(reference.values, current.values).ks
    back = rounded(converted_back(current.values, unit), reference.step)
    rescaled = two_sample(rounded(reference.values, reference.step), back).ks
    if raw <= MIN_RAW_KS or rescaled > _limit(reference.n, current.n):
        return None
    return UnitChange(column, unit.factor, unit.offset, unit.name, float(raw), float(rescaled), None)


def _part(reference: Side, current: Side, raw: float, column: str) -> UnitChange | None:
    """Claim a change of bounded shares by 100 or 1000 where only a stretch of the reference's values came along, one end or both being gone.

    The current values, converted back, lie within the reference's range but for one in a hundred, span three tenths of it or more, and are distributed
    as the reference's values of that stretch, at least a fifth of them and 530 rows. Raw values hardly overlap: what only loses its end is in no other unit.
    """
    for unit in OF_SHARES if raw >= 0.9 else ():
        part = _stretch(reference, converted_back(current.points, unit), current.n)
        claim = None
        if part is not None and rescaled_ks(part, current, unit) <= _limit(part.n, current.n):
            claim = _claim(part, current, unit, column)
        if part is not None and claim is not None:
            raw_ks = float(two_sample(reference.values, current.values).ks)
            return replace(claim, name=f"{unit.name}, of values from {part.low:.3g} to {part.high:.3g} alone", ks_raw=raw_ks)
    return None


def _stretch(reference: Side, back: NDArray[np.float64], n_current: int) -> Side | None:
    """Return the reference's values between the least and the greatest of those converted back; None where that is too little of either."""
    inside = (back >= reference.low - reference.step) & (back <= reference.high + reference.step)
    low, high = back[0] - reference.step, back[-1] + reference.step
    if inside.mean() < 0.99 or high - low < 0.3 * (reference.high - reference.low):
        return None
    part = side_of(reference.values[(reference.values >= low) & (reference.values <= high)])
    return part if part is not None and part.n >= 0.2 * reference.n and noise_of(part.n, n_current) <= MAX_NOISE else None

"""Whether the champion's file gives on the logged features what production gave."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.drift.place_sums import fetched
from harness.records.drift import DriftRow, Parity
from harness.records.tally import ALL
from kernels.array_library import library_of

NO_VERSION = "missing"


def parity_of(
    variant: str,
    scores: Any,
    production_scores: Any,
    in_period: Any,
    window_ids: Any,
    n_windows: int,
    version_ids: Any,
    versions: tuple[str, ...],
    tolerance: float,
) -> Parity:
    """Compare each row's score with the one that production logged.

    Formula: beyond where |score - logged| > tolerance, in float64. A score that is not a number where production had one is beyond, with an infinite
    difference; two infinite scores of one sign agree.

    Parameters
    ----------
    scores : float32 or float64 [n], NumPy or CUDA
        The positive class's probability, or the prediction. Rows are compared where they are; the other arrays may lie there or not.
    production_scores : float32 or float64 [n]
        NaN where production logged none.
    in_period : bool [n]
        Rows of the judged period, with any label; others are in no figure.
    window_ids : int32 [n], optional
        1 .. n_windows - 1, 0 in no window.
    n_windows : int
        With window 0, all.
    version_ids : int32 [n], optional
        Into `versions`, -1 where the log names none: these are the version "missing".
    versions : tuple of str
        Names of what served.
    tolerance : float
        At least 0.

    Examples
    --------
    >>> ours, logged = np.array([0.5, 0.5, 0.5, 0.9]), np.array([0.5, 0.6, np.nan, 0.1])
    >>> period, ids = np.array([True, True, True, False]), np.array([0, 1, 1, 1], np.int32)
    >>> p = parity_of("a", ours, logged, period, None, 1, ids, ("v1", "v2"), 1e-4)
    >>> p.n_compared.tolist(), p.n_beyond.tolist(), p.n_without, round(p.greatest, 3), p.by_version
    ([2], [1], 1, 0.1, (('v1', 1, 0), ('v2', 1, 1)))
    """
    library = library_of(scores)
    xp, ours, own = library.xp, library.array, library.own
    rows = xp.flatnonzero(own(in_period))
    logged = own(production_scores)[rows].astype(xp.float64)
    has_logged = ~xp.isnan(logged)
    n_without = int((~has_logged).sum())
    rows, logged = rows[has_logged], logged[has_logged]
    difference = _difference(xp, ours[rows].astype(xp.float64), logged)
    beyond = difference > tolerance
    windows = xp.zeros(len(rows), dtype=xp.int32) if window_ids is None else own(window_ids)[rows]
    return Parity(
        variant=variant,
        tolerance=tolerance,
        n_compared=_by_window(xp, windows, n_windows),
        n_beyond=_by_window(xp, windows[beyond], n_windows),
        n_without=n_without,
        greatest=float(difference.max()) if len(rows) else math.nan,
        by_version=() if version_ids is None else _by_version(xp, own(version_ids)[rows], beyond, versions),
    )


def _difference(xp: Any, ours: Any, logged: Any) -> Any:
    with np.errstate(invalid="ignore"):  # infinity less infinity
        difference = xp.abs(ours - logged)
    return xp.where(ours == logged, 0.0, xp.where(xp.isnan(difference), math.inf, difference))


def _by_window(xp: Any, windows: Any, n_windows: int) -> NDArray[np.int64]:
    counts = fetched(xp.bincount(windows, minlength=n_windows)).astype(np.int64)
    counts[0] = len(windows)
    return counts


def _by_version(xp: Any, ids: Any, beyond: Any, versions: tuple[str, ...]) -> tuple[tuple[str, int, int], ...]:
    """Return the versions that have compared rows, "missing" last."""
    places = xp.where(ids < 0, len(versions), ids)
    n, n_beyond = (fetched(xp.bincount(at, minlength=len(versions) + 1)).tolist() for at in (places, places[beyond]))
    return tuple((name, n[i], n_beyond[i]) for i, name in enumerate((*versions, NO_VERSION)) if n[i])


def parity_rows(parity: Parity, windows: tuple[str, ...], version_column: str | None = None) -> tuple[DriftRow, ...]:
    """Return the share of rows beyond the tolerance: of all rows, by window, and by version that served.

    Parameters
    ----------
    windows : tuple of str
        Names of the windows of `parity`, "all" first.
    version_column : str, optional
        Column of the log that names the version; `slice_by` of those rows.

    Examples
    --------
    >>> p = Parity("a", 1e-4, np.array([4, 4]), np.array([1, 1]), 2, 0.3)
    >>> [(r.window, r.value, r.n_current, r.note) for r in parity_rows(p, ("all", "2026-01"))]
    [('all', 0.25, 4, 'beyond 0.0001; greatest difference 0.3; 2 rows without a logged score'), ('2026-01', 0.25, 4, 'beyond 0.0001')]
    """
    counts = zip(windows, parity.n_compared.tolist(), parity.n_beyond.tolist(), strict=True)
    by_window = [_row(parity, ALL, ALL, name, n, n_beyond) for name, n, n_beyond in counts]
    by = version_column or "version"
    return (*by_window, *(_row(parity, by, name, ALL, n, n_beyond) for name, n, n_beyond in parity.by_version))


def _row(parity: Parity, by: str, value: str, window: str, n: int, n_beyond: int) -> DriftRow:
    note = f"beyond {parity.tolerance:g}" if n else "undefined: no row with a logged score"
    if by == ALL and window == ALL:
        note += f"; greatest difference {parity.greatest:.4g}" if n else ""
        note += f"; {parity.n_without:,} rows without a logged score" if parity.n_without else ""
    return DriftRow(
        variant=parity.variant,
        column="score",
        kind="parity",
        statistic="parity",
        profile="harness",
        slice_by=by,
        slice_value=value,
        window=window,
        n_reference=n,
        n_current=n,
        value=n_beyond / n if n else math.nan,
        threshold=None,
        p_value=None,
        p_value_corrected=None,
        drifted=None,
        note=note,
    )


def parity_sentence(parity: Parity, windows: tuple[str, ...] = ()) -> str:
    """Say in one line how far the replay reproduces production, naming the worst window and the worst version where any row is beyond.

    Shares are cut, not rounded: 100 % is said of all rows alone.

    Examples
    --------
    >>> p = Parity("a", 1e-4, np.array([236000, 1000]), np.array([41, 41]), 0, 0.3)
    >>> parity_sentence(p, ("all", "2013-07"))
    'replay parity: 99.98 % of 236,000 logged scores within 0.0001; worst window 2013-07 (4.1 % beyond)'
    """
    n, n_beyond = int(parity.n_compared[0]), int(parity.n_beyond[0])
    without = f"; {parity.n_without:,} rows without a logged score" if parity.n_without else ""
    if not n:
        return f"replay parity: not measured, no row of the judged period has a logged score{without}"
    within = (n - n_beyond) * 10_000 // n / 100
    text = f"replay parity: {within:.{0 if within == 100 else 2}f} % of {n:,} logged scores within {parity.tolerance:g}"
    if n_beyond:
        counts = zip(windows[1:], parity.n_compared[1:].tolist(), parity.n_beyond[1:].tolist(), strict=True) if windows else ()
        text += _worst("window", list(counts)) + _worst("version", list(parity.by_version) if len(parity.by_version) > 1 else [])
    return text + without


def _worst(what: str, counts: list[tuple[str, int, int]]) -> str:
    """Name the first of the greatest share beyond; nothing where none has any."""
    known = [(n_beyond / n, name) for name, n, n_beyond in counts if n_beyond]
    if not known:
        return ""
    share, name = max(known, key=lambda one: one[0])
    return f"; worst {what} {name} ({100 * share:.3g} % beyond)"

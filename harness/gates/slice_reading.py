"""One challenger's paired differences, as a gate with named slices reads them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import did_you_mean
from harness.gates.named_slices import SliceName, slice_label
from harness.gates.one_sided import Floats, quantile_of
from harness.records.evidence import Evidence
from harness.records.metric import MIN_CLASS_ROWS, PAIRED_METRIC_NAMES, Differences
from harness.records.tally import ALL, Grid

MIN_SCREEN_DEGREES = 29.0  # a t of fewer has tails that a correction for many slices reaches and small samples do not keep


@dataclass(frozen=True)
class SliceFigures:
    """Differences of some slices over all windows, turned so that more is better; float64 [k], NaN where there is no interval.

    `degrees`, float64 [k], are those of the Student's t that the intervals use, infinite for a normal one.
    `is_judged`, bool [k]: there is an interval, and enough rows of each class for it to be relied on. What is not judged is shown.
    """

    names: tuple[SliceName, ...]
    n: Floats
    estimate: Floats
    low: Floats
    high: Floats
    degrees: Floats
    is_judged: NDArray[np.bool_]
    sign: int

    def describe(self, i: int) -> str:
        """Write slice `i` with its difference as the differences table has it, not turned."""
        label = f"{slice_label(self.names[i])} (n {int(self.n[i]):,})"
        if np.isnan(self.estimate[i]):
            return f"{label}: no interval"
        low, high = (self.low[i], self.high[i]) if self.sign > 0 else (-self.high[i], -self.low[i])
        few = "" if self.is_judged[i] else f", fewer than {MIN_CLASS_ROWS} rows of a class: shown, not judged"
        return f"{label} {self.sign * self.estimate[i]:+.4g} [{low:.4g}, {high:.4g}]{few}"


@dataclass(frozen=True)
class Reading:
    """What one challenger shows: the named slices, the others, and what stands in the way of judging.

    `trouble` says why nothing can be judged; `blocking` names the slices that cannot be and are not waived; `must_pass` are the
    numbers of the named slices that can.
    """

    variant: str
    confidence: float
    named: SliceFigures
    others: SliceFigures
    n_unscreened: int
    must_pass: NDArray[np.int64]
    blocking: tuple[str, ...]
    waived: tuple[str, ...]
    coverage: str
    trouble: str | None

    @property
    def se(self) -> Floats:
        """Standard error of each named slice, read off its interval; float64 [k]."""
        return (self.named.high - self.named.low) / (2 * quantile_of(self.confidence, self.named.degrees))

    @property
    def closest(self) -> int:
        """Number of the named slice with the lowest lower bound."""
        return int(self.must_pass[np.argmin(self.named.low[self.must_pass])])

    @property
    def bound(self) -> float | None:
        """The lowest lower bound of the named slices, in the metric's own direction; None where there is none."""
        return float(self.named.sign * self.named.low[self.closest]) if len(self.must_pass) else None


def read(evidence: Evidence, metric: str, named: tuple[SliceName, ...], waived: tuple[SliceName, ...], screen_min_n: int | None) -> Reading:
    """Read the named slices and, with `screen_min_n`, all others of at least so many rows."""
    differences = evidence.difference(metric)
    if evidence.champion is None:
        return _nothing(evidence, "there is no champion, so there is nothing to compare with; name one with champion=NAME")
    if differences is None:
        return _nothing(evidence, _missing(metric))
    grid, sign = evidence.grid, 1 if differences.higher_is_better else -1
    numbers = {name: i * grid.n_windows for i, name in enumerate(zip(grid.slice_by, grid.slice_value, strict=True))}
    cells = [numbers.get(name) for name in named]
    figures = _figures(differences, sign, named, np.array([-1 if c is None else c for c in cells], dtype=np.int64))
    usable = figures.is_judged
    reasons = [_why(differences, grid, name, cell, figures, i) for i, (name, cell) in enumerate(zip(named, cells, strict=True))]
    others, n_unscreened = _others(differences, sign, grid, cells, screen_min_n)
    return Reading(
        variant=evidence.variant,
        confidence=evidence.confidence,
        named=figures,
        others=others,
        n_unscreened=n_unscreened,
        must_pass=np.flatnonzero(usable),
        blocking=tuple(r for r, ok, name in zip(reasons, usable, named, strict=True) if not ok and name not in waived),
        waived=tuple(r for r, ok, name in zip(reasons, usable, named, strict=True) if not ok and name in waived),
        coverage=_coverage(figures, differences),
        trouble=None,
    )


def _figures(d: Differences, sign: int, names: tuple[SliceName, ...], cells: NDArray[np.int64]) -> SliceFigures:
    """Take cells out of the differences; -1 is a slice that does not exist."""
    exists = cells >= 0
    estimate, low, high, se = (np.where(exists, a[cells], np.nan) for a in (d.difference, d.ci_low, d.ci_high, d.se))
    if sign < 0:
        estimate, low, high = -estimate, -high, -low
    usable = np.isfinite(se) & (low < estimate) & (estimate < high)  # false for NaN; zero width is never evidence
    n = np.where(exists, d.n[cells], 0).astype(np.float64)
    estimate, low, high = (np.where(usable, a, np.nan) for a in (estimate, low, high))
    degrees = np.full(len(cells), np.inf) if d.degrees is None else d.degrees[cells]
    return SliceFigures(names, n, estimate, low, high, degrees, usable & exists & d.is_gateable[cells], sign)


def _others(d: Differences, sign: int, grid: Grid, named: list[int | None], screen_min_n: int | None) -> tuple[SliceFigures, int]:
    cells = np.setdiff1d(np.arange(grid.n_slices) * grid.n_windows, np.array([c for c in named if c is not None], dtype=np.int64))
    if screen_min_n is None:
        return _figures(d, sign, (), cells[:0]), 0
    figures = _figures(d, sign, (), cells)
    kept = cells[figures.is_judged & (figures.n >= screen_min_n) & (figures.degrees >= MIN_SCREEN_DEGREES)]
    by, value = (np.array(names, dtype=np.object_)[kept // grid.n_windows] for names in (grid.slice_by, grid.slice_value))
    names: tuple[SliceName, ...] = tuple(zip(by, value, strict=True))
    return _figures(d, sign, names, kept), len(cells) - len(kept)


def _why(d: Differences, grid: Grid, name: SliceName, cell: int | None, figures: SliceFigures, i: int) -> str:
    if cell is None:
        labels = [slice_label(s) for s in zip(grid.slice_by, grid.slice_value, strict=True)][:2000]
        return f"{slice_label(name)}: the replay has no such slice{did_you_mean(slice_label(name), labels)}"
    if np.isfinite(figures.estimate[i]):
        return f"{slice_label(name)}: fewer than {MIN_CLASS_ROWS} rows of a class at n {int(figures.n[i]):,}, so its interval is shown and not judged"
    method = str(d.method[cell])
    if not method.startswith(("no interval", "undefined")):
        method += ", of zero width or without a standard error"
    return f"{slice_label(name)}: no usable interval at n {int(figures.n[i]):,} ({method})"


def _missing(metric: str) -> str:
    known = list(dict.fromkeys(name for names in PAIRED_METRIC_NAMES.values() for name in names))
    if metric in known:
        return f"no paired differences of '{metric}'; add it to metrics"
    return f"no paired differences of '{metric}'{did_you_mean(metric, known) or ';'} only {', '.join(known)} have them so far"


def _coverage(figures: SliceFigures, d: Differences) -> str:
    """Say, per slice column, the share of rows in its named slices; slices of one column do not overlap."""
    total = float(d.n[0])
    columns = dict.fromkeys(by for by, _ in figures.names)
    rows = {c: sum(n for (by, _), n in zip(figures.names, figures.n, strict=True) if by == c) for c in columns}
    return ", ".join(f"{c} {r / total if total else float('nan'):.1%}" for c, r in rows.items())


def _nothing(evidence: Evidence, trouble: str) -> Reading:
    none = np.zeros(0, dtype=np.float64)
    empty = SliceFigures((), none, none, none, none, none, np.zeros(0, dtype=np.bool_), 1)
    return Reading(evidence.variant, evidence.confidence, empty, empty, 0, np.zeros(0, dtype=np.int64), (), (), ALL, trouble)

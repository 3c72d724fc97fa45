"""Labelled rows of both sides, counted by category and score bin: all that the parts of a loss change are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.drift.calibration_curve import ReferenceCells
from harness.drift.place_sums import fetched, mean_of, sums_by_place
from harness.drift.score_axis import CurveColumns, Floats, curve_columns, on_axis, score_axis
from kernels.array_library import library_of
from kernels.devices import is_on_cuda

LOSSES = {"binary": ("log_loss", "brier"), "multiclass": ("log_loss",), "regression": ("squared_error",)}
MIN_REFERENCE = 100  # rows, for a curve of five coefficients
NO_CURRENT = "no current row has a label and a valid score"
_CLIP = 1e-15  # of a probability in a log loss, as in the metrics
_BLOCK_ROWS, _CARD_BLOCK_ROWS = 1 << 20, 1 << 23  # on a card 0.5 GB of indices and sums
_DENSE = 1 << 24  # cells of a grid, up to which they are numbered by a table and not by sorting


@dataclass(frozen=True)
class LossSide:
    """Rows of one side that have a label and a valid score; arrays of NumPy or CuPy.

    Args:
        rows: int64 [n], numbers of the rows.
        scores, labels: [n], as they were given.
        bins: int64 [n], score bin, -1 outside of what the reference has.
    """

    rows: Any
    scores: Any
    labels: Any
    bins: Any


@dataclass(frozen=True)
class LossSides:
    """Both sides on the axis of the reference's curve.

    Args:
        xp: the library of the sides' arrays; is_on_card: whether they were given on a card.
        columns: of the curve.
        reference_losses: float64 [n_reference], per loss of the task.
        n_invalid_score: labelled rows of both sides that are left out.
        reason: why no curve can be had; None where one can.
    """

    task: str
    xp: Any
    is_on_card: bool
    reference: LossSide
    current: LossSide
    columns: CurveColumns
    reference_losses: tuple[Any, ...]
    n_invalid_score: int
    reason: str | None

    def mean_reference_loss(self, number: int) -> float:
        """Return the reference's mean of a loss, by its number among those of the task; NaN without a row."""
        losses = self.reference_losses[number]
        return mean_of(self.xp, losses, is_on_card=self.is_on_card) if len(losses) else math.nan


def loss_sides(task: str, scores: Any, labels_reference: Any, labels_current: Any) -> LossSides:
    """Sort rows into sides, and scores into the bins of the reference's; arguments as of `loss_parts`."""
    library, is_on_card = library_of(scores), is_on_cuda(scores)
    xp, scores = library.xp, library.array
    given = library.own(labels_reference), library.own(labels_current)
    known = [~xp.isnan(side) if side.dtype.kind == "f" else side >= 0 for side in given]
    valid = is_valid(task, scores)
    rows = [xp.flatnonzero(k & valid) for k in known]
    own = [scores[r] for r in rows]
    labels = [side[r] for side, r in zip(given, rows, strict=True)]
    at = [on_axis(s.max(axis=1) if task == "multiclass" else s, task != "regression") for s in own]
    axis = score_axis(at[0], is_on_card=is_on_card) if len(at[0]) else None
    bins = [axis.bins_of(side) if axis else xp.full(len(side), -1, dtype=xp.int64) for side in at]
    losses = tuple(losses_of(task, loss, own[0], labels[0]) for loss in LOSSES[task])
    reference, current = (LossSide(*side) for side in zip(rows, own, labels, bins, strict=True))
    n_invalid = sum(int((k & ~valid).sum()) for k in known)
    reason = _why_no_curve(task, labels[0], losses[0], len(rows[1]))
    columns = curve_columns(axis) if axis else CurveColumns(np.ones((1, 1)), np.ones((1, 1)))
    return LossSides(task, xp, is_on_card, reference, current, columns, losses, n_invalid, reason)


def is_valid(task: str, scores: Any) -> Any:
    """Return where scores can be read: finite numbers, and probabilities within [0, 1]; bool [n], NumPy or CuPy as the scores.

    >>> is_valid("binary", np.array([0.0, 1.5, np.nan])).tolist(), is_valid("regression", np.array([-3.0, np.inf])).tolist()
    ([True, False, False], [True, False])
    """
    xp, scores, _ = library_of(scores)
    fine = xp.isfinite(scores) if task == "regression" else (scores >= 0) & (scores <= 1)
    return fine.all(axis=1) if fine.ndim == 2 else fine


def losses_of(task: str, loss: str, scores: Any, labels: Any) -> Any:
    """Return the loss of each row; float64 [n], NumPy or CuPy as the scores.

    >>> losses_of("binary", "brier", np.array([0.25, 0.25]), np.array([1, 0])).tolist()
    [0.5625, 0.0625]
    """
    xp, scores, _ = library_of(scores)
    wide = scores.astype(xp.float64)
    if task == "regression" or loss == "brier":
        return xp.square(wide - labels)
    of_label = wide[xp.arange(len(labels)), labels] if task == "multiclass" else xp.where(labels == 1, wide, 1.0 - wide)
    return -xp.log(of_label.clip(_CLIP, 1.0 - _CLIP))


def _why_no_curve(task: str, labels: Any, losses: Any, n_current: int) -> str | None:
    if len(labels) < MIN_REFERENCE:
        return f"{len(labels):,} reference rows have a label and a valid score; a curve needs {MIN_REFERENCE}"
    if n_current == 0:
        return NO_CURRENT
    if task == "binary" and labels.min() == labels.max():
        return "the reference has one class only"
    if task != "binary" and losses.min() == losses.max():
        return "the losses of the reference are all equal"
    return None


def loss_cells(sides: LossSides, ids: Any) -> tuple[ReferenceCells, Any]:
    """Return the reference's rows in cells of category and bin, and the cell of each current row, -1 where it is outside.

    The outcome of a binary task is the label, of the others the loss less the reference's mean loss.

    Parameters
    ----------
    ids : integer [n], optional
        Category of each row of the log; None: all rows are in one.
    """
    xp, n_bins, bins = sides.xp, len(sides.columns.common), sides.current.bins
    own = [_categories(sides, side, ids) for side in (sides.reference, sides.current)]
    seen = xp.flatnonzero(xp.bincount(own[0], minlength=1))
    number = xp.full(max((int(side.max()) for side in own if len(side)), default=0) + 1, -1, dtype=xp.int64)
    number[seen] = xp.arange(len(seen))
    category, of_current = number[own[0]], number[own[1]]
    is_inside = (of_current >= 0) & (bins >= 0)
    keys = category * n_bins + sides.reference.bins, (of_current * n_bins + bins)[is_inside]
    cells, at_reference, at_inside = _numbered(xp, *keys, max(len(seen), 1) * n_bins)
    at_current = xp.full(len(bins), -1, dtype=xp.int64)
    at_current[is_inside] = at_inside
    outcome, keys_of_cells = _outcome(sides), fetched(cells)
    n, total, squares = sums_by_place(xp, at_reference, (None, outcome, outcome**2), len(cells), is_on_card=sides.is_on_card)
    return ReferenceCells(keys_of_cells // n_bins, keys_of_cells % n_bins, n, total, squares, len(seen)), at_current


def _categories(sides: LossSides, side: LossSide, ids: Any) -> Any:
    xp = sides.xp
    return xp.zeros(len(side.rows), dtype=xp.int64) if ids is None else ids[side.rows].astype(xp.int64)


def _outcome(sides: LossSides) -> Any:
    if sides.task == "binary" or not len(sides.reference.rows):
        return sides.reference.labels.astype(sides.xp.float64)
    return sides.reference_losses[0] - sides.mean_reference_loss(0)


def _numbered(xp: Any, first: Any, second: Any, n_keys: int) -> tuple[Any, Any, Any]:
    """Return the keys that occur, ascending, and the place of each key among them."""
    if n_keys > _DENSE:
        keys, places = xp.unique(xp.concatenate([first, second]), return_inverse=True)
        return keys, places[: len(first)], places[len(first) :]
    occurs = xp.zeros(n_keys, dtype=xp.bool_)
    occurs[first], occurs[second] = True, True
    place = xp.cumsum(occurs) - 1
    return xp.flatnonzero(occurs), place[first], place[second]


@dataclass(frozen=True)
class CurrentSums:
    """Sums over current rows, float64 [n_groups, 1 + n_cells]; the first cell holds the rows outside.

    A row's expected loss is base + slope * expected outcome.
    """

    n: Floats
    loss: Floats
    base: Floats
    slope: Floats
    slope_squares: Floats
    outcome: Floats
    outcome_squares: Floats

    def of(self, group: int | None) -> CurrentSums:
        """Return the sums of one group, or of all together; [1 + n_cells]."""
        arrays = self.n, self.loss, self.base, self.slope, self.slope_squares, self.outcome, self.outcome_squares
        return CurrentSums(*(a.sum(axis=0) if group is None else a[group] for a in arrays))


def current_sums(sides: LossSides, loss: str, reference_loss: float, cell: Any, n_cells: int, group: Any, n_groups: int) -> CurrentSums:
    """Sum one loss of the current rows by group and cell; `cell` -1 is outside, `reference_loss` the mean of that side."""
    n_places, shape = n_groups * (1 + n_cells), (n_groups, 1 + n_cells)
    totals = [np.zeros(n_places) for _ in range(7)]
    # a block of fewer rows than there are sums would spend its time on adding zeros
    size = max(_CARD_BLOCK_ROWS if sides.is_on_card else _BLOCK_ROWS, n_places)
    for start in range(0, len(cell), size):
        block = slice(start, start + size)
        at = group[block] * (1 + n_cells) + 1 + cell[block]
        values = _of_rows(sides, loss, reference_loss, block)
        for total, more in zip(totals, sums_by_place(sides.xp, at, (None, *values), n_places, is_on_card=sides.is_on_card), strict=True):
            total += more
    return CurrentSums(*(total.reshape(shape) for total in totals))


def _of_rows(sides: LossSides, loss: str, reference_loss: float, block: slice) -> tuple[Any, ...]:
    """Return loss, base, slope, its square, outcome and its square of some current rows."""
    xp, scores, labels = sides.xp, sides.current.scores[block], sides.current.labels[block]
    if sides.task == "binary":
        base = losses_of(sides.task, loss, scores, xp.zeros_like(labels))
        of_one = losses_of(sides.task, loss, scores, xp.ones_like(labels))
        slope, outcome = of_one - base, labels.astype(xp.float64)
        return xp.where(labels == 1, of_one, base), base, slope, slope**2, outcome, outcome
    own = losses_of(sides.task, loss, scores, labels)
    one, outcome = xp.ones(len(own)), own - reference_loss
    return own, one * reference_loss, one, one, outcome, outcome**2

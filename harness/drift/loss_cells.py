"""Labelled rows of both sides, counted by category and score bin: all that the parts of a loss change are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.drift.calibration_curve import ReferenceCells
from harness.drift.score_axis import CurveColumns, Floats, Ids, curve_columns, on_axis, score_axis
from harness.records.replay import is_known

LOSSES = {"binary": ("log_loss", "brier"), "multiclass": ("log_loss",), "regression": ("squared_error",)}
MIN_REFERENCE = 100  # rows, for a curve of five coefficients
NO_CURRENT = "no current row has a label and a valid score"
_CLIP = 1e-15  # of a probability in a log loss, as in the metrics
_BLOCK_ROWS = 1 << 20
_DENSE = 1 << 24  # cells of a grid, up to which they are numbered by a table and not by sorting


@dataclass(frozen=True)
class LossSide:
    """Rows of one side that have a label and a valid score.

    Args:
        rows: intp [n], numbers of the rows.
        scores, labels: [n], as they were given.
        bins: intp [n], score bin, -1 outside of what the reference has.
    """

    rows: Ids
    scores: NDArray[Any]
    labels: NDArray[Any]
    bins: Ids


@dataclass(frozen=True)
class LossSides:
    """Both sides on the axis of the reference's curve.

    Args:
        columns: of the curve.
        reference_losses: float64 [n_reference], per loss of the task.
        n_invalid_score: labelled rows of both sides that are left out.
        reason: why no curve can be had; None where one can.
    """

    task: str
    reference: LossSide
    current: LossSide
    columns: CurveColumns
    reference_losses: tuple[Floats, ...]
    n_invalid_score: int
    reason: str | None


def loss_sides(task: str, scores: NDArray[Any], labels_reference: NDArray[Any], labels_current: NDArray[Any]) -> LossSides:
    """Sort rows into sides, and scores into the bins of the reference's; arguments as of `loss_parts`."""
    valid, known = is_valid(task, scores), (is_known(labels_reference), is_known(labels_current))
    rows = [np.flatnonzero(k & valid) for k in known]
    own = [scores[r] for r in rows]
    labels = labels_reference[rows[0]], labels_current[rows[1]]
    at = [on_axis(s.max(axis=1) if task == "multiclass" else s, task != "regression") for s in own]
    axis = score_axis(at[0]) if len(at[0]) else None
    bins = [axis.bins_of(side) if axis else np.full(len(side), -1, np.intp) for side in at]
    losses = tuple(losses_of(task, loss, own[0], labels[0]) for loss in LOSSES[task])
    reference, current = (LossSide(*side) for side in zip(rows, own, labels, bins, strict=True))
    n_invalid = sum(int((k & ~valid).sum()) for k in known)
    reason = _why_no_curve(task, labels[0], losses[0], len(rows[1]))
    return LossSides(
        task, reference, current, curve_columns(axis) if axis else CurveColumns(np.ones((1, 1)), np.ones((1, 1))), losses, n_invalid, reason
    )


def is_valid(task: str, scores: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where scores can be read: finite numbers, and probabilities within [0, 1]; bool [n].

    >>> is_valid("binary", np.array([0.0, 1.5, np.nan])).tolist(), is_valid("regression", np.array([-3.0, np.inf])).tolist()
    ([True, False, False], [True, False])
    """
    fine = np.isfinite(scores) if task == "regression" else (scores >= 0) & (scores <= 1)
    return np.asarray(fine.all(axis=1) if fine.ndim == 2 else fine, np.bool_)


def losses_of(task: str, loss: str, scores: NDArray[Any], labels: NDArray[Any]) -> Floats:
    """Return the loss of each row; float64 [n].

    >>> losses_of("binary", "brier", np.array([0.25, 0.25]), np.array([1, 0])).tolist()
    [0.5625, 0.0625]
    """
    wide = scores.astype(np.float64)
    if task == "regression" or loss == "brier":
        return np.asarray(np.square(wide - labels), np.float64)
    of_label = wide[np.arange(len(labels)), labels] if task == "multiclass" else np.where(labels == 1, wide, 1.0 - wide)
    return np.asarray(-np.log(of_label.clip(_CLIP, 1.0 - _CLIP)), np.float64)


def _why_no_curve(task: str, labels: NDArray[Any], losses: Floats, n_current: int) -> str | None:
    if len(labels) < MIN_REFERENCE:
        return f"{len(labels):,} reference rows have a label and a valid score; a curve needs {MIN_REFERENCE}"
    if n_current == 0:
        return NO_CURRENT
    if task == "binary" and labels.min() == labels.max():
        return "the reference has one class only"
    if task != "binary" and losses.min() == losses.max():
        return "the losses of the reference are all equal"
    return None


def loss_cells(sides: LossSides, ids: NDArray[Any] | None) -> tuple[ReferenceCells, Ids]:
    """Return the reference's rows in cells of category and bin, and the cell of each current row, -1 where it is outside.

    The outcome of a binary task is the label, of the others the loss less the reference's mean loss.

    Parameters
    ----------
    ids : integer [n], optional
        Category of each row of the log; None: all rows are in one.
    """
    n_bins, bins = len(sides.columns.common), sides.current.bins
    own = [np.zeros(len(s.rows), np.intp) if ids is None else ids[s.rows].astype(np.intp) for s in (sides.reference, sides.current)]
    seen = np.flatnonzero(np.bincount(own[0]))
    number = np.full(max((int(side.max()) for side in own if len(side)), default=0) + 1, -1, np.intp)
    number[seen] = np.arange(len(seen))
    category, of_current = number[own[0]], number[own[1]]
    is_inside = (of_current >= 0) & (bins >= 0)
    keys = category * n_bins + sides.reference.bins, (of_current * n_bins + bins)[is_inside]
    cells, at_reference, at_inside = _numbered(*keys, max(len(seen), 1) * n_bins)
    at_current = np.full(len(bins), -1, np.intp)
    at_current[is_inside] = at_inside
    outcome = _outcome(sides)
    n, total, squares = (_counted(at_reference, w, len(cells)) for w in (None, outcome, outcome**2))
    return ReferenceCells(cells // n_bins, cells % n_bins, n, total, squares, len(seen)), at_current


def _counted(places: Ids, weights: Floats | None, n_places: int) -> Floats:
    return np.bincount(places, weights=weights, minlength=n_places).astype(np.float64)


def _outcome(sides: LossSides) -> Floats:
    if sides.task == "binary" or not len(sides.reference.rows):
        return np.asarray(sides.reference.labels, np.float64)
    return np.asarray(sides.reference_losses[0] - sides.reference_losses[0].mean(), np.float64)


def _numbered(first: Ids, second: Ids, n_keys: int) -> tuple[Ids, Ids, Ids]:
    """Return the keys that occur, ascending, and the place of each key among them."""
    if n_keys > _DENSE:
        keys, places = np.unique(np.concatenate([first, second]), return_inverse=True)
        return keys, places[: len(first)], places[len(first) :]
    occurs = np.zeros(n_keys, np.bool_)
    occurs[first], occurs[second] = True, True
    place = np.cumsum(occurs) - 1
    return np.flatnonzero(occurs), place[first], place[second]


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


def current_sums(sides: LossSides, loss: str, reference_loss: float, cell: Ids, n_cells: int, group: Ids, n_groups: int) -> CurrentSums:
    """Sum one loss of the current rows by group and cell; `cell` -1 is outside, `reference_loss` the mean of that side."""
    n_places, shape = n_groups * (1 + n_cells), (n_groups, 1 + n_cells)
    totals = [np.zeros(n_places) for _ in range(7)]
    size = max(_BLOCK_ROWS, n_places)  # a block of fewer rows than there are sums would spend its time on adding zeros
    for start in range(0, len(cell), size):
        block = slice(start, start + size)
        at = group[block] * (1 + n_cells) + 1 + cell[block]
        values = _of_rows(sides, loss, reference_loss, block)
        for total, weights in zip(totals, (None, *values), strict=True):
            total += _counted(at, weights, n_places)
    return CurrentSums(*(total.reshape(shape) for total in totals))


def _of_rows(sides: LossSides, loss: str, reference_loss: float, block: slice) -> tuple[Floats, ...]:
    """Return loss, base, slope, its square, outcome and its square of some current rows."""
    scores, labels = sides.current.scores[block], sides.current.labels[block]
    if sides.task == "binary":
        base = losses_of(sides.task, loss, scores, np.zeros_like(labels))
        of_one = losses_of(sides.task, loss, scores, np.ones_like(labels))
        slope, outcome = of_one - base, labels.astype(np.float64)
        return np.where(labels == 1, of_one, base), base, slope, slope**2, outcome, outcome
    own = losses_of(sides.task, loss, scores, labels)
    one, outcome = np.ones(len(own)), own - reference_loss
    return own, one * reference_loss, one, one, outcome, outcome**2

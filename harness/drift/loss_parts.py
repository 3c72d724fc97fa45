"""How much the loss changed, and which part of it the reference's own calibration curve expects."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scipy.special import ndtr

from harness.drift.calibration_curve import Curve, ReferenceCells, fit_means, fit_rates
from harness.drift.loss_cells import LOSSES, NO_CURRENT, CurrentSums, LossSides, current_sums, loss_cells, loss_sides
from harness.records.drift import LossParts
from harness.records.tally import ALL
from kernels.array_library import library_of

MIN_CLASS = 10  # reference rows of the rarer class, for a test: of fewer, Wald's variance of a rate is not to be relied on
MIN_EXPECTED = 5.0  # sum of r (1 - r) over the current rows, for a test: the usual bound for a normal approximation of counts
MIN_CURRENT = 30  # rows, for a test of a mean loss


def loss_parts(
    task: str,
    scores: Any,
    labels_reference: Any,
    labels_current: Any,
    slice_ids: Any,
    slice_columns: tuple[str, ...],
    window_ids: Any = None,
    windows: tuple[str, ...] = (ALL,),
) -> tuple[LossParts, ...]:
    """Split the change of the mean loss from the reference to the current rows, once for all rows and once per slice column.

    Formula: with m the loss that the reference's curve expects of a row, and n current rows,
    covariate = sum over rows within of (m - L_reference) / n; outside = sum over rows outside of (l - L_reference) / n;
    residual = sum over rows within of (l - m) / n. They add up to L_current - L_reference.

    Of a binary task the curve is P(Y = 1 | score, category), a penalised logistic regression on a natural cubic spline of logit(score), with an
    offset and a slope per value of the slice column that are held back towards the others, and m = r l(1, s) + (1 - r) l(0, s). Of the others it
    is the mean loss itself by least squares on the same columns; the score of a multiclass row is its greatest probability. A row is outside where
    its score lies beyond the reference's, in a gap of more than a tenth of their range (on the logit scale for probabilities), or where its slice
    has no reference row.

    The residual is tested against 0 by z: the variance of the current outcomes about the curve (binary: binomial at r; else as seen) plus that of the
    curve, by the delta method. Rows are treated as independent and alike in weight.

    Parameters
    ----------
    task : str
        binary, multiclass or regression.
    scores : float32 or float64 [n], multiclass [n, n_classes], NumPy or CUDA
        Where they are, all rows are looked at; the other arrays may lie there or not.
        A row whose score is not finite (a probability outside [0, 1]) is in neither side, and counted.
    labels_reference, labels_current : [n]
        int8 or int32, -1 where the row is not of that side or has no label; regression float64 with NaN.
    slice_ids : integer [n, 1 + n_slice_columns]
        Column 0 is not read; id 0 in another is "in no slice of this column" and counts as one more category.
    slice_columns : tuple of str
        Names of the columns after the first.
    window_ids : int32 [n], optional
        1 .. len(windows) - 1, 0 in no window; the curve of all rows is then held against the current rows of every window too.
    windows : tuple of str
        Names, "all" first.

    Returns
    -------
    tuple of LossParts
        Per loss of the task: all rows, each slice column, each window. Binary tasks have log_loss and brier.

    Raises
    ------
    ValueError
        When the names of the slice columns are not one less than the columns of `slice_ids`.

    Notes
    -----
    Scores are counted in bins (see `score_axis`) and the curve is read at each bin's mean reference score. Of 200,000 rows a side the parts differ
    from those of a curve read row by row by less than a hundredth of the residual's standard error.

    Undefined when: a side has no rows, the reference has fewer than 100, one class only, or losses that are all equal: parts are NaN, with a reason.
    No test with fewer than 10 reference rows of a class, fewer than 5 expected outcomes (other tasks: 30 current rows), or an error of 0.

    Examples
    --------
    Sixty rows in a hundred came true at either score; later it is seventy, at the same scores.

    >>> import numpy as np
    >>> s = np.tile(np.array([0.4, 0.8], np.float32), 200)
    >>> y = np.repeat(np.array([1, 0, 1, 0], np.int8), [120, 80, 140, 60])
    >>> old = np.arange(400) < 200
    >>> found = loss_parts("binary", s, np.where(old, y, -1), np.where(old, -1, y), np.zeros((400, 1), int), ())
    >>> [(p.loss, abs(round(p.covariate, 3)), p.n_outside, round(p.residual, 3)) for p in found]
    [('log_loss', 0.0, 0, -0.049), ('brier', 0.0, 0, -0.02)]
    """
    if slice_ids.shape[1] != 1 + len(slice_columns):
        raise ValueError(
            f"slice_ids: found {slice_ids.shape[1]} columns, wanted 1 + {len(slice_columns)}; name each column after the first"
        )
    own = library_of(scores).own
    sides = loss_sides(task, scores, labels_reference, labels_current)
    tables = list(_tables(sides, own(slice_ids), slice_columns, own(window_ids), windows))
    return tuple(part for i in range(len(LOSSES[task])) for table in tables for part in table[i])


def _tables(
    sides: LossSides, slice_ids: Any, names: tuple[str, ...], window_ids: Any, windows: tuple[str, ...]
) -> Iterator[list[list[LossParts]]]:
    """Yield the parts of all rows, of each slice column, and of the windows; one list per loss."""
    no_group = sides.xp.zeros(len(sides.current.rows), dtype=sides.xp.int64)
    own = no_group if window_ids is None else window_ids[sides.current.rows].astype(sides.xp.int64)
    whole = _table(sides, ALL, None, own, windows)
    yield [parts[:1] for parts in whole]
    for j, name in enumerate(names, start=1):
        yield _table(sides, name, slice_ids[:, j], no_group, (ALL,))
    yield [parts[1:] for parts in whole]


def _table(sides: LossSides, name: str, ids: Any, group: Any, groups: tuple[str, ...]) -> list[list[LossParts]]:
    cells, at_current = loss_cells(sides, ids)
    curve, reason = _curve(sides, cells)
    found = []
    for number, loss in enumerate(LOSSES[sides.task]):
        split = _Split(sides, name, loss, sides.mean_reference_loss(number), curve, reason)
        sums = current_sums(sides, loss, split.reference_loss, at_current, len(cells.n), group, len(groups))
        found.append([split.parts(sums.of(None), ALL), *(split.parts(sums.of(g), groups[g]) for g in range(1, len(groups)))])
    return found


def _curve(sides: LossSides, cells: ReferenceCells) -> tuple[Curve | None, str | None]:
    if sides.reason is not None:
        return None, sides.reason
    curve = fit_rates(sides.columns, cells) if sides.task == "binary" else fit_means(sides.columns, cells)
    return curve, None if curve is not None else "the fit of the reference's curve did not settle"


@dataclass(frozen=True)
class _Split:
    """One table and one loss: the reference's side is fixed, the current rows come as sums."""

    sides: LossSides
    name: str
    loss: str
    reference_loss: float
    curve: Curve | None
    reason: str | None

    def parts(self, sums: CurrentSums, window: str) -> LossParts:
        n, n_outside = int(sums.n.sum()), int(sums.n[0])
        reason = self.reason or (NO_CURRENT if n == 0 else None)
        covariate, outside, residual, se = math.nan, math.nan, math.nan, None
        if reason is None and self.curve is not None:
            expected = float(sums.base[1:].sum() + sums.slope[1:] @ self.curve.expected)
            covariate = (expected - (n - n_outside) * self.reference_loss) / n
            outside = (float(sums.loss[0]) - n_outside * self.reference_loss) / n
            residual = (float(sums.loss[1:].sum()) - expected) / n
            variance, reason = self._variance(sums, self.curve, n - n_outside)
            se = math.sqrt(variance) / n if reason is None else None
        return LossParts(
            slice_by=self.name,
            loss=self.loss,
            n_reference=len(self.sides.reference.rows),
            n_current=n,
            n_outside=n_outside,
            reference_loss=self.reference_loss,
            current_loss=float(sums.loss.sum()) / n if n else math.nan,
            covariate=covariate,
            outside_support=outside,
            residual=residual,
            residual_se=se,
            p_value=None if se is None else 2.0 * float(ndtr(-abs(residual) / se)),
            reason=reason,
            window=window,
            n_invalid_score=self.sides.n_invalid_score,
        )

    def _variance(self, sums: CurrentSums, curve: Curve, n_within: int) -> tuple[float, str | None]:
        """Return the variance of the residual's sum, or why there is none."""
        few = self._too_few(sums, curve, n_within)
        if few is not None:
            return math.nan, few
        if self.sides.task == "binary":
            own = float(sums.slope_squares[1:] @ curve.slope)
        else:
            mean, n = curve.expected, sums.n[1:]
            squares = float((sums.outcome_squares[1:] - 2.0 * mean * sums.outcome[1:] + n * mean**2).sum())
            own = max(squares - float((sums.outcome[1:] - n * mean).sum()) ** 2 / n_within, 0.0) * n_within / (n_within - 1)
        variance = own + curve.variance_of_sum(sums.slope[1:])
        return variance, None if variance > 0 else "no test: the residual's standard error is 0"

    def _too_few(self, sums: CurrentSums, curve: Curve, n_within: int) -> str | None:
        if n_within == 0:
            return "no test: no current row is within the reference's scores and categories"
        if self.sides.task != "binary":
            return None if n_within >= MIN_CURRENT else f"no test: {n_within} current rows within, it needs {MIN_CURRENT}"
        labels = self.sides.reference.labels
        rarer = min(int((labels == 1).sum()), int((labels == 0).sum()))
        if rarer < MIN_CLASS:
            return f"no test: {rarer} reference rows of a class, it needs {MIN_CLASS}"
        expected = float(sums.n[1:] @ curve.slope)
        return (
            None
            if expected >= MIN_EXPECTED
            else f"no test: sum of r (1 - r) is {expected:.2g} over current rows, it needs {MIN_EXPECTED:g}"
        )

"""What the reference says of a row's outcome: a curve that is smooth in the score, with an offset and a slope for each category."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit

from harness.drift.score_axis import CurveColumns, Floats, Ids

RIDGE_CURVE = 0.01  # of its mean square about its level, a hundredth of a row's weight: for classes that the score separates
RIDGE_CATEGORY = 1.0  # of its offset and slope, squared: normal priors of standard deviation 1, in logits or in sds of the loss
_SETTLED = 1e-8  # gain of the log likelihood, below which a Newton step is the last: the next would gain about its square
_MOST_STEPS = 60


@dataclass(frozen=True)
class ReferenceCells:
    """The reference's rows by category and score bin.

    Args:
        category, bin: intp [n_cells].
        n: float64 [n_cells], rows, may be 0.
        total, squares: float64 [n_cells], sums of the outcome and of its square.
        n_categories: of them.
    """

    category: Ids
    bin: Ids
    n: Floats
    total: Floats
    squares: Floats
    n_categories: int


@dataclass(frozen=True)
class Curve:
    """The expected outcome in every cell, and how far the reference's rows determine it.

    Args:
        expected: float64 [n_cells].
        slope: float64 [n_cells], its derivative by the linear predictor.
        variance: float64 [n_cells], of the sum of the reference's outcomes in the cell.
        prior_variance: of the linear predictor's prior, over that of the ridge.
        system: solves for the coefficients.
    """

    expected: Floats
    slope: Floats
    variance: Floats
    prior_variance: float
    system: _System

    def variance_of_sum(self, weight: Floats) -> float:
        """Return the variance of sum(weight * expected) that comes from the reference's rows being finitely many; weight float64 [n_cells].

        Formula: u' (sum over reference rows of x x' variance + ridge) u with u = (X'WX + ridge)^-1 sum(weight * slope * x): the delta method, with
        the ridge as the prior of Nychka 1988 (Journal of the American Statistical Association 83:1134), so that what shrinking may hide is in it.
        """
        design = self.system.design
        common, own = self.system.solve(*design.sums(weight * self.slope))
        square = np.square(design.predict(common, own)) @ self.variance
        return float(square + self.prior_variance * self.system.penalty(common, own))


@dataclass(frozen=True)
class _Design:
    """Columns at each cell's bin: those that all categories share, and those of which each has its own; no own where there is but one category."""

    columns: CurveColumns
    bin: Ids
    category: Ids
    n_categories: int

    def predict(self, common: Floats, own: Floats) -> Floats:
        smooth = (self.columns.common @ common)[self.bin]
        return smooth + np.einsum("cq,cq->c", self.columns.own[self.bin], own[self.category]) if self.n_categories else smooth

    def sums(self, weight: Floats) -> tuple[Floats, Floats]:
        """Return X' weight: of the common columns [n_columns], and of each category's own [n_categories, n_own]."""
        by_bin = np.bincount(self.bin, weights=weight, minlength=len(self.columns.common))
        return self.columns.common.T @ by_bin, self._of_categories(weight)

    def _of_categories(self, weight: Floats) -> Floats:
        n_own = self.columns.own.shape[1]
        if not self.n_categories:
            return np.zeros((0, n_own))
        own = [
            np.bincount(self.category, weights=weight * self.columns.own[self.bin, q], minlength=self.n_categories) for q in range(n_own)
        ]
        return np.stack(own, axis=1)

    def blocks(self, weight: Floats) -> Floats:
        """Return X'WX within each category's own columns; [n_categories, n_own, n_own]."""
        own = self.columns.own
        return np.stack([self._of_categories(weight * own[self.bin, q]) for q in range(own.shape[1])], axis=2)

    def crossed(self, weight: Floats) -> Floats:
        """Return X'WX between each category's own columns and the common ones; [n_categories, n_own, n_columns]."""
        common, own = self.columns
        if not self.n_categories:
            return np.zeros((0, own.shape[1], common.shape[1]))
        shape = self.n_categories, len(common)
        table = csr_array((weight, (self.category, self.bin)), shape=shape)
        return np.stack([np.asarray(table @ (common * own[:, q : q + 1])) for q in range(own.shape[1])], axis=1)


class _System:
    """(X'WX + ridge) x = b, by elimination of the categories: their part is a block for each."""

    def __init__(self, design: _Design, weight: Floats) -> None:
        self.design = design
        common = design.columns.common
        by_bin = np.bincount(design.bin, weights=weight, minlength=len(common))
        self._ridge = np.full(common.shape[1], RIDGE_CURVE)
        self._ridge[0] = 0.0
        self._crossed = design.crossed(weight)
        self._blocks = np.linalg.inv(design.blocks(weight) + RIDGE_CATEGORY * np.eye(self._crossed.shape[1]))
        self._eliminated = self._blocks @ self._crossed
        whole = common.T @ (common * by_bin[:, None]) + np.diag(self._ridge)
        self._inverse = np.linalg.inv(whole - np.einsum("kqi,kqj->ij", self._crossed, self._eliminated, optimize=True))

    def solve(self, common: Floats, own: Floats) -> tuple[Floats, Floats]:
        x = self._inverse @ (common - np.einsum("kqi,kq->i", self._eliminated, own))
        return x, np.einsum("kqr,kr->kq", self._blocks, own - self._crossed @ x)

    def penalty(self, common: Floats, own: Floats) -> float:
        return float(self._ridge @ common**2 + RIDGE_CATEGORY * np.square(own).sum())

    def penalty_slope(self, common: Floats, own: Floats) -> tuple[Floats, Floats]:
        return self._ridge * common, RIDGE_CATEGORY * own

    def n_parameters(self) -> float:
        """Return the trace of (X'WX + ridge)^-1 X'WX: coefficients, those that the ridge holds back counted in part."""
        t = self._eliminated
        of_categories = np.einsum("kqq->", self._blocks) + np.einsum("kqi,ij,kqj->", t, self._inverse, t, optimize=True)
        held = self._ridge @ np.diag(self._inverse) + RIDGE_CATEGORY * of_categories
        return float(len(self._ridge) + t.shape[0] * t.shape[1] - held)


def fit_rates(columns: CurveColumns, cells: ReferenceCells) -> Curve | None:
    """Fit P(outcome = 1 | score, category) by penalised logistic regression; None where Newton's steps do not settle.

    Formula: the maximum of log likelihood - (0.01 * mean square of the common curve about its level + sum of squares of the categories' offsets and slopes) / 2.

    Parameters
    ----------
    columns
        `curve_columns`.
    cells
        `total` counts outcomes 1; both outcomes occur.
    """
    design = _design(columns, cells)
    share = cells.total.sum() / cells.n.sum()
    at = np.zeros(columns.common.shape[1]), np.zeros((design.n_categories, columns.own.shape[1]))
    at[0][0] = np.log(share / (1.0 - share))
    for _ in range(_MOST_STEPS):
        curve = _rates(design, cells, *at)
        system = curve.system
        held = system.penalty_slope(*at)
        uphill = tuple(s - h for s, h in zip(design.sums(cells.total - cells.n * curve.expected), held, strict=True))
        step = system.solve(*uphill)
        gain = float(uphill[0] @ step[0] + (uphill[1] * step[1]).sum())
        if not np.isfinite(gain):
            return None
        length = 1.0 if gain < _SETTLED else _length(system, cells, at, step)
        at = at[0] + length * step[0], at[1] + length * step[1]
        if gain < _SETTLED:
            return _rates(design, cells, *at)
    return None


def _rates(design: _Design, cells: ReferenceCells, common: Floats, own: Floats) -> Curve:
    rate = np.asarray(expit(design.predict(common, own)), np.float64)
    slope = rate * (1.0 - rate)
    return Curve(rate, slope, cells.n * slope, 1.0, _System(design, cells.n * slope))


def _length(system: _System, cells: ReferenceCells, at: tuple[Floats, Floats], step: tuple[Floats, Floats]) -> float:
    """Return the longest of 1, 1/2, 1/4 ... of a step that does not lead downhill."""

    def height(length: float) -> float:
        common, own = at[0] + length * step[0], at[1] + length * step[1]
        eta = system.design.predict(common, own)
        return float(cells.total @ eta - cells.n @ np.logaddexp(0.0, eta) - 0.5 * system.penalty(common, own))

    start, length = height(0.0), 1.0
    while length > 1e-6 and not height(length) >= start:
        length /= 2
    return length


def fit_means(columns: CurveColumns, cells: ReferenceCells) -> Curve:
    """Fit the mean outcome by score and category with penalised least squares; its variance is White's, for errors that differ in spread.

    Formula: the minimum of sum((y - m)^2) / var(y) + 0.01 * mean square of the common curve about its level + sum of squares of the
    categories' offsets and slopes.

    Parameters
    ----------
    columns
        `curve_columns`.
    cells
        The outcomes have mean 0 (so that their squares lose no digits) and are not all equal.

    Notes
    -----
    White 1980, Econometrica 48:817, with the factor n / (n - p) of MacKinnon & White 1985, Journal of Econometrics 29:305 (HC1); p counts
    coefficients that the ridge holds back in part.
    """
    design = _design(columns, cells)
    system = _System(design, cells.n)
    n = float(cells.n.sum())
    scale = float(np.sqrt(cells.squares.sum() / n))
    mean = design.predict(*system.solve(*design.sums(cells.total / scale))) * scale
    error = (cells.squares - 2.0 * mean * cells.total + cells.n * mean**2).clip(0.0)
    inflated = error * (n / max(n - system.n_parameters(), 1.0))
    return Curve(mean, np.ones(len(mean)), inflated, float(inflated.sum() / n), system)


def _design(columns: CurveColumns, cells: ReferenceCells) -> _Design:
    return _Design(columns, cells.bin, cells.category, cells.n_categories if cells.n_categories > 1 else 0)

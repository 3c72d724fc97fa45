"""Newton's steps towards the maximum of the likelihood of Cox's recalibration, of all cells at once.

The rows come in as sums only; `logit_fit` makes them. Source: McCullagh & Nelder, Generalized Linear Models, 1989, section 4.4.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SETTLED = 1e-8  # size of a step, relative to a parameter above 1
SINGULAR = 1e-12  # determinant over the product of the diagonal: below it a step has no right digit
MOST_CUT = -0.75  # of a step at a time: far out the slope is nearly constant, and a straight line leads back to the start
OVERSHOT = -0.5  # slope along the last step, over what it was before: beyond it the step is cut

# The float64 record of a cell in a pass: gradient by intercept and slope, then the information matrix.
N_SUMS = 5
# What the first pass keeps besides: rows, positive rows, sums of logits, of their squares, of those of positive rows, of the scores of
# positive rows and of log loss, then lowest and -highest logit of both classes.
ROWS, POSITIVES, LOGITS, LOGITS_2, POSITIVE_LOGITS, POSITIVE_SCORE, LOSS, EXTREMES = 5, 6, 7, 8, 9, 10, 11, 12
N_FIRST = 16


class LogitFit(NamedTuple):
    """Intercept, slope and their Wald variances, float64 [n_cells], NaN where `n_steps` (int64) is -1.

    positive_score, float64 [n_cells]: the sum of scores (not clipped) over positive rows, which every cell has.
    """

    intercept: NDArray[np.float64]
    slope: NDArray[np.float64]
    intercept_variance: NDArray[np.float64]
    slope_variance: NDArray[np.float64]
    covariance: NDArray[np.float64]
    n_steps: NDArray[np.int64]
    positive_score: NDArray[np.float64]


def has_maximum(first: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where the classes overlap, without which the likelihood has no maximum (or, with equal logits only, no single one).

    Formula: some positive row lies below some negative row, and some negative row below some positive row (Albert & Anderson 1984,
    Biometrika 71:1, theorems 1-3, for one covariate).
    """
    lowest_negative, highest_negative = first[:, EXTREMES], -first[:, EXTREMES + 1]
    lowest_positive, highest_positive = first[:, EXTREMES + 2], -first[:, EXTREMES + 3]
    return np.asarray((lowest_positive < highest_negative) & (lowest_negative < highest_positive), np.bool_)


def centred(sums: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return gradient and information for logits taken from `centre`, from those of plain logits."""
    g0, g1, h00, h01, h11 = sums.T
    return np.stack([g0, g1 - centre * g0, h00, h01 - centre * h00, h11 - centre * (2.0 * h01 - centre * h00)], axis=1)


def at_base_rate(first: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return gradient and information where the slope is 0 and every row has the base rate."""
    n, positives, logits, squares, positive_logits = (first[:, k] for k in (ROWS, POSITIVES, LOGITS, LOGITS_2, POSITIVE_LOGITS))
    rate = positives / np.maximum(n, 1.0)
    weight, nothing = rate * (1.0 - rate), np.zeros(len(first))
    return np.stack([nothing, positive_logits - rate * logits, n * weight, nothing, weight * (squares - centre * logits)], axis=1)


def newton_steps(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverse information times the gradient, float64 [n, 2]; NaN where the information is singular to 12 digits.

    >>> newton_steps(np.array([[1.0, 2.0, 2.0, 0.0, 4.0]]))
    array([[0.5, 0.5]])
    """
    g0, g1, h00, h01, h11 = sums.T
    determinant = h00 * h11 - h01 * h01
    safe = np.where(determinant > SINGULAR * h00 * h11, determinant, np.nan)
    return np.stack([(h11 * g0 - h01 * g1) / safe, (h00 * g1 - h01 * g0) / safe], axis=1)


class Newton:
    """Intercept and slope of every cell, moved by steps towards the maximum of a concave likelihood.

    They start at 0 and 1, which is right for calibrated scores, or, where the scores have a larger log loss than the base rate has, at
    that rate and slope 0: scores of 0 and 1 that are wrong have no weight at the former.

    A step that went far beyond the maximum along its line (the slope there is less than -1/2 of what it was at the start) is cut to where
    a straight line through both slopes is 0, and by three quarters at most: plain Newton runs away where the scores are far from the rates.
    """

    def __init__(self, first: NDArray[np.float64]) -> None:
        n = len(first)
        rows = np.maximum(first[:, ROWS], 1.0)
        centre, rate = first[:, LOGITS] / rows, first[:, POSITIVES] / rows
        self.is_open: NDArray[np.bool_] = has_maximum(first)
        rate = np.where(self.is_open, rate, 0.5)
        base_loss = -rows * (rate * np.log(rate) + (1.0 - rate) * np.log1p(-rate))
        by_rate = first[:, LOSS] > base_loss
        at_centre = np.where(by_rate, np.log(rate / (1.0 - rate)), centre)
        self.parameters: NDArray[np.float64] = np.stack([centre, at_centre, np.where(by_rate, 0.0, 1.0)], axis=1)
        self.n_steps: NDArray[np.int64] = np.full(n, -1, np.int64)
        self.information: NDArray[np.float64] = np.full((n, 3), np.nan)
        self._step: NDArray[np.float64] = np.zeros((n, 2))
        self._rise: NDArray[np.float64] = np.zeros(n)  # slope of the likelihood along the last step, where it began
        self.take(np.where(by_rate[:, None], at_base_rate(first, centre), centred(first[:, :N_SUMS], centre)), 1)

    def take(self, sums: NDArray[np.float64], n_passes: int) -> None:
        """Take a step in every open cell from the sums at its parameters; close the cells in which it was small."""
        cells = np.flatnonzero(self.is_open)
        sums = sums[cells]
        before, rise = self._step[cells], self._rise[cells]
        ahead = (sums[:, :2] * before).sum(axis=1)
        cut = ahead < OVERSHOT * rise
        share = np.where(cut, ahead / np.where(cut, rise - ahead, 1.0), 0.0).clip(MOST_CUT)  # of the step: to -1/3 at least
        step = np.where(cut[:, None], share[:, None] * before, newton_steps(sums))
        self.parameters[cells, 1:] += step
        self.information[cells] = sums[:, 2:]
        size = np.abs(step) / np.maximum(1.0, np.abs(self.parameters[cells, 1:]))
        done = (size < SETTLED).all(axis=1) & ~cut
        self.n_steps[cells[done]] = n_passes
        self.is_open[cells[done | np.isnan(size).any(axis=1)]] = False
        # After a cut the line is the same one, shorter, from the same start.
        self._step[cells] = np.where(cut[:, None], (1.0 + share)[:, None] * before, step)
        self._rise[cells] = np.where(cut, (1.0 + share) * rise, (sums[:, :2] * step).sum(axis=1))

    def result(self, positive_score: NDArray[np.float64]) -> LogitFit:
        """Return the fit for plain logits; cells that did not settle are NaN."""
        settled = self.n_steps >= 0
        centre, at_centre, slope = np.where(settled[:, None], self.parameters, np.nan).T
        h00, h01, h11 = np.where(settled[:, None], self.information, np.nan).T
        determinant = h00 * h11 - h01 * h01
        variance_centre, variance_slope, covariance = h11 / determinant, h00 / determinant, -h01 / determinant
        return LogitFit(
            intercept=at_centre - slope * centre,
            slope=slope,
            intercept_variance=variance_centre + centre * (centre * variance_slope - 2.0 * covariance),
            slope_variance=variance_slope,
            covariance=covariance - centre * variance_slope,
            n_steps=self.n_steps,
            positive_score=positive_score,
        )

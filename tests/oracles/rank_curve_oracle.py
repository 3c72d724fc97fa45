"""Ranked and calibration figures of one cell from scikit-learn, statsmodels and the definitions; slow and obvious."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import statsmodels.api as sm
from sklearn.metrics import average_precision_score, roc_curve

N_RANK_BINS = 60


def average_precision_variance(scores, labels):
    """The infinitesimal jackknife: sum over rows of the squared derivative of average precision by the row's weight."""
    step = 1e-5
    total = 0.0
    for row in range(len(labels)):
        values = []
        for sign in (1, -1):
            weights = np.ones(len(labels))
            weights[row] += sign * step
            values.append(average_precision_score(labels, scores, sample_weight=weights))
        total += ((values[0] - values[1]) / (2 * step)) ** 2
    return total


def average_precision_of_many(scores, labels):
    """As `average_precision`, by sums over scores in extended precision."""
    order = np.argsort(scores, kind="stable")
    s, y = scores[order], labels[order].astype(np.longdouble)
    first = np.flatnonzero(np.r_[True, s[1:] != s[:-1]])
    positives, rows = np.add.reduceat(y, first), np.add.reduceat(np.ones_like(y), first)
    selected = np.cumsum(rows[::-1])[::-1]
    precision = np.cumsum(positives[::-1])[::-1] / selected
    mean = (positives * precision).sum() / positives.sum()
    raised, lowered = np.cumsum(positives * (1 - precision) / selected), np.cumsum(positives * precision / selected)
    phi = precision - mean + raised
    squares = (positives * phi * phi + (rows - positives) * lowered * lowered).sum()
    return float(mean), float(squares / positives.sum() ** 2)


def recall_at_fpr(scores, labels, max_fpr):
    """The highest recall of a point of scikit-learn's ROC curve with a false positive rate of at most max_fpr."""
    false_rate, true_rate, _ = roc_curve(labels, scores, drop_intermediate=False)
    return max(true_rate[false_rate <= max_fpr])


def precision_at_top(scores, labels, top_share):
    """Take rows from the highest score down; of the group that does not fit as a whole, its own share of positives."""
    wanted = next(k for k in range(1, len(scores) + 1) if k / len(scores) >= top_share)
    taken, found = 0, Fraction(0)
    for score in sorted(set(scores.tolist()), reverse=True):
        group = labels[scores == np.float32(score)]
        here = min(len(group), wanted - taken)
        found += Fraction(int(group.sum()), len(group)) * here
        taken += here
    return float(found / wanted)


def rank_bins(scores, labels):
    """Rows, positive rows and sum of scores of bins of equal mass; a group of equal scores goes where its middle rank is."""
    bins = [(0, 0, 0.0)] * N_RANK_BINS
    for score in sorted(set(scores.tolist())):
        group = labels[scores == np.float32(score)]
        below = int((scores < np.float32(score)).sum())
        at = math.floor(Fraction(N_RANK_BINS * (2 * below + len(group)), 2 * len(scores)))
        n, positive, total = bins[at]
        bins[at] = (n + len(group), positive + int(group.sum()), total + len(group) * score)
    return tuple(np.array(column) for column in zip(*bins, strict=True))


def cox_fit(scores, labels):
    """Intercept, slope and their covariance matrix of statsmodels' Logit on the clipped logit."""
    p = scores.astype(np.float64).clip(1e-7, 1 - 1e-7)
    fit = sm.Logit(labels, sm.add_constant(np.log(p / (1 - p)), has_constant="add")).fit(disp=0, method="newton", maxiter=100, tol=1e-12)
    return fit.params, fit.cov_params()


def separates(scores, labels):
    """Whether some threshold puts one class at or above it and the other at or below it, by trying all."""
    positive, negative = scores[labels == 1], scores[labels == 0]
    if not (len(positive) and len(negative)):
        return True
    return any(((positive >= t).all() and (negative <= t).all()) or ((positive <= t).all() and (negative >= t).all()) for t in scores)


def average_precision(scores, labels):
    """The mean over positive rows of the precision at their score, and the sum over rows of phi^2 / P^2, as fractions.

    A positive row of score s has phi = precision(s) - mean + the sum over positives i at or below s of (1 - precision_i) / R_i, a negative
    one minus the sum of precision_i / R_i, where R_i rows have the score of i or a higher one.
    """
    values = [Fraction(float(score)) for score in scores]
    selected = {v: [labels[i] for i in range(len(values)) if values[i] >= v] for v in set(values)}
    precision = {v: Fraction(int(sum(some)), len(some)) for v, some in selected.items()}
    positives = [v for v, label in zip(values, labels, strict=True) if label == 1]
    mean = sum(precision[v] for v in positives) / len(positives)
    squares = Fraction(0)
    for v, label in zip(values, labels, strict=True):
        reached = [i for i in positives if i <= v]
        if label == 1:
            phi = precision[v] - mean + sum((1 - precision[i]) / len(selected[i]) for i in reached)
        else:
            phi = -sum((precision[i] / len(selected[i]) for i in reached), Fraction(0))
        squares += phi * phi
    return float(mean), float(squares / len(positives) ** 2)

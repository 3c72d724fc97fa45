"""Loss change in three parts from its definition: a curve fitted on rows, every row's expected loss, dense matrices."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline
from sklearn.linear_model import LogisticRegression


class Parts(NamedTuple):
    reference_loss: float
    current_loss: float
    covariate: float
    outside_support: float
    residual: float
    residual_se: float
    n_outside: int


def logits(scores):
    p = np.clip(np.asarray(scores, np.float64), 1e-7, 1 - 1e-7)
    return np.log(p / (1 - p))


def binary_loss(loss, label, scores):
    p = np.asarray(scores, np.float64)
    if loss == "brier":
        return (label - p) ** 2
    return -np.log(np.clip(p if label == 1 else 1 - p, 1e-15, 1 - 1e-15))


def smooth(z, z_reference, ridge):
    """Natural cubic spline at reference quantiles, cardinal form; columns whose penalty `ridge * mean f^2` is the plain sum of squares."""
    k = int(np.clip(round(len(z_reference) ** 0.2), 5, 25))
    knots = np.unique(np.quantile(z_reference, np.linspace(0.25 / k, 1 - 0.25 / k, k)))
    if len(knots) == 1:
        knots = np.unique([z_reference.min(), z_reference.max()])
    if len(knots) == 1:
        return np.zeros((len(z), 0))

    def raw(x):
        if len(knots) == 2:
            return ((x - knots[0]) / (knots[1] - knots[0]))[:, None]
        spline = CubicSpline(knots, np.eye(len(knots)), bc_type="natural")
        inside = np.clip(x, knots[0], knots[-1])
        return spline(inside) + spline(inside, 1) * (x - inside)[:, None]

    mean = raw(z_reference).mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((raw(z_reference) - mean).T, ddof=0).reshape(len(mean), len(mean)))
    keep = values > values.max() * 1e-12
    return (raw(z) - mean) @ (vectors[:, keep] / np.sqrt(values[keep])) / np.sqrt(ridge)


def is_outside(z, z_reference, categories, reference_categories):
    seen = set(reference_categories.tolist())
    ordered = np.unique(z_reference)
    wide = (ordered[-1] - ordered[0]) / 10
    out = []
    for value, category in zip(z.tolist(), categories.tolist(), strict=True):
        in_gap = any(a < value < b and b - a > wide for a, b in zip(ordered[:-1].tolist(), ordered[1:].tolist(), strict=True))
        out.append(category not in seen or value < ordered[0] or value > ordered[-1] or in_gap)
    return np.array(out, bool)


def design(z, categories, z_reference, reference_categories, ridge_curve, ridge_category):
    """Columns whose penalty is the plain sum of squares: the smooth curve, an offset of each category, a slope of each category."""
    seen = np.unique(reference_categories)
    offsets = (categories[:, None] == seen[None, :]) / np.sqrt(ridge_category)
    if len(seen) == 1:
        offsets = offsets[:, :0]
    spread = z_reference.std()
    slopes = offsets * ((z - z_reference.mean()) / spread)[:, None] if spread > 0 else offsets[:, :0]
    return np.hstack([smooth(z, z_reference, ridge_curve), offsets, slopes])


def binary(loss, scores, labels, categories, current_scores, current_labels, current_categories, ridge_curve=0.01, ridge_category=1.0):
    z, z_current = logits(scores), logits(current_scores)
    x = design(z, categories, z, categories, ridge_curve, ridge_category)
    out = is_outside(z_current, z, current_categories, categories)
    x_current = design(z_current, current_categories, z, categories, ridge_curve, ridge_category)[~out]
    x = np.hstack([np.full((len(x), 1), 1.0), x])
    x_current = np.hstack([np.ones((len(x_current), 1)), x_current])
    model = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(x[:, 1:], labels)
    beta = np.concatenate([model.intercept_, model.coef_[0]])
    rate, rate_current = (1 / (1 + np.exp(-m @ beta)) for m in (x, x_current))
    penalty = np.eye(len(beta))
    penalty[0, 0] = 0.0
    covariance = np.linalg.inv(x.T @ (x * (rate * (1 - rate))[:, None]) + penalty)
    reference_loss = np.where(labels == 1, binary_loss(loss, 1, scores), binary_loss(loss, 0, scores)).mean()
    of_one, of_zero = binary_loss(loss, 1, current_scores), binary_loss(loss, 0, current_scores)
    own = np.where(current_labels == 1, of_one, of_zero)
    expected = rate_current * of_one[~out] + (1 - rate_current) * of_zero[~out]
    difference = (of_one - of_zero)[~out]
    gradient = x_current.T @ (rate_current * (1 - rate_current) * difference)
    variance = (rate_current * (1 - rate_current) * difference**2).sum() + gradient @ covariance @ gradient
    return put_together(reference_loss, own, out, expected, variance)


def least_squares(z, losses, categories, z_current, own, current_categories, ridge_curve=0.01, ridge_category=1.0):
    x = design(z, categories, z, categories, ridge_curve, ridge_category)
    out = is_outside(z_current, z, current_categories, categories)
    x_current = design(z_current, current_categories, z, categories, ridge_curve, ridge_category)[~out]
    x, x_current = (np.hstack([np.ones((len(m), 1)), m]) for m in (x, x_current))
    penalty = np.eye(x.shape[1])
    penalty[0, 0] = 0.0
    scale = losses.std()
    inverse = np.linalg.inv(x.T @ x + penalty)
    beta = inverse @ x.T @ (losses / scale)
    error = losses / scale - x @ beta
    n_free = len(losses) - np.trace(inverse @ x.T @ x)
    noise = (error**2).sum() / n_free
    meat = (x * (error**2)[:, None]).T @ x * len(losses) / n_free + noise * penalty
    gradient = x_current.sum(axis=0)
    expected = scale * (x_current @ beta)
    variance = (own[~out] - expected).var(ddof=1) * (~out).sum() + scale**2 * gradient @ inverse @ meat @ inverse @ gradient
    return put_together(losses.mean(), own, out, expected, variance)


def put_together(reference_loss, own, out, expected, variance):
    n = len(own)
    return Parts(
        reference_loss,
        own.mean(),
        (expected - reference_loss).sum() / n,
        (own[out] - reference_loss).sum() / n,
        (own[~out] - expected).sum() / n,
        np.sqrt(variance) / n,
        int(out.sum()),
    )
